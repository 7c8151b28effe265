//! Behaviour beyond the suite of step plugins: others' policies, schedules, requests per target.

use std::time::Duration;

use longshore_model::{Action, FailureKind, Inputs};
use longshore_simcloud::{ApiError, Effect, Fault};
use longshore_testkit::shown;
use serde_json::{Value, json};

use super::harness::Harness;

fn tracking(name: &str, value: u32) -> Value {
    let metric = json!({ "PredefinedMetricType": "ECSServiceAverageCPUUtilization" });
    json!({
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": { "TargetValue": value, "PredefinedMetricSpecification": metric },
    })
}

async fn policies(harness: &Harness) -> Vec<String> {
    let answer = harness.call("DescribeScalingPolicies", json!({})).await;
    let policies = answer["ScalingPolicies"].as_array().unwrap().clone();
    policies.iter().map(|policy| policy["PolicyName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn first_plan_shows_every_field() {
    let harness = Harness::new(json!({
        "cpu": 60,
        "aws": { "scheduled-actions": { "xmas": {
            "Schedule": "at(2026-12-24T18:00:00)", "ScalableTargetAction": { "MaxCapacity": 0 },
            "StartTime": "2026-12-01T00:00:00Z",
        } } },
    }))
    .await;
    insta::assert_snapshot!(shown(&harness.plan().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn policies_of_others_stay_and_are_named() {
    let harness = Harness::new(json!({ "memory": 70 })).await;
    harness.apply().await.unwrap();
    harness.call("PutScalingPolicy", tracking("theirs", 60)).await;
    let plan = harness.plan().await.unwrap();
    assert_eq!(plan.action, Action::NoChange);
    assert_eq!(
        plan.notes[0],
        "the scaling policy `theirs` stays, because its name does not begin with `longshore-`"
    );
    let removal = harness.node().step.plan_removal(&harness.context()).await.unwrap();
    assert_eq!(removal.notes[0], "AWS removes the scaling policy `theirs` with it");
    let harness = harness.configured(json!({}));
    harness.apply().await.unwrap();
    assert_eq!(policies(&harness).await, ["theirs"]);
}

#[tokio::test(start_paused = true)]
async fn policy_of_others_is_taken_over_by_its_name() {
    let harness = Harness::new(json!({ "aws": { "policies": { "cpu": tracking("theirs", 50) } } })).await;
    harness.call("RegisterScalableTarget", json!({ "MinCapacity": 1, "MaxCapacity": 4 })).await;
    harness.call("PutScalingPolicy", tracking("theirs", 60)).await;
    let (node, context) = (harness.node(), harness.context().adopting(true));
    let plan = node.step.plan(&context, &harness.inputs()).await.unwrap();
    let fields: Vec<_> = plan.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(plan.action, Action::Adopt);
    assert!(
        fields.contains(&"policies.cpu.TargetTrackingScalingPolicyConfiguration.TargetValue"),
        "{fields:?}"
    );
    node.step.apply(&context, &harness.inputs(), &plan).await.unwrap();
    assert_eq!(harness.plan().await.unwrap().action, Action::NoChange);
    assert_eq!(policies(&harness).await, ["theirs"]);
}

#[tokio::test(start_paused = true)]
async fn renamed_policy_for_the_same_metric_goes_first() {
    let harness = Harness::new(json!({ "cpu": 60 })).await;
    harness.apply().await.unwrap();
    let mut other = tracking("", 60);
    other.as_object_mut().unwrap().remove("PolicyName");
    let harness = harness.configured(json!({ "aws": { "policies": { "load": other } } }));
    harness.apply().await.unwrap();
    assert_eq!(policies(&harness).await, ["longshore-load"]);
}

#[tokio::test(start_paused = true)]
async fn policy_of_another_type_is_made_anew() {
    let steps = json!({
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{ "MetricIntervalLowerBound": 0, "ScalingAdjustment": 1 }],
    });
    let harness = Harness::new(
        json!({ "aws": { "policies": { "load": { "StepScalingPolicyConfiguration": steps } } } }),
    );
    let harness = harness.await;
    let first = harness.apply().await.unwrap();
    let mut other = tracking("", 60);
    other.as_object_mut().unwrap().remove("PolicyName");
    let harness = harness.configured(json!({ "aws": { "policies": { "load": other } } }));
    let plan = harness.plan().await.unwrap();
    assert!(plan.outputs.get("load-policy-arn").is_none(), "another one");
    let second = harness.apply().await.unwrap();
    assert_ne!(first.get("load-policy-arn"), second.get("load-policy-arn"));
    assert_eq!(harness.plan().await.unwrap().action, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn bounds_of_scheduled_actions_are_no_drift() {
    let action =
        json!({ "Schedule": "rate(1 hour)", "ScalableTargetAction": { "MinCapacity": 2, "MaxCapacity": 3 } });
    let harness = Harness::new(json!({ "aws": { "scheduled-actions": { "often": action } } })).await;
    harness.apply().await.unwrap();
    tokio::time::advance(Duration::from_secs(4_000)).await;
    let target = harness.target().await.unwrap();
    assert_eq!((&target["MinCapacity"], &target["MaxCapacity"]), (&json!(2), &json!(3)));
    assert_eq!(harness.plan().await.unwrap().action, Action::NoChange);
    harness.call("RegisterScalableTarget", json!({ "MaxCapacity": 9 })).await;
    assert_eq!(harness.plan().await.unwrap().action, Action::Update);
}

#[tokio::test(start_paused = true)]
async fn target_group_becomes_a_label() {
    let group = json!({ "from": "steps.web", "output": "target-group-arn" });
    let harness =
        Harness::new(json!({ "requests-per-target": { "value": 1000, "target-group-arn": group } })).await;
    let plan = harness.plan().await.unwrap();
    let label = plan.changes.iter().find(|change| change.field.ends_with("ResourceLabel")).unwrap();
    assert_eq!(label.new.as_ref().unwrap().to_string(), "(known after apply)");

    let elb = harness.aws.elbv2().await.unwrap();
    let subnets = harness.aws.ec2().await.unwrap().call("DescribeSubnets", json!({})).await.unwrap();
    let subnets: Vec<_> = subnets.items("subnetSet").collect();
    let ids: Vec<_> = subnets.iter().filter_map(|subnet| subnet.text_of("subnetId")).collect();
    let made = elb.call("CreateLoadBalancer", json!({ "Name": "shop", "Subnets": ids })).await.unwrap();
    let balancer = made.items("LoadBalancers").next().unwrap().text_of("LoadBalancerArn").unwrap().to_owned();
    let wanted = json!({
        "Name": "web", "Protocol": "HTTP", "Port": 80, "TargetType": "ip", "VpcId": subnets[0].text_of("vpcId"),
    });
    let made = elb.call("CreateTargetGroup", wanted).await.unwrap();
    let group = made.items("TargetGroups").next().unwrap().text_of("TargetGroupArn").unwrap().to_owned();
    let service = harness.inputs();
    let known = service.iter().map(|(name, value)| (name.to_owned(), value.clone()));
    let known = known
        .chain([("steps.web.target-group-arn".to_owned(), longshore_model::Known::Value(group.clone()))]);
    let inputs: Inputs = known.collect();
    let node = harness.node();
    let failure = node.step.plan(&harness.context(), &inputs).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound, "{failure}");
    let forward = json!([{ "Type": "forward", "TargetGroupArn": group }]);
    let listener =
        json!({ "LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": forward });
    elb.call("CreateListener", listener).await.unwrap();
    let plan = node.step.plan(&harness.context(), &inputs).await.unwrap();
    node.step.apply(&harness.context(), &inputs, &plan).await.unwrap();
    let policy = harness.call("DescribeScalingPolicies", json!({})).await["ScalingPolicies"][0].clone();
    let metric = &policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"];
    let label = metric["ResourceLabel"].as_str().unwrap();
    assert!(label.starts_with("app/shop/") && label.contains("/targetgroup/web/"), "{label}");
    let plan = node.step.plan(&harness.context(), &inputs).await.unwrap();
    assert_eq!(plan.action, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn concurrent_change_is_waited_for() {
    let harness = Harness::new(json!({ "cpu": 60 })).await;
    let refused = |operation: &str, code: &str| Fault {
        operation: format!("application-autoscaling:{operation}"),
        after: 0,
        times: 2,
        effect: Effect::Refuse(ApiError::new(code, "later")),
    };
    harness.cloud.inject(refused("RegisterScalableTarget", "ValidationException"));
    harness.cloud.inject(refused("PutScalingPolicy", "ObjectNotFoundException"));
    harness.apply().await.unwrap();
    let harness = harness.configured(json!({ "cpu": 70 }));
    harness.cloud.inject(refused("PutScalingPolicy", "ConcurrentUpdateException"));
    harness.apply().await.unwrap();
    assert_eq!(harness.plan().await.unwrap().action, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn replaced_service_gets_another_target() {
    let harness = Harness::new(json!({ "cpu": 60 })).await;
    harness.apply().await.unwrap();
    let plan = harness.node().step.plan(&harness.context(), &Inputs::default()).await.unwrap();
    assert_eq!(plan.action, Action::Create);
    harness.ecs("DeleteService", json!({ "service": "web", "force": true })).await;
    assert!(harness.target().await.is_none());
}
