//! Target groups.

use serde_json::{Value, json};

use super::{
    error::{in_use, no_target_group, not_simulated, validation},
    health_check::HealthCheck,
    names,
    state::{Elbv2, TargetGroup, TargetKind, is_in},
    tags,
};
use crate::{ApiError, Call, World, ecs, partition};

/// The most in a region.
const MOST: usize = 3000;

fn json(elbv2: &Elbv2, arn: &str, group: &TargetGroup) -> Value {
    let check = &group.health_check;
    let matcher = if check.is_grpc { "GrpcCode" } else { "HttpCode" };
    json!({
        "TargetGroupArn": arn,
        "TargetGroupName": group.name,
        "Protocol": group.protocol,
        "ProtocolVersion": group.protocol_version,
        "Port": group.port,
        "VpcId": group.vpc,
        "TargetType": group.kind,
        "IpAddressType": group.ip_address_type,
        "HealthCheckEnabled": true,
        "HealthCheckProtocol": check.protocol,
        "HealthCheckPort": check.port,
        "HealthCheckPath": check.path,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy,
        "UnhealthyThresholdCount": check.unhealthy,
        "Matcher": { matcher: check.matcher },
        "LoadBalancerArns": elbv2.load_balancers_of(arn),
    })
}

fn read(world: &World, call: &Call) -> Result<TargetGroup, ApiError> {
    let name = names::checked(call, "Target group")?.to_owned();
    let kind = match call.text("TargetType") {
        None | Some("instance") => TargetKind::Instance,
        Some("ip") => TargetKind::Ip,
        Some(other @ ("lambda" | "alb")) => {
            return Err(not_simulated(&format!("target groups of type {other}")));
        }
        Some(other) => {
            return Err(validation(format!(
                "Target type '{other}' must be one of '[instance, ip, lambda, alb]'"
            )));
        }
    };
    let protocol = match call.text("Protocol") {
        Some(protocol @ ("HTTP" | "HTTPS")) => protocol.to_owned(),
        Some(other @ ("TCP" | "TLS" | "UDP" | "TCP_UDP" | "GENEVE" | "QUIC" | "TCP_QUIC")) => {
            return Err(not_simulated(&format!("target groups with the protocol {other}")));
        }
        Some(other) => return Err(validation(format!("Protocol '{other}' is not supported"))),
        None => return Err(validation("A protocol must be specified")),
    };
    let port = call.number("Port").ok_or_else(|| validation("A port must be specified"))?;
    let port = u16::try_from(port).ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| validation("The port must be between 1 and 65535"))?;
    let protocol_version = match call.text("ProtocolVersion") {
        None => "HTTP1",
        Some(version @ ("HTTP1" | "HTTP2" | "GRPC")) => version,
        Some(other) => {
            return Err(validation(format!(
                "Protocol version '{other}' must be one of '[HTTP1, HTTP2, GRPC]'"
            )));
        }
    };
    let vpc = call.text("VpcId").ok_or_else(|| validation("A VPC ID must be specified"))?;
    if world.ec2.vpc(vpc).is_none_or(|vpc| vpc.region != call.region) {
        return Err(validation(format!("The VPC ID '{vpc}' is not found")));
    }
    let ip_address_type = match call.text("IpAddressType") {
        None | Some("ipv4") => "ipv4".to_owned(),
        Some("ipv6") => return Err(not_simulated("target groups with IPv6")),
        Some(other) => {
            return Err(validation(format!("IP address type '{other}' must be one of '[ipv4, ipv6]'")));
        }
    };
    Ok(TargetGroup {
        name,
        protocol,
        protocol_version: protocol_version.to_owned(),
        port,
        vpc: vpc.to_owned(),
        kind,
        ip_address_type,
        health_check: HealthCheck::default_of(protocol_version).changed(call)?,
        attributes: Default::default(),
        targets: Vec::new(),
        tags: tags::given(call)?,
    })
}

/// The same settings succeed again, and create nothing.
pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let group = read(world, call)?;
    let World { elbv2, ids, account, .. } = world;
    let mut here = elbv2.target_groups.iter().filter(|(arn, _)| is_in(arn, &call.region));
    if let Some((arn, known)) = here.clone().find(|(_, known)| known.name == group.name) {
        let is_same = known.protocol == group.protocol
            && known.protocol_version == group.protocol_version
            && known.port == group.port
            && known.vpc == group.vpc
            && known.kind == group.kind
            && known.health_check == group.health_check
            && known.tags == group.tags;
        if is_same {
            return Ok(json!({ "TargetGroups": [json(elbv2, arn, known)] }));
        }
        return Err(ApiError::new(
            "DuplicateTargetGroupName",
            format!("A target group with the same name '{}' exists, but with different settings", group.name),
        ));
    }
    if here.nth(MOST - 1).is_some() {
        return Err(ApiError::new(
            "TooManyTargetGroups",
            format!("The maximum number of target groups '{MOST}' has been reached"),
        ));
    }
    let resource = format!("targetgroup/{}/{}", group.name, ids.hex(16));
    let arn = partition::arn("elasticloadbalancing", &call.region, account, resource);
    let answer = json!({ "TargetGroups": [json(elbv2, &arn, &group)] });
    elbv2.target_groups.insert(arn, group);
    Ok(answer)
}

pub(super) fn describe(world: &World, call: &Call) -> Result<Value, ApiError> {
    let elbv2 = &world.elbv2;
    let (arns, names) = (call.texts("TargetGroupArns"), call.texts("Names"));
    let balancer = call.text("LoadBalancerArn");
    if usize::from(!arns.is_empty()) + usize::from(!names.is_empty()) + usize::from(balancer.is_some()) > 1 {
        return Err(validation(
            "Target group ARNs, target group names, and a load balancer ARN cannot be specified at the same time",
        ));
    }
    if let Some(balancer) = balancer {
        elbv2.find_load_balancer(balancer)?;
    }
    let here: Vec<_> = elbv2.target_groups.iter().filter(|(arn, _)| is_in(arn, &call.region)).collect();
    let is_known = |arn: &String| here.iter().any(|(known, _)| *known == arn);
    let is_name = |name: &String| here.iter().any(|(_, group)| group.name == *name);
    if !arns.iter().all(is_known) || !names.iter().all(is_name) {
        return Err(no_target_group());
    }
    let found = here
        .iter()
        .filter(|(arn, group)| {
            (arns.is_empty() || arns.contains(arn))
                && (names.is_empty() || names.contains(&group.name))
                && balancer.is_none_or(|balancer| elbv2.load_balancers_of(arn).contains(&balancer))
        })
        .map(|(arn, group)| json(elbv2, arn, group));
    names::listed(call, "TargetGroups", found.collect())
}

pub(super) fn modify(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("TargetGroupArn", "ValidationError")?;
    let group = world.elbv2.find_target_group(arn)?;
    let changed = group.health_check.changed(call)?;
    if changed != group.health_check {
        group.health_check = changed;
        world.elbv2.check_again(arn, call.now);
        ecs::targets_changed(world, call.now, arn);
    }
    let elbv2 = &world.elbv2;
    let group = elbv2.target_group(arn).ok_or_else(no_target_group)?;
    Ok(json!({ "TargetGroups": [json(elbv2, arn, group)] }))
}

/// One that is not there is no error.
pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("TargetGroupArn", "ValidationError")?;
    if !world.elbv2.load_balancers_of(arn).is_empty() {
        return Err(in_use(format!("Target group '{arn}' is currently in use by a listener or a rule")));
    }
    world.elbv2.target_groups.remove(arn);
    Ok(json!({}))
}
