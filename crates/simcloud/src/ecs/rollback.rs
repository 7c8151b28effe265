//! Failed deployments, and the way back to the last completed revision.

use super::{
    ServiceKey,
    deployment::{Deployment, Rollout},
    scheduler::{say, wake},
    service::Pace,
    service_deployment::{Monitor, Rollback, Status},
};
use crate::{Moment, World};

/// The circuit breaker: the deployment has failed.
pub(super) fn trip(world: &mut World, now: Moment, key: &ServiceKey) {
    const EXCEEDED: &str = "because the circuit breaker threshold was exceeded.";
    let Some(service) = world.ecs.service_mut(key) else { return };
    let rollback = service.configuration.breaker.rollback;
    let Some(primary) = service.deployments.first_mut() else { return };
    primary.rollout = Rollout::Failed;
    primary.reason = "ECS deployment circuit breaker: tasks failed to start.".to_owned();
    let message = format!(
        "(service {}) (deployment {}) deployment failed: tasks failed to start.",
        key.service, primary.id
    );
    let target = service.rollback_target();
    if let Some(ongoing) = service.ongoing() {
        ongoing.monitor = Monitor::Triggered;
        if !rollback {
            ongoing.set(Status::Stopped, Some(format!("Service deployment stopped {EXCEEDED}")), now);
        } else if target.is_none() {
            let reason = format!(
                "Service deployment rolled back {EXCEEDED} No rollback candidate was found to run the rollback."
            );
            ongoing.set(Status::RollbackFailed, Some(reason), now);
        }
    }
    say(world, now, key, message);
    if let Some(target) = target.filter(|_| rollback) {
        roll_back(
            world,
            now,
            key,
            target,
            &format!("Service deployment rolled back {EXCEEDED}"),
            "ECS deployment circuit breaker",
        );
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
    if service.ongoing().is_none_or(|ongoing| ongoing.status != Status::RollbackRequested) {
        return;
    }
    let target = service.rollback_target();
    if let (Some(primary), Some(target)) = (service.deployments.first_mut(), target) {
        primary.rollout = Rollout::Failed;
        primary.reason = "ECS deployment was stopped by a user.".to_owned();
        let reason = "Service deployment rolled back because a user requested it.";
        roll_back(world, now, key, target, reason, "ECS deployment stopped by a user");
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
    }
    service.pace = Pace { pass: service.pace.pass, ..Pace::default() };
    say(world, now, key, message);
}
