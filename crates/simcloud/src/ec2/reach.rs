//! The ways out of a VPC, from a task's network interface to a service of AWS or to any other host.

use super::Ec2;
use crate::Moment;

/// The made-up address of all hosts outside of AWS: a network for documentation (RFC 5737).
const OUTSIDE: &str = "198.51.100.1";

/// The network interface of a task, as far as its ways out depend on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// The id of its subnet.
    pub(crate) subnet: &'a str,
    /// The private address.
    pub(crate) address: &'a str,
    /// True if it has a public address.
    pub(crate) is_public: bool,
    /// The ids of its security groups; the VPC's default group if there are none.
    pub(crate) groups: &'a [String],
}

impl Ec2 {
    /// Returns true if a connection leads from an interface to a service of AWS in its region, such as `ecr.api`: through
    /// an endpoint of the VPC, or else like any other.
    pub(crate) fn reaches_service(&self, from: Source<'_>, service: &str, now: Moment) -> bool {
        let Some(subnet) = self.subnet(from.subnet) else { return false };
        let Some(vpc) = self.vpc(&subnet.vpc).filter(|vpc| vpc.dns_support) else { return false };
        let default = self.default_security_group(&vpc.id).map(|group| std::slice::from_ref(&group.id));
        let groups = if from.groups.is_empty() { default.unwrap_or_default() } else { from.groups };
        if let Some(endpoint) = self.endpoints.values().find(|one| one.is_interface_of(service, &vpc.id)) {
            let mut rules = endpoint.groups.iter().flat_map(|group| self.rules_of(group));
            return rules.any(|rule| rule.traffic.admits_https(from.address, groups));
        }
        let table = self.route_table_of(subnet);
        let mut targets = table.into_iter().flat_map(|table| table.routes.values());
        let leads = |id: &String| self.endpoints.get(id).is_some_and(|one| one.is_gateway_of(service));
        targets.any(leads) || self.reaches_internet(from, now)
    }

    /// Returns true if a connection leads from an interface to a host outside of AWS.
    pub(crate) fn reaches_internet(&self, from: Source<'_>, now: Moment) -> bool {
        let Some(subnet) = self.subnet(from.subnet) else { return false };
        if self.vpc(&subnet.vpc).is_none_or(|vpc| !vpc.dns_support) {
            return false;
        }
        let Some(target) = self.route_table_of(subnet).and_then(|table| table.target(OUTSIDE)) else {
            return false;
        };
        match self.nat_gateways.get(target) {
            Some(nat) => {
                let way = || self.route_table_of(self.subnet(&nat.subnet)?)?.target(OUTSIDE);
                self.is_active(target, &subnet.vpc, now)
                    && way().is_some_and(|target| self.is_attached(target, &subnet.vpc))
            }
            None => from.is_public && self.is_attached(target, &subnet.vpc),
        }
    }

    /// Returns true if the target of a route is there: an attached internet gateway, an available NAT gateway, an endpoint.
    pub(super) fn is_active(&self, target: &str, vpc: &str, now: Moment) -> bool {
        self.is_attached(target, vpc)
            || self.endpoints.contains_key(target)
            || self.nat_gateways.get(target).is_some_and(|nat| nat.state(now) == "available")
    }

    fn is_attached(&self, gateway: &str, vpc: &str) -> bool {
        self.internet_gateways.get(gateway).is_some_and(|gateway| gateway.vpc.as_deref() == Some(vpc))
    }
}
