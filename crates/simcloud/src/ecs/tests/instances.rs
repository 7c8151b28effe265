//! Container instances: their room, their ports, and the choice among them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::harness::{Sim, mask};

/// The ids of the container instances of the tasks that are to run.
fn places(sim: &mut Sim) -> BTreeMap<String, usize> {
    let mut places = BTreeMap::new();
    for task in sim.tasks("RUNNING") {
        let arn = task["containerInstanceArn"].as_str().unwrap();
        *places.entry(arn.rsplit('/').next().unwrap().to_owned()).or_default() += 1;
    }
    places
}

fn last_message(sim: &mut Sim, needle: &str) -> String {
    let messages = sim.messages();
    messages.into_iter().rev().find(|message| message.contains(needle)).unwrap_or_default()
}

fn remaining(instance: &Value, name: &str) -> Value {
    let resources = instance["remainingResources"].as_array().unwrap();
    let resource = resources.iter().find(|resource| resource["name"] == name).unwrap();
    resource.get("stringSetValue").unwrap_or(&resource["integerValue"]).clone()
}

#[test]
fn tasks_take_room_and_ports() {
    let mut sim = Sim::new();
    let id = sim.instance(1024, 2048, json!({}));
    let mut definition = sim.definition_on_instances("ghcr.io/acme/api:1");
    let fixed = json!({ "containerPort": 9090, "hostPort": 9090, "protocol": "udp" });
    definition["containerDefinitions"][0]["portMappings"].as_array_mut().unwrap().push(fixed);
    sim.deploy_on_instances(definition, json!({ "desiredCount": 1 }));
    sim.pass(60);
    let instance = sim.describe_instance(&id);
    assert_eq!((&instance["runningTasksCount"], &instance["pendingTasksCount"]), (&json!(1), &json!(0)));
    assert_eq!(remaining(&instance, "CPU"), json!(768));
    assert_eq!(remaining(&instance, "MEMORY"), json!(1536));
    assert_eq!(remaining(&instance, "PORTS"), json!(["22", "32768"]));
    assert_eq!(remaining(&instance, "PORTS_UDP"), json!(["9090"]));
    let task = &sim.tasks("RUNNING")[0];
    assert_eq!(task["lastStatus"], "RUNNING");
    assert_eq!(task["launchType"], "EC2");
    assert_eq!(task["availabilityZone"], "eu-central-1a");
    assert_eq!(task.get("platformVersion"), None);
    let bindings = task["containers"][0]["networkBindings"].as_array().unwrap();
    let ports: Vec<_> = bindings.iter().map(|it| (&it["containerPort"], &it["hostPort"])).collect();
    assert_eq!(ports, [(&json!(8080), &json!(32768)), (&json!(9090), &json!(9090))]);
    let cluster = sim.ecs("DescribeClusters", json!({ "clusters": ["main"] })).unwrap();
    assert_eq!(cluster["clusters"][0]["registeredContainerInstancesCount"], 1);

    sim.update(json!({ "desiredCount": 0 }));
    sim.pass(60);
    let instance = sim.describe_instance(&id);
    assert_eq!(remaining(&instance, "CPU"), json!(1024));
    assert_eq!(remaining(&instance, "PORTS"), json!(["22"]));
}

#[test]
fn unplaced_tasks_name_the_closest_instance() {
    let said = |change: &dyn Fn(&mut Value), members: Value| {
        let mut sim = Sim::new();
        let id = sim.instance(1024, 2048, json!({ "stage": "test" }));
        let mut definition = sim.definition_on_instances("ghcr.io/acme/api:1");
        change(&mut definition);
        sim.deploy_on_instances(definition, members);
        sim.pass(90);
        last_message(&mut sim, "unable to place").replace(&id, "ID")
    };
    let one = || json!({ "desiredCount": 1 });
    let with_constraint = |constraint: Value, count: u32| json!({ "desiredCount": count, "placementConstraints": [constraint] });
    let member_of = json!({ "type": "memberOf", "expression": "attribute:stage == production" });
    let lines = [
        said(&|it| it["containerDefinitions"][0]["cpu"] = json!(2048), one()),
        said(&|it| it["containerDefinitions"][0]["memory"] = json!(4096), one()),
        said(&|it| it["containerDefinitions"][0]["portMappings"][0]["hostPort"] = json!(22), one()),
        said(&|it| it["containerDefinitions"][0]["privileged"] = json!(true), one()),
        said(&|it| it["runtimePlatform"] = json!({ "cpuArchitecture": "ARM64" }), one()),
        said(&|_| {}, with_constraint(member_of.clone(), 1)),
        said(&|it| it["placementConstraints"] = json!([member_of]), one()),
        said(&|_| {}, with_constraint(json!({ "type": "distinctInstance" }), 2)),
    ];
    insta::assert_snapshot!(lines.map(|line| mask(&line)).join("\n"));
}

#[test]
fn new_instance_takes_waiting_tasks() {
    let mut sim = Sim::new();
    let definition = sim.definition_on_instances("ghcr.io/acme/api:1");
    sim.deploy_on_instances(definition, json!({ "desiredCount": 2 }));
    sim.pass(300);
    assert!(last_message(&mut sim, "unable to place").contains("No Container Instances were found"));
    sim.instance(1024, 2048, json!({}));
    sim.pass(60);
    assert_eq!(sim.describe()["runningCount"], 2);
    assert_eq!(sim.describe()["deployments"][0]["rolloutState"], "COMPLETED");
}

#[test]
fn strategies_choose_instances() {
    let places_with = |strategy: Value, count: u32| {
        let mut sim = Sim::new();
        for zone in ["eu-central-1a", "eu-central-1a", "eu-central-1b"] {
            sim.instance(1024, 2048, json!({ "ecs.availability-zone": zone }));
            sim.pass(1);
        }
        let definition = sim.definition_on_instances("ghcr.io/acme/api:1");
        let members = json!({ "desiredCount": count, "placementStrategy": strategy });
        sim.deploy_on_instances(definition, members);
        sim.pass(60);
        let mut counts: Vec<usize> = places(&mut sim).into_values().collect();
        counts.sort_unstable();
        counts
    };
    assert_eq!(places_with(json!([{ "type": "binpack", "field": "memory" }]), 4), [4]);
    assert_eq!(places_with(json!([{ "type": "spread", "field": "instanceId" }]), 3), [1, 1, 1]);
    let by_zone = json!([{ "type": "spread", "field": "attribute:ecs.availability-zone" }]);
    assert_eq!(places_with(by_zone, 4).into_iter().max(), Some(2));
    // As without a strategy: by zone, then by instance.
    assert_eq!(places_with(json!([]), 4), [1, 1, 2]);
}

#[test]
fn draining_instance_loses_its_tasks() {
    let mut sim = Sim::new();
    let first = sim.instance(1024, 2048, json!({}));
    let definition = sim.definition_on_instances("ghcr.io/acme/api:1");
    sim.deploy_on_instances(definition, json!({ "desiredCount": 2 }));
    sim.pass(90);
    let drain = json!({ "cluster": "main", "containerInstances": [first], "status": "DRAINING" });
    let answer = sim.ecs("UpdateContainerInstancesState", drain).unwrap();
    assert_eq!(answer["containerInstances"][0]["status"], "DRAINING");
    sim.pass(120);
    // Nothing else can take them, and all have to stay healthy.
    assert_eq!(places(&mut sim), BTreeMap::from([(first.clone(), 2)]));
    let second = sim.instance(1024, 2048, json!({}));
    let mut least = 2;
    sim.pass_while(120, |sim| least = least.min(sim.describe()["runningCount"].as_u64().unwrap()));
    assert_eq!(places(&mut sim), BTreeMap::from([(second, 2)]));
    assert_eq!(least, 2);

    let gone = json!({ "cluster": "main", "containerInstance": first });
    assert_eq!(
        sim.ecs("DeregisterContainerInstance", gone).unwrap()["containerInstance"]["status"],
        "INACTIVE"
    );
    let listed = sim.ecs("ListContainerInstances", json!({ "cluster": "main" })).unwrap();
    assert_eq!(listed["containerInstanceArns"].as_array().unwrap().len(), 1);
}

#[test]
fn forced_deregistration_stops_tasks() {
    let mut sim = Sim::new();
    let id = sim.instance(1024, 2048, json!({}));
    let definition = sim.definition_on_instances("ghcr.io/acme/api:1");
    sim.deploy_on_instances(definition, json!({ "desiredCount": 1 }));
    sim.pass(60);
    let mut deregister = json!({ "cluster": "main", "containerInstance": id });
    let refused = sim.refused("DeregisterContainerInstance", deregister.clone());
    assert_eq!(refused, "InvalidParameterException: Found running tasks on the instance.");
    deregister["force"] = json!(true);
    sim.ecs("DeregisterContainerInstance", deregister).unwrap();
    sim.pass(60);
    assert_eq!(sim.stopped_reason(), "Container instance deregistration forced by user.");
    assert_eq!(sim.describe()["runningCount"], 0);
    assert!(last_message(&mut sim, "unable to place").contains("No Container Instances were found"));
}

#[test]
fn single_tasks_fail_by_reason() {
    let mut sim = Sim::new();
    let id = sim.instance(512, 2048, json!({}));
    let definition = sim.definition_on_instances("ghcr.io/acme/api:1");
    let definition = sim.register_definition(definition);
    let run = json!({ "cluster": "main", "taskDefinition": definition, "count": 3, "launchType": "EC2" });
    let answer = sim.ecs("RunTask", run.clone()).unwrap();
    assert_eq!(answer["tasks"].as_array().unwrap().len(), 2);
    let arn = format!("arn:aws:ecs:eu-central-1:123456789012:container-instance/main/{id}");
    assert_eq!(answer["failures"], json!([{ "arn": arn, "reason": "RESOURCE:CPU" }]));
    let mut elsewhere = run;
    elsewhere["placementConstraints"] =
        json!([{ "type": "memberOf", "expression": "attribute:ecs.instance-type =~ t3.*" }]);
    let answer = sim.ecs("RunTask", elsewhere).unwrap();
    assert_eq!(answer["failures"][0]["reason"], "MemberOf placement constraint unsatisfied.");
}

#[test]
fn filters_select_instances() {
    let mut sim = Sim::new();
    sim.instance(1024, 2048, json!({ "stage": "test" }));
    sim.instance(1024, 2048, json!({ "stage": "production" }));
    let mut count = |filter: &str| {
        let input = json!({ "cluster": "main", "filter": filter });
        match sim.ecs("ListContainerInstances", input) {
            Ok(listed) => listed["containerInstanceArns"].as_array().unwrap().len().to_string(),
            Err(error) => error.to_string(),
        }
    };
    let lines: Vec<_> = [
        "attribute:stage == production",
        "attribute:stage != production",
        "attribute:stage in [test, production]",
        "attribute:stage !in [test]",
        "attribute:stage exists",
        "attribute:gpu !exists",
        "attribute:stage =~ prod.*",
        "attribute:ecs.instance-type == m5.large and not (attribute:stage == test)",
        "attribute:stage == test or attribute:stage == \"production\"",
        "runningTasksCount < 1",
        "task:group == service:api",
        "attribute:stage > a",
        "registeredAt > 2026-01-01",
        "attribute:stage ~ a",
        "attribute:stage == test attribute:stage == a",
    ]
    .into_iter()
    .map(|filter| format!("{filter}: {}", count(filter)))
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn ports_of_a_task_differ() {
    let mut sim = Sim::new();
    let mut definition = sim.definition_on_instances("ghcr.io/acme/api:1");
    let mut second = definition["containerDefinitions"][0].clone();
    second["name"] = json!("second");
    definition["containerDefinitions"].as_array_mut().unwrap().push(second);
    for container in definition["containerDefinitions"].as_array_mut().unwrap() {
        container["portMappings"][0]["hostPort"] = json!(80);
    }
    let refused = sim.refused("RegisterTaskDefinition", definition.clone());
    assert_eq!(refused, "ClientException: TCP host port '80' is mapped multiple times in task.");
    definition["networkMode"] = json!("host");
    let refused = sim.refused("RegisterTaskDefinition", definition.clone());
    let why = "When networkMode=host, the host ports and container ports in port mappings must match.";
    assert_eq!(refused, format!("ClientException: {why}"));
    definition["containerDefinitions"].as_array_mut().unwrap().pop();
    definition["containerDefinitions"][0]["portMappings"] = json!([{ "containerPort": 8080 }]);
    let registered = sim.ecs("RegisterTaskDefinition", definition).unwrap();
    let mapping = &registered["taskDefinition"]["containerDefinitions"][0]["portMappings"][0];
    assert_eq!(mapping["hostPort"], 8080);
}

#[test]
fn cluster_with_instances_is_not_deleted() {
    let mut sim = Sim::new();
    sim.instance(1024, 2048, json!({}));
    let refused = sim.refused("DeleteCluster", json!({ "cluster": "main" }));
    assert!(refused.starts_with("ClusterContainsContainerInstancesException: "), "{refused}");
}

#[test]
fn log_driver_and_files_need_permissions() {
    let mut sim = Sim::new();
    sim.instance(1024, 2048, json!({}));
    let mut definition = sim.definition_on_instances("ghcr.io/acme/api:1");
    let other = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:other-AbCdEf";
    definition["containerDefinitions"][0]["logConfiguration"] = json!({
        "logDriver": "json-file",
        "secretOptions": [{ "name": "token", "valueFrom": other }],
    });
    sim.deploy_on_instances(definition.clone(), json!({ "desiredCount": 1 }));
    sim.pass(30);
    let reason = sim.stopped_reason();
    assert!(reason.contains("unable to retrieve secret from asm"), "{reason}");

    definition["containerDefinitions"][0].as_object_mut().unwrap().remove("logConfiguration");
    let file = "arn:aws:s3:::acme/api.env";
    definition["containerDefinitions"][0]["environmentFiles"] = json!([{ "type": "s3", "value": file }]);
    let definition = sim.register_definition(definition);
    let secret = sim.secret.clone();
    let secrets = json!({ "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret });
    let get = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": file });
    let locate =
        json!({ "Effect": "Allow", "Action": "s3:GetBucketLocation", "Resource": "arn:aws:s3:::acme" });
    let runs = |sim: &mut Sim, allowed: &[&Value]| {
        sim.allow(json!(allowed));
        sim.pass(10);
        let run = json!({ "cluster": "main", "taskDefinition": definition, "launchType": "EC2" });
        let task = sim.ecs("RunTask", run).unwrap()["tasks"][0]["taskArn"].clone();
        sim.pass(60);
        let task = sim.ecs("DescribeTasks", json!({ "cluster": "main", "tasks": [task] })).unwrap();
        let task = &task["tasks"][0];
        task["stoppedReason"].as_str().or(task["lastStatus"].as_str()).unwrap().to_owned()
    };
    let denied = "ResourceInitializationError: failed to download env files: file download command: non empty error \
                  stream: AccessDenied: Access Denied status code: 403";
    assert_eq!(runs(&mut sim, &[&secrets]), denied);
    assert_eq!(runs(&mut sim, &[&secrets, &get]), denied);
    assert_eq!(runs(&mut sim, &[&secrets, &get, &locate]), "RUNNING");
}
