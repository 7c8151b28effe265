//! Reading a document, with the refusals that IAM has for a malformed one.

use serde_json::{Map, Value};

use super::{Document, Effect, Principal, Statement, condition::Condition, document::Selection};
use crate::Partition;

/// Where a document is going to be used: each place has its own grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Attached to an identity: no principals, but resources.
    Identity,
    /// A role's trust policy: principals, but no resources.
    Trust,
    /// Attached to a resource: principals and resources.
    Resource,
}

/// Why a document is refused, in IAM's words where they are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

type Result<T> = std::result::Result<T, Malformed>;

fn malformed<T>(message: impl Into<String>) -> Result<T> {
    Err(Malformed(message.into()))
}

impl Document {
    /// Parses and checks a document for its place.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, kind: Kind) -> Result<Self> {
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return malformed("This policy contains invalid Json");
        };
        let Value::Object(document) = value else { return malformed("Syntax errors in policy.") };
        known_keys(&document, &["Version", "Id", "Statement"])?;
        match document.get("Version").map(Value::as_str) {
            None | Some(Some("2012-10-17" | "2008-10-17")) => {}
            Some(_) => return malformed("The policy must contain a valid version string"),
        }
        let statements = match document.get("Statement") {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            _ => return malformed("Syntax errors in policy."),
        };
        if statements.is_empty() {
            return malformed("Syntax errors in policy.");
        }
        let statements =
            statements.into_iter().map(|value| statement(value, kind)).collect::<Result<Vec<_>>>()?;
        unique_sids(&statements)?;
        Ok(Self { statements })
    }

    /// Checks that the resources and principals are of a partition: no policy reaches into another one.
    ///
    /// # Errors
    /// The first that is not.
    pub(crate) fn check_partition(&self, partition: Partition) -> Result<()> {
        let partition = partition.to_string();
        let is_elsewhere = |arn: &str| {
            let there = arn.strip_prefix("arn:").and_then(|rest| rest.split(':').next());
            there.filter(|there| !there.contains(['*', '?']) && *there != partition).map(str::to_owned)
        };
        for statement in &self.statements {
            for resource in statement.resource.iter().flat_map(|resource| &resource.patterns) {
                if let Some(there) = is_elsewhere(resource) {
                    return malformed(format!(
                        "Partition \"{there}\" is not valid for resource \"{resource}\"."
                    ));
                }
            }
            if let Some((_, value)) = statement
                .principals()
                .iter()
                .find(|(kind, value)| kind == "AWS" && is_elsewhere(value).is_some())
            {
                return malformed(format!("Invalid principal in policy: \"AWS\":\"{value}\""));
            }
        }
        Ok(())
    }
}

fn unique_sids(statements: &[Statement]) -> Result<()> {
    let mut sids: Vec<_> = statements
        .iter()
        .filter_map(|statement| statement.sid.as_deref())
        .filter(|sid| !sid.is_empty())
        .collect();
    let count = sids.len();
    sids.sort_unstable();
    sids.dedup();
    if sids.len() < count {
        return malformed("Statement IDs (SID) in a single policy must be unique.");
    }
    Ok(())
}

fn statement(value: &Value, kind: Kind) -> Result<Statement> {
    let Value::Object(object) = value else { return malformed("Syntax errors in policy.") };
    known_keys(
        object,
        &[
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ],
    )?;
    let effect = match object.get("Effect").map(Value::as_str) {
        Some(Some("Allow")) => Effect::Allow,
        Some(Some("Deny")) => Effect::Deny,
        Some(Some(other)) => return malformed(format!("Invalid effect: {other}")),
        Some(None) => return malformed("Syntax errors in policy."),
        None => return malformed("Missing required field Effect"),
    };
    let sid = match object.get("Sid") {
        None => None,
        Some(Value::String(sid)) => {
            if kind == Kind::Identity && !sid.chars().all(|character| character.is_ascii_alphanumeric()) {
                return malformed(format!(
                    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                     expression [0-9A-Za-z]*; found {sid}"
                ));
            }
            Some(sid.clone())
        }
        Some(_) => return malformed("Syntax errors in policy."),
    };
    let Some(action) = selection(object, "Action", "NotAction")? else {
        return malformed(match kind {
            Kind::Trust => "Missing required field Action",
            _ => "Policy statement must contain actions.",
        });
    };
    check_actions(&action, kind)?;
    let resource = selection(object, "Resource", "NotResource")?;
    match (&resource, kind) {
        (None, Kind::Identity | Kind::Resource) => {
            return malformed("Policy statement must contain resources.");
        }
        (Some(_), Kind::Trust) => return malformed("Has prohibited field Resource"),
        (Some(resource), _) => check_resources(resource)?,
        _ => {}
    }
    let principal = principal(object)?;
    match (&principal, kind) {
        (Some(_), Kind::Identity) => return malformed("Policy document should not specify a principal."),
        (None, Kind::Trust | Kind::Resource) => return malformed("Missing required field Principal"),
        _ => {}
    }
    Ok(Statement { sid, effect, principal, action, resource, conditions: conditions(object)? })
}

fn check_actions(action: &Selection, kind: Kind) -> Result<()> {
    for pattern in &action.patterns {
        match pattern.split_once(':') {
            _ if pattern == "*" && kind != Kind::Trust => {}
            Some((vendor, name)) if !vendor.is_empty() && !name.is_empty() => {
                if kind == Kind::Trust && !vendor.eq_ignore_ascii_case("sts") {
                    return malformed("AssumeRole policy may only specify STS AssumeRole actions.");
                }
            }
            _ if kind == Kind::Trust => {
                return malformed("AssumeRole policy may only specify STS AssumeRole actions.");
            }
            _ => {
                return malformed(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
                );
            }
        }
    }
    Ok(())
}

fn check_resources(resource: &Selection) -> Result<()> {
    for pattern in &resource.patterns {
        let parts: Vec<_> = pattern.splitn(6, ':').collect();
        let is_arn =
            parts[0] == "arn" && (parts.len() == 6 || parts.last().is_some_and(|part| part.contains('*')));
        if !(is_arn || pattern.starts_with('*')) {
            return malformed(format!("Resource {pattern} must be in ARN format or \"*\"."));
        }
        if is_arn && !(parts[1].starts_with("aws") || parts[1].contains('*')) {
            return malformed(format!("Partition \"{}\" is not valid for resource \"{pattern}\".", parts[1]));
        }
    }
    Ok(())
}

fn selection(object: &Map<String, Value>, plain: &str, not: &str) -> Result<Option<Selection>> {
    let (not, value) = match (object.get(plain), object.get(not)) {
        (Some(_), Some(_)) => return malformed("Syntax errors in policy."),
        (Some(value), None) => (false, value),
        (None, Some(value)) => (true, value),
        (None, None) => return Ok(None),
    };
    let patterns = strings(value)?;
    Ok((!patterns.is_empty()).then_some(Selection { not, patterns }))
}

fn principal(object: &Map<String, Value>) -> Result<Option<Principal>> {
    let (not, value) = match (object.get("Principal"), object.get("NotPrincipal")) {
        (Some(_), Some(_)) => return malformed("Syntax errors in policy."),
        (Some(value), None) => (false, value),
        (None, Some(value)) => (true, value),
        (None, None) => return Ok(None),
    };
    let mut entries = Vec::new();
    match value {
        Value::String(everyone) if everyone == "*" => entries.push(("*".to_owned(), "*".to_owned())),
        Value::Object(kinds) => {
            for (kind, values) in kinds {
                if !matches!(kind.as_str(), "AWS" | "Service" | "Federated" | "CanonicalUser") {
                    return malformed("Syntax errors in policy.");
                }
                for value in strings(values)? {
                    if !principal_is_plausible(kind, &value) {
                        return malformed(format!(
                            "Invalid principal in policy: \"{}\":\"{value}\"",
                            kind.to_uppercase()
                        ));
                    }
                    entries.push((kind.clone(), value));
                }
            }
        }
        _ => return malformed("Invalid principal in policy"),
    }
    if entries.is_empty() {
        return malformed("Missing required field Principal cannot be empty!");
    }
    Ok(Some(Principal { not, entries }))
}

fn principal_is_plausible(kind: &str, value: &str) -> bool {
    match kind {
        "Service" => value.strip_suffix(".amazonaws.com").is_some_and(|name| {
            !name.is_empty()
                && name.chars().all(|character| character.is_ascii_alphanumeric() || "-.".contains(character))
        }),
        "AWS" => {
            let is_account = value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit());
            // A part of an ARN cannot be left open here.
            let parts: Vec<_> = value.splitn(5, ':').collect();
            let is_arn = matches!(parts.as_slice(), ["arn", partition, "iam" | "sts", "", _] if partition.starts_with("aws"))
                && !value.contains(['*', '?']);
            value == "*" || is_account || is_arn
        }
        _ => !value.is_empty(),
    }
}

fn conditions(object: &Map<String, Value>) -> Result<Vec<Condition>> {
    let Some(value) = object.get("Condition") else { return Ok(Vec::new()) };
    let Value::Object(operators) = value else { return malformed("Syntax errors in policy.") };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let Value::Object(keys) = keys else { return malformed("Syntax errors in policy.") };
        for (key, values) in keys {
            if !key.contains(':') {
                return malformed(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
                );
            }
            let Some(condition) = Condition::new(operator, key, strings(values)?) else {
                return malformed(format!("Invalid Condition type : {operator}."));
            };
            conditions.push(condition);
        }
    }
    Ok(conditions)
}

/// A string, a number or a flag, or a list of them.
fn strings(value: &Value) -> Result<Vec<String>> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Bool(_) | Value::Number(_) => Ok(vec![value.to_string()]),
        Value::Array(list) if !list.iter().any(Value::is_array) => {
            Ok(list.iter().map(strings).collect::<Result<Vec<_>>>()?.concat())
        }
        _ => malformed("Syntax errors in policy."),
    }
}

fn known_keys(object: &Map<String, Value>, known: &[&str]) -> Result<()> {
    if object.keys().all(|key| known.contains(&key.as_str())) {
        Ok(())
    } else {
        malformed("Syntax errors in policy.")
    }
}
