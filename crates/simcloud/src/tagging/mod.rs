//! The Resource Groups Tagging API: what carries which tags, across services, in one region.
//!
//! It knows what the services with an ARN in the region tell it. IAM is global, and its roles are not among the
//! resources that this API finds ("Services that support the Resource Groups Tagging API").

mod found;
mod query;
mod resources;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::{ApiError, Call, World};

/// Answers a call.
///
/// # Errors
/// The API's own, or `UnknownOperationException` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "GetResources" => resources::get(world, call),
        "GetTagKeys" => resources::keys(world, call),
        "GetTagValues" => resources::values(world, call),
        other => Err(ApiError::unknown_operation("tag", other)),
    }
}
