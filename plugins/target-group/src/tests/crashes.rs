//! Replacements and moves that end anywhere, and answers that are lost.

use longshore_model::Action;
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
