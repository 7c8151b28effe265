//! Services as Application Auto Scaling sees them.

use std::ops::RangeInclusive;

use super::{ServiceKey, scheduler, service::ServiceStatus};
use crate::{Moment, World};

/// The region, the cluster and the name of a service.
type Place<'a> = (&'a str, &'a str, &'a str);

fn key((region, cluster, service): Place<'_>) -> ServiceKey {
    ServiceKey { region: region.to_owned(), cluster: cluster.to_owned(), service: service.to_owned() }
}

/// Returns true if an active service has this name.
pub(crate) fn has_service(world: &World, place: Place<'_>) -> bool {
    let service = world.ecs.service(&key(place));
    service.is_some_and(|service| service.status == ServiceStatus::Active)
}

/// Brings the count of an active service into `bounds`.
pub(crate) fn scale(world: &mut World, now: Moment, place: Place<'_>, bounds: RangeInclusive<u32>) {
    let key = key(place);
    let service = world.ecs.service_mut(&key);
    let Some(service) = service.filter(|service| service.status == ServiceStatus::Active) else { return };
    if !bounds.contains(&service.desired) {
        service.scale(service.desired.clamp(*bounds.start(), *bounds.end()));
        scheduler::wake(world, now, &key);
    }
}
