//! The attributes of target groups.

use serde_json::{Value, json};

use super::{error::validation, state::TargetGroup};
use crate::{ApiError, Call, World};

/// The attributes with their defaults.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>
const DEFAULTS: [(&str, &str); 14] = [
    ("deregistration_delay.timeout_seconds", "300"),
    ("load_balancing.algorithm.anomaly_mitigation", "off"),
    ("load_balancing.algorithm.type", "round_robin"),
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
    ("slow_start.duration_seconds", "0"),
    ("stickiness.app_cookie.cookie_name", ""),
    ("stickiness.app_cookie.duration_seconds", "86400"),
    ("stickiness.enabled", "false"),
    ("stickiness.lb_cookie.duration_seconds", "86400"),
    ("stickiness.type", "lb_cookie"),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"),
];

/// Returns true if the attribute can have the value.
fn is_sound(key: &str, value: &str) -> bool {
    let number = value.parse::<u32>().ok();
    let within = |least: u32, most: u32| number.is_some_and(|number| (least..=most).contains(&number));
    match key {
        "deregistration_delay.timeout_seconds" => within(0, 3600),
        "load_balancing.algorithm.anomaly_mitigation" => matches!(value, "on" | "off"),
        "load_balancing.algorithm.type" => {
            matches!(value, "round_robin" | "least_outstanding_requests" | "weighted_random")
        }
        "load_balancing.cross_zone.enabled" => {
            matches!(value, "true" | "false" | "use_load_balancer_configuration")
        }
        "slow_start.duration_seconds" => within(0, 0) || within(30, 900),
        "stickiness.app_cookie.duration_seconds" | "stickiness.lb_cookie.duration_seconds" => {
            within(1, 604_800)
        }
        "stickiness.enabled" => matches!(value, "true" | "false"),
        "stickiness.type" => matches!(value, "lb_cookie" | "app_cookie"),
        _ if key.ends_with(".percentage") => value == "off" || within(1, 100),
        _ if key.ends_with("unhealthy_state_routing.minimum_healthy_targets.count") => {
            number.is_some_and(|n| n > 0)
        }
        _ if key.ends_with(".count") => value == "off" || number.is_some_and(|count| count > 0),
        _ => true,
    }
}

fn json(group: &TargetGroup) -> Value {
    let attributes = DEFAULTS.iter().map(|(key, default)| {
        let value = group.attributes.get(*key).map_or(*default, String::as_str);
        json!({ "Key": key, "Value": value })
    });
    json!({ "Attributes": attributes.collect::<Vec<_>>() })
}

pub(super) fn describe(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("TargetGroupArn", "ValidationError")?;
    Ok(json(world.elbv2.find_target_group(arn)?))
}

pub(super) fn modify(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("TargetGroupArn", "ValidationError")?;
    let group = world.elbv2.find_target_group(arn)?;
    let given = call.pairs("Attributes", "Key", "Value");
    if given.is_empty() {
        return Err(validation("At least one target group attribute must be specified"));
    }
    for (key, value) in &given {
        let Some((_, default)) = DEFAULTS.iter().find(|(known, _)| known == key) else {
            return Err(validation(format!("Target group attribute key '{key}' is not recognized")));
        };
        if !is_sound(key, value) && value != default {
            return Err(validation(format!(
                "Target group attribute value '{value}' for '{key}' is not valid"
            )));
        }
    }
    group.attributes.extend(given);
    Ok(json(group))
}
