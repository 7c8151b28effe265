//! A service as its declaration has it: what the core knows of it, and the short words of this deployer.

mod container;
mod defaults;
mod load_balancer;
mod rollout;
mod words;

use std::{collections::BTreeMap, time::Duration};

use longshore_model::{
    ContainerSecret, ImageReference, Name, Platform, Problem, Reference, Service as OfStack, Text,
};

pub(crate) use defaults::defaults;
pub(crate) use words::{Words, read};

/// The launcher of a service's tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LaunchType {
    /// AWS Fargate.
    #[default]
    Fargate,
    /// Container instances of the cluster.
    Ec2,
}

/// CPU and memory of a whole task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskSize {
    /// CPU units: 1024 are one vCPU.
    pub(crate) cpu: u32,
    /// Memory in MiB.
    pub(crate) memory: u32,
}

/// A service: containers that run together as a task, and how many such tasks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Service {
    /// The cluster's name.
    pub(crate) cluster: String,
    /// The service's name in the cluster.
    pub(crate) name: String,
    /// The number of tasks. If `None`, a new service gets one task, and an existing service keeps its count, which may
    /// be that of an autoscaling policy.
    pub(crate) desired_count: Option<u32>,
    pub(crate) launch_type: LaunchType,
    /// The platform that the tasks run on.
    pub(crate) platform: Platform,
    /// CPU and memory of a task; otherwise the smallest size that holds the containers.
    pub(crate) size: Option<TaskSize>,
    /// The containers, by name; at least one.
    pub(crate) containers: BTreeMap<Name, Container>,
    pub(crate) network: Network,
    /// The role that the containers' own AWS calls run as: an ARN.
    pub(crate) task_role: Option<Text>,
    /// True if commands can be executed in the containers of its tasks.
    pub(crate) execute_command: bool,
    /// The log group of the containers' output; nothing turns it off.
    pub(crate) logs: Option<Logs>,
    pub(crate) deployment: Deployment,
    pub(crate) load_balancer: Option<LoadBalancer>,
}

/// The container and port that take the requests of the service's load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoadBalancer {
    pub(crate) container: Name,
    pub(crate) port: u16,
}

/// A container of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) image: ImageReference,
    pub(crate) image_updates: ImageUpdates,
    /// The registry whose credential pulls the image; none for images that need no credential.
    pub(crate) registry: Option<Name>,
    /// CPU units reserved for it.
    pub(crate) cpu: Option<u32>,
    /// Its memory limit in MiB.
    pub(crate) memory: Option<u32>,
    /// The ports that it listens on, by name.
    pub(crate) ports: BTreeMap<Name, u16>,
    /// Environment variables.
    pub(crate) environment: BTreeMap<String, Text>,
    /// Environment variables whose values ECS reads from a secret or parameter when a task starts, by their names.
    pub(crate) secrets: BTreeMap<String, ContainerSecret>,
    /// The command, instead of the image's.
    pub(crate) command: Option<Vec<String>>,
    /// True if the task stops when this container stops.
    pub(crate) essential: bool,
}

/// The reaction of a service to a new push of an image's tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ImageUpdates {
    /// The next deploy replaces its tasks.
    #[default]
    Redeploy,
    /// Nothing, until another deployment begins.
    Ignore,
    /// The task definition names the digest, so that the next deploy registers a new revision.
    Pin,
}

/// The place of tasks in the network (`awsvpc` mode).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Network {
    /// Subnet ids; when empty, the subnets of the default VPC.
    pub(crate) subnets: Vec<Text>,
    /// Security group ids; when empty, the VPC's default group.
    pub(crate) security_groups: Vec<Text>,
    /// True if tasks get public addresses. If `None`, they do only in the default VPC, whose subnets have no other way
    /// to a registry.
    pub(crate) assign_public_ip: Option<bool>,
}

impl Network {
    /// Returns the references to outputs of steps in it.
    pub(crate) fn references(&self) -> impl Iterator<Item = Reference> + '_ {
        self.subnets.iter().chain(&self.security_groups).filter_map(|text| text.reference().cloned())
    }
}

/// Container logs in CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logs {
    /// The log group; otherwise one is made of stack and service.
    pub(crate) group: Option<String>,
    /// Days that log events are kept.
    pub(crate) retention_days: u32,
    /// The treatment of the log group when the service is removed.
    pub(crate) removal: LogRemoval,
}

/// The treatment of a log group when its service is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogRemoval {
    /// It stays, with its log events.
    #[default]
    Keep,
    /// It is deleted, and its log events with it.
    Delete,
}

/// The rollout of new revisions of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// The least share of the desired tasks that stays healthy, in percent.
    pub(crate) minimum_healthy_percent: u32,
    /// The largest share of the desired tasks that runs during a rollout, in percent.
    pub(crate) maximum_percent: u32,
    /// True if ECS ends a rollout whose tasks do not start.
    pub(crate) circuit_breaker: bool,
    /// True if a failed rollout returns the service to the revision that ran before.
    pub(crate) rollback: bool,
    /// The time for which Longshore follows a rollout before it gives up waiting.
    pub(crate) timeout: Duration,
    /// The number of ACTIVE revisions that stay in the family after a rollout.
    pub(crate) keep_revisions: u32,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            circuit_breaker: true,
            rollback: true,
            timeout: Duration::from_secs(900),
            keep_revisions: 10,
        }
    }
}

impl Deployment {
    /// Returns true if ECS can replace `desired` tasks one by one. It rounds the least number of tasks up, and the largest
    /// down (ECS API reference, `DeploymentConfiguration`).
    pub(crate) fn has_room(&self, desired: u32) -> bool {
        let (stay, run) = self.bounds(desired);
        desired == 0 || stay < desired || run > desired
    }

    /// Returns how many of `desired` tasks stay in a rollout, and how many run at most.
    pub(crate) fn bounds(&self, desired: u32) -> (u32, u32) {
        let share = |percent: u32| u64::from(desired) * u64::from(percent);
        let (stay, run) =
            (share(self.minimum_healthy_percent).div_ceil(100), share(self.maximum_percent) / 100);
        (u32::try_from(stay).unwrap_or(u32::MAX), u32::try_from(run).unwrap_or(u32::MAX))
    }
}

impl Words {
    /// Returns the platform that they declare.
    pub(crate) fn platform(&self) -> Platform {
        Platform::linux(self.architecture)
    }

    /// Returns the service that `declared` and the short words declare together, and its faults: a load balancer without a
    /// container or port that takes its requests.
    pub(crate) fn service(&self, name: &Name, declared: &OfStack) -> (Service, Vec<Problem>) {
        let containers = declared.containers.iter().map(|(container, declared)| {
            let words = self.containers.get(container.as_str()).unwrap_or(&self.container);
            let container_of_task = Container {
                image: declared.image.clone(),
                image_updates: words.image_updates.or(self.image_updates).unwrap_or_default(),
                registry: declared.registry.clone(),
                cpu: words.cpu,
                memory: words.memory,
                ports: words.ports.clone(),
                environment: words.environment.clone(),
                secrets: declared.secrets.clone(),
                command: words.command.clone(),
                essential: words.essential.unwrap_or(true),
            };
            (container.clone(), container_of_task)
        });
        let containers: BTreeMap<_, _> = containers.collect();
        let mut problems = Vec::new();
        let target = declared.load_balancer.as_ref().map(|_| self.load_balancer.target(name, &containers));
        let load_balancer = target.and_then(|target| target.map_err(|found| problems = found).ok());
        let service = Service {
            cluster: declared.cluster.clone(),
            name: declared.name.clone(),
            desired_count: self.desired_count,
            launch_type: self.launch_type,
            platform: self.platform(),
            size: self.size,
            containers,
            network: self.network.clone(),
            task_role: self.task_role.clone(),
            execute_command: self.execute_command,
            logs: self.logs.clone(),
            deployment: self.deployment.clone(),
            load_balancer,
        };
        (service, problems)
    }
}
