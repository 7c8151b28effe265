//! AWS Key Management Service, as much as secrets need: keys, aliases, and who may decrypt.

mod decrypt;
mod keys;
mod managed;
mod rotation;
mod state;
mod tags;

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

pub use decrypt::decrypt;
pub use state::{Key, Kms};

use crate::{ApiError, Call, World, input};

/// Answers a call.
///
/// # Errors
/// KMS's own, or `UnknownOperationException` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "CreateKey" => keys::create(world, call),
        "DescribeKey" => keys::describe(world, call),
        "ScheduleKeyDeletion" => keys::schedule_deletion(world, call),
        "GetKeyPolicy" => keys::get_policy(&world.kms, call),
        "TagResource" => tags::tag(&mut world.kms, call),
        "UntagResource" => tags::untag(&mut world.kms, call),
        "ListResourceTags" => tags::list(&world.kms, call),
        "EnableKeyRotation" => rotation::enable(&mut world.kms, call),
        "GetKeyRotationStatus" => rotation::status(&world.kms, call),
        "CreateAlias" => keys::create_alias(world, call),
        "DeleteAlias" => keys::delete_alias(world, call),
        "ListAliases" => keys::list_aliases(world, call),
        other => Err(ApiError::unknown_operation("kms", other)),
    }
}

/// KMS's code for input that breaks its model.
const CODE: &str = "ValidationException";

/// A page of an answer, in the member `list`, as KMS has them: `Limit` and `Marker` in, `NextMarker` and `Truncated` out.
fn page(call: &Call, list: &str, items: Vec<Value>, most: i64) -> Result<Value, ApiError> {
    let limit = call.number("Limit").unwrap_or(most);
    if !(1..=1000).contains(&limit) {
        let constraint = "Member must have value between 1 and 1000";
        return Err(input::violated(&limit.to_string(), "Limit", constraint, CODE));
    }
    let bad_marker = || ApiError::new("InvalidMarkerException", "The marker is invalid.");
    let limit = usize::try_from(limit).unwrap_or_default();
    let (items, next) = input::page(items, call.text("Marker"), limit, bad_marker)?;
    Ok(json!({ list: items, "Truncated": next.is_some(), "NextMarker": next }))
}
