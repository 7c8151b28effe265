//! Replicas in other regions.

use longshore_model::{Action, FailureKind};
use longshore_simcloud::Effect;
use serde_json::{Value, json};

use super::harness::{Harness, NAME, assert_plan, credential};

fn to(regions: &[&str]) -> Value {
    json!({"replicate-to": regions})
}

impl Harness {
    /// The regions that have the secret, with its value there.
    async fn everywhere(&self) -> Vec<(String, String)> {
        let secrets = |world: &longshore_simcloud::World| {
            let secrets =
                world.secrets.all().filter(|secret| secret.name == NAME && secret.deleted.is_none());
            let value = |secret: &longshore_simcloud::secretsmanager::Secret| {
                let (_, version) = secret.staged("AWSCURRENT").unwrap();
                (secret.region.clone(), version.string.as_ref().unwrap().expose().to_owned())
            };
            secrets.map(value).collect()
        };
        self.cloud.inspect(secrets).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_replicated_and_its_replicas_go_with_it() {
    let mut harness = Harness::new(to(&["eu-west-1", "us-east-1"]));
    let (first, second) = (credential("ghp_first"), credential("ghp_second"));
    assert_plan!("replicate", harness.plan(&first).await.unwrap());
    harness.apply(&first).await.unwrap();
    assert_eq!(harness.action(&first).await, Action::NoChange);
    harness.apply(&second).await.unwrap();
    let regions = harness.everywhere().await;
    assert_eq!(regions.len(), 3);
    assert!(regions.iter().all(|(_, value)| value == second.expose()), "{regions:?}");

    // Replicas that nothing is said about stay.
    harness.configure(json!({}));
    assert_eq!(harness.action(&second).await, Action::NoChange);
    harness.configure(to(&["us-east-1", "us-west-2"]));
    assert_plan!("replicate_elsewhere", harness.plan(&second).await.unwrap());
    harness.apply(&second).await.unwrap();
    assert_eq!(harness.action(&second).await, Action::NoChange);
    let regions: Vec<_> = harness.everywhere().await.into_iter().map(|(region, _)| region).collect();
    assert_eq!(regions, ["eu-central-1", "us-east-1", "us-west-2"]);

    assert_plan!("delete_replicated", harness.plan_removal().await.unwrap());
    harness.remove().await.unwrap();
    assert_eq!(harness.everywhere().await, []);
    // A secret that is restored is replicated again.
    harness.apply(&second).await.unwrap();
    assert_eq!(harness.everywhere().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_way_in_the_other_region_is_named_and_not_overwritten() {
    let harness = Harness::new(to(&["eu-west-1"]));
    let elsewhere = harness
        .client()
        .await
        .config()
        .to_builder()
        .region(aws_sdk_secretsmanager::config::Region::new("eu-west-1"))
        .build();
    let elsewhere = aws_sdk_secretsmanager::Client::from_conf(elsewhere);
    elsewhere.create_secret().name(NAME).secret_string("theirs").send().await.unwrap();
    let failure = harness.apply(&credential("ghp_1")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    insta::assert_snapshot!("in_the_way", failure);
    let theirs = elsewhere.get_secret_value().secret_id(NAME).send().await.unwrap();
    assert_eq!(theirs.secret_string(), Some("theirs"));

    assert_plan!("another_try", harness.plan(&credential("ghp_1")).await.unwrap());
    elsewhere.delete_secret().secret_id(NAME).force_delete_without_recovery(true).send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    harness.apply(&credential("ghp_1")).await.unwrap();
    assert_eq!(harness.action(&credential("ghp_1")).await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn each_region_has_its_own_key_of_the_alias() {
    let mut options = to(&["eu-west-1"]);
    options["kms-key"] = json!("alias/shop");
    let harness = Harness::new(options);
    for region in ["eu-central-1", "eu-west-1"] {
        let key = harness.key_in(region).await;
        harness.alias(&key).await;
    }
    harness.apply(&credential("ghp_1")).await.unwrap();
    let secret = harness.client().await.describe_secret().secret_id(NAME).send().await.unwrap();
    assert_eq!(secret.replication_status()[0].kms_key_id(), Some("alias/shop"));
    assert_eq!(harness.action(&credential("ghp_1")).await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn the_region_of_the_secret_itself_is_refused() {
    let harness = Harness::new(to(&["eu-central-1"]));
    insta::assert_snapshot!("own_region", harness.plan(&credential("ghp_1")).await.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_is_completed_by_the_next() {
    for operation in ["ReplicateSecretToRegions", "RemoveRegionsFromReplication"] {
        let mut harness = Harness::new(to(&["eu-west-1"]));
        let value = credential("ghp_1");
        if operation == "RemoveRegionsFromReplication" {
            harness.apply(&value).await.unwrap();
            harness.configure(to(&[]));
        }
        // More than the SDK's attempts: the call is done, and the caller does not learn of it.
        harness.fault(&format!("secretsmanager:{operation}"), longshore_aws::ATTEMPTS, Effect::LoseAnswer);
        harness.apply(&value).await.unwrap_err();
        harness.apply(&value).await.unwrap();
        assert_eq!(harness.action(&value).await, Action::NoChange, "{operation}");
    }
}
