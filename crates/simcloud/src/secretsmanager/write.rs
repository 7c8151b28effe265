//! New versions of a secret's value.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use super::{
    Secret, Version,
    error::{exists, parameter},
    stages, validate,
    validate::Given,
};
use crate::{ApiError, Call, Moment, World, dispatch::who};

/// The number of versions that a secret keeps before those without labels go, oldest first.
const KEPT: usize = 100;

pub(super) fn put(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = validate::secret_id(call)?;
    let token = validate::token(call)?;
    let Some(value) = validate::value(call)? else {
        return Err(parameter("You must provide either SecretString or SecretBinary."));
    };
    let mut labels = call.texts("VersionStages");
    if labels.len() > 20 {
        return Err(parameter("A version can have no more than 20 staging labels."));
    }
    if labels.is_empty() {
        labels.push(stages::CURRENT.to_owned());
    }
    let secret = world.secrets.required_mut(&call.region, id)?;
    add_version(secret, token, value, &labels, call.now)?;
    let stages = secret.versions.get(token).map(|version| version.stages.clone());
    Ok(json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": token, "VersionStages": stages }))
}

pub(super) fn update(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = validate::secret_id(call)?;
    let value = validate::value(call)?;
    let token = if value.is_some() { Some(validate::token(call)?) } else { None };
    let description = validate::description(call)?;
    let kms_key = match call.text("KmsKeyId") {
        Some(_) => Some(validate::kms_key(world, call, who(world, call))?),
        None => None,
    };
    let secret = world.secrets.required_mut(&call.region, id)?;
    let mut answer = json!({ "ARN": secret.arn, "Name": secret.name });
    if let (Some(value), Some(token)) = (value, token) {
        add_version(secret, token, value, &[stages::CURRENT.to_owned()], call.now)?;
        answer["VersionId"] = json!(token);
    }
    if let Some(description) = description {
        secret.description = Some(description);
    }
    if let Some(key) = kms_key {
        secret.kms_key = key;
    }
    secret.changed = call.now;
    Ok(answer)
}

/// Adds a version under its token. The same token with the same value changes nothing; with another it is refused.
pub(super) fn add_version(
    secret: &mut Secret,
    token: &str,
    value: Given,
    labels: &[String],
    now: Moment,
) -> Result<(), ApiError> {
    if let Some(version) = secret.versions.get(token) {
        if holds(version, &value) {
            return Ok(());
        }
        return Err(exists(format!(
            "You can't use ClientRequestToken {token} because that token is already in use for a version of secret {}.",
            secret.arn
        )));
    }
    make_room(secret, now)?;
    let first = secret.versions.is_empty();
    let (string, binary) = match value {
        Given::Text(text) => (Some(text), None),
        Given::Binary(bytes) => (None, Some(bytes)),
    };
    let version = Version { string, binary, created: now, accessed: None, stages: BTreeSet::new() };
    secret.versions.insert(token.to_owned(), version);
    if first {
        stages::attach(secret, stages::CURRENT, token);
    }
    for label in labels {
        stages::attach(secret, label, token);
    }
    secret.changed = now;
    Ok(())
}

/// Returns true if a version has this value.
pub(super) fn holds(version: &Version, value: &Given) -> bool {
    match value {
        Given::Text(text) => version.string.as_ref() == Some(text),
        Given::Binary(bytes) => version.binary.as_ref() == Some(bytes),
    }
}

/// Lets the oldest version without labels go once there are a hundred; none goes within a day of its creation.
fn make_room(secret: &mut Secret, now: Moment) -> Result<(), ApiError> {
    if secret.versions.len() < KEPT {
        return Ok(());
    }
    let oldest = secret
        .versions
        .iter()
        .filter(|(_, version)| {
            version.stages.is_empty() && now.since(version.created) >= Duration::from_secs(86_400)
        })
        .min_by_key(|(_, version)| version.created)
        .map(|(id, _)| id.clone());
    let Some(oldest) = oldest else {
        return Err(ApiError::new(
            "LimitExceededException",
            format!(
                "The secret has {KEPT} versions that can't be removed yet; a version stays for 24 hours."
            ),
        ));
    };
    secret.versions.remove(&oldest);
    Ok(())
}
