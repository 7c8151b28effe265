//! The service scheduler: keeps the desired count and rolls deployments out.

use std::time::Duration;

use super::{
    Due, ServiceKey, TaskKey,
    alarms::{self, Alarms},
    at as schedule, between, daemon,
    deployment::Rollout,
    placement::{self, Unplaced},
    rollback,
    service::{Scheduling, Service, ServiceStatus},
    service_deployment::Status,
    service_events::task_list,
    stages::{self, Stage},
    start_outcome,
    task::{self, StopCode},
};
use crate::{Moment, World};

/// The time for which everything must have been as desired before ECS calls it a steady state.
const SETTLING: Duration = Duration::from_secs(15);
/// The time for which an inactive service stays described.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// A task of the service that is to go on running, as the scheduler sees it.
pub(super) struct Live {
    pub(super) id: String,
    pub(super) deployment: String,
    pub(super) healthy: bool,
    pub(super) running: bool,
    /// The id of the container instance that it is on.
    pub(super) instance: Option<String>,
    /// True if its container instance drains.
    is_draining: bool,
    created: Moment,
}

/// Lets the scheduler look at a service soon.
pub(super) fn wake(world: &mut World, now: Moment, key: &ServiceKey) {
    let delay = between(&mut world.ids, 500, 2_000);
    plan(world, key, now + delay);
}

/// Plans a pass; one that is planned earlier serves as well.
pub(super) fn plan(world: &mut World, key: &ServiceKey, moment: Moment) {
    let Some(service) = world.ecs.service_mut(key) else { return };
    if service.pace.pass.is_none_or(|planned| planned > moment) {
        service.pace.pass = Some(moment);
        schedule(&mut world.agenda, moment, Due::Schedule(key.clone()));
    }
}

/// One look at a service: starts and stops tasks, and finishes what is finished.
pub(super) fn pass(world: &mut World, now: Moment, key: &ServiceKey) {
    let Some(service) = world.ecs.service_mut(key) else { return };
    // An earlier pass took the place of this one.
    if service.pace.pass != Some(now) {
        return;
    }
    service.pace.pass = None;
    match service.status {
        ServiceStatus::Active => {
            rollback::begin_requested(world, now, key);
            let scheduling = world.ecs.service(key).map(|service| service.scheduling);
            match stages::are_due(world, key) {
                true => stages::pass(world, now, key),
                false if scheduling == Some(Scheduling::Daemon) => daemon::roll(world, now, key),
                false => roll(world, now, key),
            }
        }
        ServiceStatus::Draining => drain(world, now, key),
        ServiceStatus::Inactive => {}
    }
}

/// Lets the scheduler look at the services on the container instances of a cluster, whose room or number has changed.
/// Those that lacked room try again at once.
pub(super) fn capacity_changed(world: &mut World, now: Moment, region: &str, cluster: &str) {
    let Some(found) = world.ecs.cluster_mut(region, cluster) else { return };
    let mut keys = Vec::new();
    for service in found.services.values_mut().filter(|service| !service.launch.is_fargate()) {
        if std::mem::take(&mut service.pace.lacks_room) {
            service.pace.not_before = None;
        }
        let (region, cluster) = (region.to_owned(), cluster.to_owned());
        keys.push(ServiceKey { region, cluster, service: service.name.clone() });
    }
    for key in keys {
        wake(world, now, &key);
    }
}

pub(super) fn live(world: &World, key: &ServiceKey) -> Vec<Live> {
    let cluster = world.ecs.regions.get(&key.region).and_then(|region| region.clusters.get(&key.cluster));
    let is_draining = |instance: &str| {
        let instance = cluster.and_then(|cluster| cluster.instances.get(instance));
        instance.is_some_and(|instance| !instance.is_active())
    };
    let mut live: Vec<Live> = world
        .ecs
        .tasks_of(key)
        .filter(|task| !task.is_stopping())
        .map(|task| Live {
            id: task.id.clone(),
            deployment: task.deployment.clone().unwrap_or_default(),
            healthy: task.is_healthy(),
            running: task.is_running(),
            instance: task.placed.as_ref().map(|placed| placed.instance.clone()),
            is_draining: task.placed.as_ref().is_some_and(|placed| is_draining(&placed.instance)),
            created: task.created,
        })
        .collect();
    live.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    live
}

/// The number of a deployment's tasks that fail to start, and have not stopped yet.
pub(super) fn failing(world: &World, key: &ServiceKey, deployment: &str) -> usize {
    let failing = world.ecs.tasks_of(key).filter(|task| task.is_failing());
    failing.filter(|task| task.deployment.as_deref() == Some(deployment)).count()
}

/// Begins a rolling deployment that is pending, and looks at its alarms and at the hooks of its first stages. Returns true
/// if it may go on.
pub(super) fn may_roll(world: &mut World, now: Moment, key: &ServiceKey) -> bool {
    let Some(service) = world.ecs.service_mut(key) else { return false };
    let is_taking_over = service.deployments.len() > 2;
    if let Some(pending) = service.ongoing().filter(|deployment| deployment.status == Status::Pending) {
        pending.set(Status::InProgress, None, now);
    }
    if let Alarms::Due(moment) = alarms::look(world, now, key) {
        plan(world, key, moment);
    }
    (!is_taking_over || stages::passes(world, now, key, Stage::ReconcileService))
        && stages::passes(world, now, key, Stage::PreScaleUp)
}

fn roll(world: &mut World, now: Moment, key: &ServiceKey) {
    if !may_roll(world, now, key) {
        return;
    }
    let live = live(world, key);
    let primary = world.ecs.service(key).and_then(|service| service.deployments.first());
    let Some(primary) = primary.map(|primary| primary.id.clone()) else { return };
    // A task that fails to start is replaced when it has stopped, and has been counted.
    let failing = failing(world, key, &primary);
    let Some(service) = world.ecs.service_mut(key) else { return };
    let Some(primary) = service.deployments.first() else { return };
    let (desired, failed, primary) =
        (service.desired as usize, primary.rollout == Rollout::Failed, primary.id.clone());
    let early = service.ongoing().filter(|it| it.status == Status::InProgress);
    let early = early.and_then(|it| it.configuration.early_success(desired as u32));
    let least = service.configuration.least(service.desired) as usize;
    let most = service.configuration.most(service.desired) as usize;
    let not_before = service.pace.not_before.filter(|moment| *moment > now);

    // Tasks on instances that drain are replaced as those of older deployments are.
    let (own, old): (Vec<&Live>, Vec<&Live>) =
        live.iter().partition(|task| task.deployment == primary && !task.is_draining);
    let healthy = live.iter().filter(|task| task.healthy).count();
    let lacking = desired.saturating_sub(own.len() + failing);
    let room = most.saturating_sub(live.len());

    // Tasks of an older deployment that don't run yet are worth nothing; those that run are, as long as
    // they are needed for the minimum, and go when they were replaced or when their place is needed.
    let mut stops: Vec<&Live> = old.iter().copied().filter(|task| !task.running).collect();
    let spare = healthy.saturating_sub(least);
    let freed = room + stops.len();
    let wanted = if failed { 0 } else { healthy.saturating_sub(desired).max(lacking.saturating_sub(freed)) };
    stops.extend(old.iter().filter(|task| task.running).take(spare.min(wanted)));
    // Of its own the primary deployment stops what is more than desired, first what doesn't run yet.
    let mut surplus: Vec<&Live> = own.clone();
    surplus.sort_by_key(|task| (task.running, task.created));
    stops.extend(surplus.into_iter().take(own.len().saturating_sub(desired)));

    let is_early =
        early.is_some_and(|(enough, _)| own.iter().filter(|task| task.healthy).count() >= enough as usize);
    let blocks = is_early && early.is_some_and(|(_, is_blocking)| is_blocking);
    if blocks {
        stops.extend(
            old.iter()
                .filter(|task| !stops.iter().any(|stop| stop.id == task.id))
                .copied()
                .collect::<Vec<_>>(),
        );
    }

    let starts = if failed || not_before.is_some() { 0 } else { lacking.min(room) };
    let stuck = starts == 0
        && stops.is_empty()
        && lacking > 0
        && not_before.is_none()
        && !failed
        && !old.is_empty()
        && live.iter().all(|task| task.healthy);
    let settled = own.len() == desired && own.iter().all(|task| task.healthy) && old.is_empty() && !failed;
    let is_early = is_early && (!blocks || old.is_empty());

    let stops: Vec<(String, bool)> = stops.iter().map(|task| (task.id.clone(), task.running)).collect();
    stop_tasks(world, now, key, &primary, &stops);
    if starts > 0 {
        start_tasks(world, now, key, &primary, starts);
    }
    if let Some(moment) = not_before.filter(|_| lacking > 0) {
        plan(world, key, moment);
    }
    if stuck {
        say_stuck(world, now, key);
    }
    settle(world, now, key, settled, is_early);
}

pub(super) fn stop_tasks(
    world: &mut World,
    now: Moment,
    key: &ServiceKey,
    primary: &str,
    stops: &[(String, bool)],
) {
    for (id, _) in stops {
        let task = TaskKey { region: key.region.clone(), cluster: key.cluster.clone(), task: id.clone() };
        let reason = format!("Scaling activity initiated by (deployment {primary})");
        task::begin_stop(world, now, &task, StopCode::ServiceSchedulerInitiated, &reason);
    }
    let running: Vec<String> =
        stops.iter().filter(|(_, running)| *running).map(|(id, _)| id.clone()).collect();
    if !running.is_empty() {
        let message = format!(
            "(service {}) has stopped {} running tasks: {}.",
            key.service,
            running.len(),
            task_list(&running)
        );
        say(world, now, key, message);
    }
}

/// Starts tasks of a deployment: on Fargate, or on container instances with room.
pub(super) fn start_tasks(world: &mut World, now: Moment, key: &ServiceKey, deployment: &str, count: usize) {
    let Some(service) = world.ecs.service(key) else { return };
    if service.launch.is_fargate() {
        let started: Vec<String> =
            (0..count).filter_map(|_| task::launch_for_service(world, now, key, deployment, None)).collect();
        say_started(world, now, key, &started);
        return;
    }
    start_on_instances(world, now, key, deployment, &vec![None; count]);
}

/// Starts a task for each of `places`: on the container instance that is named, or on any.
pub(super) fn start_on_instances(
    world: &mut World,
    now: Moment,
    key: &ServiceKey,
    deployment: &str,
    places: &[Option<String>],
) {
    let (mut started, mut lacking) = (Vec::new(), None);
    for on in places {
        match placement::place_for_service(world, key, deployment, on.as_deref()) {
            Ok(placed) => {
                started.extend(task::launch_for_service(world, now, key, deployment, Some(placed)));
            }
            Err(unplaced) => lacking = Some(unplaced),
        }
    }
    if !started.is_empty() {
        say_started(world, now, key, &started);
    }
    if let Some(service) = world.ecs.service_mut(key) {
        service.pace.lacks_room = lacking.is_some();
    }
    if let Some(unplaced) = lacking {
        say_unplaced(world, now, key, &unplaced);
        start_outcome::failed_to_start(world, now, key, deployment);
    }
}

fn say_started(world: &mut World, now: Moment, key: &ServiceKey, started: &[String]) {
    let message =
        format!("(service {}) has started {} tasks: {}.", key.service, started.len(), task_list(started));
    say(world, now, key, message);
}

fn say_unplaced(world: &mut World, now: Moment, key: &ServiceKey, unplaced: &Unplaced) {
    let message = format!(
        "(service {}) was unable to place a task because no container instance met all of its requirements. {} For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
        key.service,
        unplaced.message()
    );
    say(world, now, key, message);
}

fn say_stuck(world: &mut World, now: Moment, key: &ServiceKey) {
    let Some(service) = world.ecs.service_mut(key) else { return };
    if !std::mem::replace(&mut service.pace.said_stuck, true) {
        let message = format!(
            "(service {}) is unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.",
            key.service
        );
        say(world, now, key, message);
    }
}

/// Announces the steady state when it has lasted, and completes the deployment that it ends, or that succeeds early.
pub(super) fn settle(world: &mut World, now: Moment, key: &ServiceKey, settled: bool, is_early: bool) {
    let Some(service) = world.ecs.service_mut(key) else { return };
    if !settled && !is_early {
        service.pace.settled_since = None;
        service.pace.announced = false;
        return;
    }
    let since = *service.pace.settled_since.get_or_insert(now);
    if now.since(since) < SETTLING {
        plan(world, key, since + SETTLING);
        return;
    }
    let is_rolling_out = service.is_rolling_out();
    let is_over = !is_rolling_out
        || stages::passes(world, now, key, Stage::PostScaleUp) && stages::has_baked(world, now, key);
    let Some(service) = world.ecs.service_mut(key).filter(|_| is_over) else { return };
    let mut messages = Vec::new();
    if is_rolling_out {
        messages.push(complete(service, now));
        service.swap_target_groups();
    }
    if settled && !std::mem::replace(&mut service.pace.announced, true) {
        messages.push(format!("(service {}) has reached a steady state.", key.service));
    }
    for message in messages {
        say(world, now, key, message);
    }
}

pub(super) fn complete(service: &mut Service, now: Moment) -> String {
    service.deployments.truncate(1);
    service.pace.failures = 0;
    let primary = &mut service.deployments[0];
    primary.rollout = Rollout::Completed;
    primary.reason = format!("ECS deployment {} completed.", primary.id);
    primary.updated = now;
    let (id, revision) = (primary.id.clone(), primary.revision.clone());
    if let Some(revision) = service.revision_mut(&revision) {
        revision.completed = true;
    }
    if let Some(ongoing) = service.ongoing() {
        match ongoing.status {
            Status::RollbackInProgress => {
                ongoing.set(Status::RollbackSuccessful, ongoing.reason.clone(), now)
            }
            _ => ongoing.set(Status::Successful, None, now),
        }
    }
    format!("(service {}) (deployment {id}) deployment completed.", service.name)
}

fn drain(world: &mut World, now: Moment, key: &ServiceKey) {
    let live = live(world, key);
    let primary = world.ecs.service(key).and_then(|service| service.deployments.first());
    let primary = primary.map(|deployment| deployment.id.clone()).unwrap_or_default();
    let stops: Vec<(String, bool)> = live.iter().map(|task| (task.id.clone(), task.running)).collect();
    stop_tasks(world, now, key, &primary, &stops);
    if world.ecs.tasks_of(key).any(|task| !task.is_stopped()) {
        return;
    }
    if let Some(service) = world.ecs.service_mut(key) {
        service.status = ServiceStatus::Inactive;
        service.deployments.clear();
        schedule(&mut world.agenda, now + REMEMBERED, Due::ForgetService(key.clone()));
    }
}

/// Adds a message to the service's events.
pub(super) fn say(world: &mut World, now: Moment, key: &ServiceKey, message: String) {
    let World { ecs, ids, .. } = world;
    if let Some(service) = ecs.service_mut(key) {
        service.events.say(ids, now, message);
    }
}
