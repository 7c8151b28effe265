//! Roles that the stack does not own stay as they are.

use aws_sdk_iam::types::Tag;
use longshore_model::{Action, FailureKind};
use serde_json::json;

use super::harness::{Harness, NAME, text};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow",
    "Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;

#[tokio::test(start_paused = true)]
async fn a_role_of_nobody_is_not_changed() {
    let harness = Harness::new(json!({}));
    let client = harness.client().await;
    client.create_role().role_name(NAME).assume_role_policy_document(TRUST).send().await.unwrap();

    let planned = harness.plan().await.unwrap_err();
    assert_eq!(planned.kind, FailureKind::Conflict);
    insta::assert_snapshot!("nobody", planned);
    assert_eq!(harness.apply().await.unwrap_err(), planned);
    insta::assert_snapshot!("nobody_stays", text(&harness.plan_removal().await.unwrap()));
    harness.remove().await.unwrap();
    assert!(harness.exists().await);
    for call in ["UpdateAssumeRolePolicy", "PutRolePolicy", "AttachRolePolicy", "TagRole", "DeleteRole"] {
        assert_eq!(harness.calls(&format!("iam:{call}")), 0, "{call}");
    }

    // The way out that the message names.
    let tag = Tag::builder().key("longshore:stack").value("shop").build().unwrap();
    client.tag_role().role_name(NAME).tags(tag).send().await.unwrap();
    harness.apply().await.unwrap();
    assert_eq!(harness.action().await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn a_role_of_another_stack_or_of_another_region_is_not_changed() {
    let mut harness = Harness::new(json!({}));
    harness.spec.name = Some(NAME.into());
    let other = harness.context_of("blog");
    harness.builder.apply(&other, &harness.spec).await.unwrap();
    insta::assert_snapshot!("other_stack", harness.plan().await.unwrap_err());
    harness.remove().await.unwrap();
    assert!(harness.exists().await);
    harness.builder.remove(&other, &harness.spec).await.unwrap();

    harness.apply().await.unwrap();
    harness.go_to("us-east-1", json!({}));
    insta::assert_snapshot!("other_region", harness.plan().await.unwrap_err());
    insta::assert_snapshot!("other_region_stays", text(&harness.plan_removal().await.unwrap()));
    harness.remove().await.unwrap();
    assert!(harness.exists().await);
}

#[tokio::test(start_paused = true)]
async fn role_protected_since_the_plan_stays() {
    let harness = Harness::new(json!({}));
    harness.apply().await.unwrap();
    harness.plan_removal().await.unwrap();
    let protecting = harness.context().protecting(true);
    harness.builder.apply(&protecting, &harness.spec).await.unwrap();
    assert_eq!(harness.remove().await.unwrap_err().kind, FailureKind::Protected);
    assert!(harness.exists().await);
    // A run takes back what it made itself.
    harness.builder.remove(&protecting.undoing(), &harness.spec).await.unwrap();
    assert!(!harness.exists().await);
}
