//! Log groups.

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
    let pattern = pattern.map(str::to_lowercase);
    let groups = logs
        .regions
        .get(&call.region)
        .into_iter()
        .flatten()
        .map(|(_, group)| group)
        .filter(|group| prefix.is_none_or(|prefix| group.name.starts_with(prefix)))
        .filter(|group| pattern.as_ref().is_none_or(|pattern| group.name.to_lowercase().contains(pattern)))
        .map(rendered)
        .collect();
    let (groups, next) = validate::listed(call, groups, 50, 50)?;
    Ok(json!({ "logGroups": groups, "nextToken": next }))
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
