//! A role is right when IAM says so.

use longshore_model::FailureKind;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::harness::{Harness, SECRET};

fn policy(effect: &str, action: &str) -> Value {
    let statement = json!({"Effect": effect, "Action": action, "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

#[tokio::test(start_paused = true)]
async fn a_boundary_that_stays_in_the_way_is_named_at_the_deadline() {
    let mut harness = Harness::new(json!({}));
    let boundary = harness.policy("boundary", policy("Allow", "logs:*")).await;
    harness.configure(json!({"permissions-boundary": boundary}));
    let start = Instant::now();
    let failure = harness.apply().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(start.elapsed() >= Duration::from_secs(60) && start.elapsed() < Duration::from_secs(65));
    insta::assert_snapshot!("boundary", failure);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_denies_is_named() {
    let mut harness = Harness::new(json!({}));
    let deny = harness.policy("no-secrets", policy("Deny", "secretsmanager:*")).await;
    harness.spec.managed_policies.push(deny);
    insta::assert_snapshot!("explicit", harness.apply().await.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn where_the_simulator_cannot_be_asked_a_warning_says_so() {
    for (code, message) in [
        ("InvalidAction", "Could not find operation SimulatePrincipalPolicy"),
        ("AccessDenied", "User: ci is not authorized to perform: iam:SimulatePrincipalPolicy"),
    ] {
        let mut harness = Harness::new(json!({}));
        harness.spec.secrets.push(super::harness::secret(&SECRET.replace("ghcr", "hub")));
        harness.refuse("iam:SimulatePrincipalPolicy", 9, code, message);
        harness.apply().await.unwrap();
        let warnings = harness.warnings.0.lock().unwrap().clone();
        assert_eq!(warnings.len(), 1);
        insta::assert_snapshot!(format!("unknown_{code}"), warnings[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_without_secrets_needs_no_proof() {
    let mut harness = Harness::new(json!({}));
    harness.spec.secrets.clear();
    harness.apply().await.unwrap();
    assert_eq!(harness.calls("iam:SimulatePrincipalPolicy"), 0);
}
