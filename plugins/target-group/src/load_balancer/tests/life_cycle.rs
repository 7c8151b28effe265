//! The whole life of a step.

use longshore_model::{Action, FailureKind};
use longshore_testkit::shown;
use serde_json::json;

use super::harness::{Harness, certificate};

#[tokio::test(start_paused = true)]
async fn step_lives_from_plan_to_removal() {
    let mut harness = Harness::new(json!({})).await;
    let planned = harness.plan().await.unwrap();
    let outputs = harness.apply().await.unwrap();
    let there = harness.there().await.unwrap();
    assert_eq!(there.child("State").unwrap().text_of("Code"), Some("active"));
    let text = |name: &str| there.text_of(name).unwrap().to_owned();
    let output = |name: &str| outputs.get(name).unwrap().to_owned();
    assert_eq!(output("load-balancer-arn"), text("LoadBalancerArn"));
    assert_eq!(output("url"), format!("http://{}/", text("DNSName")));
    assert_eq!(output("hosted-zone-id"), text("CanonicalHostedZoneId"));
    assert_eq!(output("listener-arn"), harness.listener_on("80").await);
    let groups = harness.groups().await;
    assert_eq!(
        (output("security-group"), output("target-security-group")),
        (groups[0].1.clone(), groups[1].1.clone())
    );
    assert_eq!(harness.listeners().await, ["HTTP 80 fixed-response"]);
    assert_eq!(harness.action().await, Action::NoChange);

    harness
        .configure(json!({ "certificate": certificate(1), "idle-timeout": 30, "ingress": ["10.0.0.0/8"] }));
    let changed = harness.plan().await.unwrap();
    let again = harness.apply().await.unwrap();
    assert_eq!(again.get("listener-arn"), outputs.get("listener-arn"), "its rules stay");
    assert!(again.get("url").unwrap().starts_with("https://"));
    assert_eq!(harness.listeners().await, ["HTTP 80 redirect", "HTTPS 443 fixed-response"]);
    assert_eq!(harness.action().await, Action::NoChange);

    harness.configure(json!({ "certificate": null, "port": 8080 }));
    harness.apply().await.unwrap();
    assert_eq!(harness.listeners().await, ["HTTP 8080 fixed-response"]);
    assert_eq!(harness.action().await, Action::NoChange);

    let removal = harness.plan_removal().await.unwrap();
    harness.remove().await.unwrap();
    assert!(harness.there().await.is_none() && harness.groups().await.is_empty());
    assert_eq!(harness.plan_removal().await.unwrap().action, Action::NoChange);
    harness.remove().await.unwrap();

    let all = [planned, changed, removal].map(|plan| shown(&plan)).join("\n");
    insta::with_settings!({ filters => vec![
        (r"(vpc|subnet|sg)-[0-9a-f]{17}", "$1-…"), (r"/[0-9a-f]{16}", "/…"), (r"shop-front-[0-9]{10}\.", "shop-front-….")
    ] }, { insta::assert_snapshot!(all) });
}

#[tokio::test(start_paused = true)]
async fn another_scheme_replaces_the_load_balancer() {
    let mut harness = Harness::deployed(json!({})).await;
    let before = harness.arn().await;
    harness.configure(json!({ "scheme": "internal", "ingress": ["10.0.0.0/8"] }));
    let plan = harness.plan().await.unwrap();
    assert_eq!(plan.action, Action::Replace);
    assert_eq!(plan.reason.as_deref(), Some("cannot be changed in place: Scheme"));
    assert!(plan.outputs.get("listener-arn").is_none(), "another one");
    harness.apply().await.unwrap();
    assert_ne!(harness.arn().await, before);
    assert_eq!(harness.action().await, Action::NoChange);
    harness.protects = true;
    harness.apply().await.unwrap();
    harness.configure(json!({ "scheme": null, "ingress": null }));
    assert_eq!(harness.plan().await.unwrap_err().kind, FailureKind::Protected);
}

#[tokio::test(start_paused = true)]
async fn existing_groups_take_the_place_of_made_ones() {
    let mut harness = Harness::deployed(json!({})).await;
    let others = harness.others_group("others").await;
    harness.configure(json!({ "security-groups": [others] }));
    assert_eq!(harness.fields().await, ["SecurityGroups", "GroupId", "GroupId"]);
    let plan = harness.plan().await.unwrap();
    let outputs = harness.apply().await.unwrap();
    assert_eq!((outputs.get("security-group"), outputs.get("target-security-group")), (Some(&others), None));
    assert_eq!((harness.groups().await, harness.action().await), (vec![], Action::NoChange));

    harness.undo(&plan).await.unwrap();
    let there = harness.there().await.unwrap();
    let group = there.items("SecurityGroups").next().unwrap().text().to_owned();
    assert_eq!((harness.groups().await.len(), group), (2, harness.group().await));
    harness.configure(json!({ "security-groups": null }));
    assert_eq!(harness.action().await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn deletion_protection_is_seen_when_planning() {
    let mut harness =
        Harness::deployed(json!({ "attributes": { "deletion_protection.enabled": true } })).await;
    let failure = harness.plan_removal().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Protected);
    assert_eq!(harness.remove().await.unwrap_err().kind, FailureKind::Protected);
    harness.configure(json!({ "attributes": { "deletion_protection.enabled": false } }));
    harness.apply().await.unwrap();
    harness.remove().await.unwrap();
    assert!(harness.there().await.is_none());
}
