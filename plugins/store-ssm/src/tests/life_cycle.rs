//! From nothing to a parameter, through its changes, and to its removal.

use std::time::Duration;

use aws_sdk_ssm::types::ResourceTypeForTagging;
use longshore_model::Action;
use longshore_testkit::shown;
use serde_json::json;

use super::harness::{ARN, Harness, NAME};

#[tokio::test(start_paused = true)]
async fn a_parameter_is_made_changed_and_removed() {
    let harness = Harness::new(json!({}));
    insta::assert_snapshot!("create", shown(&harness.plan("one").await.unwrap()));
    assert_eq!(harness.apply("one").await.unwrap(), ARN);
    assert_eq!(harness.stored().await, Some(("one".to_owned(), 1)));
    insta::assert_snapshot!("no_change", shown(&harness.plan("one").await.unwrap()));

    insta::assert_snapshot!("new_value", shown(&harness.plan("two").await.unwrap()));
    assert_eq!(harness.apply("two").await.unwrap(), ARN);
    assert_eq!(harness.stored().await, Some(("two".to_owned(), 2)));
    assert_eq!(harness.action("two").await, Action::NoChange);
    let foreseen = harness.store.foreseen_arn(&harness.context(), &harness.spec).await.unwrap();
    let stored = harness.store.read(&harness.context(), &harness.spec).await.unwrap().unwrap();
    assert_eq!((foreseen.as_deref(), stored.arn.as_str(), stored.name.as_str()), (Some(ARN), ARN, NAME));
    assert_eq!((stored.value.expose().as_str(), stored.version.as_str()), ("two", "2"));

    insta::assert_snapshot!("delete", shown(&harness.plan_removal().await.unwrap()));
    harness.remove().await.unwrap();
    assert_eq!(harness.stored().await, None);
    assert_eq!(harness.plan_removal().await.unwrap().action, Action::NoChange);
    harness.remove().await.unwrap();
    assert_eq!(harness.calls("ssm:DeleteParameter"), 1);
}

#[tokio::test(start_paused = true)]
async fn who_runs_tasks_can_tell_when_the_value_was_written() {
    let harness = Harness::new(json!({}));
    let written_at = || async { harness.store.written_at(&harness.context(), &harness.spec).await.unwrap() };
    assert_eq!(written_at().await, None);
    harness.apply("one").await.unwrap();
    let first = written_at().await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    harness.apply("one").await.unwrap();
    assert_eq!(written_at().await, Some(first), "nothing was written");
    harness.apply("two").await.unwrap();
    assert!(written_at().await.unwrap() >= first + 1500);
}

#[tokio::test(start_paused = true)]
async fn key_description_tier_and_tags_follow_the_declaration() {
    let mut harness = Harness::new(json!({}));
    harness.apply("one").await.unwrap();
    let key = harness.key("shop").await;
    harness.configure(json!({"kms-key": "alias/shop", "tier": "advanced"}));
    harness.spec.description = "another".into();
    let client = harness.client().await;
    let untag = client.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
    untag.resource_id(NAME).tag_keys("longshore:resource").send().await.unwrap();

    let plan = harness.plan("one").await.unwrap();
    let fields: Vec<_> = plan.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(plan.action, Action::Update);
    assert_eq!(fields, ["Description", "KeyId", "Tier", "Version", "Tags.longshore:resource"]);
    harness.apply("one").await.unwrap();
    assert_eq!(harness.action("one").await, Action::NoChange);
    let listed = client.describe_parameters().send().await.unwrap().parameters.unwrap();
    assert_eq!((listed[0].key_id(), listed[0].description()), (Some(key.as_str()), Some("another")));

    // Each way of naming the key means the same.
    let id = key.rsplit('/').next().unwrap();
    for reference in [id, &key] {
        harness.configure(json!({"kms-key": reference, "tier": "intelligent"}));
        assert_eq!(harness.action("one").await, Action::NoChange, "{reference}");
    }
    harness.configure(json!({"tier": "advanced"}));
    assert_eq!(harness.action("one").await, Action::Update);
    harness.apply("one").await.unwrap();
    assert_eq!(harness.action("one").await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn intelligent_tiering_takes_what_fits() {
    let harness = Harness::new(json!({"tier": "intelligent"}));
    harness.apply("small").await.unwrap();
    let large = "a".repeat(5000);
    let plan = harness.plan(&large).await.unwrap();
    assert!(plan.changes.iter().any(|change| change.field == "Tier"));
    harness.apply(&large).await.unwrap();
    assert_eq!(harness.action(&large).await, Action::NoChange);
    harness.apply("small").await.unwrap();
    assert_eq!(harness.action("small").await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn tags_alone_write_no_version() {
    let harness = Harness::new(json!({}));
    harness.apply("one").await.unwrap();
    let client = harness.client().await;
    let untag = client.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
    untag.resource_id(NAME).tag_keys("longshore:resource").send().await.unwrap();
    assert_eq!(harness.action("one").await, Action::Update);
    harness.apply("one").await.unwrap();
    assert_eq!(harness.stored().await, Some(("one".to_owned(), 1)));
    assert_eq!(harness.action("one").await, Action::NoChange);
}
