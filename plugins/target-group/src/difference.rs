//! The differences between declared and actual state.

use std::collections::BTreeMap;

use longshore_aws::{Ownership, tag_changes};
use longshore_model::{FieldChange, Shown};

use crate::{
    api::{Group, pairs},
    observed::{Observed, Surroundings},
    options::Options,
    rule::Rule,
};

/// The fields of a new target group that the declaration leaves out.
pub(crate) const DEFAULTS: [(&str, &str); 3] = [("Port", "80"), ("Protocol", "HTTP"), ("TargetType", "ip")];

fn change(field: impl Into<String>, old: Option<&str>, new: &str) -> FieldChange {
    FieldChange::new(field, old.map(Shown::text), Some(Shown::text(new)))
}

/// The fields of a new target group that it keeps.
pub(crate) fn fixed<'a>(options: &'a Options, vpc: &'a str) -> BTreeMap<&'static str, &'a str> {
    let declared = options.fixed.iter().map(|(name, value)| (*name, value.as_str()));
    DEFAULTS.into_iter().chain(declared).chain([("VpcId", vpc)]).collect()
}

/// The fields of a step that is made.
pub(crate) fn of_new(options: &Options, around: Option<&Surroundings>) -> Vec<FieldChange> {
    let vpc = around.map_or(longshore_model::AFTER_APPLY, |around| around.vpc.as_str());
    let fixed = fixed(options, vpc);
    let health = options.health.iter().map(|(name, value)| (*name, value.as_str()));
    let fields = fixed.into_iter().chain(health).map(|(name, value)| change(name, None, value));
    let attributes =
        options.attributes.iter().map(|(key, value)| change(format!("attributes.{key}"), None, value));
    fields.chain(attributes).chain(of_new_rule(options)).collect()
}

fn of_new_rule(options: &Options) -> Vec<FieldChange> {
    let conditions = options.conditions.iter();
    let mut changes: Vec<_> =
        conditions.map(|condition| change(condition.title(), None, &condition.shown())).collect();
    changes.extend(options.priority.map(|priority| change("rule.priority", None, &priority.to_string())));
    changes
}

/// The fields that differ and that no call changes.
pub(crate) fn unchangeable(options: &Options, around: &Surroundings, group: &Group) -> Vec<FieldChange> {
    let declared = options.fixed.iter().map(|(name, value)| (*name, value.as_str()));
    let declared = declared.chain([("VpcId", around.vpc.as_str())]);
    let mut changes: Vec<_> = declared
        .filter_map(|(name, new)| {
            let old = group.fields.get(name).map(String::as_str);
            (old != Some(new)).then(|| change(name, old, new))
        })
        .collect();
    // A target group belongs to one load balancer.
    let load_balancer = &around.listener.load_balancer;
    let other = group.load_balancers.iter().find(|arn| *arn != load_balancer);
    changes.extend(other.map(|other| change("LoadBalancerArn", Some(other), load_balancer)));
    changes
}

/// The members of the health check that differ.
pub(crate) fn health<'a>(options: &'a Options, group: &Group) -> Vec<(&'static str, &'a str)> {
    let declared = options.health.iter().map(|(name, value)| (*name, value.as_str()));
    declared.filter(|(name, value)| group.fields.get(name).map(String::as_str) != Some(*value)).collect()
}

/// The attributes that differ.
pub(crate) fn attributes<'a>(options: &'a Options, group: &Group) -> Vec<(&'a str, &'a str)> {
    let declared = pairs(&options.attributes);
    declared.filter(|(key, value)| group.attributes.get(*key).map(String::as_str) != Some(*value)).collect()
}

fn of_rule(options: &Options, group: &Group, rule: &Rule) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    for condition in &options.conditions {
        let same = rule.conditions.iter().find(|there| there.title() == condition.title());
        if same != Some(condition) {
            let old = same.map(crate::rule::Condition::shown);
            changes.push(change(condition.title(), old.as_deref(), &condition.shown()));
        }
    }
    for there in &rule.conditions {
        if !options.conditions.iter().any(|condition| condition.title() == there.title()) {
            changes.push(FieldChange::new(there.title(), Some(Shown::text(there.shown())), None));
        }
    }
    if !rule.forwards_to(&group.arn) {
        let old =
            if rule.forwards.is_empty() { "another action".to_owned() } else { rule.forwards.join(", ") };
        changes.push(change("rule.forward", Some(&old), &group.arn));
    }
    if let Some(priority) = options.priority.filter(|priority| rule.priority != Some(*priority)) {
        let old = rule.priority.map(|priority| priority.to_string());
        changes.push(change("rule.priority", old.as_deref(), &priority.to_string()));
    }
    changes
}

/// The fields that are changed in place.
pub(crate) fn in_place(
    options: &Options,
    around: &Surroundings,
    ownership: &Ownership,
    group: &Group,
    observed: &Observed,
) -> Vec<FieldChange> {
    let health = health(options, group).into_iter();
    let mut changes: Vec<_> =
        health.map(|(name, new)| change(name, group.fields.get(name).map(String::as_str), new)).collect();
    let attributes = attributes(options, group).into_iter();
    changes.extend(attributes.map(|(key, new)| {
        change(format!("attributes.{key}"), group.attributes.get(key).map(String::as_str), new)
    }));
    changes.extend(ownership.changes(pairs(&group.tags)));
    changes.extend(
        observed.strays.iter().map(|stray| change("rule.listener", Some(&stray.listener()), &around.arn)),
    );
    match &observed.rule {
        Some(rule) => {
            changes.extend(of_rule(options, group, rule));
            changes.extend(tag_changes(
                "rule.tags.",
                ownership.missing(pairs(&rule.tags)),
                pairs(&rule.tags),
            ));
        }
        None => changes.extend(of_new_rule(options)),
    }
    changes
}
