//! The status of services and credentials.

use serde::{Deserialize, Serialize};

use crate::Failure;

/// A service as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name in the configuration.
    pub service: String,
    /// Its name in the cluster.
    pub name: String,
    /// Its cluster.
    pub cluster: String,
    /// Its state as ECS reports it (`ACTIVE`, `DRAINING`); nothing when there is no such service.
    pub state: Option<String>,
    /// The number of tasks that should run.
    pub desired: u32,
    /// The number of tasks that run.
    pub running: u32,
    /// The number of tasks that are being started.
    pub pending: u32,
    /// The task definition, `family:revision`.
    pub task_definition: Option<String>,
    /// The state of the newest deployment (`IN_PROGRESS`, `COMPLETED`, `FAILED`), with ECS's reason.
    pub rollout: Option<String>,
    /// The target groups that send to its tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_groups: Vec<TargetGroupStatus>,
    /// Its tasks: those that run, and the last ones that stopped.
    pub tasks: Vec<TaskStatus>,
    /// Its last events, newest first.
    pub events: Vec<ServiceEvent>,
}

/// A target group that sends to the tasks of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroupStatus {
    /// Its name.
    pub name: String,
    /// The addresses at which load balancers take requests for it.
    pub addresses: Vec<String>,
    /// Its targets.
    pub targets: Vec<TargetStatus>,
}

/// A target of a target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// Its address or its instance, and its port.
    pub id: String,
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining` …
    pub state: String,
    /// The reason for a state that is not `healthy`.
    pub reason: Option<String>,
}

/// A task of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStatus {
    /// The last part of the task's ARN.
    pub id: String,
    /// `PROVISIONING`, `PENDING`, `RUNNING`, `STOPPED` …
    pub state: String,
    /// The task definition, `family:revision`.
    pub task_definition: String,
    /// The images of its containers, with digests where ECS knows them.
    pub images: Vec<String>,
    /// When it began to run, in RFC 3339.
    pub started_at: Option<String>,
    /// The reason for stopping: the task's and those of its containers.
    pub stopped_reason: Option<String>,
}

/// An event that a service reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// When, in RFC 3339.
    pub at: String,
    /// The event, in ECS's words.
    pub message: String,
}

/// The credential of a container registry as it is stored now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialStatus {
    /// The registry's name in the configuration.
    pub registry: String,
    /// Its host.
    pub host: String,
    /// The source of the credential.
    pub source: String,
    /// The stored user name.
    pub user: Option<String>,
    /// The full ARN of the secret; nothing when none is stored.
    pub secret_arn: Option<String>,
    /// When the value was stored, in RFC 3339.
    pub stored_at: Option<String>,
    /// When the credential expires, in RFC 3339, where anybody knows.
    pub expires_at: Option<String>,
    /// True if it is known that the credential never expires. If false and without a time, the expiry is unknown.
    #[serde(default)]
    pub never_expires: bool,
    /// The kind of credential, in a few words: `classic personal access token`.
    pub kind: Option<String>,
    /// The credential's permissions.
    pub scopes: Vec<String>,
    /// The number of pulls that are left in the registry's current window.
    pub remaining_pulls: Option<u32>,
    /// True if it pulls.
    pub pull: PullStatus,
    /// Further remarks.
    pub notes: Vec<String>,
}

/// True if a stored credential pulls the images of its registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum PullStatus {
    /// It pulls each of them.
    Ok {
        /// The proof of each pull, image by image.
        images: Vec<String>,
    },
    /// At least one image could not be pulled.
    Refused {
        /// The failure, with the registry's words.
        failure: Failure,
    },
    /// Nothing is stored.
    NotStored,
    /// No image needs it, so that nothing proves it. It may be stored.
    Unused,
}
