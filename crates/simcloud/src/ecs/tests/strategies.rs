//! Deployment strategies: stages, traffic, hooks, alarms, early success.

use serde_json::{Value, json};

use super::harness::Sim;
use crate::dispatch::Service;

/// A world with a pair of target groups: one behind a production listener, one behind a test listener.
struct Pair {
    sim: Sim,
    groups: [String; 2],
    rules: [String; 2],
    role: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Pair {
    fn new() -> Self {
        let mut sim = Sim::new();
        let balancer = sim.load_balancer();
        let pair = [("first", 80), ("second", 8080)];
        let [(first, production), (second, test)] =
            pair.map(|(name, port)| sim.target_group(&balancer, name, "ip", port));
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "ecs.amazonaws.com" },
                "Action": "sts:AssumeRole",
            }],
        });
        let input = json!({ "RoleName": "balancers", "AssumeRolePolicyDocument": trust.to_string() });
        let role = text(&sim.call(Service::Iam, "CreateRole", input).unwrap()["Role"]["Arn"]);
        sim.pass(10);
        Self { sim, groups: [first, second], rules: [production, test], role }
    }

    fn balancers(&self) -> Value {
        json!([{
            "targetGroupArn": self.groups[0],
            "containerName": "api",
            "containerPort": 8080,
            "advancedConfiguration": {
                "alternateTargetGroupArn": self.groups[1],
                "productionListenerRule": self.rules[0],
                "testListenerRule": self.rules[1],
                "roleArn": self.role,
            },
        }])
    }

    /// The input of `CreateService` with two tasks.
    fn service(&mut self, configuration: Value) -> Value {
        let definition = self.sim.register("ghcr.io/acme/api:1");
        let mut input = self.sim.service(&definition, 2);
        input["loadBalancers"] = self.balancers();
        input["deploymentConfiguration"] = configuration;
        input
    }

    /// Creates the service, and waits for its first deployment.
    fn deployed(configuration: Value) -> Self {
        let mut pair = Self::new();
        let input = pair.service(configuration);
        pair.sim.ecs("CreateService", input).unwrap();
        pair.sim.pass(300);
        assert_eq!(pair.status(), "SUCCESSFUL");
        pair
    }

    fn roll_out(&mut self, image: &str) {
        let definition = self.sim.register(image);
        self.sim.update(json!({ "taskDefinition": definition }));
    }

    fn status(&mut self) -> String {
        text(&self.sim.service_deployment()["status"])
    }

    fn stage(&mut self) -> String {
        self.sim.service_deployment()["lifecycleStage"].as_str().unwrap_or_default().to_owned()
    }

    /// The weights of both groups in the production and in the test rule.
    fn weights(&mut self) -> [[u64; 2]; 2] {
        let input = json!({ "RuleArns": self.rules });
        let rules = self.sim.elb("DescribeRules", input)["Rules"].clone();
        [0, 1].map(|index| {
            let groups =
                rules[index]["Actions"][0]["ForwardConfig"]["TargetGroups"].as_array().unwrap().clone();
            self.groups.clone().map(|arn| {
                let group = groups.iter().find(|group| group["TargetGroupArn"] == arn.as_str());
                group.map_or(0, |group| group["Weight"].as_u64().unwrap())
            })
        })
    }

    /// Lets time pass until the deployment is at a stage.
    fn pass_to(&mut self, stage: &str) {
        for _ in 0..3_000 {
            if self.stage() == stage {
                return;
            }
            self.sim.pass(1);
        }
        panic!("{stage} is not reached: {}", self.sim.service_deployment());
    }

    /// Lets `seconds` pass, and returns the stages with the weights of the new group in percent.
    fn watch(&mut self, seconds: u64) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        for _ in 0..seconds {
            self.sim.pass(1);
            let deployment = self.sim.service_deployment();
            let target = &deployment["targetServiceRevision"];
            let weights = ["requestedTestTrafficWeight", "requestedProductionTrafficWeight"];
            let [test, production] = weights.map(|name| target[name].as_f64().unwrap_or_default());
            let now = format!("{} {test} {production}", deployment["lifecycleStage"].as_str().unwrap_or("-"));
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
        seen
    }

    fn hook(&mut self) -> Value {
        self.sim.service_deployment()["lifecycleHookDetails"][0].clone()
    }

    fn continue_with(&mut self, action: &str) -> Result<Value, crate::ApiError> {
        let deployment = self.sim.service_deployment();
        let input = json!({
            "serviceDeploymentArn": deployment["serviceDeploymentArn"],
            "hookId": deployment["lifecycleHookDetails"][0]["hookId"],
            "action": action,
        });
        self.sim.ecs("ContinueServiceDeployment", input)
    }

    /// The containers' images of the tasks that run.
    fn running(&mut self) -> Vec<String> {
        let mut images: Vec<String> =
            self.sim.tasks("RUNNING").iter().map(|task| text(&task["containers"][0]["image"])).collect();
        images.sort();
        images.iter().map(|image| image.rsplit(':').next().unwrap().to_owned()).collect()
    }

    fn stop(&mut self) {
        let arn = self.sim.service_deployment()["serviceDeploymentArn"].clone();
        self.sim.ecs("StopServiceDeployment", json!({ "serviceDeploymentArn": arn })).unwrap();
    }
}

fn blue_green() -> Value {
    json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5 })
}

#[test]
fn blue_green_goes_through_its_stages() {
    let mut pair = Pair::deployed(blue_green());
    pair.roll_out("ghcr.io/acme/api:2");
    let stages = pair.watch(600);
    insta::assert_snapshot!(stages.join("\n"));
    assert_eq!(pair.status(), "SUCCESSFUL");
    assert_eq!(pair.running(), ["2", "2"]);
}

#[test]
fn target_groups_swap_with_each_deployment() {
    let mut pair = Pair::deployed(blue_green());
    let [first, second] = pair.groups.clone();
    let shown = |pair: &mut Pair| {
        let shown = pair.sim.describe()["loadBalancers"][0].clone();
        [text(&shown["targetGroupArn"]), text(&shown["advancedConfiguration"]["alternateTargetGroupArn"])]
    };
    assert_eq!(shown(&mut pair), [second.clone(), first.clone()]);
    assert_eq!(pair.weights(), [[0, 100], [0, 100]]);
    pair.roll_out("ghcr.io/acme/api:2");
    pair.sim.pass(600);
    assert_eq!(shown(&mut pair), [first.clone(), second]);
    assert_eq!(pair.weights(), [[100, 0], [100, 0]]);
    let revision = pair.sim.service_deployment()["targetServiceRevision"]["arn"].clone();
    let input = json!({ "serviceRevisionArns": [revision] });
    let revision = pair.sim.ecs("DescribeServiceRevisions", input).unwrap()["serviceRevisions"][0].clone();
    assert_eq!(revision["resolvedConfiguration"]["loadBalancers"][0]["targetGroupArn"], first.as_str());
}

#[test]
fn blue_tasks_stay_until_the_bake_time_ends() {
    let mut pair = Pair::deployed(blue_green());
    pair.roll_out("ghcr.io/acme/api:2");
    pair.pass_to("BAKE_TIME");
    pair.sim.pass(295);
    assert_eq!(pair.running(), ["1", "1", "2", "2"]);
    assert_eq!(pair.weights()[0], [100, 0]);
    pair.sim.pass(10);
    assert_eq!(pair.running(), ["2", "2"]);
}

#[test]
fn canary_shifts_a_part_first() {
    let mut pair = Pair::deployed(json!({
        "strategy": "CANARY",
        "canaryConfiguration": { "canaryPercent": 12.5, "canaryBakeTimeInMinutes": 3 },
    }));
    pair.roll_out("ghcr.io/acme/api:2");
    pair.pass_to("PRODUCTION_TRAFFIC_SHIFT");
    assert_eq!(pair.weights()[0], [125, 875]);
    pair.sim.pass(175);
    assert_eq!((pair.stage(), pair.weights()[0]), ("PRODUCTION_TRAFFIC_SHIFT".to_owned(), [125, 875]));
    pair.sim.pass(60);
    assert_eq!((pair.status(), pair.weights()[0]), ("SUCCESSFUL".to_owned(), [100, 0]));
}

#[test]
fn linear_shifts_in_equal_steps() {
    let mut pair = Pair::deployed(json!({
        "strategy": "LINEAR",
        "linearConfiguration": { "stepPercent": 40.0, "stepBakeTimeInMinutes": 1 },
    }));
    pair.roll_out("ghcr.io/acme/api:2");
    let mut weights = Vec::new();
    for _ in 0..400 {
        pair.sim.pass(1);
        let now = pair.weights()[0][0];
        if weights.last() != Some(&now) {
            weights.push(now);
        }
    }
    assert_eq!((weights, pair.status()), (vec![0, 40, 80, 100], "SUCCESSFUL".to_owned()));
}

#[test]
fn stopped_deployment_goes_back_at_each_stage() {
    for stage in [
        "PRE_SCALE_UP",
        "SCALE_UP",
        "POST_SCALE_UP",
        "TEST_TRAFFIC_SHIFT",
        "POST_TEST_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
        "BAKE_TIME",
        "CLEAN_UP",
    ] {
        let mut pair = Pair::deployed(blue_green());
        pair.roll_out("ghcr.io/acme/api:2");
        pair.pass_to(stage);
        pair.stop();
        pair.sim.pass(300);
        assert_eq!(pair.status(), "ROLLBACK_SUCCESSFUL", "{stage}");
        assert_eq!(pair.running(), ["1", "1"], "{stage}");
        assert_eq!(pair.weights()[0], [0, 100], "{stage}");
        let shown = pair.sim.describe()["loadBalancers"][0]["targetGroupArn"].clone();
        assert_eq!(shown, pair.groups[1].as_str(), "{stage}");
    }
}

#[test]
fn newer_deployment_reconciles_the_service_first() {
    let mut pair = Pair::deployed(blue_green());
    pair.roll_out("ghcr.io/acme/api:2");
    pair.pass_to("BAKE_TIME");
    pair.roll_out("ghcr.io/acme/api:alarming");
    pair.sim.pass(3);
    assert_eq!((pair.stage(), pair.weights()[0]), ("RECONCILE_SERVICE".to_owned(), [0, 100]));
    pair.sim.pass(600);
    assert_eq!((pair.status(), pair.running()), ("SUCCESSFUL".to_owned(), vec!["alarming".to_owned(); 2]));
}

fn alarms(rollback: bool) -> Value {
    json!({
        "strategy": "CANARY",
        "bakeTimeInMinutes": 5,
        "canaryConfiguration": { "canaryPercent": 10, "canaryBakeTimeInMinutes": 10 },
        "alarms": { "alarmNames": ["api-5xx", "api-latency"], "enable": true, "rollback": rollback },
    })
}

#[test]
fn alarm_rolls_a_canary_back() {
    let mut pair = Pair::deployed(alarms(true));
    pair.roll_out("ghcr.io/acme/api:alarming");
    pair.pass_to("PRODUCTION_TRAFFIC_SHIFT");
    pair.sim.pass(55);
    assert_eq!((pair.status(), pair.weights()[0]), ("IN_PROGRESS".to_owned(), [10, 90]));
    pair.sim.pass(10);
    assert_eq!(pair.weights()[0], [0, 100]);
    pair.sim.pass(120);
    assert_eq!((pair.status(), pair.running()), ("ROLLBACK_SUCCESSFUL".to_owned(), vec!["1".to_owned(); 2]));
    let deployment = pair.sim.service_deployment();
    assert_eq!(
        deployment["alarms"],
        json!({
            "status": "TRIGGERED",
            "alarmNames": ["api-5xx", "api-latency"],
            "triggeredAlarmNames": ["api-5xx"],
        })
    );
}

#[test]
fn alarm_without_rollback_ends_the_deployment() {
    let mut pair = Pair::deployed(alarms(false));
    pair.roll_out("ghcr.io/acme/api:alarming");
    pair.sim.pass(300);
    assert_eq!((pair.status(), pair.weights()[0]), ("STOPPED".to_owned(), [10, 90]));
    assert_eq!(pair.sim.describe()["deployments"][0]["rolloutState"], "FAILED");
    assert_eq!(pair.running(), ["1", "1", "alarming", "alarming"]);
}

#[test]
fn alarm_rolls_a_rolling_deployment_back() {
    let mut sim = Sim::new();
    let definition = sim.register("ghcr.io/acme/api:1");
    let mut input = sim.service(&definition, 1);
    input["deploymentConfiguration"] =
        json!({ "alarms": { "alarmNames": ["api-5xx"], "enable": true, "rollback": true } });
    sim.ecs("CreateService", input).unwrap();
    sim.pass(120);
    assert_eq!(sim.service_deployment()["status"], "SUCCESSFUL");
    let alarming = sim.register("ghcr.io/acme/api:alarming");
    sim.update(json!({ "taskDefinition": alarming }));
    sim.pass(400);
    let deployment = sim.service_deployment();
    assert_eq!(
        (&deployment["status"], &deployment["alarms"]["triggeredAlarmNames"]),
        (&json!("ROLLBACK_SUCCESSFUL"), &json!(["api-5xx"]))
    );
    assert_eq!(sim.describe()["taskDefinition"], definition.as_str());
}

fn paused(timeout: Value) -> Value {
    json!({
        "strategy": "BLUE_GREEN",
        "bakeTimeInMinutes": 0,
        "lifecycleHooks": [{
            "targetType": "PAUSE",
            "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
            "timeoutConfiguration": timeout,
        }],
    })
}

/// A service whose second deployment waits for its hook.
fn at_pause(timeout: Value) -> Pair {
    let mut pair = Pair::new();
    let input = pair.service(paused(timeout));
    pair.sim.ecs("CreateService", input).unwrap();
    pair.pass_to("POST_TEST_TRAFFIC_SHIFT");
    pair.continue_with("CONTINUE").unwrap();
    pair.sim.pass(60);
    assert_eq!(pair.status(), "SUCCESSFUL");
    pair.roll_out("ghcr.io/acme/api:2");
    pair.pass_to("POST_TEST_TRAFFIC_SHIFT");
    pair
}

#[test]
fn pause_hook_waits_for_its_continuation() {
    let mut pair = at_pause(Value::Null);
    pair.sim.pass(3_600);
    let hook = pair.hook();
    assert_eq!((&hook["status"], &hook["timeoutAction"]), (&json!("AWAITING_ACTION"), &json!("ROLLBACK")));
    let left = hook["expiresAt"].as_f64().unwrap() - pair.sim.now.epoch_seconds();
    assert!((82_700.0..82_801.0).contains(&left), "{left} of a day is left");
    assert_eq!(pair.weights(), [[0, 100], [100, 0]]);
    let mut wrong = json!({ "hookId": "ecs-pause-other" });
    wrong["serviceDeploymentArn"] = pair.sim.service_deployment()["serviceDeploymentArn"].clone();
    assert!(pair.sim.refused("ContinueServiceDeployment", wrong).starts_with("InvalidParameterException"));
    pair.continue_with("CONTINUE").unwrap();
    pair.sim.pass(3);
    assert!(pair.continue_with("CONTINUE").is_err(), "it does not wait any more");
    pair.sim.pass(60);
    assert_eq!((pair.status(), pair.weights()[0]), ("SUCCESSFUL".to_owned(), [100, 0]));
}

#[test]
fn pause_hook_is_rolled_back_on_request() {
    let mut pair = at_pause(Value::Null);
    pair.continue_with("ROLLBACK").unwrap();
    pair.sim.pass(60);
    assert_eq!(pair.status(), "ROLLBACK_SUCCESSFUL");
    assert_eq!(pair.weights(), [[0, 100], [0, 100]]);
}

#[test]
fn pause_hook_times_out_with_its_action() {
    let mut pair = at_pause(json!({ "timeoutInMinutes": 30 }));
    pair.sim.pass(1_790);
    assert_eq!(pair.status(), "IN_PROGRESS");
    pair.sim.pass(60);
    assert_eq!(pair.status(), "ROLLBACK_SUCCESSFUL");
    let reason = pair.sim.service_deployment()["statusReason"].clone();
    assert_eq!(reason, "Service deployment rolled back because a lifecycle hook timed out.");
    let mut pair = at_pause(json!({ "timeoutInMinutes": 30, "action": "CONTINUE" }));
    pair.sim.pass(1_860);
    assert_eq!(pair.status(), "SUCCESSFUL");
}

#[test]
fn rolling_deployment_pauses_too() {
    let mut sim = Sim::new();
    sim.deploy("ghcr.io/acme/api:1", 1);
    sim.pass(120);
    let definition = sim.register("ghcr.io/acme/api:2");
    sim.update(json!({
        "taskDefinition": definition,
        "deploymentConfiguration": {
            "lifecycleHooks": [{ "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP", "POST_SCALE_UP"] }],
        },
    }));
    for stage in ["PRE_SCALE_UP", "POST_SCALE_UP"] {
        sim.pass(200);
        let deployment = sim.service_deployment();
        assert_eq!(deployment["lifecycleStage"], stage);
        let input = json!({
            "serviceDeploymentArn": deployment["serviceDeploymentArn"],
            "hookId": deployment["lifecycleHookDetails"][0]["hookId"],
        });
        sim.ecs("ContinueServiceDeployment", input).unwrap();
    }
    sim.pass(60);
    assert_eq!(sim.service_deployment()["status"], "SUCCESSFUL");
}

#[test]
fn early_success_leaves_the_rest_for_later() {
    for (cleanup, old) in [("DEFERRED", true), ("BLOCKING", false)] {
        let mut sim = Sim::new();
        let first = sim.deploy("ghcr.io/acme/api:1", 4)["taskDefinition"].clone();
        sim.pass(120);
        let definition = sim.register("ghcr.io/acme/api:2");
        sim.update(json!({
            "taskDefinition": definition,
            "deploymentConfiguration": {
                "minimumHealthyPercent": 50,
                "maximumPercent": 125,
                "earlySuccessCriteria":
                    { "enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": cleanup },
            },
        }));
        while sim.service_deployment()["status"] != "SUCCESSFUL" {
            sim.pass(1);
        }
        let has_old = sim.tasks("RUNNING").iter().any(|task| task["taskDefinitionArn"] == first);
        assert_eq!(has_old, old, "{cleanup}");
        sim.pass(300);
        let tasks = sim.tasks("RUNNING");
        assert_eq!(tasks.len(), 4);
        assert!(tasks.iter().all(|task| task["taskDefinitionArn"] == definition.as_str()));
    }
}

#[test]
fn circuit_breaker_counts_to_its_threshold() {
    let mut pair = Pair::deployed(json!({
        "strategy": "BLUE_GREEN",
        "bakeTimeInMinutes": 0,
        "deploymentCircuitBreaker": {
            "enable": true,
            "rollback": true,
            "thresholdConfiguration": { "type": "COUNT", "value": 5 },
        },
    }));
    pair.roll_out("ghcr.io/acme/api:arm");
    pair.sim.pass(900);
    assert_eq!(pair.status(), "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        pair.sim.service_deployment()["deploymentCircuitBreaker"],
        json!({ "status": "TRIGGERED", "failureCount": 5, "threshold": 5 })
    );
    assert_eq!((pair.running(), pair.weights()[0]), (vec!["1".to_owned(); 2], [0, 100]));
}

#[test]
fn strategies_are_checked() {
    let mut pair = Pair::new();
    let lambda = "arn:aws:lambda:eu-central-1:123456789012:function:check";
    let hook =
        |hook: Value| json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, "lifecycleHooks": [hook] });
    let configurations = [
        json!({ "strategy": "BLUE_GREEN" }),
        json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1441 }),
        json!({ "strategy": "CANARY", "canaryConfiguration": { "canaryPercent": 0.05 } }),
        json!({ "strategy": "CANARY", "canaryConfiguration": { "canaryPercent": 100.1 } }),
        json!({ "strategy": "CANARY", "canaryConfiguration": { "canaryBakeTimeInMinutes": 1500 } }),
        json!({ "strategy": "LINEAR", "linearConfiguration": { "stepPercent": 2.9 } }),
        json!({ "strategy": "LINEAR", "canaryConfiguration": { "canaryPercent": 10 } }),
        json!({ "strategy": "CANARY", "earlySuccessCriteria": { "enable": true, "healthyPercent": 100, "sourceServiceRevisionCleanup": "DEFERRED" } }),
        json!({ "earlySuccessCriteria": { "enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": "DEFERRED" } }),
        json!({ "earlySuccessCriteria": { "enable": true } }),
        json!({ "alarms": { "alarmNames": [], "enable": true, "rollback": true } }),
        json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true, "thresholdConfiguration": { "type": "COUNT", "value": 0 } } }),
        hook(json!({ "targetType": "PAUSE" })),
        hook(json!({ "targetType": "PAUSE", "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"] })),
        hook(json!({ "targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"], "hookTargetArn": lambda })),
        hook(
            json!({ "targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"], "timeoutConfiguration": { "timeoutInMinutes": 20161 } }),
        ),
        hook(json!({ "lifecycleStages": ["POST_SCALE_UP"] })),
        hook(json!({ "lifecycleStages": ["POST_SCALE_UP"], "hookTargetArn": lambda })),
    ];
    let mut refusals = Vec::new();
    for configuration in configurations {
        let input = pair.service(configuration.clone());
        refusals.push(format!("{configuration}\n    {}", pair.sim.refused("CreateService", input)));
    }
    let good = pair.service(blue_green());
    let group = pair.groups[0].clone();
    for (member, value) in [
        ("", Value::Null),
        ("alternateTargetGroupArn", json!(group)),
        (
            "productionListenerRule",
            json!("arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener-rule/app/shop/1/2/3"),
        ),
        ("roleArn", json!("arn:aws:iam::123456789012:role/none")),
        ("roleArn", Value::Null),
    ] {
        let mut input = good.clone();
        let advanced = &mut input["loadBalancers"][0]["advancedConfiguration"];
        match member {
            "" => *advanced = Value::Null,
            _ => advanced[member] = value.clone(),
        }
        refusals.push(format!("{member} = {value}\n    {}", pair.sim.refused("CreateService", input)));
    }
    insta::assert_snapshot!(super::harness::mask(&refusals.join("\n")));
}

#[test]
fn deployment_goes_on_after_a_restart() {
    let mut pair = Pair::deployed(blue_green());
    pair.roll_out("ghcr.io/acme/api:2");
    pair.pass_to("BAKE_TIME");
    let saved = serde_json::to_string(&pair.sim.world).unwrap();
    pair.sim.world = serde_json::from_str(&saved).unwrap();
    pair.sim.world.registries =
        crate::registry::Registries::from_spec(&super::harness::registries()).unwrap();
    pair.sim.pass(400);
    assert_eq!((pair.status(), pair.running()), ("SUCCESSFUL".to_owned(), vec!["2".to_owned(); 2]));
}
