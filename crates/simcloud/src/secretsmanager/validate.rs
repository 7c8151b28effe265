//! Secrets Manager's rules for names, values, tokens and tags.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{parameter, request};
use crate::{ApiError, Call, Sealed, World, input::violated, policy::Who};

/// The service's code for input that breaks its model.
pub(super) const CODE: &str = "ValidationException";

/// The most bytes of a value ("AWS Secrets Manager quotas").
const VALUE_QUOTA: usize = 65_536;

/// A value in a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// `SecretString`
    Text(Sealed),
    /// `SecretBinary`, in Base64.
    Binary(Sealed),
}

/// The required name or ARN of a secret.
pub(super) fn secret_id(call: &Call) -> Result<&str, ApiError> {
    let id = call.required("SecretId", CODE)?;
    length(id, "SecretId", 1, 2048)?;
    Ok(id)
}

pub(super) fn name(call: &Call) -> Result<&str, ApiError> {
    let name = call.required("Name", CODE)?;
    length(name, "Name", 1, 512)?;
    if name.chars().all(|character| character.is_ascii_alphanumeric() || "-/_+=.@!".contains(character)) {
        return Ok(name);
    }
    Err(ApiError::new(
        CODE,
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    ))
}

pub(super) fn description(call: &Call) -> Result<Option<String>, ApiError> {
    let Some(text) = call.text("Description") else { return Ok(None) };
    length(text, "Description", 0, 2048)?;
    Ok(Some(text.to_owned()))
}

/// The value in a call, if there is one.
pub(super) fn value(call: &Call) -> Result<Option<Given>, ApiError> {
    let (text, binary) = (call.text("SecretString"), call.text("SecretBinary"));
    if text.is_some() && binary.is_some() {
        return Err(parameter(
            "You can't specify both a binary secret value and a string secret value in the same secret.",
        ));
    }
    // The value itself must not stand in an error.
    if text.is_some_and(|text| text.len() > VALUE_QUOTA)
        || binary.is_some_and(|text| text.len() / 4 * 3 > VALUE_QUOTA)
    {
        let member = if text.is_some() { "secretString" } else { "secretBinary" };
        return Err(ApiError::new(
            CODE,
            format!(
                "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length \
                 less than or equal to {VALUE_QUOTA}"
            ),
        ));
    }
    if text.or(binary).is_some_and(str::is_empty) {
        return Err(parameter("You must provide either SecretString or SecretBinary."));
    }
    Ok(match (text, binary) {
        (Some(text), _) => Some(Given::Text(Sealed::new(text))),
        (None, Some(binary)) => Some(Given::Binary(Sealed::new(binary))),
        (None, None) => None,
    })
}

/// The token that becomes the id of a new version. SDKs and the command line always send one.
pub(super) fn token(call: &Call) -> Result<&str, ApiError> {
    let Some(token) = call.text("ClientRequestToken") else {
        return Err(request("You must provide a ClientRequestToken value. We recommend a UUID-type value."));
    };
    length(token, "ClientRequestToken", 32, 64)?;
    Ok(token)
}

/// A key that has to exist; `None` for the one that AWS manages.
pub(super) fn kms_key(world: &World, call: &Call, who: Who<'_>) -> Result<Option<String>, ApiError> {
    let Some(key) = call.text("KmsKeyId") else { return Ok(None) };
    length(key, "KmsKeyId", 0, 2048)?;
    let aws_managed = ["alias/aws/secretsmanager", ":alias/aws/secretsmanager"];
    if key.is_empty() || key == aws_managed[0] || key.ends_with(aws_managed[1]) {
        return Ok(None);
    }
    if world.kms.find(&call.region, key).is_none() {
        return Err(parameter("The operation failed because of an invalid KMS key: Invalid keyId"));
    }
    crate::kms::decrypt(
        world,
        call.now,
        &call.region,
        who,
        key,
        &super::read::kms_context(world, &call.region, ""),
    )?;
    Ok(Some(key.to_owned()))
}

pub(super) fn tags(call: &Call) -> Result<BTreeMap<String, String>, ApiError> {
    let pairs = call.pairs("Tags", "Key", "Value");
    let mut keys = BTreeSet::new();
    for (key, value) in &pairs {
        length(key, "Key", 1, 128)?;
        length(value, "Value", 0, 256)?;
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(parameter("The tag key can't start with aws:, which is reserved for AWS use."));
        }
        if !keys.insert(key) {
            return Err(parameter(format!("The tag key {key} stands there twice.")));
        }
    }
    Ok(pairs.into_iter().collect())
}

pub(super) fn tag_count(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > 50 {
        return Err(parameter("A secret can have no more than 50 tags."));
    }
    Ok(())
}

/// A whole number within bounds.
pub(super) fn number(call: &Call, key: &str, low: i64, high: i64, default: i64) -> Result<usize, ApiError> {
    let number = call.number(key).unwrap_or(default);
    if (low..=high).contains(&number) {
        return Ok(number.unsigned_abs() as usize);
    }
    let constraint = format!("Member must have value between {low} and {high}, inclusive");
    Err(violated(&number.to_string(), key, &constraint, CODE))
}

fn length(text: &str, key: &str, shortest: usize, longest: usize) -> Result<(), ApiError> {
    let count = text.chars().count();
    if count < shortest {
        let constraint = format!("Member must have length greater than or equal to {shortest}");
        return Err(violated(text, key, &constraint, CODE));
    }
    if count > longest {
        let constraint = format!("Member must have length less than or equal to {longest}");
        return Err(violated(text, key, &constraint, CODE));
    }
    Ok(())
}
