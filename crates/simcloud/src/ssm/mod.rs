//! AWS Systems Manager Parameter Store: parameters in hierarchies, their versions, tiers and tags.

mod delete;
mod error;
mod history;
mod list;
mod public;
mod put;
mod read;
mod state;
mod tags;
mod validate;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use read::{Unreadable, read_as};
pub use state::{Parameter, ParameterStore, Tier, Type, Version};

pub(crate) use validate::{arn, name_of};

use crate::{ApiError, Call, World};

/// Answers a call.
///
/// # Errors
/// Systems Manager's own, or `UnknownOperationException` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "PutParameter" => put::put(world, call),
        "GetParameter" => read::get(world, call),
        "GetParameters" => read::get_several(world, call),
        "GetParametersByPath" => read::get_by_path(world, call),
        "GetParameterHistory" => history::history(world, call),
        "DescribeParameters" => list::describe(world, call),
        "DeleteParameter" => delete::delete(world, call),
        "DeleteParameters" => delete::delete_several(world, call),
        "AddTagsToResource" => tags::add(world, call),
        "RemoveTagsFromResource" => tags::remove(world, call),
        "ListTagsForResource" => tags::list(world, call),
        other => Err(ApiError::unknown_operation("ssm", other)),
    }
}
