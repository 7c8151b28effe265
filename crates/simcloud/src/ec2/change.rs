//! Changing the network.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::{
    Ec2, SecurityGroup, Subnet, Vpc,
    describe::{self, no_group, no_subnet, no_vpc},
    interfaces, rules,
    tags::given as tags,
};
use crate::{ApiError, Call, Ids, World, partition};

pub(super) fn create_vpc(
    ec2: &mut Ec2,
    ids: &mut Ids,
    account: &str,
    call: &Call,
) -> Result<Value, ApiError> {
    let cidr = required(call, "CidrBlock")?;
    let (_, length) = block(cidr)?;
    if !(16..=28).contains(&length) {
        return Err(ApiError::new("InvalidVpc.Range", format!("The CIDR '{cidr}' is invalid.")));
    }
    let vpc = Vpc {
        id: format!("vpc-{}", ids.hex(17)),
        region: call.region.clone(),
        cidr: cidr.to_owned(),
        is_default: false,
        tags: tags(call, "vpc")?,
    };
    let answer = json!({ "vpc": describe::vpc(&vpc, account) });
    ec2.add_default_security_group(ids, &vpc.id, &call.region);
    ec2.vpcs.insert(vpc.id.clone(), vpc);
    Ok(answer)
}

pub(super) fn create_subnet(
    ec2: &mut Ec2,
    ids: &mut Ids,
    account: &str,
    call: &Call,
) -> Result<Value, ApiError> {
    let vpc = vpc(ec2, call)?;
    let cidr = required(call, "CidrBlock")?;
    let (subnet, outer) = (block(cidr)?, block(&vpc.cidr)?);
    if subnet.1 < outer.1 || subnet.1 > 28 || !overlaps(subnet, outer) {
        return Err(ApiError::new("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid.")));
    }
    for other in ec2.subnets.values().filter(|other| other.vpc == vpc.id) {
        if overlaps(subnet, block(&other.cidr)?) {
            let text = format!("The CIDR '{cidr}' conflicts with another subnet");
            return Err(ApiError::new("InvalidSubnet.Conflict", text));
        }
    }
    let zone = call.text("AvailabilityZone").map_or_else(|| format!("{}a", call.region), str::to_owned);
    if !["a", "b", "c"].iter().any(|letter| zone == format!("{}{letter}", call.region)) {
        let text = format!("Value ({zone}) for parameter availabilityZone is invalid.");
        return Err(ApiError::new("InvalidParameterValue", text));
    }
    let subnet = Subnet {
        id: format!("subnet-{}", ids.hex(17)),
        vpc: vpc.id.clone(),
        region: call.region.clone(),
        zone,
        cidr: cidr.to_owned(),
        default_for_az: false,
        public_ip_on_launch: false,
        tags: tags(call, "subnet")?,
    };
    let answer = json!({ "subnet": describe::subnet(&subnet, account) });
    ec2.subnets.insert(subnet.id.clone(), subnet);
    Ok(answer)
}

pub(super) fn create_security_group(
    ec2: &mut Ec2,
    ids: &mut Ids,
    account: &str,
    call: &Call,
) -> Result<Value, ApiError> {
    let name = required(call, "GroupName")?;
    let description =
        rules::checked_description("security group description", required(call, "GroupDescription")?)?;
    let vpc = match call.text("VpcId") {
        Some(_) => vpc(ec2, call)?,
        None => ec2
            .vpcs
            .values()
            .find(|vpc| vpc.is_default && vpc.region == call.region)
            .ok_or_else(|| no_vpc("default"))?,
    };
    if name.starts_with("sg-") {
        return Err(ApiError::new(
            "InvalidParameterValue",
            format!("Invalid group name '{name}'. It may not start with sg-"),
        ));
    }
    if ec2.security_groups.values().any(|group| group.vpc == vpc.id && group.name == name) {
        let text = format!("The security group '{name}' already exists for VPC '{}'", vpc.id);
        return Err(ApiError::new("InvalidGroup.Duplicate", text));
    }
    let group = SecurityGroup {
        id: format!("sg-{}", ids.hex(17)),
        name: name.to_owned(),
        description,
        vpc: vpc.id.clone(),
        region: call.region.clone(),
        tags: tags(call, "security-group")?,
    };
    let arn = partition::arn("ec2", &call.region, account, format_args!("security-group/{}", group.id));
    let tags = describe::tags(&group.tags);
    let answer = json!({ "return": true, "groupId": group.id, "securityGroupArn": arn, "tagSet": tags });
    ec2.add_security_group(ids, group);
    Ok(answer)
}

pub(super) fn delete_vpc(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let id = vpc(ec2, call)?.id.clone();
    let in_use = ec2.subnets.values().any(|subnet| subnet.vpc == id)
        || ec2.security_groups.values().any(|group| group.vpc == id && group.name != "default");
    if in_use {
        return Err(dependency("vpc", &id));
    }
    ec2.vpcs.remove(&id);
    let Ec2 { security_groups, rules, .. } = ec2;
    security_groups.retain(|_, group| group.vpc != id);
    rules.retain(|_, rule| security_groups.contains_key(&rule.group));
    Ok(json!({ "return": true }))
}

pub(super) fn delete_subnet(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = required(call, "SubnetId")?;
    if world.ec2.subnet(id).is_none_or(|subnet| subnet.region != call.region) {
        return Err(no_subnet(id));
    }
    if interfaces::use_subnet(world, call, id) {
        return Err(dependency("subnet", id));
    }
    world.ec2.subnets.remove(id);
    Ok(json!({ "return": true }))
}

/// Deletes a group that no network interface and no rule of another group uses.
pub(super) fn delete_security_group(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = required(call, "GroupId")?;
    let ec2 = &world.ec2;
    let group =
        ec2.security_group(id).filter(|group| group.region == call.region).ok_or_else(|| no_group(id))?;
    if group.name == "default" {
        let text = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(ApiError::new("CannotDelete", text));
    }
    let is_peer = ec2.rules.values().any(|rule| rule.group != id && rule.traffic.peer_group() == Some(id));
    if is_peer || interfaces::use_group(world, call, id) {
        let text = format!("resource {id} has a dependent object");
        return Err(ApiError::new("DependencyViolation", text));
    }
    world.ec2.security_groups.remove(id);
    world.ec2.rules.retain(|_, rule| rule.group != id);
    Ok(json!({ "return": true, "groupId": id }))
}

pub(super) fn required<'a>(call: &'a Call, key: &str) -> Result<&'a str, ApiError> {
    call.text(key).filter(|text| !text.is_empty()).ok_or_else(|| {
        ApiError::new("MissingParameter", format!("The request must contain the parameter {key}"))
    })
}

pub(super) fn vpc<'a>(ec2: &'a Ec2, call: &Call) -> Result<&'a Vpc, ApiError> {
    let id = required(call, "VpcId")?;
    ec2.vpc(id).filter(|vpc| vpc.region == call.region).ok_or_else(|| no_vpc(id))
}

fn dependency(kind: &str, id: &str) -> ApiError {
    ApiError::new("DependencyViolation", format!("The {kind} '{id}' has dependencies and cannot be deleted."))
}

/// The first address and the length of a CIDR block.
fn block(cidr: &str) -> Result<(u32, u32), ApiError> {
    let parsed = cidr.split_once('/').and_then(|(address, length)| {
        let address: Ipv4Addr = address.parse().ok()?;
        let length: u32 = length.parse().ok().filter(|length| (1..=32).contains(length))?;
        Some((address.to_bits() >> (32 - length) << (32 - length), length))
    });
    parsed.ok_or_else(|| {
        let text =
            format!("Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block.");
        ApiError::new("InvalidParameterValue", text)
    })
}

fn overlaps(one: (u32, u32), other: (u32, u32)) -> bool {
    let shift = 32 - one.1.min(other.1);
    one.0 >> shift == other.0 >> shift
}
