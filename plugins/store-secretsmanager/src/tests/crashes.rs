//! Wherever a run ends, the next one goes on.

use longshore_model::{Action, FailureKind};
use longshore_simcloud::Effect;
use serde_json::json;

use super::harness::{Harness, NAME, credential};

/// More than the SDK's attempts: the call is done, and the caller does not learn of it, as when the process is killed.
const ALL: u32 = longshore_aws::ATTEMPTS;

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_after_any_call_is_completed_by_the_next() {
    for operation in ["CreateSecret", "RestoreSecret", "TagResource", "UpdateSecret", "PutSecretValue"] {
        let mut harness = Harness::new(json!({}));
        let (old, new) = (credential("ghp_old"), credential("ghp_new"));
        if operation != "CreateSecret" {
            harness.apply(&old).await.unwrap();
            harness.spec.description = "changed".into();
            let client = harness.client().await;
            client.untag_resource().secret_id(NAME).tag_keys("longshore:resource").send().await.unwrap();
        }
        if operation == "RestoreSecret" {
            harness.remove().await.unwrap();
        }
        harness.fault(&format!("secretsmanager:{operation}"), ALL, Effect::LoseAnswer);
        let failure = harness.apply(&new).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
        assert!(failure.at.unwrap().contains(operation));

        harness.apply(&new).await.unwrap();
        assert_eq!(harness.stored().await.as_ref(), Some(new.expose()), "{operation}");
        assert_eq!(harness.action(&new).await, Action::NoChange, "{operation}");
        let versions = if operation == "CreateSecret" { 1 } else { 2 };
        assert_eq!(harness.versions().await, versions, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_on_the_way_makes_nothing_twice() {
    let harness = Harness::new(json!({}));
    harness.fault("secretsmanager:CreateSecret", 1, Effect::LoseAnswer);
    harness.apply(&credential("ghp_1")).await.unwrap();
    assert_eq!(harness.versions().await, 1);

    harness.fault("secretsmanager:PutSecretValue", 1, Effect::LoseAnswer);
    harness.apply(&credential("ghp_2")).await.unwrap();
    assert_eq!(harness.versions().await, 2);
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_agree() {
    let harness = Harness::new(json!({}));
    let value = credential("ghp_1");
    let (one, other) = tokio::join!(harness.apply(&value), harness.apply(&value));
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(harness.versions().await, 1);

    let (one, other) = (credential("ghp_one"), credential("ghp_other"));
    let (first, second) = tokio::join!(harness.apply(&one), harness.apply(&other));
    first.unwrap();
    second.unwrap();
    let stored = harness.stored().await.unwrap();
    assert!([one.expose(), other.expose()].contains(&&stored));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_a_forced_deletion_still_holds_is_waited_for() {
    let harness = Harness::new(json!({}));
    harness.apply(&credential("ghp_1")).await.unwrap();
    let client = harness.client().await;
    client.delete_secret().secret_id(NAME).force_delete_without_recovery(true).send().await.unwrap();
    assert_eq!(harness.action(&credential("ghp_1")).await, Action::Create);
    harness.apply(&credential("ghp_1")).await.unwrap();
    assert_eq!(harness.action(&credential("ghp_1")).await, Action::NoChange);
    assert!(harness.calls("secretsmanager:CreateSecret") > 2);
}
