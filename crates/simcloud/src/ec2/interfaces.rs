//! The network interfaces of tasks, load balancers, NAT gateways and endpoints, as EC2 shows them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    describe::answer,
    filter::{Filter, Filterable, filtered},
    tags::Tags,
};
use crate::{ApiError, Call, Moment, World};

/// A network interface in use.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    /// `eni-…`
    pub(crate) id: String,
    /// The id of its subnet.
    pub(crate) subnet: String,
    /// The ids of its security groups; `None` for the VPC's default group.
    pub(crate) groups: Option<Vec<String>>,
    /// The private address.
    pub(crate) address: String,
    /// The hardware address.
    pub(crate) mac: String,
    /// True if it has a public address.
    pub(crate) is_public: bool,
    /// The user of the interface, in the words of the service that made it.
    pub(crate) description: String,
    /// The owner of the instance that it is attached to, such as `amazon-elb`.
    pub(crate) instance_owner: String,
}

/// An interface with its surroundings.
struct Shown {
    interface: Interface,
    vpc: String,
    zone: String,
    /// Ids and names.
    groups: Vec<(String, String)>,
    public: Option<String>,
    tags: Tags,
}

/// Returns the network interfaces of a region that tasks, load balancers, NAT gateways and endpoints use.
fn in_use(world: &World, region: &str, now: Moment) -> Vec<Shown> {
    let all = world.ecs.interfaces(region, &world.account);
    let all = all.into_iter().chain(world.elbv2.interfaces(&world.ec2, region, now));
    let all = all.chain(world.ec2.nat_interfaces(region)).chain(world.ec2.endpoint_interfaces(region));
    let shown = all.filter_map(|interface| {
        let subnet = world.ec2.subnet(&interface.subnet)?;
        let default = || world.ec2.default_security_group(&subnet.vpc).map(|group| group.id.clone());
        let ids = interface.groups.clone().unwrap_or_else(|| default().into_iter().collect());
        let groups = ids.into_iter().map(|id| {
            let name = world.ec2.security_group(&id).map(|group| group.name.clone());
            (id, name.unwrap_or_default())
        });
        Some(Shown {
            vpc: subnet.vpc.clone(),
            zone: subnet.zone.clone(),
            groups: groups.collect(),
            public: interface.is_public.then(|| public_address(&interface.id)),
            tags: BTreeMap::new(),
            interface,
        })
    });
    shown.collect()
}

/// An address for documentation (RFC 5737), the same for the same interface.
pub(super) fn public_address(id: &str) -> String {
    let sum = id.bytes().fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    format!("203.0.113.{sum}")
}

pub(super) fn describe(world: &World, call: &Call) -> Result<Value, ApiError> {
    let wanted = call.texts("NetworkInterfaceId");
    let all = in_use(world, &call.region, call.now);
    if let Some(id) = wanted.iter().find(|id| !all.iter().any(|one| one.interface.id == **id)) {
        let text = format!("The networkInterface ID '{id}' does not exist");
        return Err(ApiError::new("InvalidNetworkInterfaceID.NotFound", text));
    }
    let chosen = all.iter().filter(|one| wanted.is_empty() || wanted.contains(&one.interface.id));
    let found = filtered(chosen, &Filter::all(call))?;
    answer("networkInterfaceSet", call, found.into_iter().map(|one| one.json(&world.account)).collect())
}

/// Returns true if a network interface is in the security group.
pub(super) fn use_group(world: &World, call: &Call, group: &str) -> bool {
    in_use(world, &call.region, call.now).iter().any(|one| one.groups.iter().any(|(id, _)| id == group))
}

/// Returns true if a network interface in the VPC has a public address.
pub(super) fn have_public_address(world: &World, call: &Call, vpc: &str) -> bool {
    in_use(world, &call.region, call.now).iter().any(|one| one.vpc == vpc && one.public.is_some())
}

/// Returns true if a network interface is in the subnet.
pub(super) fn use_subnet(world: &World, call: &Call, subnet: &str) -> bool {
    in_use(world, &call.region, call.now).iter().any(|one| one.interface.subnet == subnet)
}

impl Shown {
    fn json(&self, account: &str) -> Value {
        let Interface { id, subnet, address, mac, description, instance_owner, .. } = &self.interface;
        let groups = self.groups.iter().map(|(id, name)| json!({ "groupId": id, "groupName": name }));
        let association = self
            .public
            .as_ref()
            .map(|address| json!({ "publicIp": address, "publicDnsName": "", "ipOwnerId": "amazon" }));
        json!({
            "networkInterfaceId": id,
            "subnetId": subnet,
            "vpcId": self.vpc,
            "availabilityZone": self.zone,
            "description": description,
            "ownerId": account,
            "requesterId": instance_owner,
            "requesterManaged": true,
            "status": "in-use",
            "macAddress": mac,
            "privateIpAddress": address,
            "sourceDestCheck": true,
            "interfaceType": "interface",
            "groupSet": groups.collect::<Vec<_>>(),
            "attachment": {
                "attachmentId": format!("ela-attach-{}", id.trim_start_matches("eni-")),
                "instanceOwnerId": instance_owner,
                "deviceIndex": 1,
                "status": "attached",
                "deleteOnTermination": false,
            },
            "association": association,
            "privateIpAddressesSet": [
                { "privateIpAddress": address, "primary": true, "association": association },
            ],
            "ipv6AddressesSet": [],
            "tagSet": [],
        })
    }
}

impl Filterable for Shown {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        let interface = &self.interface;
        Some(match filter {
            "network-interface-id" => vec![interface.id.clone()],
            "subnet-id" => vec![interface.subnet.clone()],
            "vpc-id" => vec![self.vpc.clone()],
            "availability-zone" => vec![self.zone.clone()],
            "description" => vec![interface.description.clone()],
            "private-ip-address" | "addresses.private-ip-address" => vec![interface.address.clone()],
            "association.public-ip" => self.public.iter().cloned().collect(),
            "requester-id" | "attachment.instance-owner-id" => vec![interface.instance_owner.clone()],
            "status" => vec!["in-use".to_owned()],
            "group-id" => self.groups.iter().map(|(id, _)| id.clone()).collect(),
            "group-name" => self.groups.iter().map(|(_, name)| name.clone()).collect(),
            _ => return None,
        })
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }
}
