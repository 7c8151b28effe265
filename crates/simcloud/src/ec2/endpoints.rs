//! VPC endpoints: ways from a VPC to services of AWS that need no internet.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Ec2, Subnet,
    describe::{self, answer},
    filter::{Filter, Filterable, filtered},
    gateways::interface_mac,
    interfaces::Interface,
    resource::{self, Resource as _, find, named, required},
    tags::{self, Tags},
};
use crate::{ApiError, Call, Ids, Moment, World, partition::dns_suffix};

/// The services that have gateway endpoints.
const GATEWAY: [&str; 2] = ["s3", "dynamodb"];
/// The services that have interface endpoints: those that tasks call.
const INTERFACE: [&str; 14] = [
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "elasticloadbalancing",
    "kms",
    "logs",
    "monitoring",
    "secretsmanager",
    "ssm",
    "ssmmessages",
    "sts",
];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub(super) id: String,
    pub(super) region: String,
    pub(super) vpc: String,
    /// Such as `ecr.api`.
    pub(super) service: String,
    is_gateway: bool,
    token: Option<String>,
    private_dns: bool,
    pub(super) route_tables: BTreeSet<String>,
    /// The subnets with the network interface in each: id and address.
    pub(super) subnets: BTreeMap<String, (String, String)>,
    pub(super) groups: BTreeSet<String>,
    created: Moment,
    pub(super) tags: Tags,
}

impl Endpoint {
    /// Returns true if the service's own names lead to it, everywhere in its VPC.
    pub(super) fn is_interface_of(&self, service: &str, vpc: &str) -> bool {
        self.private_dns && self.service == service && self.vpc == vpc && !self.subnets.is_empty()
    }

    pub(super) fn is_gateway_of(&self, service: &str) -> bool {
        self.is_gateway && self.service == service
    }

    fn json(&self, ec2: &Ec2, account: &str) -> Value {
        let Self { id, region, service, .. } = self;
        let group = |id: &String| json!({ "groupId": id, "groupName": ec2.security_group(id).map(|group| &group.name) });
        let names = [format!("{id}.{service}.{region}.vpce.{}", dns_suffix(region))].into_iter();
        let names = names.filter(|_| !self.is_gateway);
        let names =
            names.chain(self.private_dns.then(|| format!("{service}.{region}.{}", dns_suffix(region))));
        json!({
            "vpcEndpointId": id,
            "vpcEndpointType": if self.is_gateway { "Gateway" } else { "Interface" },
            "vpcId": self.vpc,
            "serviceName": service_name(region, service),
            "state": "available",
            "policyDocument": r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
            "routeTableIdSet": self.route_tables,
            "subnetIdSet": self.subnets.keys().collect::<Vec<_>>(),
            "groupSet": self.groups.iter().map(group).collect::<Vec<_>>(),
            "ipAddressType": "ipv4",
            "dnsOptions": { "dnsRecordIpType": "ipv4" },
            "privateDnsEnabled": self.private_dns,
            "requesterManaged": false,
            "networkInterfaceIdSet": self.subnets.values().map(|(interface, _)| interface).collect::<Vec<_>>(),
            "dnsEntrySet": names.map(|name| json!({ "dnsName": name })).collect::<Vec<_>>(),
            "creationTimestamp": self.created.iso(),
            "ownerId": account,
            "tagSet": describe::tags(&self.tags),
        })
    }

    fn add_subnet(&mut self, subnet: &Subnet, ids: &mut Ids) {
        let interface = || (format!("eni-{}", ids.hex(17)), subnet.address(ids).unwrap_or_default());
        self.subnets.entry(subnet.id.clone()).or_insert_with(interface);
    }

    /// Changes subnets, groups, route tables and private names as a call says.
    fn change(&mut self, ec2: &Ec2, ids: &mut Ids, call: &Call, prefix: &str) -> Result<(), ApiError> {
        let added = |member: &str| call.texts(&format!("{prefix}{member}"));
        let of_other_type =
            if self.is_gateway { ["SubnetId", "SecurityGroupId"] } else { ["RouteTableId"; 2] };
        if let Some(member) = of_other_type.into_iter().find(|member| !added(member).is_empty()) {
            let text = format!("{member} is not supported for endpoints of this type");
            return Err(ApiError::new("InvalidParameter", text));
        }
        let vpc = self.vpc.clone();
        let elsewhere = |id: &str| {
            ApiError::new("InvalidParameter", format!("{id} does not belong to the network {vpc}"))
        };
        for id in added("RouteTableId") {
            let table = find(&ec2.route_tables, &id, call)?;
            if table.vpc != self.vpc {
                return Err(elsewhere(&id));
            }
            let prefix_list = prefix_list(&self.region, &self.service);
            if table.routes.get(&prefix_list).is_some_and(|other| *other != self.id) {
                let text = format!(
                    "route table {id} already has a route with destination-prefix-list-id {prefix_list}"
                );
                return Err(ApiError::new("RouteAlreadyExists", text));
            }
            self.route_tables.insert(id);
        }
        for id in added("SubnetId") {
            let subnet = find(&ec2.subnets, &id, call)?;
            if subnet.vpc != self.vpc {
                return Err(elsewhere(&id));
            }
            let has_zone = |id: &String| *id != subnet.id && ec2.subnets[id].zone == subnet.zone;
            if self.subnets.keys().any(has_zone) {
                let text = format!("Found another VPC endpoint subnet in the availability zone of {id}");
                return Err(ApiError::new("DuplicateSubnetsInSameZone", text));
            }
            self.add_subnet(subnet, ids);
        }
        for id in added("SecurityGroupId") {
            if find(&ec2.security_groups, &id, call)?.vpc != self.vpc {
                return Err(elsewhere(&id));
            }
            self.groups.insert(id);
        }
        self.private_dns = call.flag("PrivateDnsEnabled").unwrap_or(self.private_dns);
        if !self.private_dns {
            return Ok(());
        }
        let vpc = find(&ec2.vpcs, &self.vpc, call)?;
        if self.is_gateway {
            return Err(ApiError::new(
                "InvalidParameter",
                "Private DNS is only supported for Interface endpoints.",
            ));
        }
        if !(vpc.dns_support && vpc.dns_hostnames) {
            let text = format!(
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {}",
                vpc.id
            );
            return Err(ApiError::new("InvalidParameter", text));
        }
        let mut others = ec2.endpoints.values().filter(|other| other.id != self.id && other.vpc == self.vpc);
        if others.any(|other| other.private_dns && other.service == self.service) {
            let text = format!(
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {}.{}.{} in the VPC {}",
                self.service,
                self.region,
                dns_suffix(&self.region),
                self.vpc
            );
            return Err(ApiError::new("InvalidParameter", text));
        }
        Ok(())
    }
}

fn service_name(region: &str, service: &str) -> String {
    let reversed: Vec<&str> = dns_suffix(region).rsplit('.').collect();
    // Gateway endpoints have the same name in all partitions.
    let prefix = if GATEWAY.contains(&service) { "com.amazonaws".to_owned() } else { reversed.join(".") };
    format!("{prefix}.{region}.{service}")
}

/// The id of the prefix list of a service with gateway endpoints.
fn prefix_list(region: &str, service: &str) -> String {
    let seed = region
        .bytes()
        .chain(service.bytes())
        .fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("pl-{seed:08x}")
}

impl Ec2 {
    /// The network interfaces of the endpoints of a region.
    pub(super) fn endpoint_interfaces(&self, region: &str) -> impl Iterator<Item = Interface> {
        let here = self.endpoints.values().filter(move |endpoint| endpoint.region == region);
        here.flat_map(|endpoint| {
            endpoint.subnets.iter().map(|(subnet, (id, address))| Interface {
                id: id.clone(),
                subnet: subnet.clone(),
                groups: Some(endpoint.groups.iter().cloned().collect()),
                mac: interface_mac(id),
                address: address.clone(),
                is_public: false,
                description: format!("VPC Endpoint Interface {}", endpoint.id),
                instance_owner: "amazon-aws".to_owned(),
            })
        })
    }

    /// Gives the route tables of a gateway endpoint its routes.
    fn keep_endpoint(&mut self, endpoint: Endpoint) {
        let destination = prefix_list(&endpoint.region, &endpoint.service);
        for (id, table) in &mut self.route_tables {
            if endpoint.route_tables.contains(id) {
                table.routes.insert(destination.clone(), endpoint.id.clone());
            } else {
                table.routes.retain(|_, target| *target != endpoint.id);
            }
        }
        self.endpoints.insert(endpoint.id.clone(), endpoint);
    }
}

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let World { ec2, ids, account, .. } = world;
    let token = call.text("ClientToken");
    let mut known = ec2.endpoints.values();
    if let Some(endpoint) = known.find(|endpoint| token.is_some() && endpoint.token.as_deref() == token) {
        return Ok(json!({ "vpcEndpoint": endpoint.json(ec2, account), "clientToken": token }));
    }
    let vpc = named(&ec2.vpcs, call, "VpcId")?;
    let name = required(call, "ServiceName")?;
    let is_gateway = call.text("VpcEndpointType") != Some("Interface");
    let services = if is_gateway { &GATEWAY[..] } else { &INTERFACE[..] };
    let service = services.iter().find(|service| service_name(&call.region, service) == name);
    let Some(service) = service else {
        let text = format!("The Vpc Endpoint Service '{name}' does not exist");
        return Err(ApiError::new("InvalidServiceName", text));
    };
    let mut endpoint = Endpoint {
        id: format!("vpce-{}", ids.hex(17)),
        region: call.region.clone(),
        vpc: vpc.id.clone(),
        service: (*service).to_owned(),
        is_gateway,
        token: token.map(str::to_owned),
        // AWS's default for interface endpoints.
        private_dns: !is_gateway,
        route_tables: BTreeSet::new(),
        subnets: BTreeMap::new(),
        groups: BTreeSet::new(),
        created: call.now,
        tags: tags::given(call, Endpoint::TYPE)?,
    };
    endpoint.change(ec2, ids, call, "")?;
    if !is_gateway && endpoint.groups.is_empty() {
        endpoint.groups.extend(ec2.default_security_group(&vpc.id).map(|group| group.id.clone()));
    }
    let answer = json!({ "vpcEndpoint": endpoint.json(ec2, account), "clientToken": token });
    ec2.keep_endpoint(endpoint);
    Ok(answer)
}

pub(super) fn modify(ec2: &mut Ec2, ids: &mut Ids, call: &Call) -> Result<Value, ApiError> {
    let mut endpoint = named(&ec2.endpoints, call, "VpcEndpointId")?.clone();
    for id in call.texts("RemoveRouteTableId") {
        endpoint.route_tables.remove(&id);
    }
    for id in call.texts("RemoveSubnetId") {
        endpoint.subnets.remove(&id);
    }
    for id in call.texts("RemoveSecurityGroupId") {
        endpoint.groups.remove(&id);
    }
    endpoint.change(ec2, ids, call, "Add")?;
    ec2.keep_endpoint(endpoint);
    Ok(json!({ "return": true }))
}

pub(super) fn describe(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    let render = |endpoint: &Endpoint| endpoint.json(ec2, account);
    resource::describe(ec2.endpoints.values(), call, "VpcEndpointId", "vpcEndpointSet", render)
}

/// Deletes those that are there, and answers with the others.
pub(super) fn delete(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let mut unsuccessful = Vec::new();
    for id in call.texts("VpcEndpointId") {
        match find(&ec2.endpoints, &id, call) {
            Ok(_) => {
                ec2.endpoints.remove(&id);
                for table in ec2.route_tables.values_mut() {
                    table.routes.retain(|_, target| *target != id);
                }
            }
            Err(error) => unsuccessful.push(json!({
                "resourceId": id,
                "error": { "code": error.code, "message": error.message },
            })),
        }
    }
    Ok(json!({ "unsuccessful": unsuccessful }))
}

/// A list of the addresses of a service.
struct PrefixList {
    id: String,
    name: String,
}

pub(super) fn describe_prefix_lists(call: &Call) -> Result<Value, ApiError> {
    let lists = GATEWAY.map(|service| PrefixList {
        id: prefix_list(&call.region, service),
        name: service_name(&call.region, service),
    });
    let wanted = call.texts("PrefixListId");
    let chosen = lists.iter().filter(|list| wanted.is_empty() || wanted.contains(&list.id));
    let found = filtered(chosen, &Filter::all(call))?.into_iter().map(|list| {
        // A network for documentation (RFC 5737).
        json!({ "prefixListId": list.id, "prefixListName": list.name, "cidrSet": ["192.0.2.0/24"] })
    });
    answer("prefixListSet", call, found.collect())
}

impl Filterable for PrefixList {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(vec![match filter {
            "prefix-list-id" => self.id.clone(),
            "prefix-list-name" => self.name.clone(),
            _ => return None,
        }])
    }
}

impl Filterable for Endpoint {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(vec![match filter {
            "vpc-endpoint-id" => self.id.clone(),
            "vpc-id" => self.vpc.clone(),
            "service-name" => service_name(&self.region, &self.service),
            "vpc-endpoint-type" => if self.is_gateway { "Gateway" } else { "Interface" }.to_owned(),
            "vpc-endpoint-state" => "available".to_owned(),
            _ => return None,
        }])
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }
}
