//! CloudWatch Logs' rules for names and numbers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    ApiError, Call,
    input::{missing, page, violated},
};

/// The service's code for input that breaks its model.
pub(super) const CODE: &str = "InvalidParameterException";

/// A required log group name: 1–512 of `[.\-_/#A-Za-z0-9]`.
pub(super) fn group_name(call: &Call) -> Result<&str, ApiError> {
    let name = match (call.text("logGroupName"), call.text("logGroupIdentifier")) {
        (Some(name), _) => name,
        (None, Some(identifier)) => name_in(identifier),
        (None, None) => return Err(missing("logGroupName", CODE)),
    };
    let allowed = |character: char| character.is_ascii_alphanumeric() || ".-_/#".contains(character);
    if (1..=512).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(name);
    }
    let constraint = "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+ and have length between 1 and 512";
    Err(violated(name, "logGroupName", constraint, CODE))
}

/// The name in a log group's ARN, with or without `:*`; or the name itself.
pub(super) fn name_in(identifier: &str) -> &str {
    let name = identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name);
    name.strip_suffix(":*").unwrap_or(name)
}

/// A required log stream name: 1–512 characters without `:` and `*`.
pub(super) fn stream_name(call: &Call) -> Result<&str, ApiError> {
    let name = call.required("logStreamName", CODE)?;
    if (1..=512).contains(&name.len()) && !name.contains([':', '*']) {
        return Ok(name);
    }
    let constraint =
        "Member must satisfy regular expression pattern: [^:*]* and have length between 1 and 512";
    Err(violated(name, "logStreamName", constraint, CODE))
}

/// A page as this service's lists have it: `limit` and `nextToken`.
pub(super) fn listed<T>(
    call: &Call,
    items: Vec<T>,
    default: usize,
    most: usize,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let limit = match call.number("limit") {
        None => default,
        Some(limit) if limit >= 1 && limit.unsigned_abs() as usize <= most => limit.unsigned_abs() as usize,
        Some(other) => {
            let constraint = format!("Member must have value between 1 and {most}, inclusive");
            return Err(violated(&other.to_string(), "limit", &constraint, CODE));
        }
    };
    page(items, call.text("nextToken"), limit, || ApiError::new(CODE, "The specified nextToken is invalid."))
}

/// A map of tags.
pub(super) fn tags(call: &Call) -> BTreeMap<String, String> {
    let map = call.input.get("tags").and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
