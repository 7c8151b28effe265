//! Policies on secrets.

use serde_json::{Value, json};

use super::{SecretsManager, error::not_found, validate};
use crate::{
    ApiError, Call, World,
    policy::{Document, Effect, Kind},
};

pub(super) fn put(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = validate::secret_id(call)?;
    let text = call.required("ResourcePolicy", validate::CODE)?;
    let malformed = |message: String| ApiError::new("MalformedPolicyDocumentException", message);
    if text.is_empty() || text.len() > 20_480 {
        return Err(malformed("This resource policy must have between 1 and 20480 characters".to_owned()));
    }
    let document = Document::parse(text, Kind::Resource).map_err(|error| malformed(error.to_string()))?;
    document.check_partition(world.partition()).map_err(|error| malformed(error.to_string()))?;
    let roles = world.global_arn("iam", "role/");
    let principals = || {
        let allowing = document.statements.iter().filter(|statement| statement.effect == Effect::Allow);
        allowing.flat_map(|statement| statement.principals())
    };
    if let Some((_, role)) =
        principals().find(|(_, value)| value.starts_with(&roles) && !world.iam.role_exists(value))
    {
        return Err(malformed(format!("This resource policy contains an unsupported principal: {role}")));
    }
    if call.flag("BlockPublicPolicy") == Some(true) && principals().any(|(_, value)| value == "*") {
        return Err(ApiError::new(
            "PublicPolicyException",
            "You can't set a policy that allows public access while BlockPublicPolicy is true.",
        ));
    }
    let secret = world.secrets.required_mut(&call.region, id)?;
    secret.policy = Some(text.to_owned());
    secret.changed = call.now;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
}

pub(super) fn get(secrets: &SecretsManager, call: &Call) -> Result<Value, ApiError> {
    let secret = secrets.find(&call.region, validate::secret_id(call)?).ok_or_else(not_found)?;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name, "ResourcePolicy": secret.policy }))
}

pub(super) fn delete(secrets: &mut SecretsManager, call: &Call) -> Result<Value, ApiError> {
    let secret = secrets.required_mut(&call.region, validate::secret_id(call)?)?;
    secret.policy = None;
    secret.changed = call.now;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
}
