//! Rules.

use serde_json::{Value, json};

use super::{
    action, condition,
    error::{no_rule, validation},
    names,
    state::{Elbv2, Rule},
    tags,
};
use crate::{ApiError, Call, Ids, Moment, World, ecs};

/// The most of a load balancer, beside those of default actions.
const MOST: usize = 100;
const LAST_PRIORITY: i64 = 50_000;

fn json(arn: &str, rule: &Rule) -> Value {
    json!({
        "RuleArn": arn,
        "Priority": rule.priority.map_or_else(|| "default".to_owned(), |priority| priority.to_string()),
        "Conditions": rule.conditions,
        "Actions": rule.actions,
        "IsDefault": rule.priority.is_none(),
    })
}

pub(super) fn new_arn(listener: &str, ids: &mut Ids) -> String {
    format!("{}/{}", listener.replacen(":listener/", ":listener-rule/", 1), ids.hex(16))
}

/// Begins the health checks of the groups that actions forward to and no load balancer has used so far.
pub(super) fn come_into_use(world: &mut World, now: Moment, actions: &[Value]) {
    for group in action::target_groups(actions) {
        if world.elbv2.load_balancers_of(group).is_empty() {
            world.elbv2.check_again(group, now);
            ecs::targets_changed(world, now, group);
        }
    }
}

fn priority(given: Option<i64>) -> Result<u32, ApiError> {
    let given = given.ok_or_else(|| validation("A priority must be specified"))?;
    let priority = u32::try_from(given).ok().filter(|_| (1..=LAST_PRIORITY).contains(&given));
    priority.ok_or_else(|| {
        validation(format!("Rule priority '{given}' must be in the range from 1 to {LAST_PRIORITY}"))
    })
}

fn in_use(priority: u32) -> ApiError {
    ApiError::new("PriorityInUse", format!("Priority '{priority}' is currently in use"))
}

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let listener_arn = call.required("ListenerArn", "ValidationError")?;
    let balancer = world.elbv2.find_listener(listener_arn)?.load_balancer.clone();
    let priority = priority(call.number("Priority"))?;
    let conditions = condition::checked(call)?;
    let actions = action::checked(&world.elbv2, call, "Actions", &balancer)?;
    let tags = tags::given(call)?;
    let elbv2 = &world.elbv2;
    if elbv2.rules_of(listener_arn).iter().any(|(_, rule)| rule.priority == Some(priority)) {
        return Err(in_use(priority));
    }
    let of_balancer = |rule: &&Rule| {
        rule.priority.is_some()
            && elbv2.listeners.get(&rule.listener).is_some_and(|known| known.load_balancer == balancer)
    };
    if elbv2.rules.values().filter(of_balancer).count() >= MOST {
        return Err(ApiError::new(
            "TooManyRules",
            format!("The maximum number of rules per load balancer '{MOST}' has been reached"),
        ));
    }
    let rule =
        Rule { listener: listener_arn.to_owned(), priority: Some(priority), conditions, actions, tags };
    let arn = new_arn(listener_arn, &mut world.ids);
    come_into_use(world, call.now, &rule.actions);
    let answer = json!({ "Rules": [json(&arn, &rule)] });
    world.elbv2.rules.insert(arn, rule);
    Ok(answer)
}

pub(super) fn describe(world: &World, call: &Call) -> Result<Value, ApiError> {
    let elbv2 = &world.elbv2;
    let arns = call.texts("RuleArns");
    let found: Vec<Value> = match (call.text("ListenerArn"), arns.as_slice()) {
        (Some(listener), []) => {
            elbv2.find_listener(listener)?;
            elbv2.rules_of(listener).into_iter().map(|(arn, rule)| json(arn, rule)).collect()
        }
        (None, [_, ..]) => {
            arns.iter().map(|arn| Ok(json(arn, find(elbv2, arn)?))).collect::<Result<_, ApiError>>()?
        }
        _ => return Err(validation("You must specify either listener rule ARNs or a listener ARN")),
    };
    names::listed(call, "Rules", found)
}

fn find<'a>(elbv2: &'a Elbv2, arn: &str) -> Result<&'a Rule, ApiError> {
    elbv2.rules.get(arn).ok_or_else(no_rule)
}

pub(super) fn modify(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("RuleArn", "ValidationError")?;
    let mut rule = find(&world.elbv2, arn)?.clone();
    if rule.priority.is_none() {
        return Err(ApiError::new(
            "OperationNotPermitted",
            format!("Default rule '{arn}' cannot be modified"),
        ));
    }
    if !call.list("Conditions").is_empty() {
        rule.conditions = condition::checked(call)?;
    }
    if !call.list("Actions").is_empty() {
        let balancer = world.elbv2.find_listener(&rule.listener)?.load_balancer.clone();
        rule.actions = action::checked(&world.elbv2, call, "Actions", &balancer)?;
        come_into_use(world, call.now, &rule.actions);
    }
    let answer = json!({ "Rules": [json(arn, &rule)] });
    world.elbv2.rules.insert(arn.to_owned(), rule);
    Ok(answer)
}

/// All change at once, so that two rules can swap their priorities.
pub(super) fn set_priorities(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let mut changed = world.elbv2.rules.clone();
    let mut arns = Vec::new();
    for pair in call.list("RulePriorities") {
        let arn = pair.get("RuleArn").and_then(Value::as_str).unwrap_or_default();
        let given =
            pair.get("Priority").and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
        let rule = changed.get_mut(arn).ok_or_else(no_rule)?;
        if rule.priority.is_none() {
            return Err(ApiError::new(
                "OperationNotPermitted",
                format!("Default rule '{arn}' cannot be modified"),
            ));
        }
        rule.priority = Some(priority(given)?);
        arns.push(arn.to_owned());
    }
    if arns.is_empty() {
        return Err(validation("At least one rule priority must be specified"));
    }
    for arn in &arns {
        let Some(rule) = changed.get(arn) else { continue };
        let same = |(other, known): (&String, &Rule)| {
            other != arn && known.listener == rule.listener && known.priority == rule.priority
        };
        if changed.iter().any(same) {
            return Err(in_use(rule.priority.unwrap_or_default()));
        }
    }
    world.elbv2.rules = changed;
    let rules = arns.iter().filter_map(|arn| Some(json(arn, world.elbv2.rules.get(arn)?)));
    Ok(json!({ "Rules": rules.collect::<Vec<_>>() }))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("RuleArn", "ValidationError")?;
    if find(&world.elbv2, arn)?.priority.is_none() {
        return Err(ApiError::new(
            "OperationNotPermitted",
            format!("Default rule '{arn}' cannot be deleted"),
        ));
    }
    world.elbv2.rules.remove(arn);
    Ok(json!({}))
}
