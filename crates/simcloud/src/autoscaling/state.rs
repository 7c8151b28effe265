//! The state of Application Auto Scaling.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schedule::Schedule;
use crate::Moment;

pub(super) type Tags = BTreeMap<String, String>;

/// Scalable targets by region and resource.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AutoScaling {
    regions: BTreeMap<String, BTreeMap<String, Target>>,
}

/// A scalable target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) arn: String,
    pub(super) capacity: Capacity,
    pub(super) suspended: Suspended,
    pub(super) created: Moment,
    pub(super) tags: Tags,
    pub(super) policies: BTreeMap<String, Policy>,
    pub(super) actions: BTreeMap<String, Action>,
}

/// The bounds of a capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Capacity {
    pub(super) min: u32,
    pub(super) max: u32,
}

/// The kinds of scaling that are suspended.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Suspended {
    pub(super) dynamic_scaling_in_suspended: bool,
    pub(super) dynamic_scaling_out_suspended: bool,
    pub(super) scheduled_scaling_suspended: bool,
}

/// A scaling policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) arn: String,
    pub(super) kind: String,
    pub(super) configuration: Value,
    /// The names of the alarms that it has made.
    pub(super) alarms: Vec<String>,
    pub(super) created: Moment,
}

/// A scheduled action.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Action {
    pub(super) arn: String,
    pub(super) schedule: Schedule,
    pub(super) start: Option<Moment>,
    pub(super) end: Option<Moment>,
    pub(super) min: Option<u32>,
    pub(super) max: Option<u32>,
    pub(super) created: Moment,
    /// When it runs next.
    pub(super) next: Option<Moment>,
}

impl AutoScaling {
    pub(super) fn region(&mut self, region: &str) -> &mut BTreeMap<String, Target> {
        self.regions.entry(region.to_owned()).or_default()
    }

    pub(super) fn target(&mut self, region: &str, resource: &str) -> Option<&mut Target> {
        self.regions.get_mut(region)?.get_mut(resource)
    }

    /// The target with an ARN.
    pub(super) fn at(&mut self, region: &str, arn: &str) -> Option<&mut Target> {
        self.regions.get_mut(region)?.values_mut().find(|target| target.arn == arn)
    }

    /// The ARN of a resource's target.
    pub(crate) fn arn(&self, region: &str, resource: &str) -> Option<String> {
        Some(self.regions.get(region)?.get(resource)?.arn.clone())
    }

    /// Deregisters the target of a deleted service.
    pub(crate) fn forget(&mut self, region: &str, cluster: &str, service: &str) {
        if let Some(targets) = self.regions.get_mut(region) {
            targets.remove(&format!("service/{cluster}/{service}"));
        }
    }

    /// The targets of a region: ARNs and tags.
    pub(crate) fn tagged(&self, region: &str) -> impl Iterator<Item = (&String, &Tags)> {
        let targets = self.regions.get(region).into_iter().flat_map(BTreeMap::values);
        targets.map(|target| (&target.arn, &target.tags))
    }
}
