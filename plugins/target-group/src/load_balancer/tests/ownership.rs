//! Resources of others.

use longshore_model::{Action, FailureKind};
use longshore_plugin::{Declared, Stays, UndeclaredResource};
use longshore_simcloud::{ApiError, Effect};
use serde_json::json;

use super::harness::{Harness, NAME, plugin};

#[tokio::test(start_paused = true)]
async fn group_of_others_is_refused_when_planning() {
    let harness = Harness::new(json!({})).await;
    harness.others_group(NAME).await;
    let failure = harness.plan().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(failure.message.contains("security group `shop-front` exists"), "{failure}");
    assert!(harness.there().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn listener_of_others_keeps_its_port() {
    let mut harness = Harness::deployed(json!({})).await;
    harness.others_listener(8080).await;
    assert_eq!(harness.action().await, Action::NoChange);
    harness.configure(json!({ "port": 8080 }));
    let failure = harness.plan().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(failure.message.contains("listener on port 8080"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn load_balancer_that_others_use_stays() {
    let harness = Harness::deployed(json!({})).await;
    let listener = harness.others_listener(8080).await;
    let failure = harness.plan_removal().await.unwrap_err();
    assert!(failure.message.ends_with("has a listener that this stack does not own"), "{failure}");
    harness.elb("DeleteListener", json!({ "ListenerArn": listener })).await;

    let rule = json!({
        "ListenerArn": harness.listener_on("80").await,
        "Priority": 1,
        "Conditions": [{ "Field": "path-pattern", "Values": ["/others"] }],
        "Actions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "200" } }],
    });
    harness.elb("CreateRule", rule).await;
    let failure = harness.remove().await.unwrap_err();
    assert!(failure.message.ends_with("has a rule that this stack does not own"), "{failure}");
    assert!(harness.there().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn adopted_load_balancer_gets_the_declared_group() {
    let mut harness = Harness::new(json!({})).await;
    let arn = harness.others_balancer().await;
    let listener = harness.others_listener(80).await;
    harness.adopts = true;
    let plan = harness.plan().await.unwrap();
    assert_eq!(plan.action, Action::Adopt);
    harness.apply().await.unwrap();
    assert_eq!((harness.arn().await, harness.listener_on("80").await), (arn.clone(), listener));
    harness.adopts = false;
    assert_eq!(harness.action().await, Action::NoChange);
    harness.adopts = true;
    harness.undo(&plan).await.unwrap();
    let tags = harness.elb("DescribeTags", json!({ "ResourceArns": [arn] })).await;
    assert_eq!(tags.items("TagDescriptions").next().unwrap().items("Tags").count(), 0);
    assert!(harness.groups().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn orphans_go_in_the_order_of_their_use() {
    let harness = Harness::deployed(json!({})).await;
    let orphans = plugin(&harness.aws).undeclared().remove(0);
    let context = harness.context_of("shop", "undeclared.load-balancers");
    let none = Declared::default();
    let titles =
        |found: &[UndeclaredResource]| found.iter().map(|orphan| orphan.resource.clone()).collect::<Vec<_>>();
    let groups = ["security group shop-front-targets", "security group shop-front"];
    let found = orphans.find(&context, &none).await.unwrap();
    assert_eq!(titles(&found), ["load balancer shop-front"]);
    assert_eq!(titles(&orphans.along(&context, &none, &found[0]).await.unwrap()), groups);
    harness.fault("ec2:DeleteSecurityGroup", 1, Effect::Refuse(ApiError::new("UnauthorizedOperation", "no")));
    orphans.remove(&context, &none, &found[0]).await.unwrap_err();
    assert!(harness.there().await.is_none());

    let found = orphans.find(&context, &none).await.unwrap();
    assert_eq!(titles(&found), groups);
    for orphan in &found {
        orphans.remove(&context, &none, orphan).await.unwrap();
    }
    assert!(harness.groups().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn protected_orphan_stays() {
    let mut harness = Harness::new(json!({})).await;
    harness.protects = true;
    harness.apply().await.unwrap();
    let orphans = plugin(&harness.aws).undeclared().remove(0);
    let context = harness.context_of("shop", "undeclared.load-balancers");
    let found = orphans.find(&context, &Declared::default()).await.unwrap();
    assert!(found.iter().all(|orphan| orphan.stays == Some(Stays::Protected)), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn undo_of_nothing_leaves_the_load_balancer() {
    let mut harness = Harness::deployed(json!({})).await;
    let there = harness.arn().await;
    // Another process, which knew the subnets only after other steps and ended before it changed anything.
    harness.configure(json!({}));
    let plan = longshore_model::StepPlan::new(Action::Create, "load balancer shop-front");
    harness.undo(&plan).await.unwrap();
    assert_eq!((harness.arn().await, harness.groups().await.len()), (there, 2));
}
