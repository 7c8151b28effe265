//! AWS Secrets Manager: secrets, their versions and stages, and their slow deletion.

mod create;
mod delete;
mod error;
mod list;
mod read;
mod replication;
mod resource_policy;
mod stages;
mod state;
mod tags;
mod validate;
mod write;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use read::read_as;
pub(crate) use read::value;
pub use replication::Replica;
pub use state::{Secret, SecretsManager, Version};

use crate::{ApiError, Call, World, dispatch::only_reads};

/// Answers a call.
///
/// # Errors
/// Secrets Manager's own, or `UnknownOperationException` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    if only_reads(&call.operation) {
        return perform(world, call);
    }
    replication::refuse_replica(world, call)?;
    let answer = perform(world, call)?;
    replication::follow(world, call);
    Ok(answer)
}

fn perform(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "CreateSecret" => create::create(world, call),
        "PutSecretValue" => write::put(world, call),
        "UpdateSecret" => write::update(world, call),
        "GetSecretValue" => read::get(world, call),
        "BatchGetSecretValue" => read::batch_get(world, call),
        "DescribeSecret" => list::describe(&world.secrets, call),
        "ReplicateSecretToRegions" => replication::replicate(world, call),
        "RemoveRegionsFromReplication" => replication::remove(world, call),
        "ListSecrets" => list::list(&world.secrets, call),
        "ListSecretVersionIds" => list::versions(&world.secrets, call),
        "UpdateSecretVersionStage" => stages::update(&mut world.secrets, call),
        "DeleteSecret" => delete::delete(world, call),
        "RestoreSecret" => delete::restore(&mut world.secrets, call),
        "TagResource" => tags::tag(&mut world.secrets, call),
        "UntagResource" => tags::untag(&mut world.secrets, call),
        "PutResourcePolicy" => resource_policy::put(world, call),
        "GetResourcePolicy" => resource_policy::get(&world.secrets, call),
        "DeleteResourcePolicy" => resource_policy::delete(&mut world.secrets, call),
        other => Err(ApiError::unknown_operation("secretsmanager", other)),
    }
}
