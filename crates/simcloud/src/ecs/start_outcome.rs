//! The outcome of a task's start: the scheduler counts failures for the circuit breaker and for the pace of retries.

use std::time::Duration;

use super::{
    ServiceKey,
    deployment::Rollout,
    rollback,
    scheduler::{say, wake},
    service_deployment::Monitor,
};
use crate::{Moment, World};

/// The longest pause between two attempts to start tasks.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// A task of a deployment runs, and is healthy where it has a health check.
pub(super) fn has_run(world: &mut World, now: Moment, key: &ServiceKey, deployment: &str) {
    let Some(service) = world.ecs.service_mut(key) else { return };
    let resets = service.configuration.breaker.resets();
    if let Some(primary) = service.deployments.first_mut().filter(|primary| primary.id == deployment) {
        primary.updated = now;
        service.pace.failures = 0;
        service.pace.not_before = None;
        if resets {
            primary.has_run = true;
            primary.failed_tasks = 0;
            if let Some(ongoing) = service.ongoing() {
                ongoing.failures = 0;
            }
        }
    }
    wake(world, now, key);
}

/// A task of a deployment ended before it ran: counts for the circuit breaker, and for the pace of retries.
pub(super) fn failed_to_start(world: &mut World, now: Moment, key: &ServiceKey, deployment: &str) {
    let Some(service) = world.ecs.service_mut(key) else { return };
    let Some(primary) = service.deployments.first_mut().filter(|primary| primary.id == deployment) else {
        wake(world, now, key);
        return;
    };
    primary.updated = now;
    if !primary.has_run {
        primary.failed_tasks += 1;
    }
    let (failed, in_progress) = (primary.failed_tasks, primary.rollout == Rollout::InProgress);
    service.pace.failures += 1;
    let breaker = service.configuration.breaker;
    let threshold = breaker.threshold(service.desired);
    if let Some(ongoing) = service.ongoing() {
        ongoing.failures = failed;
        ongoing.updated = now;
        if breaker.enable && in_progress && failed >= threshold && ongoing.monitor == Monitor::Monitoring {
            rollback::trip(world, now, key);
            wake(world, now, key);
            return;
        }
    }
    let rounds = service.pace.failures / service.desired.max(1);
    // The first round is retried at once, then every round waits twice as long as the one before it.
    let pause = match rounds {
        0 | 1 => Duration::ZERO,
        rounds => Duration::from_secs(15 << (rounds - 2).min(10)).min(LONGEST_PAUSE),
    };
    service.pace.not_before = Some(now + pause);
    if service.pace.failures == 2 * service.desired.max(1) {
        let message = format!(
            "(service {}) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
            key.service
        );
        say(world, now, key, message);
    }
    wake(world, now, key);
}
