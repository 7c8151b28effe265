//! Log groups.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Class, Group, Logs,
    state::no_group,
    validate::{self, CODE, group_name, name_in},
};
use crate::{
    ApiError, Call, World,
    input::violated,
    kms, partition,
    policy::{Context, Who},
};

/// The retention times that the service has, in days.
const RETENTION: &[i64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let name = group_name(call)?;
    let class = class(call)?.unwrap_or_default();
    let kms_key = match call.text("kmsKeyId") {
        Some(_) => Some(key(world, call, name)?),
        None => None,
    };
    let group = world.logs.create_group(&call.region, &world.account, name, call.now)?;
    group.class = class;
    group.kms_key = kms_key;
    group.deletion_protection = call.flag("deletionProtectionEnabled").unwrap_or(false);
    group.tags = validate::tags(call);
    if class == Class::Delivery {
        group.retention_days = Some(1);
    }
    Ok(Value::Null)
}

fn class(call: &Call) -> Result<Option<Class>, ApiError> {
    let Some(text) = call.text("logGroupClass") else { return Ok(None) };
    serde_json::from_value(json!(text)).map(Some).map_err(|_| {
        let constraint = "Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]";
        violated(text, "logGroupClass", constraint, CODE)
    })
}

/// Returns the ARN of the key of a call, which the service itself has to be allowed to use for the group.
fn key(world: &World, call: &Call, group: &str) -> Result<String, ApiError> {
    let id = call.required("kmsKeyId", CODE)?;
    let arn = partition::arn("logs", &call.region, &world.account, format_args!("log-group:{group}"));
    let service = format!("logs.{}.{}", call.region, partition::dns_suffix(&call.region));
    let refused = || {
        ApiError::new(
            "AccessDeniedException",
            format!("The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'"),
        )
    };
    let key = world.kms.find(&call.region, id).ok_or_else(refused)?;
    let context = Context::new().with("kms:EncryptionContext:aws:logs:arn", &arn);
    kms::decrypt(world, call.now, &call.region, Who::Service(&service), id, &context)
        .map_err(|_| refused())?;
    Ok(key.arn.clone())
}

pub(super) fn delete(logs: &mut Logs, call: &Call) -> Result<Value, ApiError> {
    let name = group_name(call)?;
    if logs.group_mut(&call.region, name)?.deletion_protection {
        let message = "The log group cannot be deleted because deletion protection is enabled";
        return Err(ApiError::new("ValidationException", message));
    }
    if let Some(groups) = logs.regions.get_mut(&call.region) {
        groups.remove(name);
    }
    Ok(Value::Null)
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
    let class = class(call)?;
    let groups = logs
        .groups(&call.region)
        .filter(|group| class.is_none_or(|class| group.class == class))
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
        "logGroupClass": group.class,
        "deletionProtectionEnabled": group.deletion_protection,
        "kmsKeyId": group.kms_key,
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
fn by_arn(call: &Call) -> Result<&str, ApiError> {
    call.required("resourceArn", CODE).map(name_in)
}

pub(super) fn tag(logs: &mut Logs, call: &Call) -> Result<Value, ApiError> {
    let group = logs.group_mut(&call.region, by_arn(call)?)?;
    let mut tags = group.tags.clone();
    tags.extend(validate::tags(call));
    if tags.len() > 50 {
        return Err(ApiError::new("TooManyTagsException", "A resource can have no more than 50 tags."));
    }
    group.tags = tags;
    Ok(Value::Null)
}

pub(super) fn untag(logs: &mut Logs, call: &Call) -> Result<Value, ApiError> {
    let group = logs.group_mut(&call.region, by_arn(call)?)?;
    for key in call.texts("tagKeys") {
        group.tags.remove(&key);
    }
    Ok(Value::Null)
}

pub(super) fn list_tags(logs: &Logs, call: &Call) -> Result<Value, ApiError> {
    let group = logs.group(&call.region, by_arn(call)?).ok_or_else(no_group)?;
    Ok(json!({ "tags": group.tags }))
}
