//! Tasks: what they are, and how they are shown.

mod launch;
mod life;
mod operations;
mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use self::{
    launch::{Order, launch, launch_for_service},
    life::{begin_stop, step, tell_scheduler_it_runs},
    operations::{describe, execute, list, run, stop},
    store::Tasks,
};
use super::{
    ServiceKey, TaskKey,
    arn::Arns,
    load_balancing::Registered,
    network::{AwsVpc, PublicIp},
    placement::{Binding, Placed},
    service::Launch,
    tags::Tags,
    wire::{maybe_time, pruned, time},
};
use crate::{Moment, ec2, registry::Behaviour};

/// The stage of a task's life.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum LastStatus {
    Provisioning,
    Pending,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StopCode {
    TaskFailedToStart,
    EssentialContainerExited,
    UserInitiated,
    ServiceSchedulerInitiated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Health {
    Unknown,
    Healthy,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) id: String,
    /// The task definition's ARN.
    pub(super) definition: String,
    pub(super) group: String,
    pub(super) started_by: Option<String>,
    /// The service's name, the deployment and the revision that it belongs to.
    pub(super) service: Option<String>,
    pub(super) deployment: Option<String>,
    pub(super) revision: Option<String>,
    pub(super) launch: Launch,
    pub(super) network: Option<AwsVpc>,
    interface: Option<Interface>,
    /// The container instance that it is on, if it is on one.
    #[serde(default)]
    pub(super) placed: Option<Placed>,
    /// The targets that it is.
    #[serde(default)]
    pub(super) registered: Vec<Registered>,
    pub(super) containers: Vec<Container>,
    pub(super) overrides: Overrides,
    cpu: Option<String>,
    pub(super) memory: Option<String>,
    pub(super) last: LastStatus,
    pub(super) created: Moment,
    connected: Option<Moment>,
    pub(super) pull_started: Option<Moment>,
    pull_stopped: Option<Moment>,
    pub(super) started: Option<Moment>,
    stopping: Option<Moment>,
    execution_stopped: Option<Moment>,
    stopped: Option<Moment>,
    stop_code: Option<StopCode>,
    stopped_reason: Option<String>,
    pub(super) tags: Tags,
    version: u64,
    execute_command: bool,
    /// `x86_64` or `arm64`.
    architecture: String,
    storage_gib: i64,
}

/// The elastic network interface of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Interface {
    attachment: String,
    id: String,
    subnet: String,
    zone: String,
    mac: String,
    address: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Container {
    id: String,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) essential: bool,
    cpu: i64,
    pub(super) memory: Option<i64>,
    memory_reservation: Option<i64>,
    pub(super) digest: Option<String>,
    pub(super) behaviour: Behaviour,
    runtime: Option<String>,
    last: LastStatus,
    exit_code: Option<i32>,
    reason: Option<String>,
    /// `None` if the container has no health check.
    health: Option<Health>,
    health_interval: Option<u64>,
    /// `None` if it does not log to CloudWatch.
    pub(super) log: Option<LogStream>,
}

/// A log stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LogStream {
    pub(super) region: String,
    pub(super) group: String,
    pub(super) stream: String,
}

/// The changes that `RunTask` makes to a task definition.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Overrides {
    #[serde(default)]
    container_overrides: Vec<BTreeMap<String, Value>>,
    #[serde(default)]
    inference_accelerator_overrides: Vec<Value>,
    pub(super) execution_role_arn: Option<String>,
    pub(super) task_role_arn: Option<String>,
    cpu: Option<String>,
    memory: Option<String>,
}

impl Task {
    pub(super) fn is_running(&self) -> bool {
        self.last == LastStatus::Running && !self.is_stopping()
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self.last, LastStatus::Provisioning | LastStatus::Pending) && !self.is_stopping()
    }

    /// Returns true if its desired status is STOPPED.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// Returns true if its start has failed and it is on the way to STOPPED.
    pub(super) fn is_failing(&self) -> bool {
        self.stop_code == Some(StopCode::TaskFailedToStart) && !self.is_stopped()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.last == LastStatus::Stopped
    }

    /// Returns true if it runs, and its health checks and those of its targets, if it has any, have passed.
    pub(super) fn is_healthy(&self) -> bool {
        self.are_containers_healthy() && self.registered.iter().all(|target| target.healthy)
    }

    fn are_containers_healthy(&self) -> bool {
        self.is_running()
            && self
                .containers
                .iter()
                .filter(|container| container.essential)
                .all(|container| container.health.is_none_or(|health| health == Health::Healthy))
    }

    /// The network interface through which its agent goes: its own, if it runs on Fargate.
    pub(super) fn source(&self) -> Option<ec2::Source<'_>> {
        let (interface, network) = (self.interface.as_ref()?, self.network.as_ref()?);
        self.launch.is_fargate().then(|| ec2::Source {
            subnet: &interface.subnet,
            address: &interface.address,
            is_public: network.assign_public_ip == PublicIp::Enabled,
            groups: &network.security_groups,
        })
    }

    /// Its network interface as EC2 shows it, until it stops.
    pub(super) fn network_interface(&self, attachments: &str) -> Option<ec2::Interface> {
        let (interface, network) = (self.interface.as_ref()?, self.network.as_ref()?);
        (self.last != LastStatus::Stopped).then(|| ec2::Interface {
            id: interface.id.clone(),
            subnet: interface.subnet.clone(),
            groups: (!network.security_groups.is_empty()).then(|| network.security_groups.clone()),
            address: interface.address.clone(),
            mac: interface.mac.clone(),
            is_public: network.assign_public_ip == PublicIp::Enabled,
            description: format!("{attachments}/{}", interface.attachment),
            instance_owner: "amazon-ecs".to_owned(),
        })
    }

    /// The id of the target that a container's port is, its port, and its zone: the address of the network interface, or
    /// the instance with the host port.
    pub(super) fn target(&self, container: &str, port: u16) -> Option<(String, u16, Option<String>)> {
        if let Some(interface) = &self.interface {
            return Some((interface.address.clone(), port, Some(interface.zone.clone())));
        }
        let placed = self.placed.as_ref()?;
        let is_meant = |it: &&Binding| it.container == container && it.container_port == port;
        let binding = placed.bindings.iter().find(is_meant)?;
        Some((placed.ec2_id.clone(), binding.host_port, placed.zone.clone()))
    }

    fn zone(&self) -> Option<&str> {
        let of_instance = || self.placed.as_ref()?.zone.as_deref();
        self.interface.as_ref().map(|interface| interface.zone.as_str()).or_else(of_instance)
    }

    /// The service that it belongs to.
    pub(super) fn service_key(&self, key: &TaskKey) -> Option<ServiceKey> {
        Some(ServiceKey {
            region: key.region.clone(),
            cluster: key.cluster.clone(),
            service: self.service.clone()?,
        })
    }

    fn desired_status(&self) -> &'static str {
        if self.is_stopping() { "STOPPED" } else { "RUNNING" }
    }

    fn health(&self) -> Health {
        let checked = self.containers.iter().any(|container| container.health.is_some());
        if checked && self.are_containers_healthy() { Health::Healthy } else { Health::Unknown }
    }

    fn json(&self, arns: &Arns, cluster: &str, with_tags: bool) -> Value {
        let arn = arns.task(cluster, &self.id);
        let containers: Vec<Value> =
            self.containers.iter().map(|container| self.container_json(container, arns, cluster)).collect();
        pruned(json!({
            "attachments": self.interface.iter().map(|interface| interface.json(self.last)).collect::<Vec<_>>(),
            "attributes": [{
                "name": "ecs.cpu-architecture",
                "value": self.architecture,
            }],
            "availabilityZone": self.zone(),
            "capacityProviderName": self.launch.provider(),
            "clusterArn": arns.cluster(cluster),
            "connectivity": self.connected.map(|_| "CONNECTED"),
            "connectivityAt": maybe_time(self.connected),
            "containerInstanceArn": self
                .placed
                .as_ref()
                .map(|placed| arns.container_instance(cluster, &placed.instance)),
            "containers": containers,
            "cpu": self.cpu,
            "createdAt": time(self.created),
            "desiredStatus": self.desired_status(),
            "enableExecuteCommand": self.execute_command,
            "executionStoppedAt": maybe_time(self.execution_stopped),
            "group": self.group,
            "healthStatus": self.health(),
            "lastStatus": self.last,
            "launchType": self.launch.task_launch_type(),
            "memory": self.memory,
            "overrides": self.overrides,
            "platformVersion": self.launch.platform_version(),
            "platformFamily": self.launch.platform_family,
            "pullStartedAt": maybe_time(self.pull_started),
            "pullStoppedAt": maybe_time(self.pull_stopped),
            "startedAt": maybe_time(self.started),
            "startedBy": self.started_by,
            "stopCode": self.stop_code,
            "stoppedAt": maybe_time(self.stopped),
            "stoppedReason": self.stopped_reason,
            "stoppingAt": maybe_time(self.stopping),
            "tags": if with_tags { self.tags.json() } else { json!([]) },
            "taskArn": arn,
            "taskDefinitionArn": self.definition,
            "version": self.version,
            "ephemeralStorage":
                self.launch.is_fargate().then(|| json!({ "sizeInGiB": self.storage_gib })),
        }))
    }

    /// The ports of a container on the instance, once it runs.
    fn bindings(&self, container: &Container) -> Vec<Value> {
        let bindings = self.placed.iter().flat_map(|placed| &placed.bindings);
        let bindings = bindings.filter(|it| it.container == container.name && container.runtime.is_some());
        let shown = bindings.map(|binding| {
            json!({
                "bindIP": "0.0.0.0",
                "containerPort": binding.container_port,
                "hostPort": binding.host_port,
                "protocol": binding.protocol,
            })
        });
        shown.collect()
    }

    fn container_json(&self, container: &Container, arns: &Arns, cluster: &str) -> Value {
        let interfaces: Vec<Value> = self
            .interface
            .iter()
            .filter(|_| self.last != LastStatus::Provisioning)
            .map(|interface| {
                json!({ "attachmentId": interface.attachment, "privateIpv4Address": interface.address })
            })
            .collect();
        json!({
            "containerArn": arns.container(cluster, &self.id, &container.id),
            "taskArn": arns.task(cluster, &self.id),
            "name": container.name,
            "image": container.image,
            "imageDigest": container.digest,
            "runtimeId": container.runtime,
            "lastStatus": container.last,
            "exitCode": container.exit_code,
            "reason": container.reason,
            "networkBindings": self.bindings(container),
            "networkInterfaces": interfaces,
            "healthStatus": container.health.unwrap_or(Health::Unknown),
            "cpu": container.cpu.to_string(),
            "memory": container.memory.map(|memory| memory.to_string()),
            "memoryReservation": container.memory_reservation.map(|memory| memory.to_string()),
        })
    }
}

impl Interface {
    fn json(&self, task: LastStatus) -> Value {
        let status = match task {
            LastStatus::Provisioning => "ATTACHING",
            LastStatus::Deprovisioning => "DETACHING",
            LastStatus::Stopped => "DELETED",
            _ => "ATTACHED",
        };
        let detail = |name: &str, value: &str| json!({ "name": name, "value": value });
        let mut details = vec![detail("subnetId", &self.subnet)];
        if task != LastStatus::Provisioning {
            details.push(detail("networkInterfaceId", &self.id));
            details.push(detail("macAddress", &self.mac));
            details.push(detail("privateIPv4Address", &self.address));
        }
        json!({ "id": self.attachment, "type": "ElasticNetworkInterface", "status": status, "details": details })
    }
}
