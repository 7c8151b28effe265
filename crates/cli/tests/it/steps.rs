//! Steps that the configuration adds, and references to their outputs.

use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, ContainerOverride, DesiredStatus, LaunchType, NetworkConfiguration,
    TaskOverride,
};
use longshore_aws::Aws;
use longshore_cli::Exit;

use crate::{assert_shown, hand::by_hand, project::Project};

const STEPS: &str = r#"
[tags]
owner = "shop"

[steps.dns]
use = "command"
command = ["./record"]
phases = ["plan", "apply", "plan-removal", "remove", "undo"]
inputs.TARGET = { from = "log-group.api", output = "log-group" }
outputs.name = "text"

[steps.announce]
use = "command"
command = ["sh", "-c", "cat target > announced"]
after = ["service.api"]

[services.api]
after = ["steps.dns"]
environment.NAME = { from = "steps.dns", output = "name" }
aws.container.dockerLabels.name = { from = "steps.dns", output = "name" }
"#;

/// Keeps a record in a file.
const RECORD: &str = r#"#!/bin/sh
case "$STEP_PHASE" in
plan)
    echo '{"output": "name", "value": "api.example.com"}'
    if [ "$(cat target 2>/dev/null)" = "$TARGET" ]; then
        echo '{"action": "no-change", "resource": "record api"}'
    else
        echo '{"action": "create", "resource": "record api"}'
        echo "{\"change\": \"target\", \"new\": \"$TARGET\"}"
    fi ;;
apply)
    echo '{"progress": "writing the record"}'
    printf %s "$TARGET" > target
    echo '{"output": "name", "value": "api.example.com"}' ;;
plan-removal)
    if [ -e target ]; then action=delete; else action=no-change; fi
    echo "{\"action\": \"$action\", \"resource\": \"record api\"}" ;;
remove | undo) rm -f target ;;
esac
"#;

fn project(change: impl Fn(String) -> String) -> Project {
    let project = Project::new();
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    project.write("configs/local.toml", &(local + &change(STEPS.to_owned())));
    project.write("configs/record", RECORD);
    let script = project.path("configs/record");
    std::fs::set_permissions(script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    project
}

/// The steps without the one that runs with each deploy.
fn without_announcement(steps: String) -> String {
    let (start, end) = (steps.find("[steps.announce]").unwrap(), steps.find("[services.api]").unwrap());
    format!("{}{}", &steps[..start], &steps[end..])
}

#[test]
fn outputs_flow_into_services_and_back() {
    let project = project(|steps| steps);
    assert_shown!(project.run(&["graph", "--format", "mermaid"]).stdout);
    let plan = project.run(&["plan"]);
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stderr);
    assert_shown!(plan.stdout);
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    let announced = std::fs::read_to_string(project.path("configs/announced")).unwrap();
    assert_eq!(announced, "/longshore/shop/api");
    assert_shown!(project.run(&["plan"]).stdout);
    let destroy = project.run(&["destroy", "--yes"]);
    assert_eq!(destroy.exit, Exit::Done, "{}", destroy.stderr);
    assert!(!project.path("configs/target").exists());
}

#[test]
fn second_plan_is_empty_where_programs_plan() {
    let project = project(without_announcement);
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let again = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.exit, Exit::Done, "{}", again.stdout);
}

#[test]
fn wrong_references_name_file_and_line() {
    let wrong = |steps: String| {
        without_announcement(steps)
            .replace(
                r#"NAME = { from = "steps.dns", output = "name" }"#,
                r#"NAME = { from = "steps.dsn", output = "name" }"#,
            )
            .replace(r#"output = "log-group" }"#, r#"output = "group" }"#)
            .replace(r#"after = ["steps.dns"]"#, r#"after = ["step.dns"]"#)
    };
    let ran = project(wrong).run(&["plan"]);
    assert_eq!(ran.exit, Exit::Failed);
    assert_shown!(ran.stderr);
}

const MIGRATION: &str = r#"
[steps.migrate]
use = "ecs-task"
service = "api"
command = ["sh", "-c", "exit 0"]

[services.api]
after = ["steps.migrate"]
"#;

#[test]
fn migration_runs_once_before_its_service() {
    let project = Project::new();
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    project.write("configs/local.toml", &(local + MIGRATION));
    assert_shown!(project.run(&["plan"]).stdout);
    let fails = ["--set", r#"steps.migrate.command=["sh", "-c", "exit 3"]"#];
    let failed = project.run(&[&["deploy"][..], &fails].concat());
    assert_eq!(failed.exit, Exit::Failed);
    assert_shown!(failed.stdout);
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    let again = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.exit, Exit::Done, "{}", again.stdout);
    let changed = project.run(&["plan", "--set", "services.api.environment.A=1"]);
    assert!(
        changed.stdout.contains("runs with the new revision of its task definition"),
        "{}",
        changed.stdout
    );
    let other = project.run(&["plan", "--set", r#"steps.migrate.command=["true"]"#]);
    assert!(other.stdout.contains("its command or its environment has changed"), "{}", other.stdout);
    let destroy = project.run(&["destroy", "--yes"]);
    assert_eq!(destroy.exit, Exit::Done, "{}", destroy.stderr);
}

#[test]
fn task_of_undeclared_service_is_refused() {
    let project = Project::new();
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    project
        .write("configs/local.toml", &(local + "[steps.migrate]\nuse = \"ecs-task\"\nservice = \"apo\"\n"));
    assert_shown!(project.run(&["plan"]).stderr);
}

const SPOT: &str = r#"
[steps.capacity]
use = "ecs-cluster"
aws.capacityProviders = ["FARGATE", "FARGATE_SPOT"]
aws.settings = [{ name = "containerInsights", value = "enabled" }]

[services.api]
after = ["steps.capacity"]
aws.service.capacityProviderStrategy.FARGATE_SPOT.weight = 1
"#;

#[test]
fn service_runs_on_spot_of_its_cluster() {
    let project = Project::new();
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    project.write("configs/local.toml", &(local + SPOT));
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    let again = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.exit, Exit::Done, "{}", again.stdout);
    by_hand(&project, async |aws: &Aws| {
        let call = aws.ecs().await.unwrap().put_cluster_capacity_providers().cluster("default");
        let call =
            call.capacity_providers("FARGATE_SPOT").set_default_capacity_provider_strategy(Some(Vec::new()));
        call.send().await.unwrap();
    });
    assert_shown!(project.run(&["drift"]).stdout);
    let destroy = project.run(&["destroy", "--yes"]);
    assert_eq!(destroy.exit, Exit::Done, "{}", destroy.stderr);
}

const STARTED_BY: &str = "longshore/shop/migrate";

/// Starts the task that a run would start, as one that was killed right after it.
async fn start_by_hand(aws: &Aws) {
    let ecs = aws.ecs().await.unwrap();
    let service = ecs.describe_services().services("api").send().await.unwrap().services.unwrap().remove(0);
    let command = ContainerOverride::builder().name("api").command("true").build();
    ecs.run_task()
        .task_definition(service.task_definition().unwrap())
        .launch_type(LaunchType::Fargate)
        .set_network_configuration(service.network_configuration().cloned())
        .overrides(TaskOverride::builder().container_overrides(command).build())
        .started_by(STARTED_BY)
        .send()
        .await
        .unwrap();
}

/// The number of tasks that the step has started.
async fn started(aws: &Aws) -> usize {
    let ecs = aws.ecs().await.unwrap();
    let mut count = 0;
    for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
        let listed = ecs.list_tasks().started_by(STARTED_BY).desired_status(status).send().await.unwrap();
        count += listed.task_arns().len();
    }
    count
}

/// Makes the service that of others, who have moved it into one subnet. Returns the subnet.
async fn move_by_hand(aws: &Aws) -> String {
    let ecs = aws.ecs().await.unwrap();
    let service = ecs.describe_services().services("api").send().await.unwrap().services.unwrap().remove(0);
    let vpc = service.network_configuration().unwrap().awsvpc_configuration().unwrap();
    let subnet = vpc.subnets()[0].clone();
    let vpc = AwsVpcConfiguration::builder().subnets(&subnet).assign_public_ip(AssignPublicIp::Enabled);
    let network = NetworkConfiguration::builder().awsvpc_configuration(vpc.build().unwrap()).build();
    ecs.update_service().service("api").network_configuration(network).send().await.unwrap();
    let call = ecs.untag_resource().resource_arn(service.service_arn().unwrap());
    let keys = ["longshore:stack", "longshore:environment", "longshore:resource"].map(str::to_owned);
    call.set_tag_keys(Some(keys.to_vec())).send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(300)).await;
    subnet
}

/// The subnets of the tasks that the step has started.
async fn subnets(aws: &Aws) -> Vec<String> {
    let ecs = aws.ecs().await.unwrap();
    let listed = ecs.list_tasks().started_by(STARTED_BY).desired_status(DesiredStatus::Stopped);
    let arns = listed.send().await.unwrap().task_arns;
    let tasks = ecs.describe_tasks().set_tasks(arns).send().await.unwrap().tasks.unwrap();
    let details =
        tasks.iter().flat_map(|task| task.attachments()).flat_map(|attachment| attachment.details());
    let subnets = details.filter(|detail| detail.name() == Some("subnetId"));
    subnets.filter_map(|detail| detail.value().map(str::to_owned)).collect()
}

#[test]
fn task_runs_in_network_of_adopted_service() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let subnet = by_hand(&project, move_by_hand);
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    project.write("configs/local.toml", &(local + MIGRATION));
    let always = ["--set", "steps.migrate.run=always"];
    for adopt in [&["--set", "adopt.\"service.api\"=true"][..], &[], &[]] {
        let deploy = project.run(&[&["deploy"][..], &always, adopt].concat());
        assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    }
    assert_eq!(by_hand(&project, subnets), [subnet.as_str(); 3]);
}

#[test]
fn task_of_killed_run_is_followed() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    project.write("configs/local.toml", &(local + MIGRATION));
    by_hand(&project, start_by_hand);
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert_eq!(by_hand(&project, started), 1, "{}", deploy.stderr);
    let again = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.exit, Exit::Done, "{}", again.stdout);
}

/// Says where the tasks run: a program of others that knows the network.
const NETWORK: &str = r#"
[steps.network]
use = "command"
command = ["cat", "network"]
phases = ["plan", "apply"]
outputs.group = "text"

[services.api]
network.security-groups = [{ from = "steps.network", output = "group" }]
"#;

#[test]
fn network_of_a_service_comes_from_a_step() {
    let project = project(|_| NETWORK.to_owned());
    let plan = project.run(&[
        "plan",
        "--set",
        "services.api.network.subnets=[{ from = \"steps.network\", output = \"subnet\" }]",
    ]);
    assert!(
        plan.stderr.contains("services.api.network.subnets: refers to the output `subnet`"),
        "{}",
        plan.stderr
    );
    let network = |id: &str, action: &str| {
        let action = format!("{{\"action\": \"{action}\", \"resource\": \"network\"}}\n");
        project
            .write("configs/network", &format!("{action}{{\"output\": \"group\", \"value\": \"{id}\"}}\n"));
    };
    network("sg-0a1b", "no-change");
    let plan = project.run(&["plan"]);
    assert!(plan.stderr.contains("there is no security group sg-0a1b"), "{}", plan.stderr);
    let group = by_hand(&project, async |aws: &Aws| {
        let groups =
            aws.ec2().await.unwrap().call("DescribeSecurityGroups", serde_json::json!({})).await.unwrap();
        groups.items("securityGroupInfo").next().unwrap().text_of("groupId").unwrap().to_owned()
    });
    network(&group, "no-change");
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
    let found = by_hand(&project, async |aws: &Aws| {
        let found = aws.ecs().await.unwrap().describe_services().services("api").send().await.unwrap();
        let network = found.services()[0].network_configuration().unwrap();
        network.awsvpc_configuration().unwrap().security_groups().to_vec()
    });
    assert_eq!(found, [group]);
}
