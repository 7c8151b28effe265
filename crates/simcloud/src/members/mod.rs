//! The input members that the simulated cloud takes: what it does not take, it refuses by name, before anything changes.
//!
//! `table.txt` lists them for every operation, and `inputs.txt`, which `cargo xtask aws-shapes` writes, all that AWS's
//! models have. The tests hold one against the other, and prove the effect of each member that is taken.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::OnceLock};

use serde_json::Value;

use crate::{ApiError, Call, dispatch::Service};

/// The heading of the members that are taken and change nothing.
const WITHOUT_EFFECT: &str = "without effect:";

/// The values with which a member is taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// With every value.
    Any,
    /// With these values alone, which ask for what the simulated cloud does anyway.
    Only(Vec<&'static str>),
    /// With every value; it changes nothing, for the reason that the table gives.
    WithoutEffect,
}

/// The members of one operation by their paths, such as `Tags.Key`; lists have no place in a path.
type Members = BTreeMap<&'static str, Taken>;

/// Returns the table: for each operation, such as `iam.CreateRole`, its members.
pub(crate) fn table() -> &'static BTreeMap<&'static str, Members> {
    static TABLE: OnceLock<BTreeMap<&'static str, Members>> = OnceLock::new();
    TABLE.get_or_init(|| parse(include_str!("table.txt")))
}

fn parse(text: &'static str) -> BTreeMap<&'static str, Members> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut table: BTreeMap<&'static str, Members> = BTreeMap::new();
    let mut has_effect = true;
    for line in lines {
        if line == WITHOUT_EFFECT {
            has_effect = false;
            continue;
        }
        let (head, rest) = line.split_once(':').unwrap_or((line, ""));
        if has_effect {
            let members = rest.split_ascii_whitespace().map(|word| match word.split_once('=') {
                None => (word, Taken::Any),
                Some((path, values)) => (path, Taken::Only(values.split('|').collect())),
            });
            table.insert(head, members.collect());
        } else if let Some((operation, path)) = head.split_once(' ') {
            table.entry(operation).or_default().insert(path, Taken::WithoutEffect);
        }
    }
    table
}

/// Refuses an operation that the table does not have, and a member that the operation does not take.
pub(crate) fn check(service: Service, call: &Call) -> Result<(), ApiError> {
    let prefix = service.prefix();
    let operation = format!("{prefix}.{}", call.operation);
    let members = table()
        .get(operation.as_str())
        .ok_or_else(|| ApiError::unknown_operation(prefix, &call.operation))?;
    inspect(members, "", &call.input).map_err(|refusal| {
        let operation = format_args!("{prefix}:{}", call.operation);
        service.unsupported(match refusal {
            Refusal::Member(path) => {
                format!("the simulated cloud does not take the member {path} of {operation}")
            }
            Refusal::Value(path, values) => {
                let values = values.join(" or ");
                format!("the simulated cloud takes only {values} as {path} of {operation}")
            }
        })
    })
}

enum Refusal<'a> {
    Member(String),
    Value(String, &'a [&'static str]),
}

fn inspect<'a>(members: &'a Members, path: &str, value: &Value) -> Result<(), Refusal<'a>> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| inspect(members, path, item)),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match members.get(path.as_str()) {
                Some(Taken::Any | Taken::WithoutEffect) => Ok(()),
                Some(Taken::Only(values)) if is_one_of(values, value) => Ok(()),
                Some(Taken::Only(values)) => Err(Refusal::Value(path, values)),
                None if is_blank(value) => Ok(()),
                None if has_parts(members, &path) => inspect(members, &path, value),
                None => Err(Refusal::Member(path)),
            }
        }),
        _ => Ok(()),
    }
}

/// True if parts of the member are taken.
fn has_parts(members: &Members, path: &str) -> bool {
    members.keys().any(|taken| taken.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// True if a value says nothing.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn is_one_of(values: &[&str], value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => values.contains(&text.as_str()),
        Value::Array(items) => items.iter().all(|item| is_one_of(values, item)),
        other => values.contains(&other.to_string().as_str()),
    }
}
