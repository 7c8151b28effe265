//! The deployments of a service, as `DescribeServices` lists them: the primary one, and older ones that are
//! being replaced.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{service::Service, task::Task, wire::time};
use crate::Moment;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Rollout {
    InProgress,
    Completed,
    Failed,
}

impl Rollout {
    fn name(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// One deployment. The first of a service's list is its PRIMARY one, the others are ACTIVE.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Deployment {
    /// `ecs-svc/` and a number.
    pub(super) id: String,
    /// The id of the service revision that it deploys.
    pub(super) revision: String,
    pub(super) created: Moment,
    pub(super) updated: Moment,
    pub(super) rollout: Rollout,
    pub(super) reason: String,
    /// Tasks in a row that did not start.
    pub(super) failed_tasks: u32,
    /// True if one of its tasks has run: from then on failures don't count.
    pub(super) has_run: bool,
    /// The service's desired count when another deployment replaced this one.
    pub(super) kept: u32,
}

impl Deployment {
    pub(super) fn new(id: String, revision: String, at: Moment) -> Self {
        let reason = format!("ECS deployment {id} in progress.");
        Self {
            id,
            revision,
            created: at,
            updated: at,
            rollout: Rollout::InProgress,
            reason,
            failed_tasks: 0,
            has_run: false,
            kept: 0,
        }
    }

    pub(super) fn json<'a>(
        &self,
        service: &Service,
        primary: bool,
        tasks: impl Iterator<Item = &'a Task> + Clone,
    ) -> Value {
        let mine = tasks.filter(|task| task.deployment.as_deref() == Some(&self.id));
        let revision = service.revision(&self.revision);
        json!({
            "id": self.id,
            "status": if primary { "PRIMARY" } else { "ACTIVE" },
            "taskDefinition": revision.map(|revision| revision.definition.clone()),
            "desiredCount": if primary { service.desired } else { self.kept },
            "pendingCount": mine.clone().filter(|task| task.is_pending()).count(),
            "runningCount": mine.filter(|task| task.is_running()).count(),
            "failedTasks": self.failed_tasks,
            "createdAt": time(self.created),
            "updatedAt": time(self.updated),
            "launchType": revision.and_then(|revision| revision.launch.launch_type.clone()),
            "capacityProviderStrategy": revision.and_then(|revision| revision.launch.strategy_json()),
            "platformVersion": revision.and_then(|revision| revision.launch.platform_version()),
            "platformFamily": revision.and_then(|revision| revision.launch.platform_family.clone()),
            "networkConfiguration": revision.and_then(|revision| revision.network.as_ref()).map(super::network::AwsVpc::json),
            "rolloutState": self.rollout.name(),
            "rolloutStateReason": self.reason,
        })
    }
}
