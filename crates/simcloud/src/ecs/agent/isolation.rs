//! The network of a task on Fargate, which decides what its agent reaches. The agent of a container instance goes through the
//! instance's own interface, which has a way to everything.

use super::{
    super::{
        TaskKey,
        task_definition::{ContainerSpec, TaskSpec},
    },
    refusal::{Refusal, Store, unreachable},
    value_from::ValueFrom,
};
use crate::{Moment, World, partition::ecr_registry};

/// Returns true if the agent of the task reaches a service of AWS in a region, or any other host for `None`.
pub(super) fn reaches(world: &World, now: Moment, key: &TaskKey, service: Option<(&str, &str)>) -> bool {
    let Some(source) = world.ecs.task(key).and_then(|task| task.source()) else { return true };
    match service {
        Some((service, region)) if region == key.region => world.ec2.reaches_service(source, service, now),
        _ => world.ec2.reaches_internet(source, now),
    }
}

/// Fails with what the agent needs first and does not reach: registry credentials, secrets, files, log groups, in this order.
/// Images come later.
pub(super) fn check(world: &World, now: Moment, key: &TaskKey, spec: &TaskSpec) -> Result<(), Refusal> {
    let own = key.region.as_str();
    let reaches = |service: &str, region: &str| reaches(world, now, key, Some((service, region)));
    let containers = &spec.container_definitions;
    for container in containers {
        if let Some(registry) = &container.repository_credentials
            && !reaches("secretsmanager", own)
        {
            let asked =
                format!("asm fetching secret from the service for {}: ", registry.credentials_parameter);
            let store = Store::SecretsManager;
            return Err(Refusal::secret_out_of_reach("get registry auth", store, &asked, &key.region));
        }
        if let Some((_, region)) = ecr_registry(&container.image)
            && !reaches("ecr.api", region)
        {
            return Err(Refusal::registry_out_of_reach(region));
        }
    }
    for secret in containers.iter().flat_map(ContainerSpec::all_secrets) {
        let Ok(value_from) = ValueFrom::parse(&secret.value_from) else { continue };
        let region = value_from.region(own);
        match &value_from {
            ValueFrom::Parameter { .. } if !reaches("ssm", region) => {
                return Err(Refusal::secret_out_of_reach("retrieve secrets", Store::Parameters, "", region));
            }
            ValueFrom::Secret { .. } if !reaches("secretsmanager", region) => {
                let asked = format!("failed to fetch secret {} from secrets manager: ", secret.value_from);
                let store = Store::SecretsManager;
                return Err(Refusal::secret_out_of_reach("retrieve secret", store, &asked, region));
            }
            _ => {}
        }
    }
    if containers.iter().any(|container| !container.environment_files.is_empty()) && !reaches("s3", own) {
        let why = "RequestCanceled: request context canceled caused by: context deadline exceeded";
        return Err(Refusal { slow: true, ..Refusal::environment_file(why) });
    }
    for options in containers.iter().filter_map(ContainerSpec::awslogs) {
        let region = options.get("awslogs-region").map_or(own, String::as_str);
        if reaches("logs", region) {
            continue;
        }
        let why = format!(
            "create stream has been retried 1 times: failed to create Cloudwatch log stream: {}",
            unreachable("logs", region)
        );
        return Err(Refusal { slow: true, ..Refusal::logger(&why) });
    }
    Ok(())
}
