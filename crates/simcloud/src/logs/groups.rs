//! Log groups.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Group, Logs,
    state::no_group,
    validate::{self, CODE, group_name, name_in},
};
use crate::{ApiError, Call, input::violated};

/// The retention times that the service has, in days.
const RETENTION: &[i64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

pub(super) fn create(logs: &mut Logs, account: &str, call: &Call) -> Result<Value, ApiError> {
    let name = group_name(call)?;
    let group = logs.create_group(&call.region, account, name, call.now)?;
    group.tags = validate::tags(call);
    Ok(Value::Null)
}

pub(super) fn delete(logs: &mut Logs, call: &Call) -> Result<Value, ApiError> {
    let name = group_name(call)?;
    let groups = logs.regions.get_mut(&call.region);
    groups.and_then(|groups| groups.remove(name)).map(|_| Value::Null).ok_or_else(no_group)
}

pub(super) fn describe(logs: &Logs, call: &Call) -> Result<Value, ApiError> {
    let (prefix, pattern) = (call.text("logGroupNamePrefix"), call.text("logGroupNamePattern"));
    if prefix.is_some() && pattern.is_some() {
        return Err(ApiError::new(
            CODE,
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let identifiers = call.texts("logGroupIdentifiers");
    if !identifiers.is_empty() {
        return describe_named(logs, call, &identifiers);
    }
    let groups = logs
        .groups(&call.region)
        .filter(|group| prefix.is_none_or(|prefix| group.name.starts_with(prefix)))
        .filter(|group| pattern.is_none_or(|pattern| group.name.contains(pattern)))
        .map(|group| if pattern.is_some() { brief(group) } else { rendered(group) })
        .collect();
    let (groups, next) = validate::listed(call, groups, 50, 50)?;
    Ok(json!({ "logGroups": groups, "nextToken": next }))
}

/// Up to fifty groups by name or ARN; what is not there is left out.
fn describe_named(logs: &Logs, call: &Call, identifiers: &[String]) -> Result<Value, ApiError> {
    if identifiers.len() > 50 {
        let constraint = "Member must have length less than or equal to 50";
        let shown = format!("{} identifiers", identifiers.len());
        return Err(violated(&shown, "logGroupIdentifiers", constraint, CODE));
    }
    let filters = ["logGroupNamePrefix", "logGroupNamePattern", "logGroupClass", "limit", "nextToken"];
    if filters.iter().any(|filter| call.input.get(*filter).is_some_and(|value| !value.is_null())) {
        return Err(ApiError::new(
            CODE,
            "logGroupIdentifiers can be combined with no other filter than includeLinkedAccounts.",
        ));
    }
    let names: BTreeSet<&str> = identifiers.iter().map(|identifier| name_in(identifier)).collect();
    let found = names.into_iter().filter_map(|name| logs.group(&call.region, name));
    Ok(json!({ "logGroups": found.map(rendered).collect::<Vec<_>>() }))
}

/// A group as it is answered to a search for a pattern.
fn brief(group: &Group) -> Value {
    json!({
        "logGroupName": group.name,
        "creationTime": group.created.0,
        "arn": format!("{}:*", group.arn),
    })
}

fn rendered(group: &Group) -> Value {
    let mut value = json!({
        "logGroupName": group.name,
        "creationTime": group.created.0,
        "metricFilterCount": 0,
        "arn": format!("{}:*", group.arn),
        "logGroupArn": group.arn,
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
    });
    if let Some(days) = group.retention_days {
        value["retentionInDays"] = json!(days);
    }
    value
}

pub(super) fn put_retention(logs: &mut Logs, call: &Call) -> Result<Value, ApiError> {
    let days =
        call.number("retentionInDays").ok_or_else(|| crate::input::missing("retentionInDays", CODE))?;
    if !RETENTION.contains(&days) {
        let constraint = format!("Member must satisfy enum value set: {RETENTION:?}");
        return Err(violated(&days.to_string(), "retentionInDays", &constraint, CODE));
    }
    logs.group_mut(&call.region, group_name(call)?)?.retention_days = u32::try_from(days).ok();
    Ok(Value::Null)
}

pub(super) fn delete_retention(logs: &mut Logs, call: &Call) -> Result<Value, ApiError> {
    logs.group_mut(&call.region, group_name(call)?)?.retention_days = None;
    Ok(Value::Null)
}

/// The group that `resourceArn` names.
pub(super) fn by_arn(call: &Call) -> Result<&str, ApiError> {
    call.required("resourceArn", CODE).map(name_in)
}

pub(super) fn tag(logs: &mut Logs, name: &str, call: &Call) -> Result<Value, ApiError> {
    let group = logs.group_mut(&call.region, name)?;
    let mut tags = group.tags.clone();
    tags.extend(validate::tags(call));
    if tags.len() > 50 {
        return Err(ApiError::new("TooManyTagsException", "A resource can have no more than 50 tags."));
    }
    group.tags = tags;
    Ok(Value::Null)
}

pub(super) fn untag(logs: &mut Logs, name: &str, call: &Call, key: &str) -> Result<Value, ApiError> {
    let group = logs.group_mut(&call.region, name)?;
    for key in call.texts(key) {
        group.tags.remove(&key);
    }
    Ok(Value::Null)
}

pub(super) fn list_tags(logs: &Logs, name: &str, call: &Call) -> Result<Value, ApiError> {
    let group = logs.group(&call.region, name).ok_or_else(no_group)?;
    Ok(json!({ "tags": group.tags }))
}
