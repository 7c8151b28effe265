//! Tasks that reach nothing: in a public subnet a network interface without a public address has no way out.
//!
//! Only subnets that give out public addresses are known to be public here; all others are taken to have a NAT
//! gateway.

use super::{
    super::{
        TaskKey,
        network::PublicIp,
        task_definition::{ContainerSpec, TaskSpec},
    },
    refusal::{Refusal, Store},
    value_from::ValueFrom,
};
use crate::World;

/// Whether the task's interface has no way to the internet.
pub(super) fn is_isolated(world: &World, key: &TaskKey) -> bool {
    let Some(task) = world.ecs.task(key) else { return false };
    let without_address =
        task.network.as_ref().is_some_and(|network| network.assign_public_ip == PublicIp::Disabled);
    without_address
        && task
            .subnet()
            .and_then(|subnet| world.ec2.subnet(subnet))
            .is_some_and(|subnet| subnet.public_ip_on_launch)
}

/// What fails first in a task that is isolated: its first secret. A task without any fails with its image.
pub(super) fn check(world: &World, key: &TaskKey, spec: &TaskSpec) -> Result<(), Refusal> {
    if !is_isolated(world, key) {
        return Ok(());
    }
    let containers = &spec.container_definitions;
    let registry = containers.iter().find_map(|container| container.repository_credentials.as_ref());
    if let Some(registry) = registry {
        let asked = format!("asm fetching secret from the service for {}: ", registry.credentials_parameter);
        let store = Store::SecretsManager;
        return Err(Refusal::secret_out_of_reach("get registry auth", store, &asked, &key.region));
    }
    if let Some(secret) = containers.iter().flat_map(ContainerSpec::all_secrets).next() {
        if let Ok(ValueFrom::Parameter { .. }) = ValueFrom::parse(&secret.value_from) {
            let store = Store::Parameters;
            return Err(Refusal::secret_out_of_reach("retrieve secrets", store, "", &key.region));
        }
        let asked = format!("failed to fetch secret {} from secrets manager: ", secret.value_from);
        let store = Store::SecretsManager;
        return Err(Refusal::secret_out_of_reach("retrieve secret", store, &asked, &key.region));
    }
    Ok(())
}
