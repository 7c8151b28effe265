//! The rules for names, and pages.

use serde_json::Value;

use super::error::validation;
use crate::{ApiError, Call, input::page};

/// Checks the name of a load balancer or a target group: `kind` is what messages call it.
pub(super) fn checked<'a>(call: &'a Call, kind: &str) -> Result<&'a str, ApiError> {
    let name = call.required("Name", "ValidationError")?;
    if name.is_empty() {
        return Err(validation(format!("{kind} name cannot be empty")));
    }
    if name.chars().count() > 32 {
        return Err(validation(format!("{kind} name '{name}' cannot be longer than '32' characters")));
    }
    if !name.chars().all(|character| character.is_ascii_alphanumeric() || character == '-') {
        return Err(validation(format!(
            "{kind} name '{name}' can only contain characters that are alphanumeric characters or hyphens(-)"
        )));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(validation(format!("{kind} name '{name}' cannot begin or end with a hyphen(-)")));
    }
    Ok(name)
}

/// Answers one page of `items` as the list `name`.
pub(super) fn listed(call: &Call, name: &str, items: Vec<Value>) -> Result<Value, ApiError> {
    let size = match call.number("PageSize") {
        None => 400,
        Some(size @ 1..=400) => size.unsigned_abs() as usize,
        Some(_) => return Err(validation("PageSize must be between 1 and 400")),
    };
    let (items, next) = page(items, call.text("Marker"), size, || validation("The marker is not valid"))?;
    Ok(serde_json::json!({ name: items, "NextMarker": next }))
}
