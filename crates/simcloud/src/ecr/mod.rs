//! Amazon ECR, as much as it takes to see what a tag names: repositories and the manifests of their images.
//!
//! The content is that of the simulated registries: what is declared for `ACCOUNT.dkr.ecr.REGION.…`, was pushed there, or
//! is improvised. Repository policies of other accounts are not simulated: they allow everything.

mod images;
mod repositories;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::{ApiError, Call, World, input::violated, partition};

/// Answers a call.
///
/// # Errors
/// ECR's own, or `UnknownOperationException` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "BatchGetImage" => images::batch_get(world, call),
        "PutImage" => images::put(world, call),
        "CreateRepository" => repositories::create(world, call),
        "DeleteRepository" => repositories::delete(world, call),
        other => Err(ApiError::unknown_operation("ecr", other)),
    }
}

const INVALID: &str = "InvalidParameterException";

/// The repository that a call is about.
struct Repository {
    /// The account whose registry has it.
    registry: String,
    /// The registry's host.
    host: String,
    name: String,
}

impl Repository {
    fn of(world: &World, call: &Call) -> Result<Self, ApiError> {
        let registry = call.text("registryId").unwrap_or(&world.account).to_owned();
        if registry.len() != 12 || !registry.bytes().all(|byte| byte.is_ascii_digit()) {
            let pattern = "Member must satisfy regular expression pattern: [0-9]{12}";
            return Err(violated(&registry, "registryId", pattern, INVALID));
        }
        let name = call.required("repositoryName", INVALID)?.to_owned();
        let host = partition::ecr_host(&registry, &call.region);
        Ok(Self { registry, host, name })
    }

    /// The repository of a call that changes it, which has to be in the account's own registry.
    fn own(world: &World, call: &Call) -> Result<Self, ApiError> {
        let repository = Self::of(world, call)?;
        if repository.registry == world.account {
            return Ok(repository);
        }
        let Self { registry, name, .. } = repository;
        let (caller, operation) = (&call.caller, &call.operation);
        let arn = partition::arn("ecr", &call.region, &registry, format_args!("repository/{name}"));
        let message =
            format!("User: {caller} is not authorized to perform: ecr:{operation} on resource: {arn}");
        Err(ApiError::new("AccessDeniedException", message))
    }

    fn absent(&self) -> ApiError {
        let Self { registry, name, .. } = self;
        let message =
            format!("The repository with name '{name}' does not exist in the registry with id '{registry}'");
        ApiError::new("RepositoryNotFoundException", message)
    }
}
