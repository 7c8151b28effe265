//! The actions of listeners and rules.

use serde_json::{Value, json};

use super::{
    error::{configuration, not_simulated, validation},
    state::{Elbv2, is_in},
};
use crate::{ApiError, Call};

/// The ARNs of the target groups that actions forward to.
pub(super) fn target_groups(actions: &[Value]) -> impl Iterator<Item = &str> {
    actions
        .iter()
        .filter_map(|action| action.get("ForwardConfig")?.get("TargetGroups")?.as_array())
        .flatten()
        .filter_map(|group| group.get("TargetGroupArn")?.as_str())
}

/// The weights of the target groups that a rule with these actions forwards to. `None` if it does something else.
pub(super) fn weights(actions: &[Value]) -> Option<Vec<(&str, i64)>> {
    let [action] = actions else { return None };
    let groups = action.get("ForwardConfig")?.get("TargetGroups")?.as_array()?;
    groups.iter().map(|group| Some((text(group, "TargetGroupArn")?, number(group, "Weight")?))).collect()
}

/// Sets the weights of an action that forwards.
pub(super) fn set_weights(actions: &mut [Value], weights: &[(&str, u32)]) {
    let groups: Vec<Value> =
        weights.iter().map(|(arn, weight)| json!({ "TargetGroupArn": arn, "Weight": weight })).collect();
    for action in actions {
        action["TargetGroupArn"] = Value::Null;
        action["ForwardConfig"]["TargetGroups"] = json!(groups);
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn number(value: &Value, name: &str) -> Option<i64> {
    let value = value.get(name)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Reads the actions `member` of a call for a listener of `load_balancer`, in the form in which they are described.
pub(super) fn checked(
    elbv2: &Elbv2,
    call: &Call,
    member: &str,
    load_balancer: &str,
) -> Result<Vec<Value>, ApiError> {
    let given = call.list(member);
    let actions: Vec<Value> = given.iter().map(action).collect::<Result<_, _>>()?;
    match actions.as_slice() {
        [] => return Err(validation("At least one action must be specified")),
        [_] => {}
        _ => {
            return Err(ApiError::new(
                "TooManyActions",
                "A rule has exactly one forward, redirect or fixed-response action",
            ));
        }
    }
    let vpc = elbv2.find_load_balancer(load_balancer)?.vpc.as_str();
    for arn in target_groups(&actions) {
        let group = elbv2.target_group(arn).filter(|_| is_in(arn, &call.region));
        let group = group.ok_or_else(super::error::no_target_group)?;
        if group.vpc != vpc {
            return Err(configuration(format!(
                "The target group '{arn}' and the load balancer '{load_balancer}' are not in the same VPC"
            )));
        }
        if elbv2.load_balancers_of(arn).iter().any(|other| *other != load_balancer) {
            return Err(ApiError::new(
                "TargetGroupAssociationLimit",
                format!(
                    "The following target groups cannot be associated with more than one load balancer: {arn}"
                ),
            ));
        }
    }
    Ok(actions)
}

fn action(given: &Value) -> Result<Value, ApiError> {
    let order = number(given, "Order");
    match text(given, "Type") {
        Some("forward") => forward(given, order),
        Some("fixed-response") => {
            let config = given
                .get("FixedResponseConfig")
                .ok_or_else(|| validation("A fixed-response action must have a FixedResponseConfig"))?;
            let code = text(config, "StatusCode").unwrap_or_default();
            if !(code.len() == 3 && code.starts_with(['2', '4', '5']) && code.parse::<u16>().is_ok()) {
                return Err(validation(format!(
                    "The status code '{code}' of a fixed response must be 2XX, 4XX or 5XX"
                )));
            }
            Ok(json!({ "Type": "fixed-response", "Order": order, "FixedResponseConfig": config }))
        }
        Some("redirect") => {
            let config = given
                .get("RedirectConfig")
                .ok_or_else(|| validation("A redirect action must have a RedirectConfig"))?;
            let part = |name: &str, default: &str| text(config, name).unwrap_or(default).to_owned();
            let code = part("StatusCode", "");
            if !matches!(code.as_str(), "HTTP_301" | "HTTP_302") {
                return Err(validation(format!(
                    "The status code '{code}' of a redirect must be HTTP_301 or HTTP_302"
                )));
            }
            Ok(json!({ "Type": "redirect", "Order": order, "RedirectConfig": {
                "Protocol": part("Protocol", "#{protocol}"),
                "Port": part("Port", "#{port}"),
                "Host": part("Host", "#{host}"),
                "Path": part("Path", "/#{path}"),
                "Query": part("Query", "#{query}"),
                "StatusCode": code,
            } }))
        }
        Some(kind @ ("authenticate-oidc" | "authenticate-cognito" | "jwt-validation")) => {
            Err(not_simulated(&format!("the action {kind}")))
        }
        Some(kind) => Err(validation(format!("The action type '{kind}' is not valid"))),
        None => Err(validation("An action must have a type")),
    }
}

fn forward(given: &Value, order: Option<i64>) -> Result<Value, ApiError> {
    let config = given.get("ForwardConfig").filter(|config| config.is_object());
    let weighed = config.and_then(|config| config.get("TargetGroups")?.as_array());
    let single = text(given, "TargetGroupArn");
    let mut groups = Vec::new();
    for group in weighed.into_iter().flatten() {
        let arn = text(group, "TargetGroupArn").unwrap_or_default();
        let weight = number(group, "Weight").unwrap_or(1);
        if !(0..=999).contains(&weight) {
            return Err(validation(format!(
                "The weight '{weight}' of a target group must be between 0 and 999"
            )));
        }
        groups.push(json!({ "TargetGroupArn": arn, "Weight": weight }));
    }
    match (single, groups.as_slice()) {
        (Some(arn), []) => groups.push(json!({ "TargetGroupArn": arn, "Weight": 1 })),
        (None, []) => return Err(validation("A forward action must have a target group ARN")),
        (Some(arn), [group]) if text(group, "TargetGroupArn") == Some(arn) => {}
        (Some(_), _) => {
            return Err(configuration(
                "You can specify both a target group ARN and a forward configuration only with the same target group",
            ));
        }
        (None, _) => {}
    }
    if groups.len() > 5 {
        return Err(configuration("A forward action can have at most 5 target groups"));
    }
    let only = if let [group] = groups.as_slice() { group.get("TargetGroupArn").cloned() } else { None };
    let stickiness = config.and_then(|config| config.get("TargetGroupStickinessConfig"));
    let is_sticky = stickiness.is_some_and(|config| {
        config.get("Enabled").is_some_and(|enabled| enabled == true || enabled == "true")
    });
    let duration = stickiness.and_then(|config| number(config, "DurationSeconds"));
    Ok(json!({
        "Type": "forward",
        "Order": order,
        "TargetGroupArn": only,
        "ForwardConfig": {
            "TargetGroups": groups,
            "TargetGroupStickinessConfig": { "Enabled": is_sticky, "DurationSeconds": duration },
        },
    }))
}
