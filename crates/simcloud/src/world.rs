//! The state of the simulated cloud: plain data, which can be written to a file.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    Agenda, Blueprint, Ids, Moment, Partition, autoscaling, ec2, ecs, elbv2, iam, kms, logs, quota, registry,
    secretsmanager, ssm, sts,
};

/// Everything that exists, and everything that is going to happen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    /// The time up to which the agenda has been worked off.
    pub now: Moment,
    /// The account that the cloud plays.
    pub account: String,
    /// The generator of new identifiers.
    pub ids: Ids,
    /// The future events.
    pub agenda: Agenda,
    /// Clusters, task definitions, services and tasks.
    pub ecs: ecs::Ecs,
    /// Roles and policies.
    pub iam: iam::Iam,
    /// Sessions of assumed roles.
    pub sts: sts::Sts,
    /// Secrets with their versions.
    pub secrets: secretsmanager::SecretsManager,
    /// Parameters with their versions.
    pub ssm: ssm::ParameterStore,
    /// Keys and their aliases.
    pub kms: kms::Kms,
    /// Networks, subnets and security groups.
    pub ec2: ec2::Ec2,
    /// Load balancers and target groups.
    pub elbv2: elbv2::Elbv2,
    /// Scalable targets, policies and scheduled actions.
    pub autoscaling: autoscaling::AutoScaling,
    /// Log groups, streams and events.
    pub logs: logs::Logs,
    /// The rate at which tasks may start: from the blueprint, too.
    #[serde(skip)]
    pub(crate) launches: quota::Launches,
    /// The EC2 instances that are to be container instances, by name: from the blueprint, too.
    #[serde(skip)]
    pub(crate) machines: BTreeMap<String, ecs::InstanceSpec>,
    /// Container registries with their users and images: from the blueprint, never from the state file.
    #[serde(skip)]
    pub registries: registry::Registries,
}

impl World {
    /// Returns a new account without any changes, at `now`.
    #[must_use]
    pub fn new(blueprint: &Blueprint, now: Moment) -> Self {
        let mut world = Self {
            now,
            account: blueprint.account.clone(),
            ids: Ids::new(blueprint.seed),
            agenda: Agenda::default(),
            ecs: ecs::Ecs::default(),
            iam: iam::Iam::new(&blueprint.account, blueprint.iam_propagation_ms)
                .within(Partition::of(&blueprint.region)),
            sts: sts::Sts::default(),
            secrets: secretsmanager::SecretsManager::default(),
            ssm: ssm::ParameterStore::default(),
            kms: kms::Kms::default(),
            ec2: ec2::Ec2::default(),
            elbv2: elbv2::Elbv2::default(),
            autoscaling: autoscaling::AutoScaling::default(),
            logs: logs::Logs::default(),
            launches: quota::Launches::default(),
            machines: blueprint.container_instances.clone(),
            registries: registry::Registries::default(),
        };
        world.enter_region(&blueprint.region);
        world
    }

    /// The partition that the account belongs to.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.iam.partition
    }

    /// Returns the ARN of something that is in no region, such as a user or a session of a role.
    pub(crate) fn global_arn(&self, service: &str, resource: impl fmt::Display) -> String {
        format!("arn:{}:{service}::{}:{resource}", self.partition(), self.account)
    }

    /// Sets up what an account has in a region from the start: the default network. Does nothing the second time.
    pub fn enter_region(&mut self, region: &str) {
        self.ec2.enter_region(region, &self.account);
    }
}
