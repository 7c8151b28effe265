//! Tests of the API's checks and answers.

use serde_json::{Value, json};

use super::harness::{REGION, ROLE, Sim};
use crate::dispatch::Service;

/// The definition with `change` merged into it, or into its only container where it starts with `container.`.
fn changed(sim: &Sim, path: &str, value: Value) -> Value {
    let mut definition = sim.definition("ghcr.io/acme/api:1");
    match path.strip_prefix("container.") {
        Some(member) => definition["containerDefinitions"][0][member] = value,
        None => definition[path] = value,
    }
    definition
}

#[test]
fn task_definitions_are_validated() {
    let mut sim = Sim::new();
    let container = sim.definition("ghcr.io/acme/api:1")["containerDefinitions"][0].clone();
    let mut unessential = container.clone();
    unessential["essential"] = json!(false);
    let cases = [
        ("family", json!("a b")),
        ("networkMode", json!("bridge")),
        ("cpu", Value::Null),
        ("memory", Value::Null),
        ("memory", json!("768")),
        ("executionRoleArn", Value::Null),
        ("executionRoleArn", json!("arn:aws:iam::123456789012:role/nobody")),
        ("containerDefinitions", json!([])),
        ("containerDefinitions", json!([container, container])),
        ("containerDefinitions", json!([unessential])),
        ("container.image", json!("")),
        ("container.image", json!("123456789012.dkr.ecr.eu-central-1.amazonaws.com/api:1")),
        ("container.image", json!("ghcr.io/Acme/api")),
        ("container.memory", json!(1024)),
        ("container.memory", json!(4)),
        ("container.portMappings", json!([{ "containerPort": 80, "hostPort": 8080 }])),
        ("container.privileged", json!(true)),
        ("container.logConfiguration", json!({ "logDriver": "json-file" })),
        (
            "container.logConfiguration",
            json!({ "logDriver": "awslogs", "options": { "awslogs-group": "/ecs/api" } }),
        ),
        ("container.secrets", json!([{ "name": "X", "valueFrom": "/a/parameter:1" }])),
        ("container.memory", json!("much")),
        ("pidMode", json!("host")),
        ("ipcMode", json!("task")),
        ("placementConstraints", json!([{ "type": "memberOf", "expression": "attribute:x == y" }])),
        ("volumes", json!([{ "name": "data", "host": { "sourcePath": "/data" } }])),
        ("volumes", json!([{ "name": "data" }, { "name": "data" }])),
        ("volumes", json!([{ "name": "data", "dockerVolumeConfiguration": { "scope": "task" } }])),
        ("proxyConfiguration", json!({ "containerName": "proxy" })),
        ("container.mountPoints", json!([{ "sourceVolume": "data", "containerPath": "/data" }])),
        ("container.volumesFrom", json!([{ "sourceContainer": "other" }])),
        ("container.dependsOn", json!([{ "containerName": "other", "condition": "START" }])),
        ("container.dependsOn", json!([{ "containerName": "api", "condition": "START" }])),
        ("container.environment", json!([{ "name": "", "value": "x" }])),
        ("container.healthCheck", json!({ "command": ["curl", "localhost"] })),
        ("container.healthCheck", json!({ "command": ["CMD-SHELL", "true"], "interval": 1 })),
        ("container.resourceRequirements", json!([{ "type": "GPU", "value": "1" }])),
        ("container.linuxParameters", json!({ "sharedMemorySize": 64 })),
        ("container.linuxParameters", json!({ "capabilities": { "add": ["NET_ADMIN"] } })),
        ("container.dnsServers", json!(["10.0.0.2"])),
        ("container.hostname", json!("api")),
        ("container.stopTimeout", json!(121)),
        ("container.portMappings", json!([{ "containerPort": 80 }, { "containerPort": 80 }])),
        ("tags", json!([{ "key": "", "value": "x" }])),
        ("containerDefinitions", dependent("HEALTHY", json!({}))),
        ("containerDefinitions", dependent("COMPLETE", json!({}))),
        (
            "containerDefinitions",
            dependent("START", json!({ "dependsOn": [{ "containerName": "api", "condition": "START" }] })),
        ),
        ("containerDefinitions", (0..11).map(|number| named(&format!("c{number}"), json!({}))).collect()),
    ];
    let refusals: Vec<String> = cases
        .into_iter()
        .map(|(path, value)| {
            let shown = if path == "containerDefinitions" { String::new() } else { format!(" = {value}") };
            let definition = changed(&sim, path, value);
            format!("{path}{shown}\n    {}", sim.refused("RegisterTaskDefinition", definition))
        })
        .collect();
    insta::assert_snapshot!(refusals.join("\n"));
}

fn named(name: &str, members: Value) -> Value {
    let mut container = json!({ "name": name, "image": "ghcr.io/acme/api:1" });
    container.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    container
}

/// A container that waits for another one with these members.
fn dependent(condition: &str, members: Value) -> Value {
    let depends_on = json!({ "dependsOn": [{ "containerName": "other", "condition": condition }] });
    json!([named("api", depends_on), named("other", members)])
}

#[test]
fn new_role_is_valid_at_once() {
    let mut sim = Sim::new();
    sim.world.iam.set_propagation(std::time::Duration::from_secs(5));
    sim.call(Service::Iam, "DeleteRolePolicy", json!({ "RoleName": "execution", "PolicyName": "inline" }))
        .unwrap();
    sim.call(Service::Iam, "DeleteRole", json!({ "RoleName": "execution" })).unwrap();
    let definition = sim.definition("ghcr.io/acme/api:1");
    assert_eq!(
        sim.refused("RegisterTaskDefinition", definition.clone()),
        "ClientException: Role is not valid"
    );
    sim.create_role();
    sim.ecs("RegisterTaskDefinition", definition).unwrap();
}

#[test]
fn a_registered_definition_comes_back_with_defaults() {
    let mut sim = Sim::new();
    let mut definition = sim.definition("ghcr.io/acme/api:1");
    definition["cpu"] = json!(".25 vCPU");
    definition["memory"] = json!("0.5 GB");
    definition["tags"] = json!([{ "key": "team", "value": "blue" }]);
    let registered = sim.ecs("RegisterTaskDefinition", definition).unwrap();
    let described =
        sim.ecs("DescribeTaskDefinition", json!({ "taskDefinition": "api", "include": ["TAGS"] })).unwrap();
    assert_eq!(registered, described);
    let text = serde_json::to_string_pretty(&described).unwrap().replace(&sim.secret, "SECRET");
    insta::assert_snapshot!(text);
}

#[test]
fn revisions_are_numbered_and_deregistered() {
    let mut sim = Sim::new();
    let first = sim.register("ghcr.io/acme/api:1");
    let second = sim.register("ghcr.io/acme/api:1");
    assert!(first.ends_with("task-definition/api:1") && second.ends_with("task-definition/api:2"));
    let list = |sim: &mut Sim, status: &str| {
        sim.ecs("ListTaskDefinitions", json!({ "familyPrefix": "api", "status": status })).unwrap()["taskDefinitionArns"].clone()
    };
    assert_eq!(
        sim.refused("DeregisterTaskDefinition", json!({ "taskDefinition": "api" })),
        "ClientException: Revision is missing."
    );
    sim.ecs("DeregisterTaskDefinition", json!({ "taskDefinition": second })).unwrap();
    assert_eq!((list(&mut sim, "ACTIVE"), list(&mut sim, "INACTIVE")), (json!([first]), json!([second])));
    let input = sim.service(&second, 1);
    assert_eq!(sim.refused("CreateService", input), "ClientException: TaskDefinition is inactive");
    let third = sim.register("ghcr.io/acme/api:1");
    assert!(third.ends_with("api:3"), "a number is never used twice");
    let deleted = sim.ecs("DeleteTaskDefinitions", json!({ "taskDefinitions": [first, second] })).unwrap();
    assert_eq!(deleted["taskDefinitions"].as_array().unwrap().len(), 1);
    assert!(deleted["failures"][0]["reason"].as_str().unwrap().contains("still in ACTIVE status"));
    assert_eq!(
        sim.refused("DescribeTaskDefinition", json!({ "taskDefinition": "none" })),
        "ClientException: Unable to describe task definition."
    );
}

#[test]
fn services_are_validated() {
    let mut sim = Sim::new();
    let definition = sim.register("ghcr.io/acme/api:1");
    let mut ec2 = sim.definition("ghcr.io/acme/api:1");
    ec2["requiresCompatibilities"] = json!(["EC2"]);
    let ec2 = sim.register_definition(ec2);
    let vpc = |subnets: Value, groups: Value| json!({ "awsvpcConfiguration": { "subnets": subnets, "securityGroups": groups } });
    let subnets = sim.network()["awsvpcConfiguration"]["subnets"].clone();
    let cases = [
        ("cluster", json!("other")),
        ("serviceName", json!("a b")),
        ("desiredCount", json!(-1)),
        ("taskDefinition", json!("api:99")),
        ("taskDefinition", json!(ec2)),
        ("networkConfiguration", Value::Null),
        ("networkConfiguration", vpc(json!([]), json!([]))),
        ("networkConfiguration", vpc(json!(["subnet-1"]), json!([]))),
        ("networkConfiguration", vpc(subnets, json!(["sg-1"]))),
        ("platformVersion", json!("9.9.9")),
        ("launchType", json!("EXTERNAL")),
        ("loadBalancers", json!([{ "targetGroup": "x" }])),
        ("loadBalancers", json!([{ "containerPort": "80" }])),
        ("serviceConnectConfiguration", json!({ "namespace": "x" })),
        ("deploymentController", json!({ "type": "CODE_DEPLOY" })),
        ("deploymentConfiguration", json!({ "strategy": "BLUE_GREEN" })),
        ("deploymentConfiguration", json!({ "minimumHealthyPercent": 100, "maximumPercent": 100 })),
        ("tags", json!([{ "key": "aws:x", "value": "y" }])),
        ("capacityProviderStrategy", json!([{ "capacityProvider": "FARGATE" }])),
    ];
    let refusals: Vec<String> = cases
        .into_iter()
        .map(|(member, value)| {
            let mut input = sim.service(&definition, 1);
            input[member] = value.clone();
            if member == "capacityProviderStrategy" {
                input["launchType"] = Value::Null;
            }
            format!("{member} = {value}\n    {}", sim.refused("CreateService", input))
        })
        .collect();
    insta::assert_snapshot!(super::harness::mask(&refusals.join("\n")));
}

#[test]
fn creation_is_idempotent_for_a_client_token() {
    let mut sim = Sim::new();
    let definition = sim.register("ghcr.io/acme/api:1");
    let mut input = sim.service(&definition, 1);
    input["clientToken"] = json!("token");
    let first = sim.ecs("CreateService", input.clone()).unwrap();
    sim.pass(1);
    let again = sim.ecs("CreateService", input.clone()).unwrap();
    assert_eq!(first["service"]["deployments"][0]["id"], again["service"]["deployments"][0]["id"]);
    input["desiredCount"] = json!(2);
    let refusal = "InvalidParameterException: Creation of service was not idempotent.";
    assert_eq!(sim.refused("CreateService", input.clone()), refusal);
    input["clientToken"] = json!("other");
    assert_eq!(sim.refused("CreateService", input), refusal);
}

#[test]
fn what_is_missing_is_a_failure_not_an_error() {
    let mut sim = Sim::new();
    let failures = |answer: Value| answer["failures"][0]["reason"].clone();
    let answer = sim.ecs("DescribeClusters", json!({ "clusters": ["none"] })).unwrap();
    assert_eq!(answer["failures"][0]["arn"], "arn:aws:ecs:eu-central-1:123456789012:cluster/none");
    assert_eq!(failures(answer), "MISSING");
    let answer = sim.ecs("DescribeTasks", json!({ "cluster": "main", "tasks": ["none"] })).unwrap();
    assert_eq!(failures(answer), "MISSING");
    let elsewhere = "arn:aws:ecs:eu-west-1:123456789012:service/main/api";
    let answer = sim.ecs("DescribeServices", json!({ "cluster": "main", "services": [elsewhere] })).unwrap();
    assert_eq!(answer["failures"], json!([{ "arn": elsewhere, "reason": "MISSING" }]));
    assert_eq!(
        sim.refused("DescribeServices", json!({ "services": ["api"] })),
        "ClusterNotFoundException: Cluster not found."
    );
    assert_eq!(
        sim.refused("UpdateService", json!({ "cluster": "main", "service": "api" })),
        "ServiceNotFoundException: Service not found."
    );
}

#[test]
fn what_is_not_simulated_is_refused_by_name() {
    let mut sim = Sim::new();
    assert_eq!(
        sim.refused("ListServicesByNamespace", json!({ "namespace": "x" })),
        "UnknownOperationException: the simulated cloud does not know ecs:ListServicesByNamespace"
    );
}

#[test]
fn tags_are_listed_changed_and_passed_on_to_tasks() {
    let mut sim = Sim::new();
    let definition = sim.register("ghcr.io/acme/api:1");
    let mut input = sim.service(&definition, 1);
    input["tags"] = json!([{ "key": "a", "value": "1" }, { "key": "b", "value": "2" }]);
    input["propagateTags"] = json!("SERVICE");
    input["enableECSManagedTags"] = json!(true);
    let arn = sim.ecs("CreateService", input).unwrap()["service"]["serviceArn"].clone();
    sim.pass(5);
    sim.ecs("TagResource", json!({ "resourceArn": arn, "tags": [{ "key": "c", "value": "3" }] })).unwrap();
    sim.ecs("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a"] })).unwrap();
    let tags = sim.ecs("ListTagsForResource", json!({ "resourceArn": arn })).unwrap()["tags"].clone();
    assert_eq!(tags, json!([{ "key": "b", "value": "2" }, { "key": "c", "value": "3" }]));
    assert!(sim.describe().get("tags").is_none());
    let included = sim
        .ecs("DescribeServices", json!({ "cluster": "main", "services": ["api"], "include": ["TAGS"] }))
        .unwrap();
    assert_eq!(included["services"][0]["tags"], tags);
    let task = sim.tasks("RUNNING")[0]["taskArn"].clone();
    let tags = sim.ecs("ListTagsForResource", json!({ "resourceArn": task })).unwrap()["tags"].clone();
    let keys: Vec<&str> = tags.as_array().unwrap().iter().map(|tag| tag["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["a", "aws:ecs:clusterName", "aws:ecs:serviceName", "b"]);
}

#[test]
fn lists_come_in_pages() {
    let mut sim = Sim::new();
    for name in ["one", "three", "two"] {
        sim.ecs("CreateCluster", json!({ "clusterName": name })).unwrap();
    }
    let mut names = Vec::new();
    let mut token = Value::Null;
    loop {
        let page = sim.ecs("ListClusters", json!({ "maxResults": 3, "nextToken": token })).unwrap();
        names.extend(page["clusterArns"].as_array().unwrap().clone());
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(names.len(), 4);
    assert!(
        sim.refused("ListClusters", json!({ "nextToken": "nonsense" }))
            .starts_with("InvalidParameterException")
    );
}

#[test]
fn a_task_can_be_run_on_its_own_with_overrides() {
    let mut sim = Sim::new();
    let definition = sim.register("ghcr.io/acme/api:1");
    let network = sim.network();
    let input = |overrides: Value| {
        json!({
            "cluster": "main", "taskDefinition": definition, "launchType": "FARGATE",
            "networkConfiguration": network, "overrides": overrides, "startedBy": "me", "clientToken": "once",
        })
    };
    let wrong = input(json!({ "containerOverrides": [{ "name": "other" }] }));
    assert!(
        sim.refused("RunTask", wrong).starts_with("InvalidParameterException: Override for container named")
    );
    let right = input(
        json!({ "memory": "1024", "executionRoleArn": ROLE, "containerOverrides": [{ "name": "api", "cpu": 128 }] }),
    );
    let first = sim.ecs("RunTask", right.clone()).unwrap();
    let again = sim.ecs("RunTask", right).unwrap();
    assert_eq!(first["tasks"][0]["taskArn"], again["tasks"][0]["taskArn"]);
    sim.pass(60);
    let task = &sim.tasks("RUNNING")[0];
    assert_eq!(
        (&task["lastStatus"], &task["memory"], &task["group"]),
        (&json!("RUNNING"), &json!("1024"), &json!("family:api"))
    );
    assert_eq!(task["overrides"]["containerOverrides"][0]["cpu"], json!(128));
    let listed = sim.ecs("ListTasks", json!({ "cluster": "main", "startedBy": "you" })).unwrap();
    assert_eq!(listed["taskArns"], json!([]));
}

#[test]
fn overridden_command_ends_with_its_exit_code() {
    let mut sim = Sim::new();
    let definition = sim.register("ghcr.io/acme/api:1");
    let network = sim.network();
    for (command, code) in [(json!(["sh", "-c", "exit 3"]), 3), (json!(["./migrate"]), 0)] {
        let overrides = json!({ "containerOverrides": [{ "name": "api", "command": command }] });
        let input = json!({
            "cluster": "main", "taskDefinition": definition, "launchType": "FARGATE",
            "networkConfiguration": network, "overrides": overrides,
        });
        let task = sim.ecs("RunTask", input).unwrap()["tasks"][0]["taskArn"].clone();
        sim.pass(120);
        let described = sim.ecs("DescribeTasks", json!({ "cluster": "main", "tasks": [task] })).unwrap();
        let task = &described["tasks"][0];
        assert_eq!(
            (&task["lastStatus"], &task["containers"][0]["exitCode"]),
            (&json!("STOPPED"), &json!(code))
        );
    }
}

#[test]
fn regions_are_apart() {
    let mut sim = Sim::new();
    assert_eq!(REGION, "eu-central-1");
    let call = crate::Call {
        operation: "ListClusters".to_owned(),
        region: "us-east-1".to_owned(),
        input: json!({}),
        now: sim.now,
        caller: "arn:aws:iam::123456789012:user/somebody".to_owned(),
    };
    let answer = crate::ecs::handle(&mut sim.world, &call).unwrap();
    assert_eq!(answer["clusterArns"], json!([]));
}

#[test]
fn fargate_has_memory_file_systems() {
    let mut sim = Sim::new();
    let mut definition = sim.definition("ghcr.io/acme/api:1");
    let tmpfs = json!({ "tmpfs": [{ "containerPath": "/scratch", "size": 64 }] });
    definition["containerDefinitions"][0]["linuxParameters"] = tmpfs;
    let registered = sim.ecs("RegisterTaskDefinition", definition).unwrap()["taskDefinition"].clone();
    assert_eq!(registered["containerDefinitions"][0]["linuxParameters"]["tmpfs"][0]["size"], 64);
}
