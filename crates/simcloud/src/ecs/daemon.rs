//! Services with the scheduling strategy DAEMON: one task on each active container instance that meets their constraints.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html>

use std::collections::BTreeSet;

use super::{
    ServiceKey,
    deployment::Rollout,
    placement,
    scheduler::{self, Live},
};
use crate::{Moment, World};

/// One look at a service. The place of a task that stops is free when it has stopped, and never is there a second task of
/// the service on an instance.
pub(super) fn roll(world: &mut World, now: Moment, key: &ServiceKey) {
    let matching = placement::matching(world, key);
    if let Some(service) = world.ecs.service_mut(key) {
        service.scale(matching.len() as u32);
    }
    if !scheduler::may_roll(world, now, key) {
        return;
    }
    let live = scheduler::live(world, key);
    let Some(service) = world.ecs.service(key) else { return };
    let Some(primary) = service.deployments.first() else { return };
    let has_failed = primary.rollout == Rollout::Failed;
    let least = service.configuration.least(service.desired) as usize;
    let not_before = service.pace.not_before.filter(|moment| *moment > now);
    let primary = primary.id.clone();

    let (there, elsewhere): (Vec<&Live>, Vec<&Live>) =
        live.iter().partition(|task| task.instance.as_ref().is_some_and(|id| matching.contains(id)));
    let (own, old): (Vec<&Live>, Vec<&Live>) = there.into_iter().partition(|task| task.deployment == primary);
    let healthy = own.iter().chain(&old).filter(|task| task.healthy).count();
    let mut stops: Vec<&Live> =
        elsewhere.iter().copied().filter(|task| is_last_on_instance(world, key, task)).collect();
    if !has_failed {
        stops.extend(old.iter().filter(|task| !task.running));
        stops.extend(old.iter().filter(|task| task.running).take(healthy.saturating_sub(least)));
    }
    let stops: Vec<(String, bool)> = stops.iter().map(|task| (task.id.clone(), task.running)).collect();
    scheduler::stop_tasks(world, now, key, &primary, &stops);

    let taken: BTreeSet<&str> = world
        .ecs
        .tasks_of(key)
        .filter(|task| !task.is_stopped())
        .filter_map(|task| task.placed.as_ref().map(|placed| placed.instance.as_str()))
        .collect();
    let free: Vec<Option<String>> =
        matching.iter().filter(|id| !taken.contains(id.as_str())).cloned().map(Some).collect();
    if let Some(moment) = not_before.filter(|_| !free.is_empty()) {
        scheduler::plan(world, key, moment);
    } else if !free.is_empty() && !has_failed {
        scheduler::start_on_instances(world, now, key, &primary, &free);
    }
    let is_settled = own.len() == matching.len()
        && own.iter().all(|task| task.healthy)
        && old.is_empty()
        && elsewhere.is_empty()
        && !has_failed;
    scheduler::settle(world, now, key, is_settled, false);
}

/// Returns true if nothing but daemons is left on the container instance of a task: they stop last.
fn is_last_on_instance(world: &World, key: &ServiceKey, task: &Live) -> bool {
    let cluster = world.ecs.regions.get(&key.region).and_then(|region| region.clusters.get(&key.cluster));
    let (Some(cluster), Some(instance)) = (cluster, &task.instance) else { return true };
    let is_daemon = |service: &String| cluster.services.get(service).is_some_and(|it| it.is_daemon());
    // Tasks that no service has started go on while their instance drains.
    let mut others = cluster.tasks_on(instance).filter_map(|task| task.service.as_ref());
    others.all(is_daemon)
}
