//! Reading inputs and writing outputs: ECS's JSON, its common errors, its pages.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{ApiError, Call, Moment};

pub(super) type Answer = Result<Value, ApiError>;

/// The input of a call as a type. Members that the type doesn't name are ignored, as AWS does.
pub(super) fn input<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    let value = if call.input.is_null() { json!({}) } else { pruned(call.input.clone()) };
    serde_json::from_value(value).map_err(|error| ApiError::new("SerializationException", error.to_string()))
}

/// The value without members that are null: AWS leaves out what isn't there.
pub(super) fn pruned(mut value: Value) -> Value {
    prune(&mut value);
    value
}

fn prune(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// A timestamp: seconds since the epoch, with a fraction.
pub(super) fn time(moment: Moment) -> Value {
    json!(moment.epoch_seconds())
}

/// A timestamp that may not be there.
pub(super) fn maybe_time(moment: Option<Moment>) -> Value {
    moment.map_or(Value::Null, time)
}

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

pub(super) fn client(message: impl Into<String>) -> ApiError {
    ApiError::new("ClientException", message)
}

pub(super) fn unsupported(message: impl Into<String>) -> ApiError {
    ApiError::new("UnsupportedFeatureException", message)
}

pub(super) fn cluster_not_found() -> ApiError {
    ApiError::new("ClusterNotFoundException", "Cluster not found.")
}

pub(super) fn service_not_found() -> ApiError {
    ApiError::new("ServiceNotFoundException", "Service not found.")
}

/// A member of a `failures` list.
pub(super) fn missing(arn: &str) -> Value {
    json!({ "arn": arn, "reason": "MISSING" })
}

/// One page of `items`, and the token for the next one.
///
/// # Errors
///
/// If the token is unknown, or the page's size is outside 1–`limit`.
pub(super) fn page(
    items: Vec<String>,
    size: Option<i64>,
    token: Option<&str>,
    limit: i64,
) -> Result<(Vec<String>, Option<String>), ApiError> {
    let size = size.unwrap_or(limit);
    if !(1..=limit).contains(&size) {
        return Err(invalid(format!("maxResults must be between 1 and {limit}.")));
    }
    crate::input::page(items, token, size as usize, || invalid("Invalid token."))
}
