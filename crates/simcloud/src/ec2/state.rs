//! EC2's state.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use serde::{Deserialize, Serialize};

use super::{
    cidr::Cidr,
    endpoints::Endpoint,
    gateways::{Address, InternetGateway, NatGateway},
    resource::Resource,
    routes::RouteTable,
    rules::{Rule, Traffic},
    tags::Tags,
};
use crate::{Ids, partition};

/// Networks, by id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ec2 {
    pub(super) vpcs: BTreeMap<String, Vpc>,
    pub(super) subnets: BTreeMap<String, Subnet>,
    pub(super) security_groups: BTreeMap<String, SecurityGroup>,
    pub(super) rules: BTreeMap<String, Rule>,
    pub(super) route_tables: BTreeMap<String, RouteTable>,
    pub(super) internet_gateways: BTreeMap<String, InternetGateway>,
    pub(super) nat_gateways: BTreeMap<String, NatGateway>,
    /// Elastic addresses.
    pub(super) addresses: BTreeMap<String, Address>,
    /// VPC endpoints.
    pub(super) endpoints: BTreeMap<String, Endpoint>,
    /// Regions that have their default network.
    regions: BTreeSet<String>,
}

/// A virtual private cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vpc {
    /// `vpc-…`
    pub id: String,
    /// The region.
    pub region: String,
    /// Such as `172.31.0.0/16`.
    pub cidr: String,
    /// True if it is the region's default.
    pub is_default: bool,
    /// True if names are resolved in it.
    pub dns_support: bool,
    /// True if public addresses get names.
    pub dns_hostnames: bool,
    /// True if the usage of addresses is measured.
    pub usage_metrics: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A subnet of a VPC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subnet {
    /// `subnet-…`
    pub id: String,
    /// The VPC it is in.
    pub vpc: String,
    /// The region.
    pub region: String,
    /// Such as `eu-central-1a`.
    pub zone: String,
    /// Such as `172.31.0.0/20`.
    pub cidr: String,
    /// True if it is its zone's default.
    pub default_for_az: bool,
    /// True if network interfaces get a public address.
    pub public_ip_on_launch: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A security group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// `sg-…`
    pub id: String,
    /// The name, unique in its VPC.
    pub name: String,
    /// The description.
    pub description: String,
    /// The VPC it is in.
    pub vpc: String,
    /// The region.
    pub region: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Vpc {
    pub(super) fn new(id: String, region: &str, cidr: &str, is_default: bool, tags: Tags) -> Self {
        Self {
            id,
            region: region.to_owned(),
            cidr: cidr.to_owned(),
            is_default,
            dns_support: true,
            dns_hostnames: is_default,
            usage_metrics: false,
            tags,
        }
    }

    /// Returns true if the IPv4 address is one of the VPC's.
    #[must_use]
    pub fn has(&self, address: &str) -> bool {
        Cidr::parse(&self.cidr).is_some_and(|block| block.has(address))
    }
}

impl Subnet {
    /// Returns an address of the subnet; AWS keeps the first four and the last for itself.
    pub(crate) fn address(&self, ids: &mut Ids) -> Option<String> {
        let (base, bits) = self.cidr.split_once('/')?;
        let base = u32::from(base.parse::<Ipv4Addr>().ok()?);
        let size = 1_u64 << (32 - bits.parse::<u32>().ok().filter(|bits| *bits <= 28)?);
        let host = 4 + ids.next_u64() % (size - 5);
        Some(Ipv4Addr::from(base + host as u32).to_string())
    }
}

impl Ec2 {
    /// A VPC by id, in whatever region.
    #[must_use]
    pub fn vpc(&self, id: &str) -> Option<&Vpc> {
        self.vpcs.get(id)
    }

    /// A subnet by id, in whatever region: compare [`Subnet::region`].
    #[must_use]
    pub fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.subnets.get(id)
    }

    /// A security group by id, in whatever region: compare [`SecurityGroup::region`].
    #[must_use]
    pub fn security_group(&self, id: &str) -> Option<&SecurityGroup> {
        self.security_groups.get(id)
    }

    /// All resources with their types, ids, regions and tags.
    pub(super) fn resources(&self) -> impl Iterator<Item = (&'static str, &str, &str, &Tags)> {
        fn all<T: Resource>(
            all: &BTreeMap<String, T>,
        ) -> impl Iterator<Item = (&'static str, &str, &str, &Tags)> {
            all.values().map(|one| (T::TYPE, one.id(), one.region(), one.tags()))
        }
        all(&self.vpcs)
            .chain(all(&self.subnets))
            .chain(all(&self.security_groups))
            .chain(all(&self.rules))
            .chain(all(&self.route_tables))
            .chain(all(&self.internet_gateways))
            .chain(all(&self.nat_gateways))
            .chain(all(&self.addresses))
            .chain(all(&self.endpoints))
    }

    /// The ARNs and tags of the resources of a region.
    pub(crate) fn tagged(&self, region: &str, account: &str) -> Vec<(String, BTreeMap<String, String>)> {
        let here = self.resources().filter(|(_, _, of, _)| *of == region);
        here.map(|(kind, id, _, tags)| {
            (partition::arn("ec2", region, account, format_args!("{kind}/{id}")), tags.clone())
        })
        .collect()
    }

    /// The rules of a security group.
    pub(super) fn rules_of(&self, group: &str) -> impl Iterator<Item = &Rule> {
        self.rules.values().filter(move |rule| rule.group == group)
    }

    /// The `default` security group of a VPC, which tasks get when none is named.
    #[must_use]
    pub fn default_security_group(&self, vpc: &str) -> Option<&SecurityGroup> {
        self.security_groups.values().find(|group| group.vpc == vpc && group.name == "default")
    }

    /// Gives a region its default VPC with a subnet in each of three zones. Does nothing the second time.
    ///
    /// The ids depend on account and region alone, so that it does not matter which region is called first.
    pub(crate) fn enter_region(&mut self, region: &str, account: &str) {
        if !self.regions.insert(region.to_owned()) {
            return;
        }
        let seed = region.bytes().chain(account.bytes()).fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let mut ids = Ids::new(seed);
        let vpc = Vpc::new(format!("vpc-{}", ids.hex(17)), region, "172.31.0.0/16", true, Tags::new());
        let tail = ids.hex(17);
        for (index, zone) in ["a", "b", "c"].into_iter().enumerate() {
            let id = format!("subnet-{}", ids.hex(17));
            let subnet = Subnet {
                id: id.clone(),
                vpc: vpc.id.clone(),
                region: region.to_owned(),
                zone: format!("{region}{zone}"),
                cidr: format!("172.31.{}.0/20", index * 16),
                default_for_az: true,
                public_ip_on_launch: true,
                tags: BTreeMap::new(),
            };
            self.subnets.insert(id, subnet);
        }
        self.add_default_security_group(&mut ids, &vpc.id, region);
        let gateway = InternetGateway {
            id: format!("igw-{tail}"),
            region: region.to_owned(),
            vpc: Some(vpc.id.clone()),
            tags: Tags::new(),
        };
        let main = format!("rtb-{tail}");
        self.add_main_route_table(main.clone(), &vpc);
        if let Some(table) = self.route_tables.get_mut(&main) {
            table.routes.insert("0.0.0.0/0".to_owned(), gateway.id.clone());
        }
        self.internet_gateways.insert(gateway.id.clone(), gateway);
        self.vpcs.insert(vpc.id.clone(), vpc);
    }

    pub(super) fn add_default_security_group(&mut self, ids: &mut Ids, vpc: &str, region: &str) {
        let id = format!("sg-{}", ids.hex(17));
        let group = SecurityGroup {
            id: id.clone(),
            name: "default".to_owned(),
            description: "default VPC security group".to_owned(),
            vpc: vpc.to_owned(),
            region: region.to_owned(),
            tags: BTreeMap::new(),
        };
        self.add_security_group(ids, group);
        self.add_rule(ids, &id, region, Traffic::within(&id));
    }

    /// Adds a group, which lets everything out.
    pub(super) fn add_security_group(&mut self, ids: &mut Ids, group: SecurityGroup) {
        self.add_rule(ids, &group.id, &group.region, Traffic::outwards());
        self.security_groups.insert(group.id.clone(), group);
    }

    fn add_rule(&mut self, ids: &mut Ids, group: &str, region: &str, traffic: Traffic) {
        let rule = Rule {
            id: format!("sgr-{}", ids.hex(17)),
            group: group.to_owned(),
            region: region.to_owned(),
            traffic,
            description: None,
            tags: BTreeMap::new(),
        };
        self.rules.insert(rule.id.clone(), rule);
    }
}
