//! Looking at the network.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Ec2, SecurityGroup, Subnet, Vpc,
    filter::{Filter, Filterable, filtered},
    resource::{self, absent, named, required},
    rules::permissions,
};
use crate::{ApiError, Call, input::page, partition};

pub(super) fn vpcs(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    resource::describe(ec2.vpcs.values(), call, "VpcId", "vpcSet", |one| vpc(one, account))
}

pub(super) fn vpc_attribute(ec2: &Ec2, call: &Call) -> Result<Value, ApiError> {
    let vpc = named(&ec2.vpcs, call, "VpcId")?;
    let attribute = required(call, "Attribute")?;
    let value = match attribute {
        "enableDnsSupport" => vpc.dns_support,
        "enableDnsHostnames" => vpc.dns_hostnames,
        "enableNetworkAddressUsageMetrics" => vpc.usage_metrics,
        other => {
            let text = format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.");
            return Err(ApiError::new("InvalidParameterValue", text));
        }
    };
    Ok(json!({ "vpcId": vpc.id, attribute: { "value": value } }))
}

pub(super) fn subnets(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    resource::describe(ec2.subnets.values(), call, "SubnetId", "subnetSet", |one| subnet(one, account))
}

pub(super) fn security_groups(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    let names = call.texts("GroupName");
    let here = ec2.security_groups.values().filter(|group| group.region == call.region);
    if let Some(name) = names.iter().find(|name| !here.clone().any(|group| group.name == **name)) {
        return Err(absent::<SecurityGroup>(name));
    }
    let chosen = here.filter(|group| chosen(&names, &group.name));
    let render = |group: &SecurityGroup| security_group(ec2, group, account);
    resource::describe(chosen, call, "GroupId", "securityGroupInfo", render)
}

pub(super) fn zones(call: &Call) -> Result<Value, ApiError> {
    let region = &call.region;
    let wanted = call.texts("ZoneName");
    let zones: Vec<_> = ["a", "b", "c"].iter().map(|letter| format!("{region}{letter}")).collect();
    if let Some(name) = wanted.iter().find(|name| !zones.contains(name)) {
        return Err(ApiError::new("InvalidParameterValue", format!("Invalid availability zone: [{name}]")));
    }
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
}
