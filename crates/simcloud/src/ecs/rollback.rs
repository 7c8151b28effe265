//! Failed deployments, and the way back to the last completed revision.

use super::{
    ServiceKey,
    deployment::{Deployment, Rollout},
    scheduler::{say, wake},
    service::Pace,
    service_deployment::{Monitor, Rollback, Status},
    stages::Course,
};
use crate::{Moment, World};

/// The cause of a deployment's failure.
pub(super) enum Cause {
    /// The circuit breaker: too many tasks have failed.
    CircuitBreaker,
    /// An alarm.
    Alarm,
    /// A lifecycle hook was waited for too long.
    HookTimeout,
    /// A listener rule that is to shift the traffic is not there, or forwards to nothing of the service's.
    Rule(String),
    /// A user has stopped it.
    Stopped,
}

impl Cause {
    /// The reason after "Service deployment rolled back" or "stopped".
    fn because(&self) -> String {
        match self {
            Self::CircuitBreaker => "because the circuit breaker threshold was exceeded.".to_owned(),
            Self::Alarm => "because a CloudWatch alarm was triggered.".to_owned(),
            Self::HookTimeout => "because a lifecycle hook timed out.".to_owned(),
            Self::Rule(rule) => format!("because the listener rule {rule} does not forward to the service."),
            Self::Stopped => "because a user requested it.".to_owned(),
        }
    }

    /// The reason of the deployment that has failed.
    fn of_deployment(&self) -> &'static str {
        match self {
            Self::CircuitBreaker => "ECS deployment circuit breaker: tasks failed to start.",
            Self::Alarm => "ECS deployment failed: alarm detected.",
            Self::HookTimeout => "ECS deployment failed: lifecycle hook timed out.",
            Self::Rule(_) => "ECS deployment failed: traffic could not be shifted.",
            Self::Stopped => "ECS deployment was stopped by a user.",
        }
    }

    /// The words before "rolling back to deploymentId".
    fn of_way_back(&self) -> &'static str {
        match self {
            Self::CircuitBreaker => "ECS deployment circuit breaker",
            Self::Alarm => "ECS deployment alarm detected",
            Self::HookTimeout => "ECS deployment lifecycle hook timed out",
            Self::Rule(_) => "ECS deployment could not shift traffic",
            Self::Stopped => "ECS deployment stopped by a user",
        }
    }

    /// The end of the service's event, if there is one.
    fn event(&self) -> Option<&'static str> {
        match self {
            Self::CircuitBreaker => Some("tasks failed to start."),
            Self::Alarm => Some("alarm detected."),
            Self::HookTimeout => Some("lifecycle hook timed out."),
            Self::Rule(_) => Some("traffic could not be shifted."),
            Self::Stopped => None,
        }
    }
}

/// The circuit breaker: the deployment has failed.
pub(super) fn trip(world: &mut World, now: Moment, key: &ServiceKey) {
    let Some(service) = world.ecs.service_mut(key) else { return };
    let rollback = service.configuration.breaker.rollback;
    if let Some(ongoing) = service.ongoing() {
        ongoing.monitor = Monitor::Triggered;
    }
    fail(world, now, key, &Cause::CircuitBreaker, rollback);
}

/// Ends a deployment that has failed. With `rollback` the service goes back to the last completed revision, if there is one.
pub(super) fn fail(world: &mut World, now: Moment, key: &ServiceKey, cause: &Cause, rollback: bool) {
    let Some(service) = world.ecs.service_mut(key) else { return };
    let target = service.rollback_target();
    let Some(primary) = service.deployments.first_mut() else { return };
    primary.rollout = Rollout::Failed;
    primary.reason = cause.of_deployment().to_owned();
    let id = primary.id.clone();
    if let Some(ongoing) = service.ongoing() {
        if !rollback {
            let reason = format!("Service deployment stopped {}", cause.because());
            ongoing.set(Status::Stopped, Some(reason), now);
        } else if target.is_none() {
            let reason = format!(
                "Service deployment rolled back {} No rollback candidate was found to run the rollback.",
                cause.because()
            );
            ongoing.set(Status::RollbackFailed, Some(reason), now);
        }
    }
    if let Some(event) = cause.event() {
        let message = format!("(service {}) (deployment {id}) deployment failed: {event}", key.service);
        say(world, now, key, message);
    }
    if let Some(target) = target.filter(|_| rollback) {
        let reason = format!("Service deployment rolled back {}", cause.because());
        roll_back(world, now, key, target, &reason, cause.of_way_back());
    }
}

/// `StopServiceDeployment`: the deployment is to be given up for the last completed revision.
pub(super) fn request(world: &mut World, now: Moment, key: &ServiceKey) {
    if let Some(ongoing) = world.ecs.service_mut(key).and_then(|service| service.ongoing()) {
        ongoing.set(Status::RollbackRequested, None, now);
        wake(world, now, key);
    }
}

/// Begins the rollback that was requested, if one was.
pub(super) fn begin_requested(world: &mut World, now: Moment, key: &ServiceKey) {
    let Some(service) = world.ecs.service_mut(key) else { return };
    if service.ongoing().is_some_and(|ongoing| ongoing.status == Status::RollbackRequested) {
        fail(world, now, key, &Cause::Stopped, true);
    }
}

/// Makes the deployment of an older revision the primary one again.
fn roll_back(world: &mut World, now: Moment, key: &ServiceKey, target: String, reason: &str, because: &str) {
    let fresh = format!("ecs-svc/{}", world.ids.from_alphabet(b"123456789", 19));
    let Some(service) = world.ecs.service_mut(key) else { return };
    let mut back = match service.deployments.iter().position(|deployment| deployment.revision == target) {
        Some(index) => service.deployments.remove(index),
        None => Deployment::new(fresh, target.clone(), now),
    };
    back.rollout = Rollout::InProgress;
    back.reason = format!("{because}: rolling back to deploymentId {}.", back.id);
    back.updated = now;
    // Failures of a rollback don't count: there is nothing to fall back to.
    back.has_run = true;
    let message = format!("(service {}) rolling back to deployment {}.", key.service, back.id);
    service.deployments.insert(0, back);
    if let Some(revision) = service.revision(&target).cloned() {
        service.definition = revision.definition;
        service.launch = revision.launch;
        service.network = revision.network;
    }
    if let Some(ongoing) = service.ongoing() {
        ongoing.rollback = Some(Rollback { reason: reason.to_owned(), started: now, revision: target });
        ongoing.set(Status::RollbackInProgress, Some(reason.to_owned()), now);
        ongoing.course = ongoing.course.as_ref().map(|course| Course::back(course, now));
    }
    service.pace = Pace { pass: service.pace.pass, ..Pace::default() };
    say(world, now, key, message);
}
