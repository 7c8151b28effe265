//! Staging, promoting and discarding values, and the labels beside them.

use std::{collections::BTreeMap, time::Duration};

use longshore_model::{Action, FailureKind};
use longshore_simcloud::Effect;
use serde_json::json;

use super::harness::{Harness, NAME, REGION, credential};

/// The stages of the versions, each with the first letters of its value.
async fn stages(harness: &Harness) -> BTreeMap<String, String> {
    harness
        .cloud
        .inspect(|world| {
            let secret = world.secrets.find(REGION, NAME).unwrap();
            let versions = secret.versions.values();
            let stage = |stages: &std::collections::BTreeSet<String>| {
                stages.iter().cloned().collect::<Vec<_>>().join("+")
            };
            versions
                .map(|version| {
                    let text = version.string.as_ref().unwrap().expose().to_owned();
                    (serde_json::from_str::<serde_json::Value>(&text).unwrap()["password"].clone(), version)
                })
                .map(|(password, version)| (password.as_str().unwrap().to_owned(), stage(&version.stages)))
                .collect()
        })
        .await
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_staged_value_is_read_by_nobody_until_it_is_promoted() {
    let harness = Harness::new(json!({}));
    let (store, context, spec) = (&harness.store, harness.context(), &harness.spec);
    let rotation = store.rotation().unwrap();
    let (first, second) = (credential("first"), credential("second"));
    let arn = harness.apply(&first).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3_600)).await;

    let version = rotation.stage(&context, spec, &second).await.unwrap();
    assert_eq!(stages(&harness).await, map(&[("first", "AWSCURRENT"), ("second", "AWSPENDING")]));
    let read = store.read(&context, spec).await.unwrap().unwrap();
    assert_eq!((read.arn, &read.value), (arn.clone(), &first));
    assert_eq!(rotation.read_version(&context, spec, &version).await.unwrap(), second);

    rotation.promote(&context, spec, &version).await.unwrap();
    assert_eq!(stages(&harness).await, map(&[("first", "AWSPREVIOUS"), ("second", "AWSCURRENT")]));
    let read = store.read(&context, spec).await.unwrap().unwrap();
    assert_eq!((read.arn, read.version, read.value), (arn, version.clone(), second.clone()));
    assert_eq!(read.changed_at, Some(1_795_003_600));

    // Repeated, as by a run that was killed here.
    rotation.promote(&context, spec, &version).await.unwrap();
    rotation.discard(&context, spec, &version).await.unwrap();
    assert_eq!(stages(&harness).await, map(&[("first", "AWSPREVIOUS"), ("second", "AWSCURRENT")]));
    assert_eq!(harness.action(&second).await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn interrupted_promotion_is_finished_by_deploy() {
    let harness = Harness::new(json!({}));
    let (rotation, context, spec) = (harness.store.rotation().unwrap(), harness.context(), &harness.spec);
    let (first, second) = (credential("first"), credential("second"));
    harness.apply(&first).await.unwrap();
    let version = rotation.stage(&context, spec, &second).await.unwrap();
    assert_eq!(harness.action(&first).await, Action::NoChange, "a version that waits is left alone");
    // All of a promotion that was killed between its two changes.
    let current = harness.client().await.describe_secret().secret_id(NAME).send().await.unwrap();
    let current =
        current.version_ids_to_stages.unwrap().into_iter().find(|(_, stages)| stages == &["AWSCURRENT"]);
    let promotion = harness.client().await.update_secret_version_stage().secret_id(NAME);
    let promotion = promotion.version_stage("AWSCURRENT").move_to_version_id(&version);
    promotion.set_remove_from_version_id(current.map(|(id, _)| id)).send().await.unwrap();
    assert_eq!(stages(&harness).await["second"], "AWSCURRENT+AWSPENDING");

    let plan = harness.plan(&second).await.unwrap();
    let fields: Vec<_> = plan.changes.into_iter().map(|change| change.field).collect();
    assert_eq!(fields, ["VersionIdsToStages.AWSPENDING"]);
    harness.apply(&second).await.unwrap();
    assert_eq!(stages(&harness).await, map(&[("first", "AWSPREVIOUS"), ("second", "AWSCURRENT")]));
    assert_eq!(harness.action(&second).await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn a_discarded_value_leaves_the_current_and_the_previous_one() {
    let harness = Harness::new(json!({}));
    let (rotation, context, spec) = (harness.store.rotation().unwrap(), harness.context(), &harness.spec);
    harness.apply(&credential("first")).await.unwrap();
    harness.apply(&credential("second")).await.unwrap();
    let before = stages(&harness).await;
    assert_eq!(before, map(&[("first", "AWSPREVIOUS"), ("second", "AWSCURRENT")]));

    let version = rotation.stage(&context, spec, &credential("third")).await.unwrap();
    rotation.discard(&context, spec, &version).await.unwrap();
    rotation.discard(&context, spec, &version).await.unwrap();
    let mut after = stages(&harness).await;
    assert_eq!(after.remove("third").unwrap_or_default(), "");
    assert_eq!(after, before);

    // The next one takes the place of one that was never promoted, even after it was killed between the two.
    rotation.stage(&context, spec, &credential("fourth")).await.unwrap();
    let version = rotation.stage(&context, spec, &credential("fifth")).await.unwrap();
    rotation.promote(&context, spec, &version).await.unwrap();
    let staged: Vec<_> =
        stages(&harness).await.into_iter().filter(|(_, stages)| !stages.is_empty()).collect();
    assert_eq!(
        staged,
        [("fifth".to_owned(), "AWSCURRENT".to_owned()), ("second".to_owned(), "AWSPREVIOUS".to_owned())]
    );
}

#[tokio::test(start_paused = true)]
async fn labels_stand_beside_the_value_and_go_when_they_are_no_longer_declared() {
    let mut harness = Harness::new(json!({}));
    let value = credential("first");
    harness.spec.labels = map(&[("token-id", "12")]);
    harness.apply(&value).await.unwrap();
    let client = harness.client().await;
    let team = aws_sdk_secretsmanager::types::Tag::builder().key("team").value("a").build();
    client.tag_resource().secret_id(NAME).tags(team).send().await.unwrap();

    let read =
        || async { harness.store.read(&harness.context(), &harness.spec).await.unwrap().unwrap().labels };
    assert_eq!(read().await, map(&[("token-id", "12")]));
    assert_eq!(harness.action(&value).await, Action::NoChange);

    harness.spec.labels = map(&[("token-expires", "2027-01-15T08:00:00Z"), ("token-replaced", "10 12")]);
    harness.store.labels().unwrap().label(&harness.context(), &harness.spec).await.unwrap();
    let read = harness.store.read(&harness.context(), &harness.spec).await.unwrap().unwrap().labels;
    assert_eq!(read, harness.spec.labels);
    assert_eq!(harness.action(&value).await, Action::NoChange);

    harness.spec.labels.clear();
    let fields: Vec<_> =
        harness.plan(&value).await.unwrap().changes.into_iter().map(|change| change.field).collect();
    assert_eq!(fields, ["Tags.longshore:token-expires", "Tags.longshore:token-replaced"]);
    harness.apply(&value).await.unwrap();
    let tags = client.describe_secret().secret_id(NAME).send().await.unwrap().tags.unwrap();
    let mut keys: Vec<_> = tags.iter().filter_map(|tag| tag.key()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["longshore:environment", "longshore:resource", "longshore:stack", "team"]);
    assert_eq!(harness.calls("secretsmanager:PutSecretValue"), 0);
}

#[tokio::test(start_paused = true)]
async fn only_the_stacks_own_secret_is_read_and_rotated() {
    let harness = Harness::new(json!({}));
    let (store, spec) = (&harness.store, &harness.spec);
    let rotation = store.rotation().unwrap();
    let ours = harness.context();
    assert_eq!(store.read(&ours, spec).await.unwrap(), None);
    assert_eq!(rotation.stage(&ours, spec, &credential("x")).await.unwrap_err().kind, FailureKind::NotFound);

    harness.apply(&credential("first")).await.unwrap();
    let other = harness.context_of("bakery");
    assert_eq!(store.read(&other, spec).await.unwrap(), None);
    assert_eq!(rotation.stage(&other, spec, &credential("x")).await.unwrap_err().kind, FailureKind::Conflict);
    assert_eq!(store.labels().unwrap().label(&other, spec).await.unwrap_err().kind, FailureKind::Conflict);

    harness.remove().await.unwrap();
    assert_eq!(store.read(&ours, spec).await.unwrap(), None);
    insta::assert_snapshot!(rotation.stage(&ours, spec, &credential("x")).await.unwrap_err());
    assert_eq!(
        store.labels().unwrap().address(&ours, spec).await.unwrap(),
        format!("arn:aws:secretsmanager:{REGION}:123456789012:secret:{NAME}")
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_staging_does_not_store_the_value_twice() {
    let harness = Harness::new(json!({}));
    harness.apply(&credential("first")).await.unwrap();
    harness.fault("secretsmanager:PutSecretValue", 1, Effect::LoseAnswer);
    let version = harness
        .store
        .rotation()
        .unwrap()
        .stage(&harness.context(), &harness.spec, &credential("second"))
        .await
        .unwrap();
    assert_eq!(harness.versions().await, 2);
    let value = harness
        .store
        .rotation()
        .unwrap()
        .read_version(&harness.context(), &harness.spec, &version)
        .await
        .unwrap();
    assert_eq!(value, credential("second"));
}
