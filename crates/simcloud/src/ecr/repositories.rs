//! Repositories.

use serde_json::{Value, json};

use super::Repository;
use crate::{ApiError, Call, World, partition};

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let repository = Repository::of(world, call)?;
    if world.registries.create_repository(&repository.host, &repository.name) {
        return Ok(json!({ "repository": shown(&repository, call) }));
    }
    let Repository { registry, name, .. } = repository;
    let message =
        format!("The repository with name '{name}' already exists in the registry with id '{registry}'");
    Err(ApiError::new("RepositoryAlreadyExistsException", message))
}

/// Removes a repository and, as with `force`, its images.
pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let repository = Repository::of(world, call)?;
    if world.registries.delete_repository(&repository.host, &repository.name) {
        Ok(json!({ "repository": shown(&repository, call) }))
    } else {
        Err(repository.absent())
    }
}

fn shown(repository: &Repository, call: &Call) -> Value {
    let Repository { registry, host, name } = repository;
    let arn = partition::arn("ecr", &call.region, registry, format_args!("repository/{name}"));
    json!({
        "repositoryArn": arn,
        "registryId": registry,
        "repositoryName": name,
        "repositoryUri": format!("{host}/{name}"),
    })
}
