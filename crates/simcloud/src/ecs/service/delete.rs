//! `DeleteService`, and how a deleted service is forgotten.

use serde::Deserialize;

use super::{
    super::{
        ServiceKey,
        arn::Arns,
        cluster, scheduler,
        wire::{Answer, input, invalid, service_not_found},
    },
    ServiceStatus, Status,
    create::answer,
};
use crate::{Call, World};

#[derive(Deserialize)]
struct Delete {
    cluster: Option<String>,
    service: String,
    #[serde(default)]
    force: bool,
}

/// The service drains its tasks, then is INACTIVE. A service that is not ACTIVE any more is not found.
pub(in crate::ecs) fn delete(world: &mut World, call: &Call) -> Answer {
    let request: Delete = input(call)?;
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let name = arns.service_name(&cluster.name, &request.service).ok_or_else(service_not_found)?;
    let service = cluster
        .services
        .get_mut(name)
        .filter(|service| service.status == ServiceStatus::Active)
        .ok_or_else(service_not_found)?;
    if service.desired > 0 && !request.force {
        return Err(invalid("The service cannot be stopped while it is scaled above 0."));
    }
    service.status = ServiceStatus::Draining;
    service.desired = 0;
    if let Some(ongoing) = service.ongoing() {
        ongoing.set(Status::Stopped, Some("The service was deleted.".to_owned()), call.now);
    }
    let key =
        ServiceKey { region: call.region.clone(), cluster: cluster.name.clone(), service: name.to_owned() };
    // Its scalable target goes with it, as AWS does it.
    world.autoscaling.forget(&key.region, &key.cluster, &key.service);
    scheduler::wake(world, call.now, &key);
    Ok(answer(world, &arns, &key))
}

/// Forgets a service that is inactive; one of the same name that was created since stays.
pub(in crate::ecs) fn forget(world: &mut World, key: &ServiceKey) {
    if let Some(cluster) = world.ecs.cluster_mut(&key.region, &key.cluster)
        && cluster.services.get(&key.service).is_some_and(|service| service.status == ServiceStatus::Inactive)
    {
        cluster.services.remove(&key.service);
    }
}
