use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    Cloud,
    testing::{cloud, json as call},
};

const WEB: &str = "service/shop/web";

type Answer = Result<Value, (String, String)>;

/// A cloud with a service that wants two tasks.
struct Bench(Cloud);

/// `input` with the members that name the target.
fn of(resource: &str, mut input: Value) -> Value {
    input["ServiceNamespace"] = json!("ecs");
    input["ResourceId"] = json!(resource);
    input["ScalableDimension"] = json!("ecs:service:DesiredCount");
    input
}

impl Bench {
    async fn new() -> Self {
        let bench = Self(cloud());
        bench.ecs("CreateCluster", json!({ "clusterName": "shop" })).await;
        let container = json!({ "name": "web", "image": "docker.io/library/nginx", "memory": 128 });
        let definition = json!({ "family": "web", "containerDefinitions": [container] });
        bench.ecs("RegisterTaskDefinition", definition).await;
        bench.deploy().await;
        bench
    }

    async fn deploy(&self) {
        let service = json!({
            "cluster": "shop", "serviceName": "web", "taskDefinition": "web", "desiredCount": 2, "launchType": "EC2",
        });
        self.ecs("CreateService", service).await;
    }

    /// A bench whose service is a target with the bounds 1 and 4.
    async fn registered() -> Self {
        let bench = Self::new().await;
        let bounds = json!({ "MinCapacity": 1, "MaxCapacity": 4 });
        bench.done("RegisterScalableTarget", of(WEB, bounds)).await;
        bench
    }

    async fn ecs(&self, operation: &str, input: Value) -> Value {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        call(&self.0, "ecs", &target, &input).await.unwrap()
    }

    async fn call(&self, operation: &str, input: Value) -> Answer {
        let target = format!("AnyScaleFrontendService.{operation}");
        call(&self.0, "application-autoscaling", &target, &input).await
    }

    async fn done(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).await.unwrap()
    }

    async fn refused(&self, operation: &str, input: Value) -> String {
        let (code, message) = self.call(operation, input.clone()).await.expect_err(&input.to_string());
        format!("{code}: {message}")
    }

    async fn count(&self) -> u64 {
        let input = json!({ "cluster": "shop", "services": ["web"] });
        self.ecs("DescribeServices", input).await["services"][0]["desiredCount"].as_u64().unwrap()
    }

    async fn targets(&self) -> Vec<Value> {
        let targets = self.done("DescribeScalableTargets", json!({ "ServiceNamespace": "ecs" })).await;
        targets["ScalableTargets"].as_array().unwrap().clone()
    }

    async fn list(&self, operation: &str, list: &str) -> Vec<Value> {
        let input = json!({ "ServiceNamespace": "ecs", "ResourceId": WEB });
        self.done(operation, input).await[list].as_array().unwrap().clone()
    }
}

fn tracking(name: &str, metric: &str, value: u32) -> Value {
    let configuration =
        json!({ "TargetValue": value, "PredefinedMetricSpecification": { "PredefinedMetricType": metric } });
    of(
        WEB,
        json!({
            "PolicyName": name,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": configuration,
        }),
    )
}

fn action(name: &str, schedule: &str, bounds: Value) -> Value {
    of(WEB, json!({ "ScheduledActionName": name, "Schedule": schedule, "ScalableTargetAction": bounds }))
}

#[tokio::test(start_paused = true)]
async fn registration_brings_count_into_bounds() {
    let bench = Bench::new().await;
    bench.done("RegisterScalableTarget", of(WEB, json!({ "MinCapacity": 3, "MaxCapacity": 9 }))).await;
    assert_eq!(bench.count().await, 3);
    bench.ecs("UpdateService", json!({ "cluster": "shop", "service": "web", "desiredCount": 7 })).await;
    bench.done("RegisterScalableTarget", of(WEB, json!({ "MaxCapacity": 5 }))).await;
    assert_eq!(bench.count().await, 5);
    let target = bench.targets().await.remove(0);
    assert_eq!((&target["MinCapacity"], &target["MaxCapacity"]), (&json!(3), &json!(5)));
    assert_eq!(target["SuspendedState"]["ScheduledScalingSuspended"], false);
    // A change of the count by others is their matter.
    bench.ecs("UpdateService", json!({ "cluster": "shop", "service": "web", "desiredCount": 1 })).await;
    assert_eq!(bench.count().await, 1);
}

#[tokio::test(start_paused = true)]
async fn target_goes_with_its_service() {
    let bench = Bench::registered().await;
    bench.done("PutScalingPolicy", tracking("cpu", "ECSServiceAverageCPUUtilization", 60)).await;
    bench.ecs("DeleteService", json!({ "cluster": "shop", "service": "web", "force": true })).await;
    assert!(bench.targets().await.is_empty());
    let message = bench.refused("RegisterScalableTarget", of(WEB, json!({}))).await;
    assert_eq!(message, "ValidationException: ECS service doesn't exist: service/shop/web");
    tokio::time::advance(Duration::from_secs(600)).await;
    bench.deploy().await;
    assert!(
        bench.targets().await.is_empty()
            && bench.list("DescribeScalingPolicies", "ScalingPolicies").await.is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn deregistration_takes_policies_and_actions_along() {
    let bench = Bench::registered().await;
    bench.done("PutScalingPolicy", tracking("cpu", "ECSServiceAverageCPUUtilization", 60)).await;
    bench
        .done("PutScheduledAction", action("night", "cron(0 22 * * ? *)", json!({ "MaxCapacity": 1 })))
        .await;
    bench.done("DeregisterScalableTarget", of(WEB, json!({}))).await;
    let again = bench.refused("DeregisterScalableTarget", of(WEB, json!({}))).await;
    assert_eq!(
        again,
        "ObjectNotFoundException: No scalable target found for service namespace: ecs, resource ID: service/shop/web, \
         scalable dimension: ecs:service:DesiredCount"
    );
    bench.done("RegisterScalableTarget", of(WEB, json!({ "MinCapacity": 0, "MaxCapacity": 4 }))).await;
    assert!(bench.list("DescribeScalingPolicies", "ScalingPolicies").await.is_empty());
    assert!(bench.list("DescribeScheduledActions", "ScheduledActions").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn policies_are_changed_and_deleted() {
    let bench = Bench::registered().await;
    let cpu = || tracking("cpu", "ECSServiceAverageCPUUtilization", 60);
    let made = bench.done("PutScalingPolicy", cpu()).await;
    assert_eq!(made["Alarms"].as_array().unwrap().len(), 2);
    let changed =
        bench.done("PutScalingPolicy", tracking("cpu", "ECSServiceAverageMemoryUtilization", 70)).await;
    assert_eq!((&changed["PolicyARN"], &changed["Alarms"]), (&made["PolicyARN"], &made["Alarms"]));
    let steps = json!({
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [
            { "ScalingAdjustment": 1, "MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0 },
            { "ScalingAdjustment": 3, "MetricIntervalLowerBound": 10.0 },
        ],
    });
    let queue = of(
        WEB,
        json!({ "PolicyName": "queue", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": steps }),
    );
    bench.done("PutScalingPolicy", queue).await;
    let policies = bench.list("DescribeScalingPolicies", "ScalingPolicies").await;
    assert_eq!(policies.len(), 2);
    assert_eq!(policies[0]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"], json!(70.0));
    assert_eq!(policies[1]["StepScalingPolicyConfiguration"], steps);
    let delete = || of(WEB, json!({ "PolicyName": "queue" }));
    bench.done("DeleteScalingPolicy", delete()).await;
    let again = bench.refused("DeleteScalingPolicy", delete()).await;
    assert!(
        again.starts_with("ObjectNotFoundException: No scaling policy found for")
            && again.ends_with("policy name: queue"),
        "{again}"
    );
}

#[tokio::test(start_paused = true)]
async fn scheduled_actions_run_on_the_clock() {
    let bench = Bench::registered().await;
    // The cloud begins at midnight.
    bench
        .done(
            "PutScheduledAction",
            action("day", "cron(0 8 * * ? *)", json!({ "MinCapacity": 4, "MaxCapacity": 8 })),
        )
        .await;
    bench
        .done(
            "PutScheduledAction",
            action("night", "cron(0 20 * * ? *)", json!({ "MinCapacity": 0, "MaxCapacity": 1 })),
        )
        .await;
    let bounds = async || {
        let target = bench.targets().await.remove(0);
        (
            target["MinCapacity"].as_u64().unwrap(),
            target["MaxCapacity"].as_u64().unwrap(),
            bench.count().await,
        )
    };
    for (hours, expected) in [(7, (1, 4, 2)), (2, (4, 8, 4)), (12, (0, 1, 1)), (12, (4, 8, 4))] {
        tokio::time::advance(Duration::from_secs(hours * 3600)).await;
        assert_eq!(bounds().await, expected);
    }
    bench
        .done(
            "PutScheduledAction",
            action("night", "rate(1 hour)", json!({ "MinCapacity": 2, "MaxCapacity": 3 })),
        )
        .await;
    let suspended = json!({ "SuspendedState": { "ScheduledScalingSuspended": true } });
    bench.done("RegisterScalableTarget", of(WEB, suspended)).await;
    tokio::time::advance(Duration::from_secs(5_400)).await;
    assert_eq!(bounds().await, (4, 8, 4), "suspended");
    let resumed = json!({ "SuspendedState": { "ScheduledScalingSuspended": false } });
    bench.done("RegisterScalableTarget", of(WEB, resumed)).await;
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert_eq!(bounds().await, (2, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn change_of_an_action_drops_start_and_end() {
    let bench = Bench::registered().await;
    let mut input = action("day", "rate(1 hour)", json!({ "MinCapacity": 3 }));
    input["StartTime"] = json!(1_795_392_000 + 86_400);
    input["EndTime"] = json!(1_795_392_000 + 2 * 86_400);
    bench.done("PutScheduledAction", input).await;
    let there = async || bench.list("DescribeScheduledActions", "ScheduledActions").await.remove(0);
    assert_eq!(there().await["EndTime"], json!(1_795_564_800.0));
    tokio::time::advance(Duration::from_secs(7_200)).await;
    assert_eq!(bench.count().await, 2, "it has not begun");
    let change = json!({ "ScheduledActionName": "day", "ScalableTargetAction": { "MaxCapacity": 1 } });
    bench.done("PutScheduledAction", of(WEB, change)).await;
    let action = there().await;
    assert_eq!((&action["EndTime"], &action["Schedule"]), (&Value::Null, &json!("rate(1 hour)")));
    assert_eq!(action["ScalableTargetAction"], json!({ "MaxCapacity": 1 }));
}

#[tokio::test(start_paused = true)]
async fn tags_of_targets_are_kept() {
    let bench = Bench::new().await;
    let tagged = json!({ "MinCapacity": 1, "MaxCapacity": 4, "Tags": { "team": "web" } });
    let made = bench.done("RegisterScalableTarget", of(WEB, tagged.clone())).await;
    let arn = made["ScalableTargetARN"].as_str().unwrap();
    let again = bench.refused("RegisterScalableTarget", of(WEB, tagged)).await;
    assert!(again.contains("use the TagResource API"), "{again}");
    bench.done("TagResource", json!({ "ResourceARN": arn, "Tags": { "cost": "7" } })).await;
    bench.done("UntagResource", json!({ "ResourceARN": arn, "TagKeys": ["team"] })).await;
    let tags = bench.done("ListTagsForResource", json!({ "ResourceARN": arn })).await;
    assert_eq!(tags["Tags"], json!({ "cost": "7" }));
    let target = "ResourceGroupsTaggingAPI_20170126.GetResources";
    let filter = json!({ "ResourceTypeFilters": ["application-autoscaling:scalable-target"] });
    let found = call(&bench.0, "tagging", target, &filter).await.unwrap();
    assert_eq!(found["ResourceTagMappingList"][0]["ResourceARN"], arn);
    let other = arn.replace("scalable-target/", "scalable-target/0");
    let missing = bench.refused("ListTagsForResource", json!({ "ResourceARN": other })).await;
    assert!(missing.starts_with("ResourceNotFoundException"), "{missing}");
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages() {
    let bench = Bench::registered().await;
    for index in 0..12 {
        let steps = json!({ "AdjustmentType": "ExactCapacity", "StepAdjustments": [{ "ScalingAdjustment": 1, "MetricIntervalLowerBound": 0 }] });
        let policy = json!({ "PolicyName": format!("p{index}"), "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": steps });
        bench.done("PutScalingPolicy", of(WEB, policy)).await;
    }
    let first = bench.done("DescribeScalingPolicies", json!({ "ServiceNamespace": "ecs" })).await;
    assert_eq!(first["ScalingPolicies"].as_array().unwrap().len(), 10);
    let next = json!({ "ServiceNamespace": "ecs", "NextToken": first["NextToken"] });
    let second = bench.done("DescribeScalingPolicies", next).await;
    assert_eq!(
        (second["ScalingPolicies"].as_array().unwrap().len(), &second["NextToken"]),
        (2, &Value::Null)
    );
    let named = json!({ "ServiceNamespace": "ecs", "PolicyNames": ["p3"] });
    let named = bench.done("DescribeScalingPolicies", named).await;
    assert_eq!(named["ScalingPolicies"].as_array().unwrap().len(), 1);
    let wrong = json!({ "ServiceNamespace": "ecs", "NextToken": "x" });
    assert!(bench.refused("DescribeScalableTargets", wrong).await.starts_with("InvalidNextTokenException"));
}

#[tokio::test(start_paused = true)]
async fn wrong_calls_are_refused() {
    let bench = Bench::registered().await;
    bench.done("PutScalingPolicy", tracking("cpu", "ECSServiceAverageCPUUtilization", 60)).await;
    let bounds = |min: i64, max: i64| json!({ "MinCapacity": min, "MaxCapacity": max });
    let mut requests = tracking("requests", "ALBRequestCountPerTarget", 100);
    let missing_label = requests.clone();
    requests["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["ResourceLabel"] =
        json!("web");
    let mut both = tracking("both", "ECSServiceAverageMemoryUtilization", 60);
    both["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"] =
        json!({ "MetricName": "x" });
    let steps = |adjustments: Value| {
        let configuration = json!({ "AdjustmentType": "ChangeInCapacity", "StepAdjustments": adjustments });
        of(
            WEB,
            json!({ "PolicyName": "queue", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": configuration }),
        )
    };
    let cases = [
        ("RegisterScalableTarget", of(WEB, bounds(5, 4))),
        ("RegisterScalableTarget", of(WEB, bounds(-1, 4))),
        ("RegisterScalableTarget", of("service/shop", bounds(1, 4))),
        ("RegisterScalableTarget", json!({ "ServiceNamespace": "ecs", "ResourceId": WEB })),
        (
            "RegisterScalableTarget",
            json!({ "ServiceNamespace": "ec", "ResourceId": WEB, "ScalableDimension": "ecs:service:DesiredCount" }),
        ),
        ("RegisterScalableTarget", of(WEB, json!({ "MinCapacity": "1" }))),
        ("RegisterScalableTarget", of(WEB, json!({ "Minimum": 1 }))),
        ("PutScalingPolicy", of("service/shop/api", tracking("cpu", "ECSServiceAverageCPUUtilization", 60))),
        ("PutScalingPolicy", tracking("twice", "ECSServiceAverageCPUUtilization", 70)),
        ("PutScalingPolicy", tracking("table", "DynamoDBReadCapacityUtilization", 70)),
        ("PutScalingPolicy", tracking("x", "CPU", 70)),
        ("PutScalingPolicy", missing_label),
        ("PutScalingPolicy", requests),
        ("PutScalingPolicy", both),
        ("PutScalingPolicy", of(WEB, json!({ "PolicyName": "cpu", "PolicyType": "StepScaling" }))),
        ("PutScalingPolicy", of(WEB, json!({ "PolicyName": "new" }))),
        ("PutScalingPolicy", of(WEB, json!({ "PolicyType": "StepScaling" }))),
        ("PutScalingPolicy", steps(json!([]))),
        ("PutScalingPolicy", steps(json!([{ "ScalingAdjustment": 1 }]))),
        ("PutScalingPolicy", steps(json!([{ "MetricIntervalLowerBound": 1 }]))),
        (
            "PutScalingPolicy",
            steps(json!([
                { "ScalingAdjustment": 1, "MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10 },
                { "ScalingAdjustment": 2, "MetricIntervalLowerBound": 20 },
            ])),
        ),
        ("PutScheduledAction", action("a/b", "rate(1 day)", bounds(1, 2))),
        ("PutScheduledAction", action("a", "0 8 * * *", bounds(1, 2))),
        ("PutScheduledAction", action("a", "rate(1 day)", bounds(3, 2))),
        ("PutScheduledAction", action("a", "rate(1 day)", json!({}))),
        ("PutScheduledAction", of("service/shop/api", action("a", "rate(1 day)", bounds(1, 2)))),
        ("DeleteScheduledAction", of(WEB, json!({ "ScheduledActionName": "a" }))),
        ("DescribeScalableTargets", json!({ "ServiceNamespace": "ecs", "MaxResults": 51 })),
        ("DescribeScalableTargets", json!({})),
        ("DescribeScalingActivities", json!({ "ServiceNamespace": "ecs" })),
    ];
    let mut all = Vec::new();
    for (operation, input) in cases {
        tokio::time::advance(Duration::from_secs(1)).await;
        all.push(bench.refused(operation, input).await);
    }
    insta::assert_snapshot!(all.join("\n"));
}
