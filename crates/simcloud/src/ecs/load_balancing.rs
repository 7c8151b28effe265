//! The target groups of a service: its tasks are registered when they run, and deregistered when they stop.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html>

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Due, ServiceKey, TaskKey, TaskStep, at as schedule,
    scheduler::say,
    service::{ALL, Service, Strategy},
    start_outcome,
    task::{self, StopCode},
    task_definition::TaskSpec,
    wire::{invalid, unsupported},
};
use crate::{
    ApiError, Call, Moment, World,
    elbv2::{State, TargetKey, TargetKind},
    iam::Context,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    advanced_configuration: Option<Advanced>,
    /// True if the revision uses the alternate target group.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_alternate: bool,
}

/// The resources with which traffic is shifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Advanced {
    alternate_target_group_arn: String,
    production_listener_rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test_listener_rule: Option<String>,
    role_arn: String,
}

/// A kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traffic {
    Production,
    Test,
}

impl Balanced {
    /// The target group that the revision uses.
    fn group(&self) -> &str {
        match &self.advanced_configuration {
            Some(advanced) if self.is_alternate => &advanced.alternate_target_group_arn,
            _ => &self.target_group_arn,
        }
    }

    /// The other one of the pair.
    fn other(&self) -> Option<&str> {
        let advanced = self.advanced_configuration.as_ref()?;
        Some(if self.is_alternate { &self.target_group_arn } else { &advanced.alternate_target_group_arn })
    }

    fn is_of_same_port(&self, other: &Self) -> bool {
        (&self.container_name, self.container_port) == (&other.container_name, other.container_port)
    }

    /// As a service revision shows it.
    pub(super) fn json(&self) -> Value {
        json!({
            "targetGroupArn": self.target_group_arn,
            "containerName": self.container_name,
            "containerPort": self.container_port,
            "advancedConfiguration": self.advanced_configuration,
        })
    }

    /// The target group that the revision uses, as a service revision shows it.
    pub(super) fn resolved_json(&self) -> Value {
        let rule = self.advanced_configuration.as_ref().map(|advanced| &advanced.production_listener_rule);
        json!({ "targetGroupArn": self.group(), "productionListenerRule": rule })
    }

    /// Writes the pair of target groups into the service's `item`, if it is the same pair.
    pub(super) fn swap(&self, item: &mut Value) {
        let Some(other) = self.other() else { return };
        let pair = [
            item["targetGroupArn"].as_str(),
            item["advancedConfiguration"]["alternateTargetGroupArn"].as_str(),
        ];
        if pair.contains(&Some(self.group())) && pair.contains(&Some(other)) {
            item["advancedConfiguration"]["alternateTargetGroupArn"] = json!(other);
            item["targetGroupArn"] = json!(self.group());
        }
    }
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
    call: &Call,
    items: &[Value],
    spec: &TaskSpec,
    strategy: Strategy,
    are_given: bool,
) -> Result<Vec<Balanced>, ApiError> {
    if items.len() > MOST {
        return Err(invalid(format!("load balancers can have at most {MOST} items.")));
    }
    let mut checked = Vec::new();
    for item in items {
        let balanced = check(world, item, spec, are_given)?;
        check_advanced(world, call, &balanced, strategy, are_given)?;
        checked.push(balanced);
    }
    Ok(checked)
}

/// Checks the resources with which traffic is shifted.
fn check_advanced(
    world: &World,
    call: &Call,
    balanced: &Balanced,
    strategy: Strategy,
    are_given: bool,
) -> Result<(), ApiError> {
    let group = &balanced.target_group_arn;
    let Some(advanced) = &balanced.advanced_configuration else {
        if !strategy.shifts_traffic() {
            return Ok(());
        }
        let strategy = json!(strategy);
        return Err(invalid(format!(
            "advancedConfiguration is required for the target group {group} when the deployment strategy is {}.",
            strategy.as_str().unwrap_or_default()
        )));
    };
    if !are_given {
        return Ok(());
    }
    let alternate = &advanced.alternate_target_group_arn;
    if alternate == group {
        return Err(invalid("The alternate target group must differ from the target group."));
    }
    check_group(world, alternate)?;
    let balancers = world.elbv2.load_balancers_of(group);
    if balancers != world.elbv2.load_balancers_of(alternate) {
        return Err(invalid(format!(
            "The target groups {group} and {alternate} are not associated with the same load balancer."
        )));
    }
    let test = advanced.test_listener_rule.iter();
    for rule in [&advanced.production_listener_rule].into_iter().chain(test) {
        let balancer = world.elbv2.load_balancer_of_rule(rule);
        if balancer.is_none_or(|balancer| !balancers.contains(&balancer)) {
            return Err(invalid(format!("The listener rule {rule} does not belong to the load balancer.")));
        }
        if world.elbv2.weights(rule).is_none() {
            return Err(invalid(format!(
                "The listener rule {rule} has an action that does not forward to a target group."
            )));
        }
    }
    let context = Context::new().with("aws:SourceAccount", world.account.as_str());
    let role = &advanced.role_arn;
    world.iam.assume(call.now, role, "ecs.amazonaws.com", &context).map_err(|_| {
        invalid(format!(
            "Unable to assume the role {role}. Please verify that the role exists and that ecs.amazonaws.com may assume it."
        ))
    })
}

/// Chooses the target group of the pair that a new revision uses: the one that takes no production traffic.
pub(super) fn resolve(
    world: &World,
    service: Option<&Service>,
    strategy: Strategy,
    balanced: &mut [Balanced],
) {
    let current = service.and_then(Service::completed);
    for item in balanced {
        let Some(advanced) = &item.advanced_configuration else { continue };
        let before = current.and_then(|it| it.load_balancers.iter().find(|it| it.is_of_same_port(item)));
        let pair = [item.target_group_arn.as_str(), advanced.alternate_target_group_arn.as_str()];
        let used = before.map(Balanced::group).filter(|group| pair.contains(group));
        let weights = world.elbv2.weights(&advanced.production_listener_rule).unwrap_or_default();
        let by_rule =
            || pair.into_iter().find(|arn| weights.iter().any(|(group, weight)| group == arn && *weight > 0));
        item.is_alternate = match strategy.shifts_traffic() {
            // ECS does so for a new service as well, whose target group takes traffic already, with no target in it.
            true => used.or_else(by_rule) == Some(pair[0]),
            false => used == Some(pair[1]),
        };
    }
}

/// Gives so many thousandths of the traffic to the target groups of the primary deployment, and the rest to the others.
/// Returns a listener rule that is not there, or does not forward.
pub(super) fn shift(world: &mut World, key: &ServiceKey, traffic: Traffic, share: u32) -> Option<String> {
    let service = world.ecs.service(key)?;
    let revision = service.deployments.first().and_then(|primary| service.revision(&primary.revision))?;
    let mut missing = None;
    for item in revision.load_balancers.clone() {
        let (Some(advanced), Some(other)) = (&item.advanced_configuration, item.other()) else { continue };
        let rule = match traffic {
            Traffic::Production => Some(&advanced.production_listener_rule),
            Traffic::Test => advanced.test_listener_rule.as_ref(),
        };
        let Some(rule) = rule else { continue };
        if world.elbv2.weights(rule).is_none() {
            missing = Some(rule.clone());
            continue;
        }
        // As percentages where they are whole.
        let unit = if share.is_multiple_of(10) { 10 } else { 1 };
        world.elbv2.set_weights(rule, &[(item.group(), share / unit), (other, (ALL - share) / unit)]);
    }
    missing
}

/// Checks that a target group can get traffic.
fn check_group(world: &World, arn: &str) -> Result<(), ApiError> {
    if world.elbv2.target_group(arn).is_none() {
        return Err(invalid(
            "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS service role being passed has the proper permissions.",
        ));
    }
    if world.elbv2.load_balancers_of(arn).is_empty() {
        return Err(invalid(format!(
            "The target group with targetGroupArn {arn} does not have an associated load balancer."
        )));
    }
    Ok(())
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
        let kind = world.elbv2.target_group(arn).map(|group| group.kind);
        let mode = spec.network_mode.as_deref().unwrap_or("bridge");
        let incompatible = match kind {
            Some(TargetKind::Instance) if mode == "awsvpc" => Some("instance"),
            Some(TargetKind::Ip) if mode != "awsvpc" => Some("ip"),
            _ => None,
        };
        if let Some(kind) = incompatible {
            return Err(invalid(format!(
                "The provided target group {arn} has target type {kind}, which is incompatible with the {mode} network mode specified in the task definition."
            )));
        }
        check_group(world, arn)?;
    }
    let advanced = item.get("advancedConfiguration").filter(|advanced| !advanced.is_null());
    let advanced = advanced.map(|advanced| serde_json::from_value(advanced.clone())).transpose();
    Ok(Balanced {
        target_group_arn: arn.to_owned(),
        container_name: name.to_owned(),
        container_port: port,
        advanced_configuration: advanced.map_err(|_| {
            invalid("advancedConfiguration must have alternateTargetGroupArn, productionListenerRule and roleArn.")
        })?,
        is_alternate: false,
    })
}

/// Registers a task that has begun to run.
pub(super) fn register(world: &mut World, now: Moment, key: &TaskKey) {
    let Some(task) = world.ecs.task(key) else { return };
    let Some(service) = task.service_key(key) else { return };
    let revision = task.revision.as_deref().and_then(|id| world.ecs.service(&service)?.revision(id));
    let balanced = revision.map(|revision| revision.load_balancers.clone()).unwrap_or_default();
    let mut registered = Vec::new();
    for item in balanced {
        let container = task.containers.iter().find(|container| container.name == item.container_name);
        let status = container.map(|container| container.behaviour.health_status.unwrap_or(OK));
        let Some((id, port, zone)) = task.target(&item.container_name, item.container_port) else { continue };
        let target = TargetKey { id, port };
        let group = item.group().to_owned();
        if world.elbv2.register(&group, target.clone(), zone, status, now) {
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
