//! The attributes of target groups and of load balancers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::validation;
use crate::{ApiError, Call, World};

/// The attributes of target groups with their defaults.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>
const OF_TARGET_GROUPS: [(&str, &str); 14] = [
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

/// The attributes of Application Load Balancers with their defaults.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html>
const OF_LOAD_BALANCERS: [(&str, &str); 20] = [
    ("access_logs.s3.bucket", ""),
    ("access_logs.s3.enabled", "false"),
    ("access_logs.s3.prefix", ""),
    ("client_keep_alive.seconds", "3600"),
    ("connection_logs.s3.bucket", ""),
    ("connection_logs.s3.enabled", "false"),
    ("connection_logs.s3.prefix", ""),
    ("deletion_protection.enabled", "false"),
    ("idle_timeout.timeout_seconds", "60"),
    ("ipv6.deny_all_igw_traffic", "false"),
    ("load_balancing.cross_zone.enabled", "true"),
    ("routing.http.desync_mitigation_mode", "defensive"),
    ("routing.http.drop_invalid_header_fields.enabled", "false"),
    ("routing.http.preserve_host_header.enabled", "false"),
    ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false"),
    ("routing.http.xff_client_port.enabled", "false"),
    ("routing.http.xff_header_processing.mode", "append"),
    ("routing.http2.enabled", "true"),
    ("waf.fail_open.enabled", "false"),
    ("zonal_shift.config.enabled", "false"),
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
        "stickiness.type" => matches!(value, "lb_cookie" | "app_cookie"),
        _ if key.ends_with(".percentage") => value == "off" || within(1, 100),
        _ if key.ends_with("unhealthy_state_routing.minimum_healthy_targets.count") => {
            number.is_some_and(|n| n > 0)
        }
        _ if key.ends_with(".count") => value == "off" || number.is_some_and(|count| count > 0),
        _ if key.ends_with(".enabled") || key.ends_with("igw_traffic") => matches!(value, "true" | "false"),
        "client_keep_alive.seconds" => within(60, 604_800),
        "idle_timeout.timeout_seconds" => within(1, 4000),
        "routing.http.desync_mitigation_mode" => matches!(value, "monitor" | "defensive" | "strictest"),
        "routing.http.xff_header_processing.mode" => matches!(value, "append" | "preserve" | "remove"),
        _ => true,
    }
}

/// The attributes of a resource as answers have them.
fn json(attributes: &BTreeMap<String, String>, defaults: &[(&str, &str)]) -> Value {
    let attributes = defaults.iter().map(|(key, default)| {
        let value = attributes.get(*key).map_or(*default, String::as_str);
        json!({ "Key": key, "Value": value })
    });
    json!({ "Attributes": attributes.collect::<Vec<_>>() })
}

/// The attributes that a call changes; `kind` is what messages call the resource.
fn given(call: &Call, kind: &str, defaults: &[(&str, &str)]) -> Result<Vec<(String, String)>, ApiError> {
    let given = call.pairs("Attributes", "Key", "Value");
    if given.is_empty() {
        return Err(validation(format!("At least one {} attribute must be specified", kind.to_lowercase())));
    }
    for (key, value) in &given {
        let Some((_, default)) = defaults.iter().find(|(known, _)| known == key) else {
            return Err(validation(format!("{kind} attribute key '{key}' is not recognized")));
        };
        if !is_sound(key, value) && value != default {
            return Err(validation(format!("{kind} attribute value '{value}' for '{key}' is not valid")));
        }
    }
    Ok(given)
}

pub(super) fn describe(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("TargetGroupArn", "ValidationError")?;
    Ok(json(&world.elbv2.find_target_group(arn)?.attributes, &OF_TARGET_GROUPS))
}

pub(super) fn modify(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("TargetGroupArn", "ValidationError")?;
    let group = world.elbv2.find_target_group(arn)?;
    group.attributes.extend(given(call, "Target group", &OF_TARGET_GROUPS)?);
    Ok(json(&group.attributes, &OF_TARGET_GROUPS))
}

pub(super) fn describe_of_load_balancer(world: &World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("LoadBalancerArn", "ValidationError")?;
    Ok(json(&world.elbv2.find_load_balancer(arn)?.attributes, &OF_LOAD_BALANCERS))
}

pub(super) fn modify_of_load_balancer(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("LoadBalancerArn", "ValidationError")?;
    let balancer = world.elbv2.load_balancer_mut(arn)?;
    balancer.attributes.extend(given(call, "Load balancer", &OF_LOAD_BALANCERS)?);
    Ok(json(&balancer.attributes, &OF_LOAD_BALANCERS))
}
