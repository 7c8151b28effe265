//! The stacks below `examples/stacks`: deployed, planned again, changed, changed by hand, and removed.

use std::fs;

use aws_sdk_ecs::types::DeploymentConfiguration;
use longshore_aws::{Aws, untyped::Element};
use longshore_cli::Exit;
use longshore_model::{EventKind, Outcome};
use serde_json::{Value, json};

use crate::{
    hand::by_hand,
    project::{Project, Ran, TOKEN},
};

/// The registries of all stacks: those that hold an image, and who may pull it.
const REGISTRIES: [(&str, &str, &str, &[&str]); 5] = [
    (
        "ghcr.io",
        "acme-bot",
        "GHCR_TOKEN",
        &["acme/agent", "acme/api", "acme/cms", "acme/nginx", "acme/portal", "acme/worker"],
    ),
    ("docker.io", "acmebot", "DOCKERHUB_TOKEN", &["acme/search"]),
    ("registry.gitlab.com", "deploy", "GITLAB_TOKEN", &["acme/reports"]),
    ("quay.io", "acme+robot", "QUAY_TOKEN", &["acme/cache"]),
    ("harbor.acme.example", "robot$acme", "HARBOR_TOKEN", &["tools/scanner"]),
];

fn cloud() -> String {
    let mut text = "[aws]\nregion = \"eu-central-1\"\n[cloud]\nembedded = true\n".to_owned();
    for (host, user, variable, images) in REGISTRIES {
        text += &format!(
            "[cloud.registries.\"{host}\".users]\n\"{user}\".password = {{ env = \"{variable}\" }}\n"
        );
        text += &format!("[cloud.registries.\"{host}\".repositories]\n");
        for image in images {
            text += &format!(
                "\"{image}\" = {{ readers = [\"{user}\"], tags.1 = {{}}, tags.2.alarms = [\"api-5xx\"] }}\n"
            );
        }
    }
    text
}

fn project(stack: &str) -> Project {
    let mut project = Project::new().variable("DATABASE_URL", "postgres://hunter2@db/shop");
    for (_, _, variable, _) in REGISTRIES {
        project = project.variable(variable, &format!("{TOKEN}-{variable}"));
    }
    let base = fs::read_to_string(format!("../../examples/stacks/{stack}/base.toml")).unwrap();
    project.write("configs/base.toml", &base);
    project.write("configs/local.toml", &cloud());
    project
}

fn done(project: &Project, arguments: &[&str]) -> Ran {
    let ran = project.run(arguments);
    assert_eq!(ran.exit, Exit::Done, "{arguments:?}\n{}\n{}", ran.stdout, ran.stderr);
    ran
}

/// Lives the life of a stack. `change` sets a value; `field` is the one that differs then. `service` is scaled by hand.
fn live(stack: &str, service: &str, change: &str, field: &str) {
    live_in(&project(stack), service, change, field);
}

fn live_in(project: &Project, service: &str, change: &str, field: &str) {
    live_on(project, "default", service, change, field);
}

/// The same on a cluster.
fn live_on(project: &Project, cluster: &str, service: &str, change: &str, field: &str) {
    done(project, &["deploy"]);
    done(project, &["plan", "--detailed-exitcode"]);
    let changed = project.run(&["plan", "--detailed-exitcode", "--set", change]);
    assert_eq!(changed.exit, Exit::Changes, "{}", changed.stderr);
    assert!(changed.stdout.contains(field), "{}", changed.stdout);
    done(project, &["deploy", "--set", change]);
    done(project, &["plan", "--detailed-exitcode", "--set", change]);
    by_hand(project, async |aws: &Aws| {
        let call =
            aws.ecs().await.unwrap().update_service().cluster(cluster).service(service).desired_count(7);
        call.send().await.unwrap();
    });
    let drift = project.run(&["drift", "--set", change]);
    assert_eq!(drift.exit, Exit::Changes, "{}", drift.stdout);
    assert!(drift.stdout.contains("desiredCount"), "{}", drift.stdout);
    done(project, &["destroy", "--yes"]);
    let left = project.run(&["plan"]);
    assert!(left.stdout.contains("0 to update, 0 to delete"), "{}", left.stdout);
}

const INSTANCES: &str = r#"
[cloud.container-instances.agents]
cluster = "acme"
count = 3
"#;

/// The container instances of the tasks of a service, by ARN.
async fn instances_of(aws: &Aws, service: &str) -> Vec<String> {
    let ecs = aws.ecs().await.unwrap();
    let tasks = ecs.list_tasks().cluster("acme").service_name(service).send().await.unwrap();
    let call = ecs.describe_tasks().cluster("acme").set_tasks(tasks.task_arns);
    let tasks = call.send().await.unwrap();
    let mut arns: Vec<_> =
        tasks.tasks().iter().filter_map(|task| task.container_instance_arn.clone()).collect();
    arns.sort_unstable();
    arns
}

#[test]
fn daemon_lives() {
    let project = project("daemon");
    project.write("configs/local.toml", &format!("{}{INSTANCES}", cloud()));
    done(&project, &["deploy"]);
    let status = done(&project, &["status"]);
    assert!(status.stdout.contains("3 of 3 tasks running"), "{}", status.stdout);
    let mut agents = by_hand(&project, async |aws: &Aws| instances_of(aws, "agent").await);
    agents.dedup();
    assert_eq!(agents.len(), 3, "each instance has an agent");

    let count = project.run(&["plan", "--set", "services.agent.desired-count=3"]);
    assert_eq!(count.exit, Exit::Failed, "{}", count.stdout);
    assert!(count.stderr.contains("services.agent.desired-count"), "{}", count.stderr);

    // Changed by hand: what runs on an instance, and the deployment settings.
    by_hand(&project, async |aws: &Aws| {
        let settings = DeploymentConfiguration::builder().minimum_healthy_percent(0).maximum_percent(100);
        let call = aws.ecs().await.unwrap().update_service().cluster("acme").service("agent");
        call.deployment_configuration(settings.build()).send().await.unwrap();
    });
    let drift = project.run(&["drift"]);
    assert_eq!(drift.exit, Exit::Changes, "{}", drift.stdout);
    assert!(drift.stdout.contains("minimumHealthyPercent"), "{}", drift.stdout);
    done(&project, &["deploy"]);

    let change = "services.agent.aws.container.mountPoints.\"/host/var/log\".readOnly=false";
    live_on(&project, "acme", "api", change, "mountPoints");
}

#[test]
fn five_registries_live() {
    live(
        "five-registries",
        "portal",
        "services.portal.containers.web.memory=512",
        "containerDefinitions.web.memory",
    );
}

#[test]
fn migration_lives() {
    live("migration", "api", "services.api.memory=1024", "runs with the new revision of its task definition");
}

#[test]
fn shared_storage_lives() {
    let change = "services.cms.aws.task-definition.ephemeralStorage.sizeInGiB=100";
    live("shared-storage", "cms", change, "ephemeralStorage.sizeInGiB");
}

#[test]
fn sidecar_lives() {
    let change = "services.web.containers.api.aws.healthCheck.interval=20";
    live("sidecar", "web", change, "containerDefinitions.api.healthCheck.interval");
}

#[test]
fn worker_on_spot_lives() {
    let change = "services.worker.aws.service.capacityProviderStrategy.FARGATE_SPOT.weight=4";
    live("worker-on-spot", "worker", change, "capacityProviderStrategy.FARGATE_SPOT.weight");
}

/// Makes a load balancer with a listener on each port, and returns the listeners' ARNs.
async fn listeners<const COUNT: usize>(aws: &Aws, ports: [u16; COUNT]) -> [String; COUNT] {
    let subnets = aws.ec2().await.unwrap().call("DescribeSubnets", json!({})).await.unwrap();
    let subnets: Vec<_> =
        subnets.items("subnetSet").filter_map(|subnet| subnet.text_of("subnetId")).collect();
    let elb = aws.elbv2().await.unwrap();
    let made = elb.call("CreateLoadBalancer", json!({ "Name": "acme", "Subnets": subnets })).await.unwrap();
    let balancer = made.items("LoadBalancers").next().unwrap().text_of("LoadBalancerArn").unwrap().to_owned();
    let answer = json!({ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } });
    let mut arns = Vec::new();
    for port in ports {
        let wanted = json!({ "LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": [answer] });
        let made = elb.call("CreateListener", wanted).await.unwrap();
        arns.push(made.items("Listeners").next().unwrap().text_of("ListenerArn").unwrap().to_owned());
    }
    arns.try_into().unwrap()
}

/// The stack `blue-green` with its load balancer and its role, and more configuration.
fn blue_green(more: &str) -> Project {
    let project = project("blue-green");
    // The first plan makes the cloud.
    project.run(&["plan"]);
    let [web, test] = by_hand(&project, async |aws: &Aws| {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "ecs.amazonaws.com" },
        }] });
        let role = aws.iam().await.unwrap().create_role().role_name("ecs-load-balancers");
        role.assume_role_policy_document(trust.to_string()).send().await.unwrap();
        listeners(aws, [80, 8080]).await
    });
    let local =
        format!("{}[steps.web]\nlistener = \"{web}\"\n[steps.test]\nlistener = \"{test}\"\n{more}", cloud());
    project.write("configs/local.toml", &local);
    project
}

#[test]
fn blue_green_lives() {
    let project = blue_green("");
    live_in(&project, "api", "services.api.memory=1024", "containerDefinitions.api.memory");
}

const PAUSE: &str = r#"
[[services.api.aws.service.deploymentConfiguration.lifecycleHooks]]
targetType = "PAUSE"
lifecycleStages = ["POST_TEST_TRAFFIC_SHIFT"]
"#;

/// Lets the paused rollout of `api` go on.
async fn go_on(aws: &Aws) {
    let ecs = aws.ecs().await.unwrap();
    let listed = ecs.list_service_deployments().service("api").send().await.unwrap();
    let arn = listed.service_deployments()[0].service_deployment_arn().unwrap().to_owned();
    let described = ecs.describe_service_deployments().service_deployment_arns(&arn).send().await.unwrap();
    let hook = described.service_deployments()[0].lifecycle_hook_details()[0].hook_id().unwrap();
    ecs.continue_service_deployment().service_deployment_arn(arn).hook_id(hook).send().await.unwrap();
}

#[test]
fn paused_rollout_has_its_own_exit_code() {
    let project = blue_green(PAUSE);
    let paused = project.run(&["deploy", "--on-failure", "undo"]);
    assert_eq!(paused.exit, Exit::AwaitingAction, "{}\n{}", paused.stdout, paused.stderr);
    assert!(paused.stderr.contains("paused in service.api\n"), "{}", paused.stderr);
    assert!(paused.stderr.contains("aws ecs continue-service-deployment"), "{}", paused.stderr);
    assert!(paused.stdout.contains("The deploy is paused: "), "{}", paused.stdout);
    assert!(paused.stdout.contains("service default/api: paused"), "{}", paused.stdout);
    let next = "Once the rollout was continued, `longshore deploy` follows it further.";
    assert!(paused.stdout.contains(next), "{}", paused.stdout);
    // Nothing was taken back, and the pause is still there.
    let again = project.run(&["deploy", "--output", "json"]);
    assert_eq!(again.exit, Exit::AwaitingAction, "{}", again.stdout);
    let ended = again.events().into_iter().find_map(|event| match event.event {
        EventKind::RunFinished { outcome, .. } => Some(outcome),
        _ => None,
    });
    assert_eq!(ended, Some(Outcome::AwaitingAction));
    by_hand(&project, go_on);
    done(&project, &["deploy"]);
    done(&project, &["plan", "--detailed-exitcode"]);
}

#[test]
fn alarm_takes_a_rollout_back() {
    let project = blue_green("");
    done(&project, &["deploy"]);
    let change = "services.api.image=\"ghcr.io/acme/api:2\"";
    let failed = project.run(&["deploy", "--set", change]);
    assert_eq!(failed.exit, Exit::Failed, "{}\n{}", failed.stdout, failed.stderr);
    assert!(failed.stderr.contains("in the ALARM state: api-5xx"), "{}", failed.stderr);
    done(&project, &["plan", "--detailed-exitcode"]);
}

#[test]
fn web_api_lives() {
    let project = project("web-api");
    // The first plan makes the cloud.
    project.run(&["plan"]);
    let [listener] = by_hand(&project, async |aws: &Aws| listeners(aws, [80]).await);
    let local = format!("{}[services.api.load-balancer]\nlistener = \"{listener}\"\n", cloud());
    project.write("configs/local.toml", &local);
    let deployed = done(&project, &["deploy"]);
    let status = done(&project, &["status"]);
    for shown in [deployed.stdout, status.stdout] {
        assert!(shown.contains("  http://api.acme.example/\n"), "{shown}");
        assert!(shown.contains("  target group shop-api: 2 of 2 targets healthy\n"), "{shown}");
    }
    let change = "services.api.load-balancer.health-check.interval=20";
    live_in(&project, "api", change, "HealthCheckIntervalSeconds");
}

/// The load balancers and security groups of the account, by name.
async fn front_doors(aws: &Aws) -> Vec<String> {
    let names = |answer: &Element, list: &str, name: &str| {
        answer.items(list).map(|item| item.text_of(name).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let balancers = aws.elbv2().await.unwrap().call("DescribeLoadBalancers", json!({})).await.unwrap();
    let groups = aws.ec2().await.unwrap().call("DescribeSecurityGroups", json!({})).await.unwrap();
    let mut all = names(&balancers, "LoadBalancers", "LoadBalancerName");
    all.extend(names(&groups, "securityGroupInfo", "groupName"));
    all.sort();
    all
}

#[test]
fn web_api_with_its_load_balancer_lives() {
    let project = project("web-api-whole");
    // The first plan makes the cloud.
    let plan = project.run(&["plan"]);
    assert!(plan.stderr.contains("there is no subnet subnet-0123456789abcdef0"), "{}", plan.stderr);
    let subnets = by_hand(&project, async |aws: &Aws| aws.reads().default_subnets().await.unwrap());
    let subnets = serde_json::to_string(&subnets.iter().take(2).collect::<Vec<_>>()).unwrap();
    let local = format!(
        "{}[steps.front]\nsubnets = {subnets}\n[services.api.network]\nsubnets = {subnets}\n",
        cloud()
    );
    project.write("configs/local.toml", &local);
    let deployed = done(&project, &["deploy"]);
    let status = done(&project, &["status"]);
    for shown in [deployed.stdout, status.stdout] {
        assert!(shown.contains("  https://shop-front-"), "{shown}");
        assert!(shown.contains("  target group shop-api: 2 of 2 targets healthy\n"), "{shown}");
    }
    let made = ["default", "shop-front", "shop-front", "shop-front-targets"];
    assert_eq!(by_hand(&project, front_doors), made);

    by_hand(&project, async |aws: &Aws| {
        let ec2 = aws.ec2().await.unwrap();
        let named = json!({ "Filter": [{ "Name": "group-name", "Value": ["shop-front"] }] });
        let groups = ec2.call("DescribeSecurityGroups", named).await.unwrap();
        let group = groups.items("securityGroupInfo").next().unwrap().text_of("groupId").unwrap();
        let everywhere = json!([{ "CidrIp": "0.0.0.0/0" }]);
        let ssh = json!([{ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": everywhere }]);
        let input = json!({ "GroupId": group, "IpPermissions": ssh });
        ec2.call("AuthorizeSecurityGroupIngress", input).await.unwrap();
    });
    let drift = project.run(&["drift"]);
    assert_eq!(drift.exit, Exit::Changes, "{}", drift.stdout);
    assert!(drift.stdout.contains("ingress.tcp 22"), "{}", drift.stdout);
    let change = "steps.front.idle-timeout=30";
    live_in(&project, "api", change, "attributes.idle_timeout.timeout_seconds");
    assert_eq!(by_hand(&project, front_doors), ["default"]);
}

#[test]
fn load_balancer_that_is_no_longer_declared_goes() {
    let project = project("web-api-whole");
    project.run(&["plan"]);
    let subnets = by_hand(&project, async |aws: &Aws| aws.reads().default_subnets().await.unwrap());
    let subnets = serde_json::to_string(&subnets.iter().take(2).collect::<Vec<_>>()).unwrap();
    let base = fs::read_to_string(project.path("configs/base.toml")).unwrap();
    let (start, end) = (base.find("[steps.front]").unwrap(), base.find("[services.api]").unwrap());
    project.write("configs/base.toml", &base[..end]);
    project.write("configs/local.toml", &format!("{}[steps.front]\nsubnets = {subnets}\n", cloud()));
    done(&project, &["deploy"]);
    project.write("configs/base.toml", &base[..start]);
    project.write("configs/local.toml", &cloud());
    let plan = project.run(&["plan"]);
    for orphan in
        ["load balancer shop-front", "security group shop-front", "security group shop-front-targets"]
    {
        assert!(plan.stdout.contains(orphan), "{}", plan.stdout);
    }
    done(&project, &["deploy", "--prune"]);
    assert_eq!(by_hand(&project, front_doors), ["default"]);
}

/// The targets and policies of the service `api` in Application Auto Scaling.
async fn scaling(aws: &Aws, operation: &'static str, list: &str) -> Vec<Value> {
    let input = json!({ "ServiceNamespace": "ecs" });
    let answer = aws.autoscaling().await.unwrap().call(operation, input).await.unwrap();
    answer[list].as_array().unwrap().clone()
}

async fn count(aws: &Aws) -> i32 {
    let services = aws.ecs().await.unwrap().describe_services().services("api").send().await.unwrap();
    services.services()[0].desired_count()
}

#[test]
fn autoscaled_stack_lives() {
    let project = project("autoscaled");
    done(&project, &["deploy"]);
    done(&project, &["plan", "--detailed-exitcode"]);
    assert_eq!(by_hand(&project, count), 2, "the least that autoscaling allows");

    let change = ["--set", "steps.scaling.max=20", "--set", "steps.scaling.cpu=50"];
    let plan = [&["plan", "--detailed-exitcode"], &change[..]].concat();
    let changed = project.run(&plan);
    assert_eq!(changed.exit, Exit::Changes, "{}", changed.stderr);
    let fields: Vec<_> = changed.stdout.lines().filter(|line| line.contains(" -> ")).collect();
    assert_eq!(fields.len(), 2, "{}", changed.stdout);
    done(&project, &[&["deploy"], &change[..]].concat());
    done(&project, &plan);

    by_hand(&project, async |aws: &Aws| {
        let policies = scaling(aws, "DescribeScalingPolicies", "ScalingPolicies").await;
        let cpu = policies.into_iter().find(|policy| policy["PolicyName"] == "longshore-cpu").unwrap();
        let mut input = json!({});
        for member in ["ServiceNamespace", "ResourceId", "ScalableDimension", "PolicyName", "PolicyType"] {
            input[member] = cpu[member].clone();
        }
        let configuration = "TargetTrackingScalingPolicyConfiguration";
        input[configuration] = cpu[configuration].clone();
        input[configuration]["TargetValue"] = json!(90);
        aws.autoscaling().await.unwrap().call("PutScalingPolicy", input).await.unwrap();
    });
    let drift = project.run(&[&["drift"], &change[..]].concat());
    assert_eq!(drift.exit, Exit::Changes, "{}", drift.stdout);
    assert!(
        drift.stdout.contains("policies.cpu.TargetTrackingScalingPolicyConfiguration.TargetValue"),
        "{}",
        drift.stdout
    );
    done(&project, &[&["deploy"], &change[..]].concat());
    done(&project, &plan);

    // The policy scales to 7.
    by_hand(&project, async |aws: &Aws| {
        aws.ecs().await.unwrap().update_service().service("api").desired_count(7).send().await.unwrap();
    });
    let image = [&change[..], &["--set", "services.api.image=ghcr.io/acme/api:2"]].concat();
    done(&project, &[&["deploy"], &image[..]].concat());
    assert_eq!(by_hand(&project, count), 7);
    done(&project, &[&["plan", "--detailed-exitcode"], &image[..]].concat());

    done(&project, &["destroy", "--yes"]);
    let left = project.run(&["plan"]);
    assert!(left.stdout.contains("0 to update, 0 to delete"), "{}", left.stdout);
    let targets =
        by_hand(&project, async |aws: &Aws| scaling(aws, "DescribeScalableTargets", "ScalableTargets").await);
    assert!(targets.is_empty(), "{targets:?}");
}

#[test]
fn scaling_that_is_no_longer_declared_goes() {
    let project = project("autoscaled");
    done(&project, &["deploy"]);
    let base = fs::read_to_string(project.path("configs/base.toml")).unwrap();
    project.write("configs/base.toml", &base[..base.find("[steps.scaling]").unwrap()]);
    let plan = project.run(&["plan"]);
    assert!(plan.stdout.contains("scalable target default/api"), "{}", plan.stdout);
    done(&project, &["deploy", "--prune"]);
    let (targets, count) = by_hand(&project, async |aws: &Aws| {
        (scaling(aws, "DescribeScalableTargets", "ScalableTargets").await, count(aws).await)
    });
    assert!(targets.is_empty(), "{targets:?}");
    assert_eq!(count, 2, "the service keeps its tasks");
}
