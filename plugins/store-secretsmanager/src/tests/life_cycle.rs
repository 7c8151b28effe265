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
    // Somebody goes back to the first version by hand.
    let request = client.update_secret_version_stage().secret_id(NAME).version_stage("AWSCURRENT");
    let request = request.remove_from_version_id(current().await).move_to_version_id(before);
    request.send().await.unwrap();
    assert_eq!(harness.stored().await.as_ref(), Some(first.expose()));

    harness.apply(&second).await.unwrap();
    assert_eq!(harness.stored().await.as_ref(), Some(second.expose()));
}
