//! Load balancers.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    error::{configuration, no_load_balancer, not_simulated, validation},
    names,
    state::{LoadBalancer, is_in},
    tags,
};
use crate::{ApiError, Call, World, partition};

/// The time until a load balancer is active: some two minutes, as people measure it.
const PROVISIONING: Duration = Duration::from_secs(120);
/// The time until the network interfaces of a deleted load balancer are gone: a minute or two, as people measure it.
const LEAVING: Duration = Duration::from_secs(60);
/// The most in a region.
const MOST: usize = 50;

fn json(arn: &str, balancer: &LoadBalancer, call: &Call) -> Value {
    let zones: Vec<Value> = balancer
        .subnets
        .iter()
        .map(|(zone, subnet)| json!({ "ZoneName": zone, "SubnetId": subnet, "LoadBalancerAddresses": [] }))
        .collect();
    let is_active = call.now >= balancer.active;
    json!({
        "LoadBalancerArn": arn,
        "DNSName": balancer.dns_name,
        "CanonicalHostedZoneId": "Z215JYRZR1TBD5",
        "CreatedTime": balancer.created.iso(),
        "LoadBalancerName": balancer.name,
        "Scheme": balancer.scheme,
        "VpcId": balancer.vpc,
        "State": { "Code": if is_active { "active" } else { "provisioning" } },
        "Type": "application",
        "AvailabilityZones": zones,
        "SecurityGroups": balancer.security_groups,
        "IpAddressType": balancer.ip_address_type,
    })
}

/// The subnets of a call by zone, and their VPC.
fn subnets(world: &World, call: &Call) -> Result<(BTreeMap<String, String>, String), ApiError> {
    let mut ids = call.texts("Subnets");
    let mapped = call.list("SubnetMappings").iter().filter_map(|mapping| mapping.get("SubnetId")?.as_str());
    ids.extend(mapped.map(str::to_owned));
    if ids.is_empty() {
        return Err(validation("You must specify either subnets or subnet mappings"));
    }
    let (mut zones, mut vpc) = (BTreeMap::new(), None);
    for id in ids {
        let subnet =
            world.ec2.subnet(&id).filter(|subnet| subnet.region == call.region).ok_or_else(|| {
                ApiError::new("SubnetNotFound", format!("The subnet ID '{id}' does not exist"))
            })?;
        if *vpc.get_or_insert_with(|| subnet.vpc.clone()) != subnet.vpc {
            return Err(configuration("All subnets must belong to the same VPC"));
        }
        if zones.insert(subnet.zone.clone(), id).is_some() {
            return Err(configuration(
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
            ));
        }
    }
    if zones.len() < 2 {
        return Err(validation("At least two subnets in two different Availability Zones must be specified"));
    }
    Ok((zones, vpc.unwrap_or_default()))
}

fn security_groups(world: &World, call: &Call, vpc: &str) -> Result<Vec<String>, ApiError> {
    let given = call.texts("SecurityGroups");
    for id in &given {
        let group = world.ec2.security_group(id).filter(|group| group.region == call.region);
        let group = group.ok_or_else(|| {
            ApiError::new("InvalidSecurityGroup", format!("The security group '{id}' does not exist"))
        })?;
        if group.vpc != vpc {
            return Err(configuration(format!(
                "One or more security groups are invalid: '{id}' is not in the VPC '{vpc}'"
            )));
        }
    }
    if given.is_empty() {
        let default = world.ec2.default_security_group(vpc);
        return Ok(default.map(|group| group.id.clone()).into_iter().collect());
    }
    Ok(given)
}

/// The same settings succeed again, and create nothing.
pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let name = names::checked(call, "Load balancer")?.to_owned();
    if name.starts_with("internal-") {
        return Err(validation(format!("Load balancer name '{name}' cannot begin with 'internal-'")));
    }
    match call.text("Type") {
        None | Some("application") => {}
        Some(other @ ("network" | "gateway")) => {
            return Err(not_simulated(&format!("load balancers of type {other}")));
        }
        Some(other) => return Err(validation(format!("Load balancer type '{other}' is not valid"))),
    }
    let scheme = match call.text("Scheme") {
        None => "internet-facing",
        Some(scheme @ ("internet-facing" | "internal")) => scheme,
        Some(other) => {
            return Err(validation(format!("Scheme '{other}' must be one of '[internet-facing, internal]'")));
        }
    };
    let (subnets, vpc) = subnets(world, call)?;
    // Only default VPCs have an internet gateway here.
    if scheme == "internet-facing" && !world.ec2.vpc(&vpc).is_some_and(|vpc| vpc.is_default) {
        return Err(ApiError::new("InvalidSubnet", format!("VPC {vpc} has no internet gateway")));
    }
    let security_groups = security_groups(world, call, &vpc)?;
    let ip_address_type = call.text("IpAddressType").unwrap_or("ipv4");
    if ip_address_type != "ipv4" {
        return Err(not_simulated(&format!("the IP address type {ip_address_type} of load balancers")));
    }
    let tags = tags::given(call)?;
    let World { elbv2, ids, account, .. } = world;
    let mut here = elbv2.load_balancers.iter().filter(|(arn, _)| is_in(arn, &call.region));
    if let Some((arn, known)) = here.clone().find(|(_, known)| known.name == name) {
        let is_same = known.scheme == scheme
            && known.subnets == subnets
            && known.security_groups == security_groups
            && known.tags == tags;
        if is_same {
            return Ok(json!({ "LoadBalancers": [json(arn, known, call)] }));
        }
        return Err(ApiError::new(
            "DuplicateLoadBalancerName",
            format!("A load balancer with the same name '{name}' exists, but with different settings"),
        ));
    }
    if here.nth(MOST - 1).is_some() {
        return Err(ApiError::new(
            "TooManyLoadBalancers",
            format!("The maximum number of load balancers '{MOST}' has been reached"),
        ));
    }
    let resource = format!("loadbalancer/app/{name}/{}", ids.hex(16));
    let arn = partition::arn("elasticloadbalancing", &call.region, account, resource);
    let prefix = if scheme == "internal" { "internal-" } else { "" };
    let number = ids.from_alphabet(b"123456789", 10);
    let dns_name =
        format!("{prefix}{name}-{number}.{}.elb.{}", call.region, partition::dns_suffix(&call.region));
    let balancer = LoadBalancer {
        name,
        scheme: scheme.to_owned(),
        ip_address_type: ip_address_type.to_owned(),
        vpc,
        subnets,
        security_groups,
        dns_name,
        created: call.now,
        active: call.now + PROVISIONING,
        attributes: BTreeMap::new(),
        tags,
    };
    let answer = json!({ "LoadBalancers": [json(&arn, &balancer, call)] });
    elbv2.load_balancers.insert(arn, balancer);
    Ok(answer)
}

pub(super) fn describe(world: &World, call: &Call) -> Result<Value, ApiError> {
    let (arns, names) = (call.texts("LoadBalancerArns"), call.texts("Names"));
    if !arns.is_empty() && !names.is_empty() {
        return Err(validation(
            "Load balancer ARNs and load balancer names cannot be specified at the same time",
        ));
    }
    let here = || world.elbv2.load_balancers.iter().filter(|(arn, _)| is_in(arn, &call.region));
    if !arns.iter().all(|arn| here().any(|(known, _)| known == arn)) {
        return Err(no_load_balancer());
    }
    if let Some(name) = names.iter().find(|name| !here().any(|(_, balancer)| balancer.name == **name)) {
        return Err(ApiError::new("LoadBalancerNotFound", format!("Load balancers '[{name}]' not found")));
    }
    let found = here()
        .filter(|(arn, balancer)| {
            (arns.is_empty() || arns.contains(arn)) && (names.is_empty() || names.contains(&balancer.name))
        })
        .map(|(arn, balancer)| json(arn, balancer, call));
    names::listed(call, "LoadBalancers", found.collect())
}

/// Puts a load balancer into other security groups.
pub(super) fn set_security_groups(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("LoadBalancerArn", "ValidationError")?;
    let vpc = world.elbv2.find_load_balancer(arn)?.vpc.clone();
    if call.list("SecurityGroups").is_empty() {
        return Err(validation("At least one security group must be specified"));
    }
    let groups = security_groups(world, call, &vpc)?;
    world.elbv2.load_balancer_mut(arn)?.security_groups.clone_from(&groups);
    Ok(json!({ "SecurityGroupIds": groups }))
}

/// Puts a load balancer into other subnets of its VPC.
pub(super) fn set_subnets(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("LoadBalancerArn", "ValidationError")?;
    let known = world.elbv2.find_load_balancer(arn)?.vpc.clone();
    let (subnets, vpc) = subnets(world, call)?;
    if vpc != known {
        return Err(configuration(format!(
            "The subnets must belong to the VPC '{known}' of the load balancer"
        )));
    }
    let balancer = world.elbv2.load_balancer_mut(arn)?;
    balancer.subnets = subnets;
    let zones = &json(arn, balancer, call)["AvailabilityZones"];
    Ok(json!({ "AvailabilityZones": zones, "IpAddressType": balancer.ip_address_type }))
}

/// Its listeners go with it. One that is not there is no error.
pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("LoadBalancerArn", "ValidationError")?;
    let elbv2 = &mut world.elbv2;
    let is_protected = |balancer: &LoadBalancer| {
        balancer.attributes.get("deletion_protection.enabled").is_some_and(|enabled| enabled == "true")
    };
    if elbv2.load_balancers.get(arn).is_some_and(is_protected) {
        let text = format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
        return Err(ApiError::new("OperationNotPermitted", text));
    }
    let listeners: Vec<String> = elbv2
        .listeners
        .iter()
        .filter(|(_, listener)| listener.load_balancer == arn)
        .map(|(listener, _)| listener.clone())
        .collect();
    for listener in listeners {
        elbv2.remove_listener(&listener);
    }
    elbv2.leaving.retain(|_, (_, gone)| call.now < *gone);
    if let Some(balancer) = elbv2.load_balancers.remove(arn) {
        elbv2.leaving.insert(arn.to_owned(), (balancer, call.now + LEAVING));
    }
    Ok(json!({}))
}
