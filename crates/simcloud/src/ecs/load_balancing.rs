//! The target groups of a service: its tasks are registered when they run, and deregistered when they stop.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html>

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Due, TaskKey, TaskStep, at as schedule,
    scheduler::say,
    start_outcome,
    task::{self, StopCode},
    task_definition::TaskSpec,
    wire::{invalid, unsupported},
};
use crate::{
    ApiError, Moment, World,
    elbv2::{State, TargetKey, TargetKind},
};

/// The most target groups of a service.
const MOST: usize = 5;
/// The status with which containers answer health checks.
const OK: u16 = 200;

/// A target group of a service, and the port of a container that it sends to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Balanced {
    target_group_arn: String,
    container_name: String,
    container_port: u16,
}

/// A target that a task is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Registered {
    group: String,
    target: TargetKey,
    pub(super) healthy: bool,
}

/// Checks the member `loadBalancers` of a service: the groups too if the request has them.
pub(super) fn checked(
    world: &World,
    items: &[Value],
    spec: &TaskSpec,
    are_given: bool,
) -> Result<Vec<Balanced>, ApiError> {
    if items.len() > MOST {
        return Err(invalid(format!("load balancers can have at most {MOST} items.")));
    }
    items.iter().map(|item| check(world, item, spec, are_given)).collect()
}

fn check(world: &World, item: &Value, spec: &TaskSpec, is_given: bool) -> Result<Balanced, ApiError> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    if text("loadBalancerName").is_some() {
        return Err(unsupported("the simulated cloud does not simulate Classic Load Balancers"));
    }
    let arn = text("targetGroupArn").ok_or_else(|| invalid("Target group ARN can not be blank."))?;
    let name = text("containerName").ok_or_else(|| invalid("Container name can not be blank."))?;
    let port = item.get("containerPort").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| invalid("Container port can not be blank."))?;
    let container = spec.container_definitions.iter().find(|container| container.name == name);
    let container = container
        .ok_or_else(|| invalid(format!("The container {name} does not exist in the task definition.")))?;
    if !container.port_mappings.iter().any(|mapping| mapping.container_port == Some(port.into())) {
        return Err(invalid(format!("The container {name} did not have a container port {port} defined.")));
    }
    if is_given {
        let group = world.elbv2.target_group(arn).ok_or_else(|| {
            invalid(
                "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS service role being passed has the proper permissions.",
            )
        })?;
        if group.kind == TargetKind::Instance && spec.network_mode.as_deref() == Some("awsvpc") {
            return Err(invalid(format!(
                "The provided target group {arn} has target type instance, which is incompatible with the awsvpc network mode specified in the task definition."
            )));
        }
        if world.elbv2.load_balancers_of(arn).is_empty() {
            return Err(invalid(format!(
                "The target group with targetGroupArn {arn} does not have an associated load balancer."
            )));
        }
    }
    Ok(Balanced { target_group_arn: arn.to_owned(), container_name: name.to_owned(), container_port: port })
}

/// Registers a task that has begun to run.
pub(super) fn register(world: &mut World, now: Moment, key: &TaskKey) {
    let Some(task) = world.ecs.task(key) else { return };
    let Some(service) = task.service_key(key) else { return };
    let revision = task.revision.as_deref().and_then(|id| world.ecs.service(&service)?.revision(id));
    let balanced = revision.map(|revision| revision.load_balancers.clone()).unwrap_or_default();
    let Some((address, zone)) = task.address() else { return };
    let mut registered = Vec::new();
    for item in balanced {
        let container = task.containers.iter().find(|container| container.name == item.container_name);
        let status = container.map(|container| container.behaviour.health_status.unwrap_or(OK));
        let target = TargetKey { id: address.clone(), port: item.container_port };
        let group = item.target_group_arn;
        if world.elbv2.register(&group, target.clone(), Some(zone.clone()), status, now) {
            registered.push(Registered { group, target, healthy: false });
        }
    }
    for item in &registered {
        let message =
            format!("(service {}) registered 1 targets in (target-group {})", service.service, item.group);
        say(world, now, &service, message);
    }
    if let Some(task) = world.ecs.task_mut(key) {
        task.registered = registered;
    }
    look(world, now, key);
}

/// Looks at the health of a task's targets: one that is unhealthy after the grace period stops the task.
pub(super) fn look(world: &mut World, now: Moment, key: &TaskKey) {
    let Some(task) = world.ecs.task(key).filter(|task| task.is_running()) else { return };
    let Some(service) = task.service_key(key) else { return };
    let (mut registered, deployment) = (task.registered.clone(), task.deployment.clone());
    if registered.is_empty() {
        return;
    }
    let grace = world.ecs.service(&service).map_or(0, |service| service.members.grace_period());
    let graced = task.started.unwrap_or(now) + Duration::from_secs(grace);
    let (mut next, mut failing) = (None::<Moment>, None);
    for item in &mut registered {
        match world.elbv2.state_of(&item.group, &item.target, now) {
            Some(State::Healthy) => item.healthy = true,
            // Nothing looks at it.
            Some(State::Unused) => {}
            Some(State::Initial(known)) => {
                item.healthy = false;
                next = Some(next.map_or(known, |next| next.min(known)));
            }
            Some(State::Unhealthy(reason)) => {
                item.healthy = false;
                failing.get_or_insert((item.clone(), reason));
            }
            Some(State::Draining) | None => item.healthy = false,
        }
    }
    if failing.is_some() && now < graced {
        next = Some(next.map_or(graced, |next| next.min(graced)));
    }
    if let Some(task) = world.ecs.task_mut(key) {
        task.registered = registered;
    }
    match failing.filter(|_| now >= graced) {
        Some((item, reason)) => {
            let Registered { group, target, .. } = item;
            let message = format!(
                "(service {}) (task {}) (port {}) is unhealthy in (target-group {group}) due to (reason {reason})",
                service.service, key.task, target.port
            );
            say(world, now, &service, message);
            let reason = format!("Task failed ELB health checks in (target-group {group})");
            task::begin_stop(world, now, key, StopCode::ServiceSchedulerInitiated, &reason);
            if let Some(deployment) = deployment {
                start_outcome::failed_to_start(world, now, &service, &deployment);
            }
        }
        None => {
            if let Some(next) = next {
                schedule(&mut world.agenda, next, Due::Task(key.clone(), TaskStep::TargetHealth));
            }
            task::tell_scheduler_it_runs(world, now, key);
        }
    }
}

/// Deregisters a task. Returns how long its targets drain, if it has any.
pub(super) fn deregister(world: &mut World, now: Moment, key: &TaskKey) -> Option<Duration> {
    let task = world.ecs.task_mut(key)?;
    let registered = std::mem::take(&mut task.registered);
    let service = task.service_key(key)?;
    let mut drains = None;
    for Registered { group, target, .. } in registered {
        if !world.elbv2.deregister(&group, &target, now) {
            continue;
        }
        let delay = world.elbv2.target_group(&group).map(|group| group.deregistration_delay());
        drains = drains.max(delay);
        let message =
            format!("(service {}) deregistered 1 targets in (target-group {group})", service.service);
        say(world, now, &service, message);
    }
    if drains.is_some() {
        let message = format!("(service {}) has begun draining connections on 1 tasks.", service.service);
        say(world, now, &service, message);
    }
    drains
}

/// Looks at the tasks of a target group whose health checks have begun anew.
pub(crate) fn targets_changed(world: &mut World, now: Moment, group: &str) {
    let mut keys = Vec::new();
    for (region, contents) in &world.ecs.regions {
        for (cluster, contents) in &contents.clusters {
            let tasks = contents.tasks.values();
            let of_group = tasks.filter(|task| task.registered.iter().any(|item| item.group == group));
            keys.extend(of_group.map(|task| TaskKey {
                region: region.clone(),
                cluster: cluster.clone(),
                task: task.id.clone(),
            }));
        }
    }
    for key in keys {
        // Once what is being changed is in force.
        schedule(&mut world.agenda, now, Due::Task(key, TaskStep::TargetHealth));
    }
}
