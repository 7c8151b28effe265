//! Changes by hand.

use longshore_model::Action;
use serde_json::{Value, json};

use super::harness::Harness;

async fn declared() -> Harness {
    Harness::deployed(json!({
        "priority": 3,
        "health-check": { "path": "/up", "interval": 10 },
        "attributes": { "deregistration_delay.timeout_seconds": 15 },
    }))
    .await
}

/// The fields of the plan after a change, and whether the next deploy puts them back.
async fn seen(harness: &Harness, operation: &'static str, input: Value) -> Vec<String> {
    harness.call(operation, input).await;
    let plan = harness.plan().await.unwrap();
    harness.apply().await.unwrap();
    assert_eq!(harness.action().await, Action::NoChange);
    plan.changes.into_iter().map(|change| change.field).collect()
}

#[tokio::test(start_paused = true)]
async fn changes_of_declared_fields_are_put_back() {
    let harness = declared().await;
    let (group, rule) = (harness.group().await, harness.rule().await);
    let others = harness.others_group("others").await;
    let cases = [
        (
            "ModifyTargetGroup",
            json!({ "TargetGroupArn": group, "HealthCheckPath": "/", "HealthCheckIntervalSeconds": 60 }),
            vec!["HealthCheckIntervalSeconds", "HealthCheckPath"],
        ),
        (
            "ModifyTargetGroupAttributes",
            json!({ "TargetGroupArn": group, "Attributes": [
                { "Key": "deregistration_delay.timeout_seconds", "Value": "60" },
            ] }),
            vec!["attributes.deregistration_delay.timeout_seconds"],
        ),
        (
            "ModifyRule",
            json!({ "RuleArn": rule, "Conditions": [{ "Field": "path-pattern", "Values": ["/a"] }] }),
            vec!["rule.host-header", "rule.path-pattern"],
        ),
        (
            "ModifyRule",
            json!({ "RuleArn": rule, "Actions": [{ "Type": "forward", "TargetGroupArn": others }] }),
            vec!["rule.forward"],
        ),
        (
            "SetRulePriorities",
            json!({ "RulePriorities": [{ "RuleArn": rule, "Priority": 8 }] }),
            vec!["rule.priority"],
        ),
        (
            "RemoveTags",
            json!({ "ResourceArns": [group], "TagKeys": ["longshore:environment"] }),
            vec!["tags.longshore:environment"],
        ),
        ("DeleteRule", json!({ "RuleArn": rule }), vec!["rule.host-header", "rule.priority"]),
    ];
    for (operation, input, fields) in cases {
        assert_eq!(seen(&harness, operation, input).await, fields, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn undeclared_fields_stay() {
    let harness = declared().await;
    let group = harness.group().await;
    let modify = json!({ "TargetGroupArn": group, "HealthyThresholdCount": 9 });
    harness.call("ModifyTargetGroup", modify).await;
    let attributes = json!([{ "Key": "stickiness.enabled", "Value": "true" }]);
    let modify = json!({ "TargetGroupArn": group, "Attributes": attributes });
    harness.call("ModifyTargetGroupAttributes", modify).await;
    assert_eq!(harness.action().await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn shifted_traffic_is_no_drift() {
    let mut harness = declared().await;
    let (group, rule) = (harness.group().await, harness.rule().await);
    let alternate = harness.others_group("others").await;
    let weigh = |groups: Value| json!({ "RuleArn": rule, "Actions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }] });
    let weight = |arn: &str, weight: u32| json!({ "TargetGroupArn": arn, "Weight": weight });
    let shifted = weigh(json!([weight(&alternate, 100), weight(&group, 0)]));
    harness.call("ModifyRule", shifted).await;
    assert_eq!(harness.action().await, Action::NoChange);
    // Another change leaves the weights as they are.
    harness.configure(json!({ "priority": 9 }));
    harness.apply().await.unwrap();
    let rules = harness.rules().await;
    let action = rules[0].items("Actions").next().unwrap();
    let groups = action.child("ForwardConfig").unwrap().items("TargetGroups");
    let weights: Vec<_> = groups.map(|group| group.text_of("Weight").unwrap().to_owned()).collect();
    assert_eq!(weights, ["100", "0"]);

    let third = harness.others_group("third").await;
    let spread = weigh(json!([weight(&alternate, 1), weight(&group, 1), weight(&third, 1)]));
    assert_eq!(seen(&harness, "ModifyRule", spread).await, ["rule.forward"]);
}
