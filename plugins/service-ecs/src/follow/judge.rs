//! Judges if a deployment has ended, and with which result.

use aws_sdk_ecs::types::{DeploymentRolloutState, Service};

use super::course::{Course, Pause};
use crate::reads::{count, primary};

/// By what a deployment is followed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Track {
    /// A service deployment that has not shown up yet.
    Awaited,
    /// The status of a service deployment.
    ServiceDeployment {
        /// Its ARN.
        arn: String,
        /// Its course.
        course: Box<Course>,
    },
    /// The service's primary deployment and its number of running tasks.
    Service,
}

/// The state of a deployment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Not over yet.
    Wait,
    /// It has succeeded.
    Done,
    /// It waits for an action of the user.
    Paused(Pause),
    /// It has failed.
    Failed {
        /// The state, in ECS's word.
        state: String,
        /// ECS's reason.
        reason: Option<String>,
    },
}

/// The data that a verdict is based on.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// The service as it was last read.
    pub(super) service: Option<&'a Service>,
    /// The id of the service's deployment that is followed.
    pub(super) deployment: Option<&'a str>,
    /// By what it is followed.
    pub(super) track: &'a Track,
    /// True if it was begun for this change: then its own success is all there is to wait for. Otherwise all tasks have
    /// to run, too.
    pub(super) is_new: bool,
    /// True if its rollback is followed: then that is the success to wait for.
    pub(super) expects_rollback: bool,
    /// The desired number of tasks, or `None` if it is unknown.
    pub(super) desired: Option<u32>,
    /// True if what was read may be older than what was changed just before: ECS's reads lag behind its writes.
    pub(super) may_be_old: bool,
}

impl View<'_> {
    /// Judges the deployment.
    pub(super) fn verdict(&self) -> Verdict {
        let status = self.service.map_or("MISSING", |service| service.status().unwrap_or("ACTIVE"));
        let Some(service) = self.service.filter(|_| !matches!(status, "DRAINING" | "INACTIVE")) else {
            return self.unless_old(status, "the service was deleted meanwhile");
        };
        match self.track {
            Track::Awaited => Verdict::Wait,
            Track::ServiceDeployment { course, .. } => match course.status.as_str() {
                "SUCCESSFUL" if self.is_new => Verdict::Done,
                "SUCCESSFUL" | "ROLLBACK_SUCCESSFUL" if self.expects_rollback => Verdict::Done,
                "SUCCESSFUL" => self.of(service),
                "STOPPED" | "FAILED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED" => {
                    failed(&course.status, course.reason.as_deref())
                }
                "IN_PROGRESS" => course.pause.clone().map_or(Verdict::Wait, Verdict::Paused),
                _ => Verdict::Wait,
            },
            Track::Service => self.of(service),
        }
    }

    /// Judges by the deployments that the service itself shows.
    fn of(&self, service: &Service) -> Verdict {
        let ours = service.deployments().iter().find(|it| it.id().is_some() && it.id() == self.deployment);
        if let Some(ours) = ours.filter(|ours| ours.rollout_state == Some(DeploymentRolloutState::Failed)) {
            return failed("FAILED", ours.rollout_state_reason());
        }
        let Some(primary) = primary(service) else { return Verdict::Wait };
        if self.deployment.zip(primary.id()).is_some_and(|(ours, now)| ours != now) {
            return self.unless_old("REPLACED", "another deployment has taken its place");
        }
        if primary.rollout_state == Some(DeploymentRolloutState::Failed) {
            return failed("FAILED", primary.rollout_state_reason());
        }
        // Some emulators do not report the state.
        let has_ended = primary.rollout_state != Some(DeploymentRolloutState::InProgress);
        let is_alone = service.deployments().iter().all(|other| {
            other.status() == Some("PRIMARY") || count(other.running_count) + count(other.pending_count) == 0
        });
        let runs = count(primary.running_count) == count(service.desired_count) && primary.pending_count <= 0;
        let is_count = |desired| count(service.desired_count) == desired;
        let is_new_enough = !self.may_be_old || self.desired.is_none_or(is_count);
        if has_ended && is_alone && runs && is_new_enough { Verdict::Done } else { Verdict::Wait }
    }

    fn unless_old(&self, state: &str, reason: &str) -> Verdict {
        if self.may_be_old { Verdict::Wait } else { failed(state, Some(reason)) }
    }
}

fn failed(state: &str, reason: Option<&str>) -> Verdict {
    Verdict::Failed { state: state.to_owned(), reason: reason.map(str::to_owned) }
}
