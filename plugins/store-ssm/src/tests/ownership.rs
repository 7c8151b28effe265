//! Parameters that the stack does not own stay as they are.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ResourceTypeForTagging;
use longshore_model::{FailureKind, StepId};
use longshore_plugin::{Declared, SecretSpec, UndeclaredSecret};
use longshore_simcloud::{ApiError, Call, Effect, ssm};
use longshore_testkit::shown;
use serde_json::json;

use super::harness::{Harness, NAME, REGION, secret};

#[tokio::test(start_paused = true)]
async fn a_parameter_of_nobody_is_neither_read_nor_changed() {
    let harness = Harness::new(json!({}));
    let client = harness.client().await;
    let theirs = client.put_parameter().name(NAME).value("theirs").r#type("SecureString".into());
    theirs.send().await.unwrap();
    let calls = harness.calls("ssm:PutParameter");

    let planned = harness.plan("one").await.unwrap_err();
    assert_eq!(planned.kind, FailureKind::Conflict);
    insta::assert_snapshot!("nobody", planned);
    assert_eq!(harness.apply("one").await.unwrap_err(), planned);
    insta::assert_snapshot!("nobody_stays", shown(&harness.plan_removal().await.unwrap()));
    harness.remove().await.unwrap();
    assert_eq!(harness.store.read(&harness.context(), &harness.spec).await.unwrap(), None);
    assert_eq!(harness.stored().await.unwrap().0, "theirs");
    assert_eq!(harness.calls("ssm:PutParameter"), calls);
    for call in ["GetParameter", "DeleteParameter", "AddTagsToResource"] {
        assert_eq!(harness.calls(&format!("ssm:{call}")), 0, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_step_makes_any_more_is_found_and_removed() {
    let mut harness = Harness::new(json!({}));
    harness.apply("one").await.unwrap();
    let elsewhere = SecretSpec { path: "shop/api/api/OTHER".into(), ..SecretSpec::default() };
    let step = StepId::new("secret", "api.OTHER");
    let context = harness.context();
    let mut other = context.clone();
    other.step = step.clone();
    harness.store.apply(&other, &elsewhere, &secret("two")).await.unwrap();
    harness
        .store
        .apply(&harness.context_of("blog"), &SecretSpec { path: "blog/x".into(), ..elsewhere }, &secret("x"))
        .await
        .unwrap();

    let undeclared = harness.store.undeclared(&context, &Declared::of([(step, None)])).await.unwrap();
    let found: Vec<_> =
        undeclared.iter().map(|secret| (secret.name.as_str(), secret.resource.as_str())).collect();
    assert_eq!(found, [(NAME, "secret.api.DATABASE_URL")]);
    assert_eq!(harness.calls("ssm:DescribeParameters"), 0);
    assert_eq!(harness.calls("tag:GetResources"), 1);
    harness.spec = SecretSpec { name: Some(NAME.to_owned()), ..SecretSpec::default() };
    harness.remove().await.unwrap();
    assert_eq!(harness.stored().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_without_the_tagging_api_lists_parameters() {
    let harness = Harness::new(json!({}));
    let context = harness.context();
    for name in ["alone", "/a/path"] {
        let spec = SecretSpec { name: Some(name.to_owned()), ..harness.spec.clone() };
        harness.store.apply(&context, &spec, &secret("x")).await.unwrap();
    }
    let names = async || {
        let found = harness.store.undeclared(&context, &Declared::default()).await.unwrap();
        found.into_iter().map(|secret| secret.name).collect::<Vec<_>>()
    };
    let indexed = names().await;
    assert_eq!(indexed, ["/a/path", "alone"]);
    // The index is not read again until something changes.
    harness.apply("one").await.unwrap();
    harness.remove().await.unwrap();
    let error = ApiError::new("NotImplemented", "no").with_status(501);
    harness.fault("tag:GetResources", u32::MAX, Effect::Refuse(error));
    let listings = harness.calls("ssm:DescribeParameters");
    assert_eq!(names().await, indexed);
    assert_eq!(harness.calls("ssm:DescribeParameters"), listings + 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_index_of_tags_names_is_looked_at() {
    let harness = Harness::new(json!({}));
    harness.apply("one").await.unwrap();
    let names = async || {
        let found = harness.store.undeclared(&harness.context(), &Declared::default()).await.unwrap();
        found.into_iter().map(|secret| secret.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, [NAME]);
    // Another process deletes it, and the index is behind.
    let call = Call {
        operation: "DeleteParameter".into(),
        region: REGION.into(),
        input: json!({ "Name": NAME }),
        now: harness.cloud.now(),
        caller: "arn:aws:iam::123456789012:user/somebody".into(),
    };
    harness.cloud.edit(|world| ssm::handle(world, &call)).await.unwrap();
    assert_eq!(names().await, Vec::<String>::new());
    assert_eq!(harness.calls("tag:GetResources"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_tag_of_the_stack_alone_is_enough_to_be_found() {
    let harness = Harness::new(json!({}));
    harness.apply("one").await.unwrap();
    let client = harness.client().await;
    let untag = client.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
    untag.resource_id(NAME).tag_keys("longshore:resource").send().await.unwrap();
    let made = Declared::of([(harness.context().step, harness.store.resource(&harness.spec))]);
    assert_eq!(harness.store.undeclared(&harness.context(), &made).await.unwrap(), []);
    let found = harness.store.undeclared(&harness.context(), &Declared::default()).await.unwrap();
    let (name, labels) = (NAME.to_owned(), BTreeMap::new());
    let secret = UndeclaredSecret { name, resource: String::new(), labels, is_protected: false };
    assert_eq!(found, [secret]);
}

#[tokio::test(start_paused = true)]
async fn a_parameter_of_another_stack_is_left_alone() {
    let harness = Harness::new(json!({}));
    let other = harness.context_of("blog");
    harness.store.apply(&other, &harness.spec, &secret("theirs")).await.unwrap();
    insta::assert_snapshot!("other_stack", harness.plan("one").await.unwrap_err());
    harness.remove().await.unwrap();
    assert_eq!(harness.stored().await.unwrap().0, "theirs");
    insta::assert_snapshot!("other_stack_stays", shown(&harness.plan_removal().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn parameter_protected_since_the_plan_stays() {
    let harness = Harness::new(json!({}));
    harness.apply("one").await.unwrap();
    harness.plan_removal().await.unwrap();
    let protecting = harness.context().protecting(true);
    harness.store.apply(&protecting, &harness.spec, &secret("one")).await.unwrap();
    assert_eq!(harness.remove().await.unwrap_err().kind, FailureKind::Protected);
    assert!(harness.stored().await.is_some());
    // A run takes back what it made itself.
    harness.store.remove(&protecting.undoing(), &harness.spec).await.unwrap();
    assert!(harness.stored().await.is_none());
}
