//! Rollouts with stages: blue/green, canary, hooks, alarms, thresholds.

use std::time::Duration;

use aws_sdk_ecs::types::{DeploymentLifecycleHookAction, ServiceDeployment};
use longshore_model::{Action, FailureKind};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::bench::{Bench, Seed, masked, name, seed};

/// A bench with a pair of target groups.
struct Pair {
    bench: Bench,
    groups: [String; 2],
    rules: [String; 2],
    role: String,
}

impl Pair {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "ecs.amazonaws.com" },
        }] });
        let iam = bench.aws.iam().await.unwrap();
        let created = iam.create_role().role_name("balancers").assume_role_policy_document(trust.to_string());
        let role = created.send().await.unwrap().role.unwrap().arn;
        let subnets = bench.aws.ec2().await.unwrap().call("DescribeSubnets", json!({})).await.unwrap();
        let subnets: Vec<_> = subnets.items("subnetSet").collect();
        let vpc = subnets[0].text_of("vpcId");
        let ids: Vec<_> = subnets.iter().map(|subnet| subnet.text_of("subnetId")).collect();
        let create = async |operation: &'static str, input: Value, list: &str, arn: &str| {
            let made = bench.aws.elbv2().await.unwrap().call(operation, input).await.unwrap();
            made.items(list).next().unwrap().text_of(arn).unwrap().to_owned()
        };
        let input = json!({ "Name": "shop", "Subnets": ids });
        let balancer = create("CreateLoadBalancer", input, "LoadBalancers", "LoadBalancerArn").await;
        let (mut groups, mut rules) = (Vec::new(), Vec::new());
        for (name, port) in [("first", 80), ("second", 8080)] {
            let input =
                json!({ "Name": name, "Protocol": "HTTP", "Port": 80, "TargetType": "ip", "VpcId": vpc });
            let group = create("CreateTargetGroup", input, "TargetGroups", "TargetGroupArn").await;
            let input = json!({
                "LoadBalancerArn": balancer,
                "Protocol": "HTTP",
                "Port": port,
                "DefaultActions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } }],
            });
            let listener = create("CreateListener", input, "Listeners", "ListenerArn").await;
            let input = json!({
                "ListenerArn": listener,
                "Priority": 1,
                "Conditions": [{ "Field": "path-pattern", "Values": ["/*"] }],
                "Actions": [{ "Type": "forward", "TargetGroupArn": group }],
            });
            rules.push(create("CreateRule", input, "Rules", "RuleArn").await);
            groups.push(group);
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        Self { bench, groups: groups.try_into().unwrap(), rules: rules.try_into().unwrap(), role }
    }

    /// The seed behind the pair, with an image and a deployment configuration.
    fn service(&self, tag: &str, configuration: Value) -> Seed {
        let mut service = seed();
        let api = service.containers.get_mut(&name("api")).unwrap();
        api.image = format!("ghcr.io/acme/api:{tag}").parse().unwrap();
        let balanced = json!([{
            "targetGroupArn": self.groups[0],
            "containerName": "api",
            "containerPort": 8098,
            "advancedConfiguration": {
                "alternateTargetGroupArn": self.groups[1],
                "productionListenerRule": self.rules[0],
                "testListenerRule": self.rules[1],
                "roleArn": self.role,
            },
        }]);
        let fields = json!({ "loadBalancers": balanced, "deploymentConfiguration": configuration });
        service.options.values.insert("aws".to_owned(), json!({ "service": fields }));
        service
    }

    /// The last service deployment.
    async fn deployment(&self) -> ServiceDeployment {
        let ecs = self.bench.aws.ecs().await.unwrap();
        let listed = ecs.list_service_deployments().cluster("main").service("api").send().await.unwrap();
        let arn = listed.service_deployments()[0].service_deployment_arn().unwrap().to_owned();
        let described = ecs.describe_service_deployments().service_deployment_arns(arn).send().await.unwrap();
        described.service_deployments()[0].clone()
    }

    async fn continue_with(&self, action: DeploymentLifecycleHookAction) {
        let deployment = self.deployment().await;
        let hook = deployment.lifecycle_hook_details()[0].hook_id().unwrap().to_owned();
        let call = self.bench.aws.ecs().await.unwrap().continue_service_deployment().hook_id(hook);
        let call = call.service_deployment_arn(deployment.service_deployment_arn().unwrap());
        call.action(action).send().await.unwrap();
    }

    /// The group that takes the production traffic.
    async fn serving(&self) -> usize {
        let ecs = self.bench.aws.elbv2().await.unwrap();
        let rules = ecs.call("DescribeRules", json!({ "RuleArns": [self.rules[0]] })).await.unwrap();
        let rule = rules.items("Rules").next().unwrap();
        let action = rule.items("Actions").next().unwrap();
        let groups = action.child("ForwardConfig").unwrap().items("TargetGroups");
        let all = groups.filter(|group| group.text_of("Weight") == Some("100"));
        let all: Vec<_> = all.map(|group| group.text_of("TargetGroupArn").unwrap().to_owned()).collect();
        assert_eq!(all.len(), 1);
        self.groups.iter().position(|group| *group == all[0]).unwrap()
    }

    async fn is_quiet(&self, service: &Seed) {
        let plans = self.bench.plan(service).await.unwrap();
        assert!(plans.is_quiet(), "{}", plans.shown());
    }

    /// Tells of a failure without the parts that differ from run to run.
    fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for word in text.clone().split(|c: char| c.is_whitespace() || c == '`') {
            let id = word.rsplit('/').next().unwrap_or_default();
            if word.starts_with("ecs-pause-") {
                text = text.replace(word, "HOOK");
            } else if word.contains(":service-deployment/") {
                text = text.replace(id, "ID");
            }
        }
        masked(&text)
    }
}

fn blue_green(bake: u32) -> Value {
    json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": bake })
}

#[tokio::test(start_paused = true)]
async fn blue_green_is_followed_through_its_stages() {
    let pair = Pair::new().await;
    pair.bench.deploy(&pair.service("1", blue_green(30))).await.unwrap();
    assert_eq!(pair.serving().await, 1);
    pair.is_quiet(&pair.service("1", blue_green(30))).await;
    pair.bench.told();
    let start = Instant::now();
    pair.bench.deploy(&pair.service("2", blue_green(30))).await.unwrap();
    // The bake time is longer than the default of the timeout.
    assert!(start.elapsed() > Duration::from_secs(30 * 60));
    assert_eq!(pair.serving().await, 0);
    let told = pair.bench.told();
    let stages: Vec<_> = told
        .iter()
        .filter(|told| told.contains("stage") && !told.contains("(shop-api"))
        .map(String::as_str)
        .collect();
    insta::assert_snapshot!(stages.join("\n"));
    pair.is_quiet(&pair.service("2", blue_green(30))).await;
}

#[tokio::test(start_paused = true)]
async fn other_field_of_a_swapped_pair_is_the_only_change() {
    let pair = Pair::new().await;
    pair.bench.deploy(&pair.service("1", blue_green(0))).await.unwrap();
    let mut service = pair.service("1", blue_green(0));
    let fields = service.options.values.get_mut("aws").unwrap();
    fields["service"]["loadBalancers"][0]["advancedConfiguration"]["testListenerRule"] = json!(pair.rules[0]);
    let plans = pair.bench.deploy(&service).await.unwrap();
    let changes = &plans.of("service.api").changes;
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].field.ends_with("advancedConfiguration.testListenerRule"), "{changes:?}");
    // The deployment that this began has swapped them again.
    assert_eq!(pair.serving().await, 0);
    pair.is_quiet(&service).await;
}

#[tokio::test(start_paused = true)]
async fn timeout_shorter_than_the_waits_is_refused() {
    let pair = Pair::new().await;
    let canary = json!({
        "strategy": "CANARY",
        "bakeTimeInMinutes": 5,
        "canaryConfiguration": { "canaryPercent": 10, "canaryBakeTimeInMinutes": 20 },
    });
    let mut service = pair.service("1", canary);
    service.deployment.timeout = Duration::from_secs(1200);
    service.options.taken.insert("deployment".to_owned(), json!({ "timeout": "20m" }));
    let failure = pair.bench.plan(&service).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::Invalid);
    insta::assert_snapshot!(failure.to_string());
    service.deployment.timeout = Duration::from_secs(1800);
    pair.bench.plan(&service).await.unwrap();
}

fn paused() -> Value {
    json!({
        "strategy": "BLUE_GREEN",
        "bakeTimeInMinutes": 0,
        "lifecycleHooks": [{
            "targetType": "PAUSE",
            "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
            "timeoutConfiguration": { "timeoutInMinutes": 60, "action": "ROLLBACK" },
        }],
    })
}

/// The service is deployed, and its second deployment is paused.
async fn at_pause() -> (Pair, Seed) {
    let pair = Pair::new().await;
    pair.bench.deploy(&pair.service("1", blue_green(0))).await.unwrap();
    let service = pair.service("2", paused());
    let start = Instant::now();
    let failure = pair.bench.deploy(&service).await.err().unwrap();
    assert!(start.elapsed() < Duration::from_secs(180), "{:?}", start.elapsed());
    assert_eq!(failure.kind, FailureKind::AwaitingAction);
    insta::assert_snapshot!("paused", pair.masked(&failure.to_string()));
    (pair, service)
}

#[tokio::test(start_paused = true)]
async fn paused_rollout_is_reported_and_followed_later() {
    let (pair, service) = at_pause().await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let plans = pair.bench.plan(&service).await.unwrap();
    let plan = plans.of("service.api");
    assert_eq!(plan.reason.as_deref(), Some("a deployment is in progress: it will be followed"));
    assert!(plan.changes.is_empty(), "{:?}", plan.changes);
    let failure = pair.bench.apply(&plans).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::AwaitingAction);
    pair.continue_with(DeploymentLifecycleHookAction::Continue).await;
    pair.bench.deploy(&service).await.unwrap();
    assert_eq!(pair.serving().await, 0);
    pair.is_quiet(&service).await;
}

#[tokio::test(start_paused = true)]
async fn continued_rollout_that_has_ended_plans_nothing() {
    let (pair, service) = at_pause().await;
    pair.continue_with(DeploymentLifecycleHookAction::Continue).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    pair.is_quiet(&service).await;
}

#[tokio::test(start_paused = true)]
async fn hook_that_times_out_is_a_rollback() {
    let (pair, service) = at_pause().await;
    tokio::time::sleep(Duration::from_secs(3700)).await;
    assert_eq!(pair.serving().await, 1);
    let plans = pair.bench.plan(&service).await.unwrap();
    let plan = plans.of("service.api");
    assert_eq!(
        (plan.action, plan.reason.as_deref()),
        (
            Action::Update,
            Some(
                "the last deployment was rolled back: Service deployment rolled back because a lifecycle hook timed out."
            )
        )
    );
}

fn canary(rollback: bool) -> Value {
    json!({
        "strategy": "CANARY",
        "bakeTimeInMinutes": 5,
        "canaryConfiguration": { "canaryPercent": 10, "canaryBakeTimeInMinutes": 10 },
        "alarms": { "alarmNames": ["api-5xx"], "enable": true, "rollback": rollback },
    })
}

#[tokio::test(start_paused = true)]
async fn alarm_rolls_a_canary_back() {
    let pair = Pair::new().await;
    pair.bench.deploy(&pair.service("1", canary(true))).await.unwrap();
    let failure = pair.bench.deploy(&pair.service("alarming", canary(true))).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    insta::assert_snapshot!(pair.masked(&failure.to_string()));
    assert_eq!(pair.serving().await, 1);
    pair.is_quiet(&pair.service("1", canary(true))).await;
}

#[tokio::test(start_paused = true)]
async fn service_goes_back_after_an_alarm_without_rollback() {
    let pair = Pair::new().await;
    pair.bench.deploy(&pair.service("1", canary(false))).await.unwrap();
    let failure = pair.bench.deploy(&pair.service("alarming", canary(false))).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    let text = failure.to_string();
    assert!(text.contains("in the ALARM state: api-5xx"), "{text}");
    assert!(text.contains("the service runs shop-api:1 again, 2 of 2 tasks"), "{text}");
    pair.is_quiet(&pair.service("1", canary(false))).await;
}

#[tokio::test(start_paused = true)]
async fn circuit_breaker_fails_at_its_threshold() {
    let pair = Pair::new().await;
    let configuration = json!({
        "strategy": "BLUE_GREEN",
        "bakeTimeInMinutes": 0,
        "deploymentCircuitBreaker": { "thresholdConfiguration": { "type": "COUNT", "value": 5 } },
    });
    pair.bench.deploy(&pair.service("1", configuration.clone())).await.unwrap();
    let failure = pair.bench.deploy(&pair.service("arm", configuration.clone())).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    let text = failure.to_string();
    assert!(text.contains("\nfailed tasks: 5, with a threshold of 5\n"), "{text}");
    pair.is_quiet(&pair.service("1", configuration)).await;
}

#[tokio::test(start_paused = true)]
async fn early_success_is_a_success() {
    let bench = Bench::settled().await;
    let early = |tag: &str| {
        let mut service = seed();
        service.desired_count = Some(12);
        service.deployment.minimum_healthy_percent = 50;
        service.deployment.maximum_percent = 110;
        let api = service.containers.get_mut(&name("api")).unwrap();
        api.image = format!("ghcr.io/acme/api:{tag}").parse().unwrap();
        let criteria =
            json!({ "enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": "DEFERRED" });
        let fields = json!({ "deploymentConfiguration": { "earlySuccessCriteria": criteria } });
        service.options.values.insert("aws".to_owned(), json!({ "service": fields }));
        service
    };
    bench.deploy(&early("1")).await.unwrap();
    bench.deploy(&early("2")).await.unwrap();
    let status = bench.status(&early("2")).await;
    let old = status.tasks.iter().filter(|task| task.task_definition == "shop-api:1");
    assert!(old.filter(|task| task.state == "RUNNING").count() > 0, "old tasks go in the background");
    tokio::time::sleep(Duration::from_secs(300)).await;
    let plans = bench.plan(&early("2")).await.unwrap();
    assert!(plans.is_quiet(), "{}", plans.shown());
}
