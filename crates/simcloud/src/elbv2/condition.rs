//! The conditions of rules.

use serde_json::{Map, Value, json};

use super::error::validation;
use crate::{ApiError, Call};

/// The most values and wildcards that a rule has.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
const MOST_VALUES: usize = 5;
const MOST_WILDCARDS: usize = 6;

/// A field, the member that holds its values, and if `Values` may hold them as well.
const FIELDS: [(&str, &str, bool); 6] = [
    ("host-header", "HostHeaderConfig", true),
    ("path-pattern", "PathPatternConfig", true),
    ("http-header", "HttpHeaderConfig", false),
    ("http-request-method", "HttpRequestMethodConfig", false),
    ("query-string", "QueryStringConfig", false),
    ("source-ip", "SourceIpConfig", false),
];

/// Reads the conditions of a call, in the form in which they are described.
pub(super) fn checked(call: &Call) -> Result<Vec<Value>, ApiError> {
    let conditions: Vec<Value> = call.list("Conditions").iter().map(condition).collect::<Result<_, _>>()?;
    if conditions.is_empty() {
        return Err(validation("At least one condition must be specified"));
    }
    let (mut count, mut wildcards) = (0, 0);
    for condition in &conditions {
        let config = FIELDS.iter().find_map(|(_, config, _)| condition.get(config));
        let values = config.and_then(|config| config.get("Values")?.as_array()).into_iter().flatten();
        for value in values {
            count += 1;
            let text = value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
            wildcards += text.matches(['*', '?']).count();
        }
    }
    for field in ["host-header", "path-pattern", "http-request-method", "source-ip"] {
        if conditions.iter().filter(|condition| condition["Field"] == field).count() > 1 {
            return Err(validation(format!("A rule can only have one '{field}' condition")));
        }
    }
    if count > MOST_VALUES {
        return Err(validation(format!("A rule can only have '{MOST_VALUES}' condition values")));
    }
    if wildcards > MOST_WILDCARDS {
        return Err(validation(format!("A rule can only have '{MOST_WILDCARDS}' condition wildcards")));
    }
    Ok(conditions)
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn condition(given: &Value) -> Result<Value, ApiError> {
    let name = given.get("Field").and_then(Value::as_str).unwrap_or_default();
    let Some((field, member, is_plain)) = FIELDS.iter().find(|(field, ..)| *field == name) else {
        return Err(validation(format!(
            "Condition field '{name}' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'"
        )));
    };
    let config = given.get(*member);
    let plain = texts(given.get("Values"));
    let configured = config.and_then(|config| config.get("Values"));
    let mut shown = Map::new();
    shown.insert("Field".to_owned(), json!(field));
    if *field == "query-string" {
        let pairs = configured.and_then(Value::as_array).cloned().unwrap_or_default();
        if pairs.is_empty() {
            return Err(no_values(field));
        }
        shown.insert((*member).to_owned(), json!({ "Values": pairs }));
        return Ok(Value::Object(shown));
    }
    let values = if *is_plain && configured.is_none() { plain } else { texts(configured) };
    if values.is_empty() {
        return Err(no_values(field));
    }
    let longest = match *field {
        "http-request-method" => 40,
        _ => 128,
    };
    if let Some(value) = values.iter().find(|value| value.is_empty() || value.len() > longest) {
        return Err(validation(format!(
            "Condition value '{value}' for '{field}' must have 1-{longest} characters"
        )));
    }
    check(field, &values)?;
    let mut shown_config = json!({ "Values": values });
    if *field == "http-header" {
        let header = config.and_then(|config| config.get("HttpHeaderName")?.as_str()).unwrap_or_default();
        if header.is_empty() || header.len() > 40 {
            return Err(validation(
                "An http-header condition must have an HttpHeaderName of 1-40 characters",
            ));
        }
        shown_config["HttpHeaderName"] = json!(header);
    }
    if *is_plain {
        shown.insert("Values".to_owned(), json!(values));
    }
    shown.insert((*member).to_owned(), shown_config);
    Ok(Value::Object(shown))
}

fn check(field: &str, values: &[&str]) -> Result<(), ApiError> {
    for value in values {
        let is_allowed = |allowed: &str| {
            value.chars().all(|character| character.is_ascii_alphanumeric() || allowed.contains(character))
        };
        let is_sound = match field {
            "host-header" => is_allowed("-.*?"),
            "path-pattern" => is_allowed("_-.$/~\"'@:+&*?,;=!()"),
            "http-request-method" => {
                value.chars().all(|letter| letter.is_ascii_uppercase() || letter == '-' || letter == '_')
            }
            "source-ip" => value.contains('/'),
            _ => true,
        };
        if !is_sound {
            return Err(validation(format!(
                "The value '{value}' of the condition '{field}' contains characters that are not allowed"
            )));
        }
    }
    Ok(())
}

fn no_values(field: &str) -> ApiError {
    validation(format!("A condition value must be specified for '{field}'"))
}
