//! Writing parameters.

use serde_json::{Value, json};

use super::{
    Parameter, Type, Version,
    error::invalid,
    state::AWS_MANAGED_KEY,
    validate::{self, arn},
};
use crate::{ApiError, Call, World, dispatch::who, kms};

/// The number of versions that a parameter keeps; then the oldest goes.
const KEPT: usize = 100;

pub(super) fn put(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let name = validate::name(call)?;
    let kind = validate::kind(call)?;
    let overwrite = call.flag("Overwrite").unwrap_or(false);
    let tags = validate::tags(call)?;
    validate::tag_count(&tags)?;
    if overwrite && !tags.is_empty() {
        return Err(invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove \
             overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
             RemoveTagsFromResource.",
        ));
    }
    let arn = arn(&call.region, &world.account, name);
    let existing = world.ssm.parameters.get(&arn);
    if existing.is_some() && !overwrite {
        return Err(ApiError::new(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        ));
    }
    let kind = match (kind, existing) {
        (Some(kind), Some(existing)) if kind != existing.kind => {
            return Err(ApiError::new(
                "HierarchyTypeMismatchException",
                "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change \
                 a parameter from a String type to a SecureString type. You must create a new, unique parameter.",
            ));
        }
        (Some(kind), _) => kind,
        (None, Some(existing)) => existing.kind,
        (None, None) => {
            return Err(invalid("A parameter type is required when you create a parameter."));
        }
    };
    let newest = existing.and_then(Parameter::newest);
    let (value, tier) = validate::value(call, newest.map(|version| version.tier))?;
    let key = key(world, call, kind, &arn)?;
    let version = Version {
        number: newest.map_or(1, |version| version.number + 1),
        value,
        key,
        // The description stays if an overwriting call leaves it out, as at AWS.
        description: validate::description(call)?.or_else(|| newest?.description.clone()),
        allowed_pattern: call.text("AllowedPattern").map(str::to_owned),
        tier,
        written: call.now,
        writer: call.caller.clone(),
    };
    let answer = json!({ "Version": version.number, "Tier": tier.as_str() });
    let parameter = world.ssm.parameters.entry(arn.clone()).or_insert_with(|| Parameter {
        arn,
        name: name.to_owned(),
        region: call.region.clone(),
        kind,
        tags,
        versions: Vec::new(),
    });
    parameter.versions.push(version);
    if parameter.versions.len() > KEPT {
        parameter.versions.remove(0);
    }
    Ok(answer)
}

/// The key of a `SecureString`, which has to exist; `None` for the one that AWS manages.
fn key(world: &World, call: &Call, kind: Type, arn: &str) -> Result<Option<String>, ApiError> {
    let given = call.text("KeyId").filter(|key| !key.is_empty());
    let Some(key) = given else { return Ok(None) };
    if kind != Type::SecureString {
        return Err(invalid("KeyId is required for SecureString type parameter only."));
    }
    if key == AWS_MANAGED_KEY || key.ends_with(&format!(":{AWS_MANAGED_KEY}")) {
        return Ok(None);
    }
    if world.kms.find(&call.region, key).is_none() {
        return Err(ApiError::new("InvalidKeyId", format!("Invalid keyId {key}")));
    }
    let context = super::read::kms_context(world, &call.region, arn);
    kms::decrypt(world, call.now, &call.region, who(world, call), key, &context)
        .map_err(|error| ApiError::new("InvalidKeyId", error.message))?;
    Ok(Some(key.to_owned()))
}
