//! The versions of a parameter.

use serde_json::{Value, json};

use super::{
    Type,
    error::not_found,
    read::shown,
    state::AWS_MANAGED_KEY,
    validate::{self, CODE},
};
use crate::{ApiError, Call, World, input::page};

pub(super) fn history(world: &World, call: &Call) -> Result<Value, ApiError> {
    let name = call.required("Name", CODE)?;
    let parameter = world.ssm.find(&call.region, &world.account, name).ok_or_else(not_found)?;
    let limit = validate::limit(call, 50, 50)?;
    let versions = parameter.versions.iter().collect();
    let (versions, next) = page(versions, call.text("NextToken"), limit, validate::bad_token)?;
    let entries: Result<Vec<_>, ApiError> = versions
        .into_iter()
        .map(|version| {
            let secure = parameter.kind == Type::SecureString;
            Ok(json!({
                "Name": parameter.name,
                "Type": parameter.kind.as_str(),
                "KeyId": secure.then(|| version.key.as_deref().unwrap_or(AWS_MANAGED_KEY)),
                "LastModifiedDate": version.written.epoch_seconds(),
                "LastModifiedUser": version.writer,
                "Description": version.description,
                "Value": shown(world, call, parameter, version)?,
                "AllowedPattern": version.allowed_pattern,
                "Version": version.number,
                "Labels": [],
                "Tier": version.tier.as_str(),
                "Policies": [],
                "DataType": "text",
            }))
        })
        .collect();
    Ok(json!({ "Parameters": entries?, "NextToken": next }))
}
