//! The state of Elastic Load Balancing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{action, error, health_check::HealthCheck};
use crate::{
    ApiError, Ids, Moment,
    ec2::{Ec2, Interface, Subnet},
};

pub(super) type Tags = BTreeMap<String, String>;

/// Load balancers, listeners, rules and target groups, by ARN.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Elbv2 {
    pub(super) load_balancers: BTreeMap<String, LoadBalancer>,
    pub(super) listeners: BTreeMap<String, Listener>,
    pub(super) rules: BTreeMap<String, Rule>,
    pub(super) target_groups: BTreeMap<String, TargetGroup>,
    /// Deleted load balancers whose network interfaces are still there, with the time at which they go.
    pub(super) leaving: BTreeMap<String, (LoadBalancer, Moment)>,
}

/// An Application Load Balancer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LoadBalancer {
    pub(super) name: String,
    /// `internet-facing` or `internal`.
    pub(super) scheme: String,
    pub(super) ip_address_type: String,
    pub(super) vpc: String,
    /// The ids by zone.
    pub(super) subnets: BTreeMap<String, String>,
    pub(super) security_groups: Vec<String>,
    pub(super) dns_name: String,
    pub(super) created: Moment,
    /// When it is provisioned.
    pub(super) active: Moment,
    /// Attributes that differ from their default.
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Listener {
    pub(super) load_balancer: String,
    pub(super) port: u16,
    pub(super) protocol: String,
    pub(super) certificates: Vec<String>,
    pub(super) ssl_policy: Option<String>,
    pub(super) tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) listener: String,
    /// `None` for the default rule of the listener.
    pub(super) priority: Option<u32>,
    pub(super) conditions: Vec<Value>,
    pub(super) actions: Vec<Value>,
    pub(super) tags: Tags,
}

/// The type of a group's targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TargetKind {
    Instance,
    Ip,
}

/// A target group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TargetGroup {
    pub(super) name: String,
    pub(super) protocol: String,
    pub(super) protocol_version: String,
    pub(super) port: u16,
    pub(super) vpc: String,
    pub(crate) kind: TargetKind,
    pub(super) ip_address_type: String,
    pub(super) health_check: HealthCheck,
    /// Those that differ from their default.
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) targets: Vec<Target>,
    pub(super) tags: Tags,
}

/// The identity of a target in its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TargetKey {
    pub(crate) id: String,
    pub(crate) port: u16,
}

/// A registered or a draining target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) key: TargetKey,
    pub(super) zone: Option<String>,
    /// The HTTP status that health checks get. `None` if nothing listens.
    pub(super) status: Option<u16>,
    /// Since when health checks look at it as they do now.
    pub(super) checked: Moment,
    /// When it is drained, if it is deregistered.
    pub(super) drained: Option<Moment>,
}

impl LoadBalancer {
    /// Its network interface in a subnet. Identifiers follow from both names, so that nothing has to remember them.
    fn interface(&self, arn: &str, subnet: &Subnet) -> Option<Interface> {
        let seed = arn.bytes().chain(subnet.id.bytes()).fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let mut ids = Ids::new(seed);
        let name = arn.split_once(":loadbalancer/").map_or("", |(_, name)| name);
        Some(Interface {
            id: format!("eni-{}", ids.hex(17)),
            subnet: subnet.id.clone(),
            groups: (!self.security_groups.is_empty()).then(|| self.security_groups.clone()),
            address: subnet.address(&mut ids)?,
            mac: format!("0a:{}", (0..5).map(|_| ids.hex(2)).collect::<Vec<_>>().join(":")),
            is_public: self.scheme == "internet-facing",
            description: format!("ELB {name}"),
            instance_owner: "amazon-elb".to_owned(),
        })
    }
}

impl Elbv2 {
    pub(super) fn find_load_balancer(&self, arn: &str) -> Result<&LoadBalancer, ApiError> {
        self.load_balancers.get(arn).ok_or_else(error::no_load_balancer)
    }

    pub(super) fn load_balancer_mut(&mut self, arn: &str) -> Result<&mut LoadBalancer, ApiError> {
        self.load_balancers.get_mut(arn).ok_or_else(error::no_load_balancer)
    }

    pub(super) fn find_listener(&self, arn: &str) -> Result<&Listener, ApiError> {
        self.listeners.get(arn).ok_or_else(error::no_listener)
    }

    pub(super) fn find_target_group(&mut self, arn: &str) -> Result<&mut TargetGroup, ApiError> {
        self.target_groups.get_mut(arn).ok_or_else(error::no_target_group)
    }

    /// The network interfaces of the load balancers of a region: one in each subnet.
    pub(crate) fn interfaces(&self, ec2: &Ec2, region: &str, now: Moment) -> Vec<Interface> {
        let leaving = self.leaving.iter().filter(|(_, (_, gone))| now < *gone);
        let leaving = leaving.map(|(arn, (balancer, _))| (arn, balancer));
        let here = self.load_balancers.iter().chain(leaving).filter(|(arn, _)| is_in(arn, region));
        here.flat_map(|(arn, balancer)| {
            balancer.subnets.values().filter_map(move |subnet| balancer.interface(arn, ec2.subnet(subnet)?))
        })
        .collect()
    }

    /// The target group with the ARN.
    pub(crate) fn target_group(&self, arn: &str) -> Option<&TargetGroup> {
        self.target_groups.get(arn)
    }

    /// The ARNs of the load balancers whose listeners or rules forward to the target group.
    pub(crate) fn load_balancers_of(&self, target_group: &str) -> Vec<&str> {
        let mut found: Vec<&str> = self
            .rules
            .values()
            .filter(|rule| action::target_groups(&rule.actions).any(|arn| arn == target_group))
            .filter_map(|rule| Some(self.listeners.get(&rule.listener)?.load_balancer.as_str()))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The load balancer of a rule.
    pub(crate) fn load_balancer_of_rule(&self, rule: &str) -> Option<&str> {
        Some(self.listeners.get(&self.rules.get(rule)?.listener)?.load_balancer.as_str())
    }

    /// The weights of the target groups that a rule forwards to. `None` if there is no such rule, or it does something else.
    pub(crate) fn weights(&self, rule: &str) -> Option<Vec<(&str, i64)>> {
        action::weights(&self.rules.get(rule)?.actions)
    }

    /// Sets the weights of the target groups that a rule forwards to.
    pub(crate) fn set_weights(&mut self, rule: &str, weights: &[(&str, u32)]) {
        if let Some(rule) = self.rules.get_mut(rule) {
            action::set_weights(&mut rule.actions, weights);
        }
    }

    /// The rules of a listener: the default one last.
    pub(super) fn rules_of(&self, listener: &str) -> Vec<(&String, &Rule)> {
        let mut rules: Vec<_> = self.rules.iter().filter(|(_, rule)| rule.listener == listener).collect();
        rules.sort_by_key(|(_, rule)| rule.priority.unwrap_or(u32::MAX));
        rules
    }

    pub(super) fn default_rule(&self, listener: &str) -> Option<&Rule> {
        self.rules.values().find(|rule| rule.listener == listener && rule.priority.is_none())
    }

    /// Removes a listener with its rules.
    pub(super) fn remove_listener(&mut self, listener: &str) {
        self.listeners.remove(listener);
        self.rules.retain(|_, rule| rule.listener != listener);
    }

    /// The tags of a resource.
    pub(super) fn tags_mut(&mut self, arn: &str) -> Result<&mut Tags, ApiError> {
        if let Some(load_balancer) = self.load_balancers.get_mut(arn) {
            return Ok(&mut load_balancer.tags);
        }
        if let Some(listener) = self.listeners.get_mut(arn) {
            return Ok(&mut listener.tags);
        }
        if let Some(rule) = self.rules.get_mut(arn) {
            return Ok(&mut rule.tags);
        }
        if let Some(group) = self.target_groups.get_mut(arn) {
            return Ok(&mut group.tags);
        }
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        Err(match resource.split('/').next() {
            Some("loadbalancer") => error::no_load_balancer(),
            Some("listener") => error::no_listener(),
            Some("listener-rule") => error::no_rule(),
            Some("targetgroup") => error::no_target_group(),
            _ => error::validation(format!("'{arn}' is not a valid load balancer ARN")),
        })
    }

    /// The resources of a region: ARNs and tags.
    pub(crate) fn tagged(&self, region: &str) -> impl Iterator<Item = (&String, &Tags)> {
        let load_balancers = self.load_balancers.iter().map(|(arn, balancer)| (arn, &balancer.tags));
        let listeners = self.listeners.iter().map(|(arn, listener)| (arn, &listener.tags));
        let rules = self.rules.iter().map(|(arn, rule)| (arn, &rule.tags));
        let groups = self.target_groups.iter().map(|(arn, group)| (arn, &group.tags));
        load_balancers.chain(listeners).chain(rules).chain(groups).filter(move |(arn, _)| is_in(arn, region))
    }
}

/// Returns true if the ARN is one of the region.
pub(super) fn is_in(arn: &str, region: &str) -> bool {
    arn.split(':').nth(3) == Some(region)
}
