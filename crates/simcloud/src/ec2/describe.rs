//! Looking at the network.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Ec2, SecurityGroup, Subnet, Vpc, change,
    filter::{Filter, Filterable, filtered},
    rules::permissions,
};
use crate::{ApiError, Call, input::page, partition};

pub(super) fn vpcs(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    let wanted = call.texts("VpcId");
    all_exist(&wanted, |id| in_region(ec2.vpc(id).map(|vpc| &vpc.region), call), no_vpc)?;
    let here = ec2.vpcs.values().filter(|vpc| vpc.region == call.region && chosen(&wanted, &vpc.id));
    let found = filtered(here, &Filter::all(call))?;
    answer("vpcSet", call, found.into_iter().map(|found| vpc(found, account)).collect())
}

/// An attribute of a VPC. None can be changed: those of the default VPC give public names, others don't.
pub(super) fn vpc_attribute(ec2: &Ec2, call: &Call) -> Result<Value, ApiError> {
    let vpc = change::vpc(ec2, call)?;
    let value = match change::required(call, "Attribute")? {
        "enableDnsSupport" => true,
        "enableDnsHostnames" => vpc.is_default,
        "enableNetworkAddressUsageMetrics" => false,
        other => {
            let text = format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.");
            return Err(ApiError::new("InvalidParameterValue", text));
        }
    };
    let mut answer = json!({ "vpcId": vpc.id });
    answer[change::required(call, "Attribute")?] = json!({ "value": value });
    Ok(answer)
}

pub(super) fn subnets(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    let wanted = call.texts("SubnetId");
    all_exist(&wanted, |id| in_region(ec2.subnet(id).map(|subnet| &subnet.region), call), no_subnet)?;
    let here =
        ec2.subnets.values().filter(|subnet| subnet.region == call.region && chosen(&wanted, &subnet.id));
    let mut found = filtered(here, &Filter::all(call))?;
    found.sort_by_key(|subnet| (&subnet.zone, &subnet.id));
    answer("subnetSet", call, found.into_iter().map(|found| subnet(found, account)).collect())
}

pub(super) fn security_groups(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    let (ids, names) = (call.texts("GroupId"), call.texts("GroupName"));
    all_exist(&ids, |id| in_region(ec2.security_group(id).map(|group| &group.region), call), no_group)?;
    let here = || ec2.security_groups.values().filter(|group| group.region == call.region);
    all_exist(&names, |name| here().any(|group| group.name == name), no_group)?;
    let here = here().filter(|group| chosen(&ids, &group.id) && chosen(&names, &group.name));
    let found = filtered(here, &Filter::all(call))?;
    let rendered = found.into_iter().map(|found| security_group(ec2, found, account));
    answer("securityGroupInfo", call, rendered.collect())
}

pub(super) fn zones(call: &Call) -> Result<Value, ApiError> {
    let region = &call.region;
    let wanted = call.texts("ZoneName");
    let zones: Vec<_> = ["a", "b", "c"].iter().map(|letter| format!("{region}{letter}")).collect();
    all_exist(
        &wanted,
        |name| zones.iter().any(|zone| zone == name),
        |name| ApiError::new("InvalidParameterValue", format!("Invalid availability zone: [{name}]")),
    )?;
    let zones: Vec<_> = zones
        .into_iter()
        .enumerate()
        .filter(|(_, zone)| chosen(&wanted, zone))
        .map(|(index, name)| Zone {
            id: format!("{}-az{}", short(region), index + 1),
            name,
            region: region.clone(),
        })
        .collect();
    let zones: Vec<_> = filtered(zones.iter(), &Filter::all(call))?
        .into_iter()
        .map(|zone| {
            json!({
                "zoneName": zone.name,
                "zoneId": zone.id,
                "zoneState": "available",
                "regionName": region,
                "zoneType": "availability-zone",
                "groupName": region,
                "networkBorderGroup": region,
                "optInStatus": "opt-in-not-required",
                "messageSet": [],
            })
        })
        .collect();
    Ok(json!({ "availabilityZoneInfo": zones }))
}

/// The main route table of each VPC: to itself, and from the default VPC to the internet.
pub(super) fn route_tables(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    let tables: Vec<_> = ec2
        .vpcs
        .values()
        .filter(|vpc| vpc.region == call.region)
        .filter_map(|vpc| Some(RouteTable { id: main_route_table(ec2, vpc)?, vpc: vpc.clone() }))
        .collect();
    let wanted = call.texts("RouteTableId");
    all_exist(
        &wanted,
        |id| tables.iter().any(|table| table.id == id),
        |id| {
            ApiError::new("InvalidRouteTableID.NotFound", format!("The routeTable ID '{id}' does not exist"))
        },
    )?;
    let found = filtered(tables.iter().filter(|table| chosen(&wanted, &table.id)), &Filter::all(call))?;
    let rendered = found
        .into_iter()
        .map(|table| {
            let RouteTable { id, vpc } = table;
            let tail = id.trim_start_matches("rtb-");
            let local = json!({
                "destinationCidrBlock": vpc.cidr,
                "gatewayId": "local",
                "state": "active",
                "origin": "CreateRouteTable",
            });
            let outwards = json!({
                "destinationCidrBlock": "0.0.0.0/0",
                "gatewayId": format!("igw-{tail}"),
                "state": "active",
                "origin": "CreateRoute",
            });
            json!({
                "routeTableId": id,
                "vpcId": vpc.id,
                "ownerId": account,
                "routeSet": if vpc.is_default { vec![local, outwards] } else { vec![local] },
                "associationSet": [{
                    "routeTableAssociationId": format!("rtbassoc-{tail}"),
                    "routeTableId": id,
                    "main": true,
                    "associationState": { "state": "associated" },
                }],
                "propagatingVgwSet": [],
                "tagSet": [],
            })
        })
        .collect();
    answer("routeTableSet", call, rendered)
}

/// The id of the route table that a VPC was made with.
fn main_route_table(ec2: &Ec2, vpc: &Vpc) -> Option<String> {
    if vpc.is_default {
        return ec2.regions.get(&vpc.region).cloned();
    }
    Some(format!("rtb-{}", vpc.id.strip_prefix("vpc-")?))
}

pub(super) fn answer(name: &str, call: &Call, items: Vec<Value>) -> Result<Value, ApiError> {
    let limit = match call.number("MaxResults") {
        None => 1000,
        Some(limit @ 5..=1000) => limit.unsigned_abs() as usize,
        Some(other) => {
            let text = format!(
                "Value ( {other} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000."
            );
            return Err(ApiError::new("InvalidParameterValue", text));
        }
    };
    let bad_token = || ApiError::new("InvalidNextToken", "The token is not valid.");
    let (items, next) = page(items, call.text("NextToken"), limit, bad_token)?;
    let mut value = Map::new();
    value.insert(name.to_owned(), Value::Array(items));
    if let Some(next) = next {
        value.insert("nextToken".to_owned(), Value::String(next));
    }
    Ok(Value::Object(value))
}

fn chosen(wanted: &[String], id: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| wanted == id)
}

fn in_region(region: Option<&String>, call: &Call) -> bool {
    region == Some(&call.region)
}

fn all_exist(
    wanted: &[String],
    exists: impl Fn(&str) -> bool,
    error: impl Fn(&str) -> ApiError,
) -> Result<(), ApiError> {
    wanted.iter().find(|id| !exists(id)).map_or(Ok(()), |id| Err(error(id)))
}

pub(super) fn no_vpc(id: &str) -> ApiError {
    ApiError::new("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist"))
}

pub(super) fn no_subnet(id: &str) -> ApiError {
    ApiError::new("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"))
}

pub(super) fn no_group(id: &str) -> ApiError {
    ApiError::new("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"))
}

pub(super) fn tags(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

pub(super) fn vpc(vpc: &Vpc, account: &str) -> Value {
    json!({
        "vpcId": vpc.id,
        "ownerId": account,
        "state": "available",
        "cidrBlock": vpc.cidr,
        "dhcpOptionsId": format!("dopt-{}", vpc.id.trim_start_matches("vpc-")),
        "instanceTenancy": "default",
        "isDefault": vpc.is_default,
        "cidrBlockAssociationSet": [{
            "associationId": format!("vpc-cidr-assoc-{}", vpc.id.trim_start_matches("vpc-")),
            "cidrBlock": vpc.cidr,
            "cidrBlockState": { "state": "associated" },
        }],
        "tagSet": tags(&vpc.tags),
    })
}

pub(super) fn subnet(subnet: &Subnet, account: &str) -> Value {
    let letter = subnet.zone.bytes().last().unwrap_or(b'a');
    let prefix: u32 = subnet.cidr.split('/').nth(1).and_then(|length| length.parse().ok()).unwrap_or(28);
    json!({
        "subnetId": subnet.id,
        "subnetArn": partition::arn("ec2", &subnet.region, account, format_args!("subnet/{}", subnet.id)),
        "vpcId": subnet.vpc,
        "ownerId": account,
        "state": "available",
        "cidrBlock": subnet.cidr,
        // Five addresses of each subnet are AWS's own.
        "availableIpAddressCount": (1_u64 << (32 - prefix.min(32))).saturating_sub(5),
        "availabilityZone": subnet.zone,
        "availabilityZoneId": format!("{}-az{}", short(&subnet.region), letter.saturating_sub(b'a') + 1),
        "defaultForAz": subnet.default_for_az,
        "mapPublicIpOnLaunch": subnet.public_ip_on_launch,
        "assignIpv6AddressOnCreation": false,
        "ipv6CidrBlockAssociationSet": [],
        "tagSet": tags(&subnet.tags),
    })
}

fn security_group(ec2: &Ec2, group: &SecurityGroup, account: &str) -> Value {
    json!({
        "groupId": group.id,
        "groupName": group.name,
        "groupDescription": group.description,
        "securityGroupArn": partition::arn("ec2", &group.region, account, format_args!("security-group/{}", group.id)),
        "vpcId": group.vpc,
        "ownerId": account,
        "ipPermissions": permissions(ec2, &group.id, account, false),
        "ipPermissionsEgress": permissions(ec2, &group.id, account, true),
        "tagSet": tags(&group.tags),
    })
}

/// `eu-central-1` as it stands in zone ids: `euc1`.
fn short(region: &str) -> String {
    let mut parts = region.split('-');
    let first = parts.next().unwrap_or_default();
    first.to_owned() + &parts.filter_map(|part| part.chars().next()).collect::<String>()
}

impl Filterable for Vpc {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(vec![match filter {
            "vpc-id" => self.id.clone(),
            "isDefault" | "is-default" => self.is_default.to_string(),
            "cidr" | "cidr-block" | "cidr-block-association.cidr-block" => self.cidr.clone(),
            "state" => "available".to_owned(),
            _ => return None,
        }])
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }
}

impl Filterable for Subnet {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(vec![match filter {
            "subnet-id" => self.id.clone(),
            "vpc-id" => self.vpc.clone(),
            "defaultForAz" | "default-for-az" => self.default_for_az.to_string(),
            "availabilityZone" | "availability-zone" => self.zone.clone(),
            "cidr" | "cidrBlock" | "cidr-block" => self.cidr.clone(),
            "map-public-ip-on-launch" => self.public_ip_on_launch.to_string(),
            "state" => "available".to_owned(),
            _ => return None,
        }])
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }
}

impl Filterable for SecurityGroup {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(vec![match filter {
            "group-id" => self.id.clone(),
            "group-name" => self.name.clone(),
            "vpc-id" => self.vpc.clone(),
            "description" => self.description.clone(),
            _ => return None,
        }])
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }
}

struct Zone {
    id: String,
    name: String,
    region: String,
}

impl Filterable for Zone {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(vec![match filter {
            "zone-id" => self.id.clone(),
            "zone-name" => self.name.clone(),
            "region-name" | "group-name" => self.region.clone(),
            "state" => "available".to_owned(),
            "zone-type" => "availability-zone".to_owned(),
            "opt-in-status" => "opt-in-not-required".to_owned(),
            _ => return None,
        }])
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        const NONE: &BTreeMap<String, String> = &BTreeMap::new();
        NONE
    }
}

struct RouteTable {
    id: String,
    vpc: Vpc,
}

impl Filterable for RouteTable {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(match filter {
            "route-table-id" | "association.route-table-id" => vec![self.id.clone()],
            "vpc-id" => vec![self.vpc.id.clone()],
            "association.main" => vec!["true".to_owned()],
            // The main table is associated with no subnet by name.
            "association.subnet-id" => Vec::new(),
            "route.destination-cidr-block" if !self.vpc.is_default => vec![self.vpc.cidr.clone()],
            "route.destination-cidr-block" => vec![self.vpc.cidr.clone(), "0.0.0.0/0".to_owned()],
            _ => return None,
        })
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.vpc.tags
    }
}
