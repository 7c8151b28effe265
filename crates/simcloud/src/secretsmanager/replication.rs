//! Replicas of a secret in other regions: copies that follow their primary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Secret, SecretsManager,
    error::{not_found, parameter},
    validate,
};
use crate::{ApiError, Call, Moment, World, input::missing};

/// The time for which a replica is in progress, in milliseconds. AWS only says that it is asynchronous.
const REPLICATION_MS: u128 = 1_500;

/// A replica, as its primary knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// The key as it was given; `None` is `aws/secretsmanager` of the replica's region.
    pub kms_key: Option<String>,
    /// When it was asked for.
    pub since: Moment,
    /// The reason for the failure, if it failed.
    pub failure: Option<String>,
}

impl Replica {
    /// `InSync`, `InProgress` or `Failed`.
    fn status(&self, now: Moment) -> &'static str {
        match &self.failure {
            Some(_) => "Failed",
            None if now.since(self.since).as_millis() < REPLICATION_MS => "InProgress",
            None => "InSync",
        }
    }
}

pub(super) fn replicate(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = validate::secret_id(call)?;
    if call.list("AddReplicaRegions").is_empty() {
        return Err(missing("AddReplicaRegions", validate::CODE));
    }
    add(world, call, id)?;
    answer(&world.secrets, call, id)
}

/// Replicates a secret to the `AddReplicaRegions` of a call.
pub(super) fn add(world: &mut World, call: &Call, id: &str) -> Result<(), ApiError> {
    let force = call.flag("ForceOverwriteReplicaSecret").unwrap_or(false);
    let regions = call.list("AddReplicaRegions");
    let secret = primary(&mut world.secrets, call, id)?.clone();
    for wanted in regions {
        let text = |key: &str| wanted.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let Some(region) = text("Region") else {
            return Err(missing("addReplicaRegions.member.region", validate::CODE));
        };
        if region == secret.region || !is_region(region) {
            return Err(parameter(format!("Invalid replica region: {region}.")));
        }
        let key = text("KmsKeyId").filter(|key| !key.ends_with("alias/aws/secretsmanager"));
        let mut failure = None;
        if let Some(key) = key.filter(|key| world.kms.find(region, key).is_none()) {
            failure = Some(format!("Replication failed: Invalid KMS key {key} in region {region}."));
        }
        let there = world.secrets.named(region, &secret.name);
        if there.is_some_and(|there| there.primary.as_deref() != Some(&secret.region)) {
            if force {
                let arn = there.map(|there| there.arn.clone()).unwrap_or_default();
                world.secrets.secrets.remove(&arn);
            } else {
                failure = Some(format!(
                    "Replication failed: Secret name {} already exists in region {region}.",
                    secret.name
                ));
            }
        }
        let replica = Replica { kms_key: key.map(str::to_owned), since: call.now, failure };
        primary(&mut world.secrets, call, id)?.replicas.insert(region.to_owned(), replica);
    }
    copy(&mut world.secrets, &secret.arn);
    Ok(())
}

/// The replicas of a secret, as the answers tell of them.
pub(super) fn status(secrets: &SecretsManager, call: &Call, id: &str) -> Value {
    secrets.find(&call.region, id).map_or(Value::Null, |secret| rendered(secret, call.now))
}

pub(super) fn remove(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = validate::secret_id(call)?;
    let regions = call.texts("RemoveReplicaRegions");
    if regions.is_empty() {
        return Err(missing("RemoveReplicaRegions", validate::CODE));
    }
    let secret = primary(&mut world.secrets, call, id)?;
    let (arn, own) = (secret.arn.clone(), secret.region.clone());
    for region in regions {
        if !secret.replicas.contains_key(&region) {
            return Err(parameter(format!("The secret is not replicated to region {region}.")));
        }
    }
    for region in call.texts("RemoveReplicaRegions") {
        let removed = primary(&mut world.secrets, call, id)?.replicas.remove(&region);
        if removed.is_some_and(|replica| replica.failure.is_none()) {
            world.secrets.secrets.remove(&in_region(&arn, &own, &region));
        }
    }
    answer(&world.secrets, call, id)
}

/// Refuses a change of a replica: changes come from its primary.
pub(super) fn refuse_replica(world: &World, call: &Call) -> Result<(), ApiError> {
    let secret = call.text("SecretId").and_then(|id| world.secrets.find(&call.region, id));
    match secret.and_then(|secret| secret.primary.as_deref()) {
        Some(_) => Err(parameter(
            "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
        )),
        None => Ok(()),
    }
}

/// Refuses the deletion of a secret that has replicas.
pub(super) fn refuse_replicated(secret: &Secret) -> Result<(), ApiError> {
    if secret.replicas.is_empty() {
        return Ok(());
    }
    let regions: Vec<_> = secret.replicas.keys().map(String::as_str).collect();
    Err(parameter(format!(
        "You can't delete secret {} that still has replica regions [{}].",
        secret.arn,
        regions.join(", ")
    )))
}

/// Brings the replicas of the secret that a call has changed up to date.
pub(super) fn follow(world: &mut World, call: &Call) {
    let id = call.text("SecretId").or_else(|| call.text("Name"));
    let arn = id.and_then(|id| world.secrets.find(&call.region, id)).map(|secret| secret.arn.clone());
    if let Some(arn) = arn {
        copy(&mut world.secrets, &arn);
    }
}

fn copy(secrets: &mut SecretsManager, arn: &str) {
    let Some(primary) = secrets.secrets.get(arn).filter(|secret| !secret.replicas.is_empty()).cloned() else {
        return;
    };
    for (region, replica) in primary.replicas.iter().filter(|(_, replica)| replica.failure.is_none()) {
        let arn = in_region(&primary.arn, &primary.region, region);
        let policy = secrets.secrets.get(&arn).and_then(|there| there.policy.clone());
        let copy = Secret {
            arn: arn.clone(),
            region: region.clone(),
            kms_key: replica.kms_key.clone(),
            replicas: BTreeMap::new(),
            primary: Some(primary.region.clone()),
            policy,
            ..primary.clone()
        };
        secrets.secrets.insert(arn, copy);
    }
}

/// A secret that is no replica and not deleted.
fn primary<'a>(secrets: &'a mut SecretsManager, call: &Call, id: &str) -> Result<&'a mut Secret, ApiError> {
    secrets.required_mut(&call.region, id)
}

fn answer(secrets: &SecretsManager, call: &Call, id: &str) -> Result<Value, ApiError> {
    let secret = secrets.find(&call.region, id).ok_or_else(not_found)?;
    Ok(json!({ "ARN": secret.arn, "ReplicationStatus": rendered(secret, call.now) }))
}

/// The replicas, as DescribeSecret tells.
pub(super) fn rendered(secret: &Secret, now: Moment) -> Value {
    if secret.replicas.is_empty() {
        return Value::Null;
    }
    let replicas = secret.replicas.iter().map(|(region, replica)| {
        json!({
            "Region": region,
            "KmsKeyId": replica.kms_key.as_deref().unwrap_or("alias/aws/secretsmanager"),
            "Status": replica.status(now),
            "StatusMessage": replica.failure.as_deref().or((replica.status(now) == "InSync").then_some("Replication succeeded")),
        })
    });
    replicas.collect()
}

/// The region of the primary: told of replicas and of secrets that have some.
pub(super) fn primary_region(secret: &Secret) -> Option<&str> {
    let own = (!secret.replicas.is_empty()).then_some(secret.region.as_str());
    secret.primary.as_deref().or(own)
}

fn in_region(arn: &str, from: &str, to: &str) -> String {
    arn.replacen(&format!(":{from}:"), &format!(":{to}:"), 1)
}

fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number = parts.next().is_some_and(|number| number.parse::<u8>().is_ok());
    number
        && parts.clone().count() >= 2
        && parts.all(|part| part.bytes().all(|byte| byte.is_ascii_lowercase()))
}
