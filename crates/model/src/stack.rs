//! What a configuration declares.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use crate::{Arn, ImagePrefix, ImageReference, Name, Options, Platform, Reference, StepId, Text};

/// What one configuration declares for one account and region.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// The stack's name: part of the names of what it makes, and the value of the tag `longshore:stack`.
    pub name: Name,
    /// The environment whose layer was loaded.
    pub environment: Name,
    /// Where it is deployed.
    pub aws: AwsTarget,
    /// Tags of everything that is made for it, besides those that name the owner.
    pub tags: BTreeMap<String, String>,
    /// The steps that may take over what is there and belongs to nobody, such as `role.api`.
    pub adopt: BTreeSet<String>,
    /// Container registries that need a credential, by name.
    pub registries: BTreeMap<Name, ContainerRegistry>,
    /// Secret stores, by name.
    pub stores: BTreeMap<Name, Store>,
    /// Services, by name.
    pub services: BTreeMap<Name, Service>,
    /// Steps that are added to the graph, by name.
    pub steps: BTreeMap<Name, AddedStep>,
}

/// The account and region that a stack is deployed to, and as whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AwsTarget {
    /// The region; otherwise the AWS SDK's own rules find it.
    pub region: Option<String>,
    /// The profile of the shared AWS configuration files.
    pub profile: Option<String>,
    /// The role that is assumed with the credentials found.
    pub assume_role: Option<AssumedRole>,
    /// The account that the stack belongs to. A run that would reach another one ends before it begins.
    pub account: Option<String>,
    /// The URL of an emulator or a proxy; otherwise AWS itself, or what `AWS_ENDPOINT_URL` says.
    pub endpoint: Option<String>,
    /// How many calls AWS takes, by the name of their class, where that is not what it takes of everybody.
    pub rates: BTreeMap<String, CallRate>,
}

/// A role that is assumed before AWS is called for a stack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssumedRole {
    /// The role's ARN.
    pub arn: String,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// The session's name, which CloudTrail shows; otherwise `longshore`.
    pub session_name: Option<String>,
    /// The duration in seconds of a session before it is renewed; otherwise an hour.
    pub duration_seconds: Option<u32>,
}

/// How many calls of a class AWS takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallRate {
    /// How many may come at once; otherwise as many as AWS takes of everybody.
    pub burst: Option<u32>,
    /// How many a second it takes for long; otherwise as many as it takes of everybody.
    pub per_second: Option<f64>,
}

/// A plugin that the configuration uses, with the options that only the plugin understands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plugin {
    /// The plugin's registered name: the value of `use`.
    pub name: String,
    /// Its options.
    pub options: Options,
}

/// A place that keeps secrets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    /// The secret store.
    pub plugin: Plugin,
    /// True if the secrets in it are protected from removal and pruning.
    pub protect: bool,
}

/// A step that is added to the graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddedStep {
    /// The plugin that makes it.
    pub plugin: Plugin,
    /// The steps that come first, although no value flows from them.
    pub after: Vec<StepId>,
    /// Tags of what it makes, besides those of the stack; of one key, the step's counts.
    pub tags: BTreeMap<String, String>,
    /// True if its resource is protected from removal, pruning and replacement.
    pub protect: bool,
}

/// A container registry, where its credential comes from and where it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerRegistry {
    /// The prefix of its image references: `ghcr.io`, `registry.example.com:5050`, `docker.io`, `quay.io/acme`.
    pub prefix: ImagePrefix,
    /// Another URL at which Longshore reaches the registry for the pull check, such as a mirror.
    pub endpoint: Option<String>,
    /// Whether Longshore reaches it without TLS.
    pub insecure: bool,
    /// A PEM file with the authorities that Longshore trusts for it, besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The credential source.
    pub source: Plugin,
    /// The store that keeps the credential for ECS: a name of [`Stack::stores`].
    pub store: Name,
    /// The secret's name in the store; otherwise the store makes one of stack and registry.
    pub secret_name: Option<String>,
    /// True if its secret is protected from removal and pruning.
    pub protect: bool,
    /// It is no longer used: it is declared only so that what was made for it can be revoked.
    pub removed: bool,
}

/// What launches a service's tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaunchType {
    /// AWS Fargate.
    #[default]
    Fargate,
    /// Container instances of the cluster.
    Ec2,
}

/// CPU and memory of a whole task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskSize {
    /// CPU units: 1024 are one vCPU.
    pub cpu: u32,
    /// Memory in MiB.
    pub memory: u32,
}

/// A service: containers that run together as a task, and how many such tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The service deployer.
    pub deployer: Plugin,
    /// The cluster's name.
    pub cluster: String,
    /// The service's name in the cluster.
    pub name: String,
    /// The number of tasks. If `None`, a new service gets one task, and an existing service keeps its count, which may
    /// be that of an autoscaling policy.
    pub desired_count: Option<u32>,
    /// What launches them.
    pub launch_type: LaunchType,
    /// The platform that they run on.
    pub platform: Platform,
    /// CPU and memory of a task; otherwise the smallest size that holds the containers.
    pub size: Option<TaskSize>,
    /// The containers, by name; at least one.
    pub containers: BTreeMap<Name, Container>,
    /// Where the tasks are in the network.
    pub network: Network,
    /// The role with which ECS pulls images, reads secrets and writes logs.
    pub execution_role: ExecutionRole,
    /// The role that the containers' own AWS calls run as: an ARN.
    pub task_role: Option<String>,
    /// Whether commands can be executed in the containers of its tasks.
    pub execute_command: bool,
    /// Where the containers' output goes; nothing turns it off.
    pub logs: Option<Logs>,
    /// How new revisions are rolled out.
    pub deployment: Deployment,
    /// The load balancer that sends requests to it.
    pub load_balancer: Option<LoadBalancer>,
    /// The steps that end before new tasks start, although no value flows from them.
    pub after: Vec<StepId>,
    /// Tags of everything that is made for it alone, besides those of the stack; of one key, the service's counts.
    pub tags: BTreeMap<String, String>,
    /// True if the service and everything that it uses are protected from removal, pruning and replacement.
    pub protect: bool,
}

/// A load balancer that sends requests to a service.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadBalancer {
    /// The step plugin that makes it.
    pub plugin: Plugin,
    /// The container that takes the requests.
    pub container: Name,
    /// The port on which it does.
    pub port: u16,
}

impl LoadBalancer {
    /// Returns the id of the step that makes it for the service `service`.
    #[must_use]
    pub fn step(service: &Name) -> StepId {
        StepId::new("load-balancer", service)
    }
}

/// A container of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its image.
    pub image: ImageReference,
    /// The reaction to a new push of the image's tag.
    pub image_updates: ImageUpdates,
    /// The registry whose credential pulls it: a name of [`Stack::registries`], found by the image's host and path. None for
    /// images that need no credential.
    pub registry: Option<Name>,
    /// CPU units reserved for it.
    pub cpu: Option<u32>,
    /// Its memory limit in MiB.
    pub memory: Option<u32>,
    /// The ports that it listens on, by name.
    pub ports: BTreeMap<Name, u16>,
    /// Environment variables.
    pub environment: BTreeMap<String, Text>,
    /// Environment variables whose values ECS reads from a secret or parameter when a task starts, by their names.
    pub secrets: BTreeMap<String, ContainerSecret>,
    /// The command, instead of the image's.
    pub command: Option<Vec<String>>,
    /// Whether the task stops when this container stops.
    pub essential: bool,
}

/// The reaction of a service to a new push of an image's tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageUpdates {
    /// The next deploy replaces its tasks.
    #[default]
    Redeploy,
    /// Nothing, until another deployment begins.
    Ignore,
    /// The task definition names the digest, so that the next deploy registers a new revision.
    Pin,
}

/// Where ECS reads the value of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerSecret {
    /// In a secret or parameter that Longshore writes.
    Written {
        /// The store that keeps it: a name of [`Stack::stores`].
        store: Name,
        /// The variable's table, with the field `value` that says where the value is found.
        value: Options,
    },
    /// In a secret or parameter that is there already, and that Longshore does not touch.
    Existing {
        /// Its ARN; behind that of a secret may stand a key of its JSON, as ECS has it.
        arn: Arn,
        /// The customer-managed key that encrypts it: an ARN, an id or an alias.
        kms_key: Option<String>,
    },
}

/// Where tasks are in the network (`awsvpc` mode).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Subnet ids; when empty, the subnets of the default VPC.
    pub subnets: Vec<Text>,
    /// Security group ids; when empty, the VPC's default group.
    pub security_groups: Vec<Text>,
    /// Whether tasks get public addresses; otherwise they do only in the default VPC, whose subnets have no other way
    /// to a registry.
    pub assign_public_ip: Option<bool>,
}

impl Network {
    /// Returns the references to outputs of steps in it.
    pub fn references(&self) -> impl Iterator<Item = Reference> + '_ {
        self.subnets.iter().chain(&self.security_groups).filter_map(|text| text.reference().cloned())
    }
}

/// The execution role of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionRole {
    /// The role builder.
    pub builder: Plugin,
    /// The role's name; otherwise the builder makes one of stack and service.
    pub name: Option<String>,
    /// Managed policies to attach, by a name of one's own: ARNs, or AWS-managed ones by their path
    /// (`service-role/AmazonECSTaskExecutionRolePolicy`).
    pub managed_policies: BTreeMap<Name, String>,
}

/// Container logs in CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// The log group; otherwise one is made of stack and service.
    pub group: Option<String>,
    /// Days that log events are kept.
    pub retention_days: u32,
    /// The treatment of the log group when the service is removed.
    pub removal: LogRemoval,
}

/// The treatment of a log group when its service is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogRemoval {
    /// It stays, with its log events.
    #[default]
    Keep,
    /// It is deleted, and its log events with it.
    Delete,
}

/// How new revisions of a service are rolled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The least share of the desired tasks that stays healthy, in percent.
    pub minimum_healthy_percent: u32,
    /// The largest share of the desired tasks that runs during a rollout, in percent.
    pub maximum_percent: u32,
    /// True if ECS ends a rollout whose tasks do not start.
    pub circuit_breaker: bool,
    /// True if a failed rollout returns the service to the revision that ran before.
    pub rollback: bool,
    /// How long Longshore follows a rollout before it gives up waiting.
    pub timeout: Duration,
}

impl Deployment {
    /// Returns whether ECS can replace `desired` tasks one by one. It rounds the least number of tasks up, and the largest
    /// down (ECS API reference, `DeploymentConfiguration`).
    #[must_use]
    pub fn has_room(&self, desired: u32) -> bool {
        let (stay, run) = self.bounds(desired);
        desired == 0 || stay < desired || run > desired
    }

    /// Returns how many of `desired` tasks stay in a rollout, and how many run at most.
    #[must_use]
    pub fn bounds(&self, desired: u32) -> (u32, u32) {
        let share = |percent: u32| u64::from(desired) * u64::from(percent);
        let (stay, run) =
            (share(self.minimum_healthy_percent).div_ceil(100), share(self.maximum_percent) / 100);
        (u32::try_from(stay).unwrap_or(u32::MAX), u32::try_from(run).unwrap_or(u32::MAX))
    }
}
