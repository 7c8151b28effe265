//! Resources of others.

use longshore_model::{Action, FailureKind};
use serde_json::json;

use super::harness::{Harness, NAME};

#[tokio::test(start_paused = true)]
async fn adopted_rule_gets_the_declared_conditions() {
    let mut harness = Harness::new(json!({})).await;
    let group = harness.others_group(NAME).await;
    let rule = harness.others_rule(12, &group).await;
    harness.adopts = true;
    harness.apply().await.unwrap();
    assert_eq!((harness.rule().await, harness.rules().await.len()), (rule, 1));
    harness.adopts = false;
    assert_eq!(harness.action().await, Action::NoChange);
    assert_eq!(harness.rules().await[0].text_of("Priority"), Some("12"), "undeclared stays");
}

#[tokio::test(start_paused = true)]
async fn undone_adoption_leaves_no_tags() {
    let mut harness = Harness::new(json!({})).await;
    let group = harness.others_group(NAME).await;
    harness.adopts = true;
    let plan = harness.plan().await.unwrap();
    harness.apply().await.unwrap();
    harness.undo(&plan).await.unwrap();
    let tags = harness.call("DescribeTags", json!({ "ResourceArns": [group] })).await;
    assert_eq!(tags.items("TagDescriptions").next().unwrap().items("Tags").count(), 0);
    assert!(harness.rules().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn used_group_is_not_deleted() {
    let harness = Harness::deployed(json!({})).await;
    let group = harness.group().await;
    let rule = harness.others_rule(30, &group).await;
    let failure = harness.remove().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(failure.message.contains("still forwards to the target group"), "{failure}");
    harness.call("DeleteRule", json!({ "RuleArn": rule })).await;
    harness.remove().await.unwrap();
    assert!(harness.there().await.is_none());
}
