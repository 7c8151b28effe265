//! Secrets whose registry left the configuration are found by their tags, and no others.

use std::{collections::BTreeMap, sync::Arc};

use longshore_model::{Inputs, StepId};
use longshore_plugin::{Declared, SecretSpec, Step, UndeclaredSecret};
use longshore_steps::{Revokers, UndeclaredSecretsStep};
use serde_json::json;

use super::harness::{Harness, NAME, credential};

#[tokio::test(start_paused = true)]
async fn only_what_the_stack_owns_and_does_not_declare_is_found_and_removed() {
    let harness = Harness::new(json!({}));
    let client = harness.client().await;
    client.create_secret().name("longshore/shop/theirs").secret_string("theirs").send().await.unwrap();
    harness
        .store
        .apply(&harness.context_of("shop-two"), &spec("other/stack"), &credential("o"))
        .await
        .unwrap();
    let labelled =
        SecretSpec { labels: [("token-id".to_owned(), "7".to_owned())].into(), ..harness.spec.clone() };
    harness.store.apply(&harness.context(), &labelled, &credential("ghp_1")).await.unwrap();
    let step = harness.context().step;

    let declared = Declared::of([(step.clone(), None)]);
    assert_eq!(harness.store.undeclared(&harness.context(), &declared).await.unwrap(), []);

    let declared = Declared::of([(StepId::new("credential", "hub"), None)]);
    let found = harness.store.undeclared(&harness.context(), &declared).await.unwrap();
    let labels = [("token-id".to_owned(), "7".to_owned())].into();
    let (name, resource, is_protected) = (NAME.to_owned(), step.to_string(), false);
    assert_eq!(found, [UndeclaredSecret { name, resource, labels, is_protected }]);

    let renamed = Declared::of([(step.clone(), Some("secret longshore/shop/another".to_owned()))]);
    assert_eq!(harness.store.undeclared(&harness.context(), &renamed).await.unwrap().len(), 1);

    let named = SecretSpec { name: Some(NAME.to_owned()), ..SecretSpec::default() };
    harness.store.remove(&harness.context(), &named).await.unwrap();
    assert_eq!(harness.store.undeclared(&harness.context(), &declared).await.unwrap(), []);
    assert_eq!(harness.calls("secretsmanager:DeleteSecret"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_tag_of_the_stack_alone_is_enough_to_be_found() {
    let harness = Harness::new(json!({}));
    harness.apply(&credential("ghp_1")).await.unwrap();
    let client = harness.client().await;
    client.untag_resource().secret_id(NAME).tag_keys("longshore:resource").send().await.unwrap();
    let made = Declared::of([(harness.context().step, harness.store.resource(&harness.spec))]);
    assert_eq!(harness.store.undeclared(&harness.context(), &made).await.unwrap(), []);
    let found = harness.store.undeclared(&harness.context(), &Declared::default()).await.unwrap();
    let (name, labels) = (NAME.to_owned(), BTreeMap::new());
    let secret = UndeclaredSecret { name, resource: String::new(), labels, is_protected: false };
    assert_eq!(found, [secret]);
}

#[tokio::test(start_paused = true)]
async fn what_came_after_the_plan_stays() {
    let harness = Harness::new(json!({}));
    harness.apply(&credential("ghp_1")).await.unwrap();
    let step = UndeclaredSecretsStep {
        name: "default".to_owned(),
        store: harness.store.clone(),
        declared: Arc::default(),
        revokers: Revokers::default(),
    };
    let plan = step.plan(&harness.context(), &Inputs::default()).await.unwrap();
    assert_eq!(plan.orphans.len(), 1);
    // A newer configuration is deployed from elsewhere.
    harness.store.apply(&harness.context(), &spec("shop/newer/pull"), &credential("ghp_2")).await.unwrap();
    step.apply(&harness.context(), &Inputs::default(), &plan).await.unwrap();
    let left = harness.store.undeclared(&harness.context(), &Declared::default()).await.unwrap();
    let names: Vec<_> = left.iter().map(|secret| secret.name.as_str()).collect();
    assert_eq!(names, ["longshore/shop/newer/pull"]);
    step.remove(&harness.context()).await.unwrap();
    assert_eq!(harness.store.undeclared(&harness.context(), &Declared::default()).await.unwrap(), []);
}

fn spec(path: &str) -> SecretSpec {
    SecretSpec { path: path.to_owned(), ..SecretSpec::default() }
}
