//! The initial configuration of a simulated cloud.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    ecs::InstanceSpec,
    quota::Rate,
    registry::{Improvised, RegistrySpec},
};

/// The constants of a simulated cloud, and the registries around it.
///
/// Everything has a default, so that an empty table is a usable cloud without registries.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Blueprint {
    /// The account that the cloud plays: twelve digits.
    pub account: String,
    /// The region that has its default network from the start; others get theirs when first called.
    pub region: String,
    /// The seed of the identifiers: the same seed and the same calls give the same ones.
    pub seed: u64,
    /// The average latency of an AWS call, in milliseconds.
    pub latency_ms: u64,
    /// The largest deviation from the average latency, in milliseconds.
    pub latency_jitter_ms: u64,
    /// True if calls beyond AWS's quotas are refused.
    pub throttling: bool,
    /// The share of every quota that others in the account use up all the time, in per cent.
    pub co_tenant_percent: u32,
    /// Quotas that differ from AWS's defaults, by class of operations, such as `ecs:service-modify`.
    pub quotas: BTreeMap<String, Rate>,
    /// The delay until a change of IAM is visible beyond IAM's own reads, in milliseconds.
    ///
    /// AWS gives no bound; two seconds is what people measure.
    pub iam_propagation_ms: u64,
    /// The factor by which the clock is faster than real time if the cloud is served to other processes.
    pub speed: u32,
    /// EC2 instances whose agents register with clusters of the region, by name.
    pub container_instances: BTreeMap<String, InstanceSpec>,
    /// Container registries by host, such as `ghcr.io`.
    pub registries: BTreeMap<String, RegistrySpec>,
    /// The improvised registries. If `None`, registries that are not declared do not answer, except those on this
    /// machine.
    pub improvised: Option<Improvised>,
}

impl Default for Blueprint {
    fn default() -> Self {
        Self {
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            seed: 1,
            latency_ms: 40,
            latency_jitter_ms: 0,
            throttling: true,
            co_tenant_percent: 0,
            quotas: BTreeMap::new(),
            iam_propagation_ms: 2_000,
            speed: 1,
            container_instances: BTreeMap::new(),
            registries: BTreeMap::new(),
            improvised: None,
        }
    }
}
