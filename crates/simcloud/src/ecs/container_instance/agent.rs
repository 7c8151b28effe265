//! Container instances that the blueprint declares: their agents register as soon as their cluster is there.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::{
    super::{scheduler, tags::Tags},
    ARCHITECTURE, ContainerInstance, OS, Resources, Status, TYPE, ZONE,
};
use crate::{Moment, World};

/// The ports that the agent of an Amazon ECS-optimized image reserves.
const RESERVED_PORTS: [u16; 5] = [22, 2375, 2376, 51678, 51679];

/// The capabilities that a current agent registers.
const CAPABILITIES: [&str; 22] = [
    "com.amazonaws.ecs.capability.docker-remote-api.1.18",
    "com.amazonaws.ecs.capability.docker-remote-api.1.19",
    "com.amazonaws.ecs.capability.docker-remote-api.1.29",
    "com.amazonaws.ecs.capability.ecr-auth",
    "com.amazonaws.ecs.capability.logging-driver.awsfirelens",
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "com.amazonaws.ecs.capability.logging-driver.fluentd",
    "com.amazonaws.ecs.capability.logging-driver.json-file",
    "com.amazonaws.ecs.capability.logging-driver.syslog",
    "com.amazonaws.ecs.capability.privileged-container",
    "com.amazonaws.ecs.capability.task-iam-role",
    "com.amazonaws.ecs.capability.task-iam-role-network-host",
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.env-files.s3",
    "ecs.capability.execution-role-awslogs",
    "ecs.capability.execution-role-ecr-pull",
    "ecs.capability.private-registry-authentication.secretsmanager",
    "ecs.capability.secrets.asm.bootstrap.log-driver",
    "ecs.capability.secrets.asm.environment-variables",
    "ecs.capability.secrets.ssm.environment-variables",
    "ecs.capability.task-eni",
];

/// The architecture of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceArchitecture {
    /// `x86_64`
    #[default]
    Amd64,
    /// `arm64`
    Arm64,
}

/// The operating system of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceOs {
    /// Linux.
    #[default]
    Linux,
    /// Windows.
    Windows,
}

/// EC2 instances of one kind whose agents register with a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct InstanceSpec {
    /// The name of the cluster.
    pub cluster: String,
    /// The number of instances. They are spread over the zones of the default network.
    pub count: u32,
    /// The instance type: a name, which implies no size.
    pub instance_type: String,
    /// The CPU units of each.
    pub cpu: u32,
    /// The memory of each, in MiB.
    pub memory: u32,
    /// The architecture.
    pub architecture: InstanceArchitecture,
    /// The operating system.
    pub os: InstanceOs,
    /// Custom attributes.
    pub attributes: BTreeMap<String, String>,
}

impl Default for InstanceSpec {
    fn default() -> Self {
        Self {
            cluster: "default".to_owned(),
            count: 1,
            instance_type: "t3.medium".to_owned(),
            cpu: 2048,
            memory: 3884,
            architecture: InstanceArchitecture::Amd64,
            os: InstanceOs::Linux,
            attributes: BTreeMap::new(),
        }
    }
}

impl InstanceSpec {
    fn attributes(&self, zone: &str) -> BTreeMap<String, Option<String>> {
        let architecture = match self.architecture {
            InstanceArchitecture::Amd64 => "x86_64",
            InstanceArchitecture::Arm64 => "arm64",
        };
        let os = match self.os {
            InstanceOs::Linux => "linux",
            InstanceOs::Windows => "windows",
        };
        let mut attributes: BTreeMap<_, _> =
            CAPABILITIES.iter().map(|name| ((*name).to_owned(), None)).collect();
        let kind = self.instance_type.as_str();
        for (name, value) in [(TYPE, kind), (ARCHITECTURE, architecture), (OS, os), (ZONE, zone)] {
            attributes.insert(name.to_owned(), Some(value.to_owned()));
        }
        let own = self.attributes.iter();
        attributes.extend(own.map(|(name, value)| (name.clone(), Some(value.clone()))));
        attributes
    }
}

/// Registers the declared instances whose cluster is there, and which are not registered yet.
pub(crate) fn register_declared(world: &mut World, now: Moment, region: &str) {
    let zones = ["a", "b", "c"].map(|letter| format!("{region}{letter}"));
    let World { ecs, ids, machines, .. } = &mut *world;
    let reserved: BTreeSet<u16> = RESERVED_PORTS.into();
    let mut joined = BTreeSet::new();
    for (name, spec) in machines.iter() {
        let Some(cluster) = ecs.cluster_mut(region, &spec.cluster).filter(|cluster| cluster.active) else {
            continue;
        };
        for index in 0..spec.count {
            let machine = format!("{name}/{index}");
            if cluster.instances.values().any(|known| known.machine.as_ref() == Some(&machine)) {
                continue;
            }
            let zone = &zones[index as usize % zones.len()];
            let instance = ContainerInstance {
                id: ids.hex(32),
                ec2_id: format!("i-{}", ids.hex(17)),
                status: Status::Active,
                registered_at: now,
                room: Resources::room(spec.cpu.into(), spec.memory.into(), reserved.clone(), BTreeSet::new()),
                attributes: spec.attributes(zone),
                tags: Tags::default(),
                version_info: json!({ "agentVersion": "1.99.0", "dockerVersion": "DockerVersion: 25.0.8" }),
                machine: Some(machine),
                version: 1,
            };
            cluster.instances.insert(instance.id.clone(), instance);
            joined.insert(spec.cluster.clone());
        }
    }
    for cluster in joined {
        scheduler::capacity_changed(world, now, region, &cluster);
    }
}
