//! Tags of parameters.

use serde_json::{Value, json};

use super::{
    Parameter,
    validate::{self, CODE, arn},
};
use crate::{ApiError, Call, World, input::missing};

pub(super) fn add(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let new = validate::tags(call)?;
    let parameter = parameter(world, call)?;
    let mut tags = parameter.tags.clone();
    tags.extend(new);
    validate::tag_count(&tags)?;
    parameter.tags = tags;
    Ok(Value::Null)
}

pub(super) fn remove(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let keys = call.texts("TagKeys");
    if keys.is_empty() {
        return Err(missing("TagKeys", CODE));
    }
    parameter(world, call)?.tags.retain(|key, _| !keys.contains(key));
    Ok(Value::Null)
}

pub(super) fn list(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let tags = &parameter(world, call)?.tags;
    let tags: Vec<_> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    Ok(json!({ "TagList": tags }))
}

/// The parameter that a call about tags names: by its name only, not by an ARN.
fn parameter<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Parameter, ApiError> {
    let kind = call.required("ResourceType", CODE)?;
    if kind != "Parameter" {
        return Err(ApiError::new("InvalidResourceType", format!("{kind} is not a valid resource type.")));
    }
    let id = call.required("ResourceId", CODE)?;
    let invalid = || {
        ApiError::new(
            "InvalidResourceId",
            "The resource ID isn't valid. Verify that you entered the correct ID and try again.",
        )
    };
    if id.starts_with("arn:") {
        return Err(invalid());
    }
    let arn = arn(&call.region, &world.account, id);
    world.ssm.parameters.get_mut(&arn).ok_or_else(invalid)
}
