//! Repositories.

use serde_json::{Value, json};

use super::Repository;
use crate::{ApiError, Call, World, partition};

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let repository = Repository::own(world, call)?;
    if world.registries.create_repository(&repository.host, &repository.name) {
        return Ok(json!({ "repository": shown(&repository, call) }));
    }
    let Repository { registry, name, .. } = repository;
    let message =
        format!("The repository with name '{name}' already exists in the registry with id '{registry}'");
    Err(ApiError::new("RepositoryAlreadyExistsException", message))
}

/// Removes a repository, and its images if it is forced to.
pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let repository = Repository::own(world, call)?;
    let is_forced = call.flag("force") == Some(true);
    if !is_forced && world.registries.has_images(&repository.host, &repository.name) {
        let Repository { registry, name, .. } = repository;
        let message = format!(
            "The repository with name '{name}' in registry with id '{registry}' cannot be deleted because it still \
             contains images"
        );
        return Err(ApiError::new("RepositoryNotEmptyException", message));
    }
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
