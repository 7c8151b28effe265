//! Changing the network.

use serde_json::{Value, json};

use super::{
    Ec2, SecurityGroup, Subnet, Vpc,
    cidr::Cidr,
    describe, interfaces,
    resource::{absent, find_mut, named, required},
    rules,
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
    if !(16..=28).contains(&Cidr::given(cidr)?.length) {
        return Err(ApiError::new("InvalidVpc.Range", format!("The CIDR '{cidr}' is invalid.")));
    }
    let vpc = Vpc::new(format!("vpc-{}", ids.hex(17)), &call.region, cidr, false, tags(call, "vpc")?);
    let answer = json!({ "vpc": describe::vpc(&vpc, account) });
    ec2.add_default_security_group(ids, &vpc.id, &call.region);
    ec2.add_main_route_table(format!("rtb-{}", ids.hex(17)), &vpc);
    ec2.vpcs.insert(vpc.id.clone(), vpc);
    Ok(answer)
}

pub(super) fn create_subnet(
    ec2: &mut Ec2,
    ids: &mut Ids,
    account: &str,
    call: &Call,
) -> Result<Value, ApiError> {
    let vpc = named(&ec2.vpcs, call, "VpcId")?;
    let cidr = required(call, "CidrBlock")?;
    let (subnet, outer) = (Cidr::given(cidr)?, Cidr::given(&vpc.cidr)?);
    if !(outer.length..=28).contains(&subnet.length) || !subnet.overlaps(outer) {
        return Err(ApiError::new("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid.")));
    }
    for other in ec2.subnets.values().filter(|other| other.vpc == vpc.id) {
        if subnet.overlaps(Cidr::given(&other.cidr)?) {
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
        Some(_) => named(&ec2.vpcs, call, "VpcId")?,
        None => ec2
            .vpcs
            .values()
            .find(|vpc| vpc.is_default && vpc.region == call.region)
            .ok_or_else(|| absent::<Vpc>("default"))?,
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
    let id = named(&ec2.vpcs, call, "VpcId")?.id.clone();
    let in_use = ec2.subnets.values().any(|subnet| subnet.vpc == id)
        || ec2.security_groups.values().any(|group| group.vpc == id && group.name != "default")
        || ec2.has_further_route_tables(&id)
        || ec2.internet_gateway_of(&id).is_some()
        || ec2.endpoints.values().any(|endpoint| endpoint.vpc == id);
    if in_use {
        return Err(dependency("vpc", &id));
    }
    ec2.vpcs.remove(&id);
    let Ec2 { security_groups, rules, route_tables, .. } = ec2;
    security_groups.retain(|_, group| group.vpc != id);
    rules.retain(|_, rule| security_groups.contains_key(&rule.group));
    route_tables.retain(|_, table| table.vpc != id);
    Ok(json!({ "return": true }))
}

/// The new value of an attribute in a request.
fn new_value(call: &Call, attribute: &str) -> Option<bool> {
    let value = call.input.get(attribute)?.get("Value")?;
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}

pub(super) fn modify_vpc_attribute(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let vpc = find_mut(&mut ec2.vpcs, required(call, "VpcId")?, call)?;
    let given = [
        (&mut vpc.dns_support, new_value(call, "EnableDnsSupport")),
        (&mut vpc.dns_hostnames, new_value(call, "EnableDnsHostnames")),
        (&mut vpc.usage_metrics, new_value(call, "EnableNetworkAddressUsageMetrics")),
    ];
    let mut given = given.into_iter().filter_map(|(attribute, value)| Some((attribute, value?)));
    let (Some((attribute, value)), None) = (given.next(), given.next()) else {
        let text = "The request must contain exactly one attribute of the VPC";
        return Err(ApiError::new("InvalidParameterCombination", text));
    };
    *attribute = value;
    Ok(json!({ "return": true }))
}

pub(super) fn modify_subnet_attribute(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let subnet = find_mut(&mut ec2.subnets, required(call, "SubnetId")?, call)?;
    let is_public = new_value(call, "MapPublicIpOnLaunch");
    subnet.public_ip_on_launch = is_public.ok_or_else(|| {
        ApiError::new("MissingParameter", "The request must contain the parameter mapPublicIpOnLaunch")
    })?;
    Ok(json!({ "return": true }))
}

pub(super) fn delete_subnet(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = named(&world.ec2.subnets, call, "SubnetId")?.id.clone();
    if interfaces::use_subnet(world, call, &id) {
        return Err(dependency("subnet", &id));
    }
    world.ec2.subnets.remove(&id);
    world.ec2.forget_subnet(&id);
    Ok(json!({ "return": true }))
}

/// Deletes a group that no network interface and no rule of another group uses.
pub(super) fn delete_security_group(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let ec2 = &world.ec2;
    let group = named(&ec2.security_groups, call, "GroupId")?;
    let id = group.id.as_str();
    if group.name == "default" {
        let text = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(ApiError::new("CannotDelete", text));
    }
    let is_peer = ec2.rules.values().any(|rule| rule.group != id && rule.traffic.peer_group() == Some(id));
    if is_peer || interfaces::use_group(world, call, id) {
        let text = format!("resource {id} has a dependent object");
        return Err(ApiError::new("DependencyViolation", text));
    }
    let id = id.to_owned();
    world.ec2.security_groups.remove(&id);
    world.ec2.rules.retain(|_, rule| rule.group != id);
    Ok(json!({ "return": true, "groupId": id }))
}

pub(super) fn dependency(kind: &str, id: &str) -> ApiError {
    ApiError::new("DependencyViolation", format!("The {kind} '{id}' has dependencies and cannot be deleted."))
}
