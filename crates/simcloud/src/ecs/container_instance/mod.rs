//! Container instances: EC2 instances whose agents are registered with a cluster.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerInstance.html>

mod agent;
mod operations;
mod resources;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::agent::register_declared;
pub use self::agent::{InstanceArchitecture, InstanceOs, InstanceSpec};
pub(super) use self::{
    operations::{deregister, describe, list, register, update_state},
    resources::{Protocol, Resources},
};
use super::{
    arn::Arns,
    cluster::Cluster,
    tags::Tags,
    task::Task,
    wire::{pruned, time},
};
use crate::Moment;

pub(super) const ZONE: &str = "ecs.availability-zone";
const TYPE: &str = "ecs.instance-type";
const ARCHITECTURE: &str = "ecs.cpu-architecture";
const OS: &str = "ecs.os-type";

/// The status of a container instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    Active,
    Draining,
    Inactive,
}

/// An instance of a cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ContainerInstance {
    pub(super) id: String,
    pub(super) ec2_id: String,
    pub(super) status: Status,
    pub(super) registered_at: Moment,
    /// Its room; the ports are those that are reserved.
    pub(super) room: Resources,
    pub(super) attributes: BTreeMap<String, Option<String>>,
    pub(super) tags: Tags,
    version_info: Value,
    /// The name of the declared machine that it is, if the blueprint declares it.
    machine: Option<String>,
    version: u64,
}

impl ContainerInstance {
    pub(super) fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Option::as_deref)
    }

    pub(super) fn zone(&self) -> Option<&str> {
        self.attribute(ZONE)
    }

    /// The operating system and the architecture of the images that it runs.
    pub(super) fn platform(&self) -> (&'static str, &'static str) {
        let is_windows = self.attribute(OS).is_some_and(|os| os.eq_ignore_ascii_case("windows"));
        let is_arm = self.attribute(ARCHITECTURE) == Some("arm64");
        (if is_windows { "windows" } else { "linux" }, if is_arm { "arm64" } else { "amd64" })
    }

    /// The version of its agent.
    pub(super) fn agent_version(&self) -> Option<&str> {
        self.version_info.get("agentVersion").and_then(Value::as_str)
    }

    fn set(&mut self, status: Status) {
        if self.status != status {
            self.status = status;
            self.version += 1;
        }
    }

    fn json(&self, arns: &Arns, cluster: &Cluster, with_tags: bool) -> Value {
        let tasks =
            |counts: fn(&Task) -> bool| cluster.tasks_on(&self.id).filter(|task| counts(task)).count();
        let attributes: Vec<Value> =
            self.attributes.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        pruned(json!({
            "containerInstanceArn": arns.container_instance(&cluster.name, &self.id),
            "ec2InstanceId": self.ec2_id,
            "version": self.version,
            "versionInfo": self.version_info,
            "remainingResources": self.room.without(&cluster.taken_on(&self.id)).json(),
            "registeredResources": self.room.json(),
            "status": self.status,
            "agentConnected": self.status != Status::Inactive,
            "runningTasksCount": tasks(Task::is_running),
            "pendingTasksCount": tasks(Task::is_pending),
            "attributes": attributes,
            "registeredAt": time(self.registered_at),
            "attachments": [],
            "tags": if with_tags { self.tags.json() } else { json!([]) },
        }))
    }
}

impl Cluster {
    /// The tasks on the container instance `id` that have not stopped.
    pub(super) fn tasks_on<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Task> {
        let is_there = move |task: &&Task| {
            !task.is_stopped() && task.placed.as_ref().is_some_and(|it| it.instance == id)
        };
        self.tasks.values().filter(is_there)
    }

    /// The share of the container instance `id` that its tasks have.
    pub(super) fn taken_on(&self, id: &str) -> Resources {
        let mut taken = Resources::default();
        self.tasks_on(id).filter_map(|task| task.placed.as_ref()).for_each(|it| taken.add(&it.taken));
        taken
    }
}
