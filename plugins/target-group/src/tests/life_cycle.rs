//! The whole life of a step.

use longshore_model::{Action, FailureKind};
use longshore_testkit::shown;
use serde_json::json;

use super::harness::Harness;

#[tokio::test(start_paused = true)]
async fn step_lives_from_plan_to_removal() {
    let mut harness = Harness::new(json!({
        "path": ["/api/*"],
        "health-check": { "path": "/up", "interval": 10, "timeout": 3, "matcher": "200-204" },
        "attributes": { "deregistration_delay.timeout_seconds": 15 },
    }))
    .await;
    let planned = harness.plan().await.unwrap();
    let outputs = harness.apply().await.unwrap();
    assert_eq!(outputs.get("url").unwrap(), "http://shop.example/api/");
    assert_eq!(outputs.get("load-balancer-arn").unwrap(), &harness.balancer);
    assert_eq!(outputs.get("target-group-arn").unwrap(), &harness.group().await);
    assert_eq!(outputs.get("listener-rule-arn").unwrap(), &harness.rule().await);
    assert_eq!(harness.action().await, Action::NoChange);

    harness.configure(json!({
        "host": ["shop.example", "www.shop.example"],
        "path": null,
        "priority": 7,
        "health-check": { "path": "/health", "interval": 20 },
        "attributes": { "deregistration_delay.timeout_seconds": 30, "stickiness.enabled": true },
    }));
    let changed = harness.plan().await.unwrap();
    let again = harness.apply().await.unwrap();
    assert_eq!(again.get("target-group-arn"), outputs.get("target-group-arn"), "in place");
    assert_eq!(again.get("listener-rule-arn"), outputs.get("listener-rule-arn"), "in place");
    assert_eq!(harness.action().await, Action::NoChange);
    let there = harness.there().await.unwrap();
    let fields = ["HealthCheckPath", "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds"];
    assert_eq!(fields.map(|field| there.text_of(field).unwrap()), ["/health", "20", "3"], "undeclared stays");
    assert_eq!(harness.rules().await[0].text_of("Priority"), Some("7"));

    let removal = harness.plan_removal().await.unwrap();
    harness.remove().await.unwrap();
    assert!(harness.there().await.is_none() && harness.rules().await.is_empty());
    assert_eq!(harness.plan_removal().await.unwrap().action, Action::NoChange);
    harness.remove().await.unwrap();

    let all = [planned, changed, removal].map(|plan| shown(&plan)).join("\n");
    insta::with_settings!({ filters => vec![
        (r"vpc-[0-9a-f]{17}", "vpc-…"), (r"/[0-9a-f]{16}", "/…"), (r"shop-[0-9]{10}\.", "shop-….")
    ] }, { insta::assert_snapshot!(all) });
}

#[tokio::test(start_paused = true)]
async fn priority_is_found_and_stays() {
    let harness = Harness::new(json!({})).await;
    let others = harness.others_group("others").await;
    harness.others_rule(41, &others).await;
    harness.apply().await.unwrap();
    let priorities = async || {
        let rules = harness.rules().await;
        rules.iter().map(|rule| rule.text_of("Priority").unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(priorities().await, ["41", "42"]);
    harness.others_rule(50_000, &others).await;
    assert_eq!(harness.action().await, Action::NoChange);
    // After the last one, nothing is free: a gap before it is.
    let rule = harness.rules().await[1].text_of("RuleArn").unwrap().to_owned();
    harness.call("DeleteRule", json!({ "RuleArn": rule })).await;
    harness.apply().await.unwrap();
    assert_eq!(priorities().await, ["1", "41", "50000"]);
}

#[tokio::test(start_paused = true)]
async fn taken_priority_is_refused() {
    let harness = Harness::new(json!({ "priority": 5 })).await;
    let others = harness.others_group("others").await;
    harness.others_rule(5, &others).await;
    let failure = harness.apply().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(failure.message.ends_with("has the priority 5"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn fixed_field_replaces_the_group() {
    let mut harness = Harness::deployed(json!({})).await;
    let (group, rule) = (harness.group().await, harness.rule().await);
    harness.configure(json!({ "port": 8080, "protocol-version": "HTTP2" }));
    let plan = harness.plan().await.unwrap();
    assert_eq!(plan.action, Action::Replace);
    assert_eq!(plan.reason.as_deref(), Some("cannot be changed in place: Port, ProtocolVersion"));
    assert!(plan.outputs.get("target-group-arn").is_none(), "another one");
    harness.apply().await.unwrap();
    assert!(harness.group().await != group && harness.rule().await != rule);
    assert_eq!(harness.there().await.unwrap().text_of("Port"), Some("8080"));
    assert_eq!(harness.action().await, Action::NoChange);
    harness.protects = true;
    harness.apply().await.unwrap();
    harness.configure(json!({ "port": 8081 }));
    assert_eq!(harness.plan().await.unwrap_err().kind, FailureKind::Protected);
}

#[tokio::test(start_paused = true)]
async fn rule_moves_to_another_listener() {
    let mut harness = Harness::deployed(json!({})).await;
    let group = harness.group().await;
    let other = harness.listen(8080).await;
    harness.configure(json!({ "listener": other }));
    let plan = harness.plan().await.unwrap();
    assert_eq!((plan.action, plan.changes[0].field.as_str()), (Action::Update, "rule.listener"));
    assert!(plan.outputs.get("listener-rule-arn").is_none(), "another one");
    let outputs = harness.apply().await.unwrap();
    assert_eq!(outputs.get("url").unwrap(), "http://shop.example:8080/");
    assert_eq!(harness.group().await, group);
    assert!(harness.rules().await.is_empty());
    assert_eq!(harness.action().await, Action::NoChange);
    harness.remove().await.unwrap();
    assert!(harness.there().await.is_none());
}
