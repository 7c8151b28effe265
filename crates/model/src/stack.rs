//! The declarations of a configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{Arn, ImagePrefix, ImageReference, Name, Options, StepId};

/// The declarations of one configuration for one account and region.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// The stack's name: part of the names of what it makes, and the value of the tag `longshore:stack`.
    pub name: Name,
    /// The environment whose layer was loaded.
    pub environment: Name,
    /// The account and region that it is deployed to.
    pub aws: AwsTarget,
    /// Tags of everything that is made for it, besides those that name the owner.
    pub tags: BTreeMap<String, String>,
    /// The steps that may adopt existing resources without an owner, such as `role.api`.
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
    /// The rates at which AWS takes calls, by the name of their class, if they differ from its usual quotas.
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

/// The rate at which AWS takes calls of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallRate {
    /// The number of calls that may come at once; `None` for AWS's usual quota.
    pub burst: Option<u32>,
    /// The sustained number of calls a second; `None` for AWS's usual quota.
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
    /// True if Longshore reaches it without TLS.
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

/// A service: containers that its deployer runs.
///
/// Everything else of it is an option of the deployer.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The service deployer.
    pub deployer: Plugin,
    /// The cluster's name.
    pub cluster: String,
    /// The service's name in the cluster.
    pub name: String,
    /// The containers, by name; at least one.
    pub containers: BTreeMap<Name, Container>,
    /// The role with which images are pulled, secrets read and logs written.
    pub execution_role: ExecutionRole,
    /// The step plugin that makes the load balancer which sends requests to it.
    pub load_balancer: Option<Plugin>,
    /// The steps that end before new tasks start, although no value flows from them.
    pub after: Vec<StepId>,
    /// Tags of everything that is made for it alone, besides those of the stack; of one key, the service's counts.
    pub tags: BTreeMap<String, String>,
    /// True if the service and everything that it uses are protected from removal, pruning and replacement.
    pub protect: bool,
}

impl Service {
    /// Returns the id of the step that makes the load balancer of the service `name`.
    #[must_use]
    pub fn load_balancer_step(name: &Name) -> StepId {
        StepId::new("load-balancer", name)
    }
}

/// A container of a service: what pulls its image, and the secrets that it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its image.
    pub image: ImageReference,
    /// The registry whose credential pulls it: a name of [`Stack::registries`], found by the image's host and path. None for
    /// images that need no credential.
    pub registry: Option<Name>,
    /// Environment variables whose values are read from a secret or parameter when a task starts, by their names.
    pub secrets: BTreeMap<String, ContainerSecret>,
}

/// The secret or parameter that holds the value of an environment variable.
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
