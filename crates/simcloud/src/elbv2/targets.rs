//! Registering and looking at targets.

use serde_json::{Value, json};

use super::{
    error::validation,
    state::{TargetGroup, TargetKey, TargetKind},
};
use crate::{ApiError, Call, World, ec2::Ec2};

fn targets(call: &Call, port: u16) -> Result<Vec<TargetKey>, ApiError> {
    let read = |target: &Value| {
        let text = |name: &str| target.get(name).and_then(|value| Some(value.as_str()?.to_owned()));
        let id =
            text("Id").filter(|id| !id.is_empty()).ok_or_else(|| validation("A target must have an Id"))?;
        let given = target.get("Port").filter(|port| !port.is_null());
        let number = given.map(|port| port.as_u64().or_else(|| port.as_str()?.parse().ok()));
        let port = match number {
            None => port,
            Some(number) => number
                .and_then(|number| u16::try_from(number).ok())
                .filter(|port| *port > 0)
                .ok_or_else(|| validation("The port of a target must be between 1 and 65535"))?,
        };
        Ok(TargetKey { id, port })
    };
    call.list("Targets").iter().map(read).collect()
}

/// Checks that a target is in the group's VPC. The simulated cloud has no instances.
fn check(group: &TargetGroup, ec2: &Ec2, target: &TargetKey) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new("InvalidTarget", message));
    match group.kind {
        TargetKind::Instance => invalid(format!(
            "The following targets are not in a running state and cannot be registered: '{}'",
            target.id
        )),
        TargetKind::Ip if target.id.parse::<std::net::Ipv4Addr>().is_err() => {
            Err(validation(format!("The IP address '{}' is not a valid IPv4 address", target.id)))
        }
        TargetKind::Ip if !ec2.vpc(&group.vpc).is_some_and(|vpc| vpc.has(&target.id)) => invalid(format!(
            "The IP address '{}' is not within a CIDR block of the VPC '{}'",
            target.id, group.vpc
        )),
        TargetKind::Ip => Ok(()),
    }
}

/// Nothing listens on targets that are registered by hand.
pub(super) fn register(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("TargetGroupArn", "ValidationError")?;
    let group = world.elbv2.find_target_group(arn)?.clone();
    let targets = targets(call, group.port)?;
    if targets.is_empty() {
        return Err(validation("At least one target must be specified"));
    }
    for target in &targets {
        check(&group, &world.ec2, target)?;
    }
    for target in targets {
        world.elbv2.register(arn, target, None, None, call.now);
    }
    Ok(json!({}))
}

/// Targets that aren't registered are no error.
pub(super) fn deregister(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("TargetGroupArn", "ValidationError")?;
    let port = world.elbv2.find_target_group(arn)?.port;
    for target in targets(call, port)? {
        world.elbv2.deregister(arn, &target, call.now);
    }
    Ok(json!({}))
}

pub(super) fn describe_health(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("TargetGroupArn", "ValidationError")?;
    let is_in_use = !world.elbv2.load_balancers_of(arn).is_empty();
    let group = world.elbv2.find_target_group(arn)?;
    let wanted = targets(call, group.port)?;
    let known = group.describe_health(is_in_use, call.now);
    if wanted.is_empty() {
        let all: Vec<Value> = known.into_iter().map(|(_, health)| health).collect();
        return Ok(json!({ "TargetHealthDescriptions": all }));
    }
    let described = wanted.iter().map(|target| {
        known.iter().find(|(key, _)| key == target).map_or_else(
            || {
                json!({
                    "Target": { "Id": target.id, "Port": target.port },
                    "TargetHealth": {
                        "State": "unused",
                        "Reason": "Target.NotRegistered",
                        "Description": "Target is not registered to the target group",
                    },
                })
            },
            |(_, health)| health.clone(),
        )
    });
    Ok(json!({ "TargetHealthDescriptions": described.collect::<Vec<_>>() }))
}
