//! Secrets that the stack does not own stay as they are.

use aws_sdk_secretsmanager::types::Tag;
use longshore_model::{Action, FailureKind};
use serde_json::json;

use super::harness::{Harness, NAME, assert_plan, credential};

#[tokio::test(start_paused = true)]
async fn a_secret_of_nobody_is_neither_read_nor_changed() {
    let harness = Harness::new(json!({}));
    let client = harness.client().await;
    client.create_secret().name(NAME).secret_string("theirs").send().await.unwrap();

    let planned = harness.plan(&credential("ghp_1")).await.unwrap_err();
    assert_eq!(planned.kind, FailureKind::Conflict);
    insta::assert_snapshot!("nobody", planned);
    assert_eq!(harness.apply(&credential("ghp_1")).await.unwrap_err(), planned);
    assert_plan!("nobody_stays", harness.plan_removal().await.unwrap());
    harness.remove().await.unwrap();
    assert_eq!(harness.stored().await.as_deref(), Some("theirs"));
    for call in ["GetSecretValue", "PutSecretValue", "DeleteSecret", "TagResource"] {
        assert_eq!(harness.calls(&format!("secretsmanager:{call}")), 0, "{call}");
    }

    // The way out that the message names.
    let tag = Tag::builder().key("longshore:stack").value("shop").build();
    client.tag_resource().secret_id(NAME).tags(tag).send().await.unwrap();
    harness.apply(&credential("ghp_1")).await.unwrap();
    assert_eq!(harness.action(&credential("ghp_1")).await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_another_stack_is_left_alone_even_when_it_is_being_deleted() {
    let harness = Harness::new(json!({}));
    let value = credential("ghp_theirs");
    let other = harness.context_of("blog");
    harness.store.apply(&other, &harness.spec, &value).await.unwrap();

    insta::assert_snapshot!("other_stack", harness.plan(&value).await.unwrap_err());
    harness.remove().await.unwrap();
    assert_eq!(harness.stored().await.as_ref(), Some(value.expose()));

    harness.store.remove(&other, &harness.spec).await.unwrap();
    insta::assert_snapshot!("other_stack_deleted", harness.plan(&value).await.unwrap_err());
    harness.apply(&value).await.unwrap_err();
    assert_eq!(harness.calls("secretsmanager:RestoreSecret"), 0);
}

#[tokio::test(start_paused = true)]
async fn secret_protected_since_the_plan_stays() {
    let harness = Harness::new(json!({}));
    let value = credential("ghp_1");
    harness.apply(&value).await.unwrap();
    harness.plan_removal().await.unwrap();
    let protecting = harness.context().protecting(true);
    harness.store.apply(&protecting, &harness.spec, &value).await.unwrap();
    assert_eq!(harness.remove().await.unwrap_err().kind, FailureKind::Protected);
    assert_eq!(harness.calls("secretsmanager:DeleteSecret"), 0);
    // A run takes back what it made itself.
    harness.store.remove(&protecting.undoing(), &harness.spec).await.unwrap();
    assert_eq!(harness.calls("secretsmanager:DeleteSecret"), 1);
}
