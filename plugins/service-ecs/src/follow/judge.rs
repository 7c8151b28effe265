//! Whether a deployment has ended, and how.

use aws_sdk_ecs::types::{DeploymentRolloutState, Service};

use crate::reads::{count, primary};

/// By what a deployment is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Track {
    /// A service deployment that has not shown up yet.
    Awaited,
    /// The status of a service deployment.
    ServiceDeployment {
        /// Its ARN.
        arn: String,
        /// Its status.
        status: String,
        /// ECS's reason for it.
        reason: Option<String>,
    },
    /// What the service says of its primary deployment, and how many of its tasks run.
    Service,
}

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not over yet.
    Wait,
    /// It has succeeded.
    Done,
    /// It has failed.
    Failed {
        /// The state, in ECS's word.
        state: String,
        /// ECS's reason.
        reason: Option<String>,
    },
}

/// Judges a deployment. `deployment` is the id of the service's deployment that is followed. `is_new` tells whether it
/// was begun for this change, so that its own success is all there is to wait for; otherwise all tasks have to run, too:
/// `desired` of them, where an answer that tells another number must be an old one.
pub(super) fn judge(
    service: Option<&Service>,
    deployment: Option<&str>,
    track: &Track,
    is_new: bool,
    desired: Option<u32>,
) -> Verdict {
    let Some(service) = service else {
        return failed("MISSING", Some("the service was deleted meanwhile"));
    };
    if let Some(status @ ("DRAINING" | "INACTIVE")) = service.status() {
        return failed(status, Some("the service was deleted meanwhile"));
    }
    match track {
        Track::Awaited => Verdict::Wait,
        Track::ServiceDeployment { status, reason, .. } => match status.as_str() {
            "SUCCESSFUL" if is_new => Verdict::Done,
            "SUCCESSFUL" => of_service(service, deployment, desired),
            "STOPPED" | "FAILED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED" => {
                failed(status, reason.as_deref())
            }
            _ => Verdict::Wait,
        },
        Track::Service => of_service(service, deployment, desired),
    }
}

fn failed(state: &str, reason: Option<&str>) -> Verdict {
    Verdict::Failed { state: state.to_owned(), reason: reason.map(str::to_owned) }
}

/// Judges by the deployments that the service itself shows.
fn of_service(service: &Service, deployment: Option<&str>, desired: Option<u32>) -> Verdict {
    if desired.is_some_and(|desired| desired != count(service.desired_count)) {
        return Verdict::Wait;
    }
    let mut deployments = service.deployments().iter();
    if let Some(ours) = deployments.find(|candidate| candidate.id().is_some() && candidate.id() == deployment)
        && ours.rollout_state == Some(DeploymentRolloutState::Failed)
    {
        return failed("FAILED", ours.rollout_state_reason());
    }
    let Some(primary) = primary(service) else { return Verdict::Wait };
    if let (Some(ours), Some(now)) = (deployment, primary.id())
        && ours != now
    {
        return failed("REPLACED", Some("another deployment has taken its place"));
    }
    let ends = match &primary.rollout_state {
        Some(DeploymentRolloutState::Failed) => return failed("FAILED", primary.rollout_state_reason()),
        Some(DeploymentRolloutState::InProgress) => false,
        // Some emulators do not report it.
        _ => true,
    };
    let is_alone = service.deployments().iter().all(|other| {
        other.status() == Some("PRIMARY") || count(other.running_count) + count(other.pending_count) == 0
    });
    let runs = count(primary.running_count) == count(service.desired_count) && primary.pending_count <= 0;
    if ends && is_alone && runs { Verdict::Done } else { Verdict::Wait }
}
