//! The steps of a task's life, from the network interface to STOPPED.

use std::time::Duration;

use super::{
    super::{Due, Errand, TaskKey, TaskStep, agent, at, between, load_balancing, scheduler, start_outcome},
    Health, LastStatus, StopCode, Task,
};
use crate::{Moment, World};

/// The time for which a stopped task is described.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// Takes a step. One that a task which is being stopped had still before it does nothing.
pub(in crate::ecs) fn step(world: &mut World, now: Moment, key: &TaskKey, step: TaskStep) -> Option<Errand> {
    let stopping = world.ecs.task(key)?.is_stopping();
    match step {
        TaskStep::Deprovision => deprovision(world, now, key),
        TaskStep::Drained => signal(world, now, key),
        TaskStep::Stop => stop(world, now, key),
        TaskStep::Forget => {
            if let Some(cluster) = world.ecs.cluster_mut(&key.region, &key.cluster) {
                cluster.tasks.remove(&key.task);
            }
        }
        _ if stopping => {}
        TaskStep::Attach => attach(world, now, key),
        TaskStep::Prepare => agent::prepare(world, now, key),
        TaskStep::Pull(container) if container < world.ecs.task(key)?.containers.len() => {
            return agent::pull(world, now, key, container);
        }
        TaskStep::Pull(_) => pulled_everything(world, now, key),
        TaskStep::PullOverdue(container) => agent::pull_overdue(world, now, key, container),
        TaskStep::Fail(reason) => fail(world, now, key, &reason),
        TaskStep::Start => start(world, now, key),
        TaskStep::Healthy => healthy(world, now, key),
        TaskStep::TargetHealth => load_balancing::look(world, now, key),
        TaskStep::Exit { container, code, reason } => exit(world, now, key, container, code, reason),
    }
    None
}

/// Plans a task's next step between `least` and `most` milliseconds from now.
fn next(world: &mut World, now: Moment, key: &TaskKey, step: TaskStep, least: u64, most: u64) {
    let moment = now + between(&mut world.ids, least, most);
    at(&mut world.agenda, moment, Due::Task(key.clone(), step));
}

fn attach(world: &mut World, now: Moment, key: &TaskKey) {
    let Some(task) = world.ecs.task_mut(key) else { return };
    task.last = LastStatus::Pending;
    task.connected = Some(now);
    task.version += 1;
    next(world, now, key, TaskStep::Prepare, 1_000, 3_000);
}

fn pulled_everything(world: &mut World, now: Moment, key: &TaskKey) {
    let Some(task) = world.ecs.task_mut(key) else { return };
    task.pull_stopped = Some(now);
    task.version += 1;
    next(world, now, key, TaskStep::Start, 500, 2_000);
}

fn start(world: &mut World, now: Moment, key: &TaskKey) {
    let World { ecs, ids, agenda, logs, .. } = world;
    let Some(task) = ecs.task_mut(key) else { return };
    task.last = LastStatus::Running;
    task.started = Some(now);
    task.version += 1;
    let task_memory = task.memory.as_deref().and_then(|memory| memory.parse::<i64>().ok());
    let mut interval = None;
    let overrides = task.overrides.clone();
    for (index, container) in task.containers.iter_mut().enumerate() {
        container.last = LastStatus::Running;
        container.runtime = Some(format!("{}-{}", key.task, ids.from_alphabet(b"0123456789", 10)));
        interval = interval.max(container.health_interval);
        if let Some(log) = &container.log {
            let line = format!("{} started from {}", container.name, container.image);
            // The stream was created when the task was prepared; if it was deleted since, the line is lost,
            // as it is at AWS.
            let _ = logs.write(&log.region, &log.group, &log.stream, now, [line]);
        }
        let behaviour = &container.behaviour;
        let limit = container.memory.or(task_memory);
        let killed = behaviour.needs_memory_mib.zip(limit).is_some_and(|(needs, limit)| needs as i64 > limit);
        let (code, reason) = match behaviour.exits {
            _ if killed => (137, Some("OutOfMemoryError: Container killed due to memory usage".to_owned())),
            Some(code) => (code, None),
            None => match overrides.command(&container.name).as_deref().map(ends_with) {
                Some(code) => (code, None),
                None => continue,
            },
        };
        let after = Duration::from_secs(behaviour.exits_after_seconds.unwrap_or(1));
        at(agenda, now + after, Due::Task(key.clone(), TaskStep::Exit { container: index, code, reason }));
    }
    if let Some(seconds) = interval {
        at(agenda, now + Duration::from_secs(seconds), Due::Task(key.clone(), TaskStep::Healthy));
    }
    load_balancing::register(world, now, key);
    tell_scheduler_it_runs(world, now, key);
}

/// The exit code of a command that nothing runs: N if its last argument ends with `exit N`, else 0.
fn ends_with(command: &[String]) -> i32 {
    let mut words = command.last().map(|last| last.split_whitespace().rev()).into_iter().flatten();
    let code = words.next().and_then(|word| word.parse().ok());
    code.filter(|_| words.next() == Some("exit")).unwrap_or_default()
}

fn healthy(world: &mut World, now: Moment, key: &TaskKey) {
    let Some(task) = world.ecs.task_mut(key) else { return };
    for health in task.containers.iter_mut().filter_map(|container| container.health.as_mut()) {
        *health = Health::Healthy;
    }
    task.version += 1;
    tell_scheduler_it_runs(world, now, key);
}

/// Tells the scheduler of a task that runs and is healthy.
pub(in crate::ecs) fn tell_scheduler_it_runs(world: &mut World, now: Moment, key: &TaskKey) {
    let Some(task) = world.ecs.task(key).filter(|task| task.is_healthy()) else { return };
    if let (Some(service), Some(deployment)) = (task.service_key(key), task.deployment.clone()) {
        start_outcome::has_run(world, now, &service, &deployment);
    }
}

fn exit(world: &mut World, now: Moment, key: &TaskKey, container: usize, code: i32, reason: Option<String>) {
    let World { ecs, logs, .. } = world;
    let Some(task) = ecs.task_mut(key) else { return };
    let Some(container) = task.containers.get_mut(container) else { return };
    container.last = LastStatus::Stopped;
    container.exit_code = Some(code);
    container.reason = reason;
    if let Some(log) = &container.log {
        let _ = logs.write(
            &log.region,
            &log.group,
            &log.stream,
            now,
            [format!("{} exited with code {code}", container.name)],
        );
    }
    task.version += 1;
    if container.essential {
        begin_stop(world, now, key, StopCode::EssentialContainerExited, "Essential container in task exited");
    }
}

/// The start of a task has failed, for a reason in AWS's words.
fn fail(world: &mut World, now: Moment, key: &TaskKey, reason: &str) {
    if reason.starts_with("CannotPull")
        && let Some(task) = world.ecs.task_mut(key)
        && let Some(container) = task.containers.iter_mut().find(|container| container.digest.is_none())
    {
        container.reason = Some(reason.to_owned());
    }
    begin_stop(world, now, key, StopCode::TaskFailedToStart, reason);
}

/// Begins to stop a task, unless that has begun before.
pub(in crate::ecs) fn begin_stop(
    world: &mut World,
    now: Moment,
    key: &TaskKey,
    code: StopCode,
    reason: &str,
) {
    let Some(task) = world.ecs.task_mut(key) else { return };
    if task.is_stopping() {
        return;
    }
    task.stopping = Some(now);
    task.stop_code = Some(code);
    task.stopped_reason = Some(reason.to_owned());
    task.version += 1;
    let service = task.service_key(key);
    let was_running = task.last == LastStatus::Running;
    if was_running && code != StopCode::EssentialContainerExited {
        task.last = LastStatus::Deactivating;
    }
    let drains = load_balancing::deregister(world, now, key);
    match drains.filter(|_| code != StopCode::EssentialContainerExited) {
        Some(delay) => at(&mut world.agenda, now + delay, Due::Task(key.clone(), TaskStep::Drained)),
        None if was_running => signal(world, now, key),
        None => deprovision(world, now, key),
    }
    if let Some(service) = service {
        scheduler::wake(world, now, &service);
    }
}

/// Ends the containers with SIGTERM.
fn signal(world: &mut World, now: Moment, key: &TaskKey) {
    let Some(task) = world.ecs.task_mut(key) else { return };
    task.last = LastStatus::Stopping;
    task.version += 1;
    next(world, now, key, TaskStep::Deprovision, 1_000, 4_000);
}

fn deprovision(world: &mut World, now: Moment, key: &TaskKey) {
    let Some(task) = world.ecs.task_mut(key) else { return };
    end_containers(task, now);
    if task.interface.is_some() {
        task.last = LastStatus::Deprovisioning;
    }
    task.version += 1;
    next(world, now, key, TaskStep::Stop, 5_000, 10_000);
}

/// Containers that were running end by the signal; those that never ran just stop.
fn end_containers(task: &mut Task, now: Moment) {
    task.execution_stopped = task.started.map(|_| now);
    for container in task.containers.iter_mut().filter(|container| container.last != LastStatus::Stopped) {
        if container.last == LastStatus::Running {
            container.exit_code = Some(143);
        }
        container.last = LastStatus::Stopped;
    }
}

fn stop(world: &mut World, now: Moment, key: &TaskKey) {
    let Some(task) = world.ecs.task_mut(key) else { return };
    task.last = LastStatus::Stopped;
    task.stopped = Some(now);
    task.version += 1;
    let failed = task.stop_code == Some(StopCode::TaskFailedToStart);
    let (service, deployment) = (task.service_key(key), task.deployment.clone());
    let is_placed = task.placed.is_some();
    at(&mut world.agenda, now + REMEMBERED, Due::Task(key.clone(), TaskStep::Forget));
    // Before the pause after a failure is set, which room does not shorten.
    if is_placed {
        scheduler::capacity_changed(world, now, &key.region, &key.cluster);
    }
    match (service, deployment) {
        (Some(service), Some(deployment)) if failed => {
            start_outcome::failed_to_start(world, now, &service, &deployment);
        }
        (Some(service), _) => scheduler::wake(world, now, &service),
        (None, _) => {}
    }
}
