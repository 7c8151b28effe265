//! Wherever a run ends, the next one goes on.

use longshore_model::{Action, FailureKind};
use longshore_simcloud::Effect;
use serde_json::json;

use super::harness::Harness;

/// More than the SDK's attempts: the call is done, and the run ends as if the process were killed.
const ALL: u32 = longshore_aws::ATTEMPTS;

/// A step of which everything is to be changed.
async fn drifted() -> Harness {
    let mut harness = Harness::deployed(json!({})).await;
    let group = harness.group().await;
    let untag = json!({ "ResourceArns": [group], "TagKeys": ["longshore:environment"] });
    harness.call("RemoveTags", untag).await;
    harness.configure(json!({
        "host": "other.example",
        "priority": 9,
        "health-check": { "path": "/health" },
        "attributes": { "deregistration_delay.timeout_seconds": 30 },
    }));
    harness
}

#[tokio::test(start_paused = true)]
async fn interrupted_run_is_completed_by_the_next() {
    let attributes = json!({ "attributes": { "deregistration_delay.timeout_seconds": 15 } });
    for (operation, is_new) in [
        ("CreateTargetGroup", true),
        ("ModifyTargetGroupAttributes", true),
        ("CreateRule", true),
        ("ModifyTargetGroup", false),
        ("ModifyTargetGroupAttributes", false),
        ("AddTags", false),
        ("ModifyRule", false),
        ("SetRulePriorities", false),
    ] {
        let harness = if is_new { Harness::new(attributes.clone()).await } else { drifted().await };
        harness.fault(operation, ALL, Effect::LoseAnswer);
        let failure = harness.apply().await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
        assert!(failure.at.unwrap().contains(operation));
        harness.apply().await.unwrap();
        assert_eq!(harness.action().await, Action::NoChange, "{operation}");
        assert_eq!(harness.rules().await.len(), 1, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn interrupted_replacement_is_completed_by_the_next() {
    for operation in ["DeleteRule", "DeleteTargetGroup", "CreateTargetGroup", "CreateRule"] {
        let mut harness = Harness::deployed(json!({})).await;
        harness.configure(json!({ "port": 8080 }));
        harness.fault(operation, ALL, Effect::LoseAnswer);
        harness.apply().await.unwrap_err();
        harness.apply().await.unwrap();
        assert_eq!(harness.action().await, Action::NoChange, "{operation}");
        assert_eq!(harness.rules().await.len(), 1, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn interrupted_move_is_completed_by_the_next() {
    for operation in ["CreateRule", "DeleteRule"] {
        let mut harness = Harness::deployed(json!({})).await;
        let other = harness.listen(8080).await;
        harness.configure(json!({ "listener": other }));
        harness.fault(operation, ALL, Effect::LoseAnswer);
        harness.apply().await.unwrap_err();
        harness.apply().await.unwrap();
        assert_eq!(harness.action().await, Action::NoChange, "{operation}");
        assert!(harness.rules().await.is_empty(), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn interrupted_removal_is_completed_by_the_next() {
    for operation in ["DeleteRule", "DeleteTargetGroup"] {
        let harness = Harness::deployed(json!({})).await;
        harness.fault(operation, ALL, Effect::LoseAnswer);
        assert_eq!(harness.remove().await.unwrap_err().kind, FailureKind::Unavailable);
        harness.remove().await.unwrap();
        assert!(harness.there().await.is_none() && harness.rules().await.is_empty(), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_do_no_harm() {
    for operation in ["CreateTargetGroup", "CreateRule", "ModifyRule", "SetRulePriorities"] {
        let harness = if operation.starts_with("Create") {
            Harness::new(json!({ "priority": 4 })).await
        } else {
            drifted().await
        };
        harness.fault(operation, 1, Effect::LoseAnswer);
        harness.apply().await.unwrap();
        assert_eq!(
            (harness.action().await, harness.rules().await.len()),
            (Action::NoChange, 1),
            "{operation}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn priority_that_others_take_is_not_the_end() {
    let harness = Harness::new(json!({})).await;
    harness.refuse("CreateRule", "PriorityInUse", "Priority '1' is currently in use");
    harness.apply().await.unwrap();
    assert_eq!(harness.rules().await.len(), 1);
}
