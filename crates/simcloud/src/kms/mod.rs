//! AWS Key Management Service, as much as secrets need: keys, aliases, and who may decrypt.

mod decrypt;
mod keys;
mod state;

use serde_json::Value;

pub use decrypt::decrypt;
pub use state::{Key, Kms};

use crate::{ApiError, Call, World};

/// Answers a call.
///
/// # Errors
/// KMS's own, or `UnknownOperationException` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "CreateKey" => keys::create(world, call),
        "DescribeKey" => keys::describe(&world.kms, call),
        "ListKeys" => keys::list(&world.kms, call),
        "EnableKey" => keys::set_enabled(&mut world.kms, call, true),
        "DisableKey" => keys::set_enabled(&mut world.kms, call, false),
        "ScheduleKeyDeletion" => keys::schedule_deletion(world, call),
        "CancelKeyDeletion" => keys::cancel_deletion(&mut world.kms, call),
        "PutKeyPolicy" => keys::put_policy(world, call),
        "GetKeyPolicy" => keys::get_policy(&world.kms, call),
        "CreateAlias" => keys::create_alias(world, call),
        "DeleteAlias" => keys::delete_alias(world, call),
        "ListAliases" => keys::list_aliases(&world.kms, call),
        other => Err(ApiError::unknown_operation("kms", other)),
    }
}
