//! Refusals, and their messages.

use longshore_model::FailureKind;
use serde_json::json;

use super::harness::{Harness, NAME};

#[test]
fn it_keeps_variables_and_no_pull_credentials() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let capabilities = Harness::new(json!({})).store.capabilities();
    assert!(capabilities.container_secrets && !capabilities.pull_credentials);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_changed_is_refused_with_the_way_out() {
    let mut harness = Harness::new(json!({"tier": "advanced"}));
    harness.apply("one").await.unwrap();
    harness.configure(json!({}));
    let downgrade = harness.plan("one").await.unwrap_err();
    assert_eq!(harness.apply("one").await.unwrap_err(), downgrade);
    harness.remove().await.unwrap();

    let tag = aws_sdk_ssm::types::Tag::builder().key("longshore:stack").value("shop").build().unwrap();
    let client = harness.client().await;
    let plain = client.put_parameter().name(NAME).value("v").r#type("String".into()).tags(tag);
    plain.send().await.unwrap();
    let kind = harness.plan("one").await.unwrap_err();
    insta::assert_snapshot!(format!("{downgrade}\n{kind}"));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_there_is_refused_when_planning() {
    let keys = ["alias/none", "1234abcd", "arn:aws:kms:us-east-1:123456789012:key/1234"];
    let mut said = Vec::new();
    for key in keys {
        let harness = Harness::new(json!({"kms-key": key}));
        said.push(harness.plan("one").await.unwrap_err().to_string());
        assert_eq!(harness.calls("ssm:PutParameter"), 0);
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_may_not_read_the_value_is_told_why_it_is_needed() {
    let harness = Harness::new(json!({}));
    harness.apply("one").await.unwrap();
    let denied = [
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ssm:GetParameter",
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are \
         not allowed to access.",
    ];
    let mut said = Vec::new();
    for message in denied {
        harness.refuse("ssm:GetParameter", "AccessDeniedException", message);
        let failure = harness.plan("one").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied);
        said.push(failure.to_string());
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn the_value_is_in_no_plan_no_report_and_no_failure() {
    let harness = Harness::new(json!({}));
    harness.refuse("ssm:PutParameter", "ValidationException", "what is hunter2hunter2?");
    let mut seen = format!("{:?}", harness.apply("hunter2hunter2").await);
    for _ in 0..2 {
        seen += &format!(
            "{:?} {:?}",
            harness.plan("hunter2hunter2").await,
            harness.apply("hunter2hunter2").await
        );
    }
    seen += &format!("{:?}", harness.store.read(&harness.context(), &harness.spec).await);
    harness.remove().await.unwrap();
    seen += &format!("{:?} {:?}", harness.plan("hunter2hunter2").await, harness.plan_removal().await);
    seen += &harness.told.all();
    assert!(seen.contains("ValidationException") && seen.contains("creating the parameter"), "{seen}");
    assert!(!seen.contains("hunter2"), "{seen}");
}
