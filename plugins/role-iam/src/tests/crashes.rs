//! Wherever a run ends, the next one goes on.

use longshore_effort::Effort;
use longshore_model::{Action, FailureKind};
use longshore_simcloud::Effect;
use serde_json::json;

use super::harness::{Harness, NAME};

/// More than the SDK's attempts: the call is done, and the caller does not learn of it, as when the process is killed.
const ALL: u32 = longshore_aws::ATTEMPTS;

/// A role in which everything is to be changed.
async fn drifted() -> Harness {
    let mut harness = Harness::new(json!({}));
    harness.apply().await.unwrap();
    let client = harness.client().await;
    client.untag_role().role_name(NAME).tag_keys("longshore:resource").send().await.unwrap();
    let document =
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "a:b", "Resource": "*"}});
    let request = client.put_role_policy().role_name(NAME).policy_name("by-hand");
    request.policy_document(document.to_string()).send().await.unwrap();
    harness.spec.managed_policies = vec!["service-role/AWSLambdaBasicExecutionRole".into()];
    let everything = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let boundary =
        harness.policy("boundary", json!({"Version": "2012-10-17", "Statement": everything})).await;
    harness.configure(json!({"confused-deputy-conditions": false, "permissions-boundary": boundary}));
    harness
        .spec
        .secrets
        .push(super::harness::secret("arn:aws:secretsmanager:eu-central-1:123456789012:secret:other-123456"));
    harness
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_after_any_call_is_completed_by_the_next() {
    for operation in [
        "CreateRole",
        "TagRole",
        "UpdateAssumeRolePolicy",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "AttachRolePolicy",
        "DeleteRolePolicy",
        "DetachRolePolicy",
    ] {
        let harness = if operation == "CreateRole" { Harness::new(json!({})) } else { drifted().await };
        harness.fault(&format!("iam:{operation}"), ALL, Effect::LoseAnswer);
        // A step has an effort, which counts the pauses between the attempts.
        let failure = Effort::default().run(harness.apply()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
        assert!(failure.at.unwrap().contains(operation));

        harness.apply().await.unwrap();
        assert_eq!(harness.action().await, Action::NoChange, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_dies_after_any_call_is_completed_by_the_next() {
    for operation in ["DetachRolePolicy", "DeleteRolePolicy", "DeleteRole"] {
        let harness = Harness::new(json!({}));
        harness.apply().await.unwrap();
        harness.fault(&format!("iam:{operation}"), ALL, Effect::LoseAnswer);
        assert_eq!(harness.remove().await.unwrap_err().kind, FailureKind::Unavailable);
        harness.remove().await.unwrap();
        assert!(!harness.exists().await, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_lost_on_the_way_do_no_harm() {
    for operation in [
        "CreateRole",
        "PutRolePolicy",
        "AttachRolePolicy",
        "SimulatePrincipalPolicy",
        "DeleteRole",
        "DetachRolePolicy",
    ] {
        let harness = Harness::new(json!({}));
        harness.fault(&format!("iam:{operation}"), 1, Effect::LoseAnswer);
        harness.apply().await.unwrap();
        assert_eq!(harness.action().await, Action::NoChange, "{operation}");
        harness.remove().await.unwrap();
        assert!(!harness.exists().await, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn iam_may_need_a_moment_to_notice_its_own_changes() {
    let harness = Harness::new(json!({}));
    harness.refuse(
        "iam:PutRolePolicy",
        2,
        "NoSuchEntity",
        "The role with name shop-api-execution cannot be found.",
    );
    harness.apply().await.unwrap();
    assert_eq!(harness.action().await, Action::NoChange);
    harness.refuse(
        "iam:DeleteRole",
        2,
        "DeleteConflict",
        "Cannot delete entity, must detach all policies first.",
    );
    harness.remove().await.unwrap();
    assert!(!harness.exists().await);
}
