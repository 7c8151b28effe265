//! From nothing to a secret, through its changes, and to its removal and back.

use longshore_model::{Action, Secret};
use serde_json::json;

use super::harness::{Harness, NAME, REGION, assert_plan, credential};

#[tokio::test(start_paused = true)]
async fn a_secret_is_made_changed_removed_and_restored() {
    let harness = Harness::new(json!({}));
    let (first, second) = (credential("ghp_first"), credential("ghp_second"));

    assert_plan!("create", harness.plan(&first).await.unwrap());
    let arn = harness.apply(&first).await.unwrap();
    assert!(arn.starts_with(&format!("arn:aws:secretsmanager:{REGION}:123456789012:secret:{NAME}-")));
    assert_eq!(harness.stored().await.as_ref(), Some(first.expose()));
    assert_plan!("no_change", harness.plan(&first).await.unwrap());

    assert_plan!("new_value", harness.plan(&second).await.unwrap());
    assert_eq!(harness.apply(&second).await.unwrap(), arn);
    assert_eq!(harness.stored().await.as_ref(), Some(second.expose()));
    assert_eq!(harness.action(&second).await, Action::NoChange);

    assert_plan!("delete", harness.plan_removal().await.unwrap());
    harness.remove().await.unwrap();
    assert_plan!("deleted_already", harness.plan_removal().await.unwrap());
    harness.remove().await.unwrap();
    assert_eq!(harness.calls("secretsmanager:DeleteSecret"), 1);

    assert_plan!("restore", harness.plan(&first).await.unwrap());
    assert_eq!(harness.apply(&first).await.unwrap(), arn);
    assert_eq!(harness.stored().await.as_ref(), Some(first.expose()));
    assert_eq!(harness.action(&first).await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_when_only_the_layout_differs() {
    let harness = Harness::new(json!({}));
    harness.apply(&credential("ghp_1")).await.unwrap();
    let same = Secret::new("{ \"password\": \"ghp_1\",\n \"username\": \"acme\" }".to_owned());
    assert_eq!(harness.action(&same).await, Action::NoChange);
    harness.apply(&same).await.unwrap();
    assert_eq!(harness.calls("secretsmanager:PutSecretValue"), 0);
}

#[tokio::test(start_paused = true)]
async fn key_description_and_tags_follow_the_declaration() {
    let mut harness = Harness::new(json!({}));
    let value = credential("ghp_1");
    harness.apply(&value).await.unwrap();
    let key = harness.key().await;
    harness.configure(json!({"kms-key": key}));
    harness.spec.description = "another".into();
    let client = harness.client().await;
    client.untag_resource().secret_id(NAME).tag_keys("longshore:resource").send().await.unwrap();

    let plan = harness.plan(&value).await.unwrap();
    let fields: Vec<_> = plan.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(
        (plan.action, fields),
        (Action::Update, vec!["Description", "KmsKeyId", "Tags.longshore:resource"])
    );
    harness.apply(&value).await.unwrap();
    assert_eq!(harness.action(&value).await, Action::NoChange);
    assert_eq!(harness.calls("secretsmanager:PutSecretValue"), 0);
    let secret = client.describe_secret().secret_id(NAME).send().await.unwrap();
    assert_eq!((secret.kms_key_id(), secret.description()), (Some(key.as_str()), Some("another")));

    harness.configure(json!({}));
    assert_eq!(harness.action(&value).await, Action::Update);
    harness.apply(&value).await.unwrap();
    assert_eq!(harness.action(&value).await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn a_key_may_be_named_by_its_alias_and_is_used_by_its_arn() {
    let mut harness = Harness::new(json!({"kms-key": "alias/shop"}));
    let value = credential("ghp_1");
    let key = harness.key().await;
    harness.alias(&key).await;
    harness.apply(&value).await.unwrap();
    let client = harness.client().await;
    let secret = client.describe_secret().secret_id(NAME).send().await.unwrap();
    assert_eq!(secret.kms_key_id(), Some(key.as_str()));
    // The role builder resolves the same reference.
    assert_eq!(harness.store.kms_key(), Some("alias/shop"));
    for reference in [key.rsplit('/').next().unwrap(), &key, "alias/shop"] {
        harness.configure(json!({"kms-key": reference}));
        assert_eq!(harness.action(&value).await, Action::NoChange, "{reference}");
    }
    // A user names the key by the alias: it is the same key.
    client.update_secret().secret_id(NAME).kms_key_id("alias/shop").send().await.unwrap();
    assert_eq!(harness.action(&value).await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn tags_of_ones_own_are_set_and_followed() {
    let mut harness = Harness::new(json!({"tags": {"team": "shop", "cost-center": "42"}}));
    let value = credential("ghp_1");
    harness.apply(&value).await.unwrap();
    let client = harness.client().await;
    let tags = || async {
        let secret = client.describe_secret().secret_id(NAME).send().await.unwrap();
        let tags = secret.tags.unwrap().into_iter().map(|tag| (tag.key.unwrap(), tag.value.unwrap()));
        let own = tags.filter(|(key, _)| !key.starts_with("longshore:"));
        own.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(tags().await, "cost-center=42 team=shop");
    assert_eq!(harness.action(&value).await, Action::NoChange);
    harness.configure(json!({"tags": {"team": "web"}}));
    assert_eq!(harness.action(&value).await, Action::Update);
    harness.apply(&value).await.unwrap();
    // A tag that is no longer declared may belong to another tool by now.
    assert_eq!(tags().await, "cost-center=42 team=web");
    assert_eq!(harness.action(&value).await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn who_runs_tasks_can_tell_when_the_value_was_written() {
    let mut harness = Harness::new(json!({}));
    let written_at = |harness: &Harness| (harness.store.clone(), harness.context(), harness.spec.clone());
    let ask = |(store, context, spec): (std::sync::Arc<dyn longshore_plugin::SecretStore>, _, _)| async move {
        store.written_at(&context, &spec).await.unwrap()
    };
    assert_eq!(ask(written_at(&harness)).await, None);
    harness.apply(&credential("ghp_1")).await.unwrap();
    let first = ask(written_at(&harness)).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    harness.spec.description = "another".into();
    harness.apply(&credential("ghp_1")).await.unwrap();
    assert_eq!(ask(written_at(&harness)).await, Some(first), "the value is the same");
    harness.apply(&credential("ghp_2")).await.unwrap();
    assert!(ask(written_at(&harness)).await.unwrap() >= first + 1500);
}

#[tokio::test(start_paused = true)]
async fn tags_of_other_people_stay() {
    let harness = Harness::new(json!({}));
    let value = credential("ghp_1");
    harness.apply(&value).await.unwrap();
    let client = harness.client().await;
    let tag = aws_sdk_secretsmanager::types::Tag::builder().key("team").value("a").build();
    client.tag_resource().secret_id(NAME).tags(tag).send().await.unwrap();
    assert_eq!(harness.action(&value).await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn a_current_version_that_ecs_could_not_read_is_replaced() {
    let harness = Harness::new(json!({}));
    let value = credential("ghp_1");
    harness.apply(&value).await.unwrap();
    let client = harness.client().await;
    let binary = aws_sdk_secretsmanager::primitives::Blob::new(value.expose().as_bytes());
    client.put_secret_value().secret_id(NAME).secret_binary(binary).send().await.unwrap();
    assert_eq!(harness.stored().await, None);
    assert_eq!(harness.action(&value).await, Action::Update);
    harness.apply(&value).await.unwrap();
    assert_eq!(harness.stored().await.as_ref(), Some(value.expose()));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_current_before_becomes_current_again() {
    let harness = Harness::new(json!({}));
    let (first, second) = (credential("ghp_first"), credential("ghp_second"));
    harness.apply(&first).await.unwrap();
    let client = harness.client().await;
    let current = || async {
        let secret = client.describe_secret().secret_id(NAME).send().await.unwrap();
        let versions = secret.version_ids_to_stages.unwrap();
        versions.into_iter().find(|(_, stages)| stages.contains(&"AWSCURRENT".to_owned())).unwrap().0
    };
    let before = current().await;
    harness.apply(&second).await.unwrap();
    // A user goes back to the first version by hand.
    let request = client.update_secret_version_stage().secret_id(NAME).version_stage("AWSCURRENT");
    let request = request.remove_from_version_id(current().await).move_to_version_id(before);
    request.send().await.unwrap();
    assert_eq!(harness.stored().await.as_ref(), Some(first.expose()));

    harness.apply(&second).await.unwrap();
    assert_eq!(harness.stored().await.as_ref(), Some(second.expose()));
}
