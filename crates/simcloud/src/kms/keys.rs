//! Keys and aliases.

use std::time::Duration;

use serde_json::{Value, json};

use super::{CODE, Key, Kms, managed, page, state::region_of};
use crate::{
    ApiError, Call, Due, Partition, World, partition,
    policy::{Document, Kind},
};

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let default = json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": { "AWS": world.global_arn("iam", "root") },
            "Action": "kms:*",
            "Resource": "*",
        }],
    });
    let policy = call.text("Policy").map_or_else(|| default.to_string(), str::to_owned);
    check_policy(&policy, world.partition())?;
    let id = world.ids.uuid();
    let key = Key {
        arn: partition::arn("kms", &call.region, &world.account, format_args!("key/{id}")),
        id,
        description: call.text("Description").unwrap_or_default().to_owned(),
        policy,
        created: call.now,
        deletion: None,
        rotation: None,
        tags: call.pairs("Tags", "TagKey", "TagValue").into_iter().collect(),
    };
    let answer = json!({ "KeyMetadata": metadata(&key) });
    world.kms.keys.insert(key.arn.clone(), key);
    Ok(answer)
}

pub(super) fn describe(world: &World, call: &Call) -> Result<Value, ApiError> {
    let managed = managed::described(world, call);
    let metadata = managed.map_or_else(|| find(&world.kms, call).map(metadata), Ok)?;
    Ok(json!({ "KeyMetadata": metadata }))
}

pub(super) fn schedule_deletion(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let days = call.number("PendingWindowInDays").unwrap_or(30);
    if !(7..=30).contains(&days) {
        return Err(ApiError::new(
            CODE,
            format!("PendingWindowInDays is {days}; it must be between 7 and 30."),
        ));
    }
    let key = find_mut(&mut world.kms, call)?;
    if key.deletion.is_some() {
        return Err(pending(key));
    }
    let at = call.now + Duration::from_secs(days.unsigned_abs() * 86_400);
    key.deletion = Some(at);
    let arn = key.arn.clone();
    let answer = json!({
        "KeyId": arn,
        "DeletionDate": at.epoch_seconds(),
        "KeyState": "PendingDeletion",
        "PendingWindowInDays": days,
    });
    world.agenda.at(at, Due::KeyDeletion { arn });
    Ok(answer)
}

pub(super) fn get_policy(kms: &Kms, call: &Call) -> Result<Value, ApiError> {
    Ok(json!({ "Policy": find(kms, call)?.policy, "PolicyName": "default" }))
}

pub(super) fn create_alias(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let name = call.required("AliasName", CODE)?;
    if !name.starts_with("alias/") || name.starts_with("alias/aws/") {
        return Err(ApiError::new(
            "InvalidAliasNameException",
            "Alias must start with the prefix \"alias/\".",
        ));
    }
    let target = call.required("TargetKeyId", CODE)?;
    let key = world
        .kms
        .find(&call.region, target)
        .ok_or_else(|| not_found(target, &call.region, &world.account))?;
    let (arn, key) = (alias_arn(world, call, name), key.arn.clone());
    if world.kms.aliases.contains_key(&arn) {
        return Err(ApiError::new(
            "AlreadyExistsException",
            format!("An alias with the name {arn} already exists"),
        ));
    }
    world.kms.aliases.insert(arn, key);
    Ok(Value::Null)
}

pub(super) fn delete_alias(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = alias_arn(world, call, call.required("AliasName", CODE)?);
    match world.kms.aliases.remove(&arn) {
        Some(_) => Ok(Value::Null),
        None => Err(ApiError::new("NotFoundException", format!("Alias {arn} is not found."))),
    }
}

pub(super) fn list_aliases(world: &World, call: &Call) -> Result<Value, ApiError> {
    let wanted = match (call.text("KeyId"), managed::described(world, call)) {
        (None, _) => None,
        (Some(_), Some(metadata)) => metadata["Arn"].as_str().map(str::to_owned),
        (Some(_), None) => Some(find(&world.kms, call)?.arn.clone()),
    };
    let own = world.kms.aliases.iter().filter(|(alias, _)| region_of(alias) == call.region);
    let own = own.map(|(alias, key)| (alias.clone(), key.clone()));
    let of_aws = managed::all(world, call).map(|(alias, key)| (alias, key.arn));
    let mut aliases: Vec<_> =
        own.chain(of_aws).filter(|(_, key)| wanted.as_ref().is_none_or(|wanted| wanted == key)).collect();
    aliases.sort();
    let shown = aliases.into_iter().map(|(alias, key)| {
        json!({
            "AliasArn": alias,
            "AliasName": alias.splitn(6, ':').nth(5),
            "TargetKeyId": key.rsplit('/').next(),
        })
    });
    page(call, "Aliases", shown.collect(), 50)
}

impl Kms {
    /// Removes a key whose waiting period ended, unless its deletion was cancelled.
    pub(crate) fn purge(&mut self, arn: &str, now: crate::Moment) {
        if self.keys.get(arn).is_some_and(|key| key.deletion.is_some_and(|at| at <= now)) {
            self.keys.remove(arn);
            self.aliases.retain(|_, key| key != arn);
        }
    }
}

pub(super) fn find<'a>(kms: &'a Kms, call: &Call) -> Result<&'a Key, ApiError> {
    let id = call.required("KeyId", CODE)?;
    kms.find(&call.region, id).ok_or_else(|| not_found(id, &call.region, account(call)))
}

fn find_mut<'a>(kms: &'a mut Kms, call: &Call) -> Result<&'a mut Key, ApiError> {
    let id = call.required("KeyId", CODE)?;
    kms.find_mut(&call.region, id).ok_or_else(|| not_found(id, &call.region, account(call)))
}

/// Returns the key of a call, unless it is to be deleted.
pub(super) fn usable_mut<'a>(kms: &'a mut Kms, call: &Call) -> Result<&'a mut Key, ApiError> {
    let key = find_mut(kms, call)?;
    if key.deletion.is_some() { Err(pending(key)) } else { Ok(key) }
}

fn account(call: &Call) -> &str {
    call.caller.split(':').nth(4).unwrap_or_default()
}

fn alias_arn(world: &World, call: &Call, name: &str) -> String {
    partition::arn("kms", &call.region, &world.account, name)
}

fn not_found(id: &str, region: &str, account: &str) -> ApiError {
    let key = if id.starts_with("arn:") {
        id.to_owned()
    } else if id.starts_with("alias/") {
        return ApiError::new(
            "NotFoundException",
            format!("Alias {} is not found.", partition::arn("kms", region, account, id)),
        );
    } else {
        partition::arn("kms", region, account, format_args!("key/{id}"))
    };
    ApiError::new("NotFoundException", format!("Key '{key}' does not exist"))
}

fn pending(key: &Key) -> ApiError {
    ApiError::new("KMSInvalidStateException", format!("{} is pending deletion.", key.arn))
}

fn check_policy(text: &str, partition: Partition) -> Result<(), ApiError> {
    let parsed = Document::parse(text, Kind::Resource);
    parsed
        .and_then(|document| document.check_partition(partition))
        .map_err(|error| ApiError::new("MalformedPolicyDocumentException", error.to_string()))
}

pub(super) fn metadata(key: &Key) -> Value {
    let state = if key.deletion.is_some() { "PendingDeletion" } else { "Enabled" };
    let mut value = json!({
        "AWSAccountId": key.arn.split(':').nth(4),
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": key.created.epoch_seconds(),
        "Enabled": state == "Enabled",
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": state,
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
    });
    if let Some(at) = key.deletion {
        value["DeletionDate"] = json!(at.epoch_seconds());
    }
    value
}
