//! Services behind load balancers.

use serde_json::{Value, json};

use super::harness::Sim;

/// A world with a load balancer whose listener forwards to a target group.
struct Balanced {
    sim: Sim,
    group: String,
    rule: String,
}

impl Balanced {
    fn new(target_type: &str) -> Self {
        let mut sim = Sim::new();
        let balancer = sim.load_balancer();
        let (group, rule) = sim.target_group(&balancer, "api", target_type, 80);
        Self { sim, group, rule }
    }

    fn balancers(&self) -> Value {
        json!([{ "targetGroupArn": self.group, "containerName": "api", "containerPort": 8080 }])
    }

    /// The input of `CreateService` with an image.
    fn service(&mut self, image: &str, desired: u32) -> Value {
        let definition = self.sim.register(image);
        let mut input = self.sim.service(&definition, desired);
        input["loadBalancers"] = self.balancers();
        input
    }

    fn deploy(&mut self, image: &str, desired: u32, grace: u32) {
        let mut input = self.service(image, desired);
        input["healthCheckGracePeriodSeconds"] = json!(grace);
        self.sim.ecs("CreateService", input).unwrap();
    }

    /// The states of the group's targets.
    fn health(&mut self) -> Vec<String> {
        let input = json!({ "TargetGroupArn": self.group });
        let answer = self.sim.elb("DescribeTargetHealth", input);
        let mut states: Vec<String> = answer["TargetHealthDescriptions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|health| health["TargetHealth"]["State"].as_str().unwrap().to_owned())
            .collect();
        states.sort();
        states
    }
}

#[test]
fn service_is_steady_with_healthy_targets() {
    let mut bench = Balanced::new("ip");
    bench.deploy("ghcr.io/acme/api:1", 2, 0);
    while bench.sim.describe()["runningCount"] != 2 {
        bench.sim.pass(1);
    }
    assert_eq!(bench.health(), ["initial", "initial"]);
    bench.sim.pass(11);
    assert_eq!(bench.health(), ["healthy", "healthy"]);
    assert_eq!(bench.sim.describe()["deployments"][0]["rolloutState"], "IN_PROGRESS");
    bench.sim.pass(20);
    assert_eq!(bench.sim.describe()["deployments"][0]["rolloutState"], "COMPLETED");
    let messages = bench.sim.messages();
    let registered = messages.iter().filter(|message| message.contains("registered 1 targets in")).count();
    assert_eq!(registered, 2, "{messages:?}");
}

#[test]
fn replaced_tasks_drain() {
    let mut bench = Balanced::new("ip");
    bench.deploy("ghcr.io/acme/api:1", 1, 0);
    bench.sim.pass(120);
    let definition = bench.sim.register("ghcr.io/acme/api:2");
    bench.sim.update(json!({ "taskDefinition": definition }));
    bench.sim.pass(90);
    assert_eq!(bench.health(), ["draining", "healthy"]);
    let stopping = bench.sim.tasks("STOPPED");
    assert_eq!((stopping.len(), &stopping[0]["lastStatus"]), (1, &json!("DEACTIVATING")));
    bench.sim.pass(330);
    assert_eq!(bench.health(), ["healthy"]);
    assert_eq!(bench.sim.tasks("STOPPED")[0]["lastStatus"], "STOPPED");
}

#[test]
fn unhealthy_task_is_stopped_after_the_grace_period() {
    let mut bench = Balanced::new("ip");
    bench.deploy("ghcr.io/acme/api:sick", 1, 60);
    while bench.sim.describe()["runningCount"] != 1 {
        bench.sim.pass(1);
    }
    bench.sim.pass(50);
    assert_eq!(bench.health(), ["unhealthy"]);
    assert!(bench.sim.tasks("STOPPED").is_empty());
    bench.sim.pass(11);
    let reason = format!("Task failed ELB health checks in (target-group {})", bench.group);
    assert_eq!(bench.sim.stopped_reason(), reason);
    let messages = bench.sim.messages();
    let is_reason =
        |message: &String| message.ends_with("due to (reason Health checks failed with these codes: [503])");
    assert!(messages.iter().any(is_reason), "{messages:?}");
    bench.sim.pass(60);
    assert_eq!(bench.sim.tasks("RUNNING").len(), 1, "another task starts");
}

#[test]
fn circuit_breaker_counts_failed_health_checks() {
    let mut bench = Balanced::new("ip");
    let mut input = bench.service("ghcr.io/acme/api:sick", 1);
    input["deploymentConfiguration"] =
        json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": false } });
    bench.sim.ecs("CreateService", input).unwrap();
    bench.sim.pass(600);
    let deployment = bench.sim.describe()["deployments"][0].clone();
    assert_eq!((&deployment["rolloutState"], &deployment["failedTasks"]), (&json!("FAILED"), &json!(3)));
}

#[test]
fn changed_health_check_counts_anew() {
    let mut bench = Balanced::new("ip");
    bench.deploy("ghcr.io/acme/api:missing-page", 1, 0);
    let group = bench.group.clone();
    let input = json!({ "TargetGroupArn": group, "Matcher": { "HttpCode": "200-404" } });
    while bench.sim.describe()["runningCount"] != 1 {
        bench.sim.pass(1);
    }
    bench.sim.pass(15);
    bench.sim.elb("ModifyTargetGroup", input);
    bench.sim.pass(11);
    assert_eq!(bench.health(), ["healthy"]);
    bench.sim.pass(20);
    assert_eq!(bench.sim.describe()["deployments"][0]["rolloutState"], "COMPLETED");
    let input = json!({ "TargetGroupArn": group, "Matcher": { "HttpCode": "200" } });
    bench.sim.elb("ModifyTargetGroup", input);
    bench.sim.pass(25);
    assert!(bench.sim.stopped_reason().starts_with("Task failed ELB health checks"));
}

#[test]
fn target_groups_are_checked() {
    let mut bench = Balanced::new("ip");
    let good = bench.service("ghcr.io/acme/api:1", 1);
    let with = |member: &str, value: Value| {
        let mut input = good.clone();
        input["loadBalancers"][0][member] = value;
        input
    };
    let refused = [
        with("containerName", json!("web")),
        with("containerPort", json!(81)),
        with("targetGroupArn", json!(bench.group.replace("/api/", "/none/"))),
    ];
    for input in refused {
        let error = bench.sim.refused("CreateService", input.clone());
        assert!(error.starts_with("InvalidParameterException"), "{error}");
    }
    let rule = bench.rule.clone();
    bench.sim.elb("DeleteRule", json!({ "RuleArn": rule }));
    let expected = format!(
        "InvalidParameterException: The target group with targetGroupArn {} does not have an associated load balancer.",
        bench.group
    );
    assert_eq!(bench.sim.refused("CreateService", good), expected);
}

#[test]
fn instance_targets_do_not_fit_awsvpc() {
    let mut bench = Balanced::new("instance");
    let input = bench.service("ghcr.io/acme/api:1", 1);
    let error = bench.sim.refused("CreateService", input);
    assert!(
        error.ends_with("incompatible with the awsvpc network mode specified in the task definition."),
        "{error}"
    );
}

#[test]
fn load_balancers_change_in_place() {
    let mut bench = Balanced::new("ip");
    bench.sim.deploy("ghcr.io/acme/api:1", 1);
    bench.sim.pass(120);
    let balancers = bench.balancers();
    let changed = bench.sim.update(json!({ "loadBalancers": balancers }));
    assert_eq!(
        (&changed["loadBalancers"], changed["deployments"].as_array().unwrap().len()),
        (&balancers, 2)
    );
    bench.sim.pass(120);
    assert_eq!(bench.health(), ["healthy"]);
    bench.sim.update(json!({ "loadBalancers": [] }));
    bench.sim.pass(90);
    assert_eq!(bench.health(), ["draining"]);
}

#[test]
fn deleted_service_drains_its_targets() {
    let mut bench = Balanced::new("ip");
    bench.deploy("ghcr.io/acme/api:1", 1, 0);
    bench.sim.pass(120);
    bench.sim.ecs("DeleteService", json!({ "cluster": "main", "service": "api", "force": true })).unwrap();
    bench.sim.pass(60);
    assert_eq!(
        (bench.health(), bench.sim.describe()["status"].clone()),
        (vec!["draining".to_owned()], json!("DRAINING"))
    );
    bench.sim.pass(300);
    assert_eq!((bench.health().len(), bench.sim.describe()["status"].clone()), (0, json!("INACTIVE")));
}

#[test]
fn targets_on_instances_have_host_ports() {
    let mut balanced = Balanced::new("instance");
    balanced.sim.instance(1024, 2048, json!({}));
    let definition = balanced.sim.definition_on_instances("ghcr.io/acme/api:1");
    let balancers = balanced.balancers();
    balanced.sim.deploy_on_instances(definition, json!({ "desiredCount": 2, "loadBalancers": balancers }));
    balanced.sim.pass(120);
    assert_eq!(balanced.health(), ["healthy", "healthy"]);
    let input = json!({ "TargetGroupArn": balanced.group });
    let described = balanced.sim.elb("DescribeTargetHealth", input);
    let targets = described["TargetHealthDescriptions"].as_array().unwrap();
    let mut ports: Vec<u64> = targets.iter().map(|it| it["Target"]["Port"].as_u64().unwrap()).collect();
    ports.sort_unstable();
    assert_eq!(ports, [32768, 32769]);
    assert!(targets.iter().all(|it| it["Target"]["Id"].as_str().unwrap().starts_with("i-")));
    assert_eq!(balanced.sim.describe()["deployments"][0]["rolloutState"], "COMPLETED");

    let mut addresses = Balanced::new("ip");
    let definition = addresses.sim.definition_on_instances("ghcr.io/acme/api:1");
    let definition = addresses.sim.register_definition(definition);
    let refused = addresses.sim.refused(
        "CreateService",
        json!({
            "cluster": "main", "serviceName": "api", "taskDefinition": definition, "desiredCount": 1,
            "loadBalancers": addresses.balancers(),
        }),
    );
    assert!(
        refused.contains("target type ip, which is incompatible with the bridge network mode"),
        "{refused}"
    );
}
