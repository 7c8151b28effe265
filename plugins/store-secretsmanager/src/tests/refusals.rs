//! Refusals, and their messages.

use longshore_model::FailureKind;
use longshore_simcloud::{ApiError, Effect};
use serde_json::json;

use super::harness::{Harness, credential};

fn denied(message: &str) -> Effect {
    Effect::Refuse(ApiError::new("AccessDeniedException", message))
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_may_not_read_the_value_is_told_why_it_is_needed() {
    let harness = Harness::new(json!({}));
    harness.apply(&credential("ghp_1")).await.unwrap();
    let who =
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: secretsmanager:GetSecretValue";
    harness.fault("secretsmanager:BatchGetSecretValue", 1, denied(who));
    harness.fault("secretsmanager:GetSecretValue", 1, denied(who));
    insta::assert_snapshot!("not_allowed", harness.plan(&credential("ghp_1")).await.unwrap_err());
    harness.fault("secretsmanager:GetSecretValue", 1, denied("Access to KMS is not allowed"));
    insta::assert_snapshot!("not_allowed_by_kms", harness.plan(&credential("ghp_1")).await.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_region_is_refused_before_anything_is_called() {
    let harness = Harness::new(json!({"kms-key": "arn:aws:kms:us-east-1:123456789012:key/1234"}));
    let failure = harness.plan(&credential("ghp_1")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid);
    insta::assert_snapshot!(failure);
    assert_eq!(harness.calls("secretsmanager:DescribeSecret"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_there_is_refused_in_the_words_of_aws() {
    let harness = Harness::new(json!({"kms-key": "arn:aws:kms:eu-central-1:123456789012:key/1234"}));
    insta::assert_snapshot!(harness.apply(&credential("ghp_1")).await.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn the_value_is_in_no_plan_no_report_and_no_failure() {
    let harness = Harness::new(json!({}));
    let value = credential("ghp_hunter2hunter2");
    let repeated = ApiError::new("ValidationException", format!("what is {}?", value.expose()));
    harness.fault("secretsmanager:CreateSecret", 1, Effect::Refuse(repeated));
    let mut seen = format!("{:?}", harness.apply(&value).await);
    for _ in 0..2 {
        seen += &format!("{:?} {:?}", harness.plan(&value).await, harness.apply(&value).await);
    }
    harness.remove().await.unwrap();
    seen += &format!("{:?} {:?}", harness.plan(&value).await, harness.plan_removal().await);
    seen += &harness.told.all();
    assert!(seen.contains("ValidationException") && seen.contains("creating the secret"), "{seen}");
    assert!(!seen.contains("hunter2"), "{seen}");
}
