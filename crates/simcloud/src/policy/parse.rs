//! Reading a document, with the refusals that IAM has for a malformed one.

use std::{collections::BTreeSet, ops::RangeInclusive};

use serde_json::{Map, Value};

use super::{
    Document, Effect, Principal, Statement, condition::Condition, document::Selection, services::is_service,
};
use crate::Partition;

/// The use of a document: each use has its own grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Attached to an identity: no principals, but resources.
    Identity,
    /// A policy of its own, to be attached to identities: the same, and in the language of 2012.
    Managed,
    /// A role's trust policy: principals, but no resources.
    Trust,
    /// Attached to a resource: principals and resources.
    Resource,
}

/// The reason for refusing a document, in IAM's words if they are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// The words for all that does not fit the grammar.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>
const SYNTAX: &str = "Syntax errors in policy.";
/// The words for parts that fit the grammar and say nothing.
const LEGACY: &str = "The policy failed legacy parsing";
/// The beginnings of the resources of IAM.
const IAM_PATHS: [&str; 13] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

type Result<T> = std::result::Result<T, Malformed>;

fn malformed<T>(message: impl Into<String>) -> Result<T> {
    Err(Malformed(message.into()))
}

impl Kind {
    fn is_of_identities(self) -> bool {
        matches!(self, Self::Identity | Self::Managed)
    }
}

impl Document {
    /// Parses and checks a document for its place.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, kind: Kind) -> Result<Self> {
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return malformed(if kind.is_of_identities() {
                SYNTAX
            } else {
                "This policy contains invalid Json"
            });
        };
        let Value::Object(document) = value else { return malformed(SYNTAX) };
        known_keys(&document, &["Version", "Id", "Statement"])?;
        let version = document.get("Version").map(|version| version.as_str().unwrap_or_default());
        if !matches!(version, None | Some("2012-10-17" | "2008-10-17")) {
            return malformed(if kind.is_of_identities() {
                SYNTAX
            } else {
                "The policy must contain a valid version string"
            });
        }
        if document.get("Id").is_some_and(|id| !id.is_string()) {
            return malformed(SYNTAX);
        }
        let statements = match document.get("Statement") {
            Some(Value::Array(list)) => list.iter().map(Value::as_object).collect::<Option<Vec<_>>>(),
            Some(Value::Object(one)) => Some(vec![one]),
            _ => None,
        };
        let Some(statements) = statements.filter(|statements| !statements.is_empty()) else {
            return malformed(SYNTAX);
        };
        statements.iter().try_for_each(|statement| check_syntax(statement, kind))?;
        if kind == Kind::Managed && version != Some("2012-10-17") {
            return malformed("Policy document must be version 2012-10-17 or greater.");
        }
        if kind.is_of_identities() {
            statements.iter().try_for_each(|statement| check_legacy(statement))?;
        }
        unique_sids(&statements)?;
        let statements = statements.into_iter().map(|statement| build(statement, kind));
        Ok(Self { statements: statements.collect::<Result<_>>()? })
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

fn unique_sids(statements: &[&Map<String, Value>]) -> Result<()> {
    let sids = statements.iter().filter_map(|statement| statement.get("Sid")?.as_str());
    let mut seen = BTreeSet::new();
    for sid in sids.filter(|sid| !sid.is_empty()) {
        if !seen.insert(sid) {
            return malformed("Statement IDs (SID) in a single policy must be unique.");
        }
    }
    Ok(())
}

/// Checks the elements of a statement and the types of their values.
fn check_syntax(statement: &Map<String, Value>, kind: Kind) -> Result<()> {
    let pairs = [("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")];
    let known: Vec<_> = pairs.iter().flat_map(|(one, other)| [*one, *other]).collect();
    known_keys(statement, &[&known[..], &["Sid", "Effect", "Condition"]].concat())?;
    if pairs.iter().any(|(one, other)| statement.contains_key(*one) && statement.contains_key(*other)) {
        return malformed(SYNTAX);
    }
    match (statement.get("Effect"), kind.is_of_identities()) {
        (Some(Value::String(effect)), _) if effect == "Allow" || effect == "Deny" => {}
        (Some(Value::String(effect)), true)
            if ["allow", "deny"].iter().any(|known| effect.eq_ignore_ascii_case(known)) => {}
        (Some(Value::String(other)), false) => return malformed(format!("Invalid effect: {other}")),
        (None, false) => return malformed("Missing required field Effect"),
        _ => return malformed(SYNTAX),
    }
    let is_text = |value: &Value| match value {
        Value::Array(items) => items.iter().all(Value::is_string),
        other => other.is_string(),
    };
    let texts = ["Action", "NotAction", "Resource", "NotResource"];
    if !texts.iter().filter_map(|element| statement.get(*element)).all(is_text)
        || statement.get("Sid").is_some_and(|sid| !sid.is_string())
    {
        return malformed(SYNTAX);
    }
    conditions(statement).map(|_| ())
}

/// Checks what IAM's older parser reads: the spelling of the effect, and dates.
fn check_legacy(statement: &Map<String, Value>) -> Result<()> {
    let effect = statement.get("Effect").and_then(Value::as_str);
    let are_dates = |(operator, keys): (&String, &Value)| {
        let mut values = keys.as_object().into_iter().flat_map(Map::values);
        !operator.contains("Date")
            || values.all(|value| strings(value).is_ok_and(|texts| texts.iter().all(|text| is_date(text))))
    };
    let mut operators = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    if !matches!(effect, Some("Allow" | "Deny")) || !operators.all(are_dates) {
        return malformed(LEGACY);
    }
    Ok(())
}

/// Returns true for seconds since the epoch, and for the forms of ISO 8601 that IAM reads: a year of any length with more or
/// fewer of the other parts.
fn is_date(text: &str) -> bool {
    fn within(text: &str, range: RangeInclusive<i64>) -> bool {
        text.parse().is_ok_and(|number| range.contains(&number))
    }
    let text = text.to_ascii_lowercase();
    if !text.contains(['t', '-']) {
        return within(&text, 0..=i64::MAX);
    }
    let (date, time) = text.split_once('t').unwrap_or((&text, ""));
    let (sign, date) = date.strip_prefix('-').map_or(("", date), |rest| ("-", rest));
    let parts: Vec<_> = date.split('-').collect();
    let is_day = match parts[..] {
        [year, ref rest @ ..] if rest.len() <= 2 => {
            within(&format!("{sign}{year}"), -292_275_054..=292_278_993)
                && rest.iter().zip([1..=12, 1..=31]).all(|(part, range)| within(part, range))
        }
        _ => false,
    };
    let mut parts = time.splitn(3, ':');
    let is_time = parts.next().is_none_or(|hours| hours.is_empty() || within(hours, 0..=23))
        && parts.next().is_none_or(|minutes| within(minutes, 0..=59));
    let is_second = parts.next().is_none_or(|rest| {
        let (seconds, zone) = match rest.strip_suffix('z') {
            Some(seconds) => (seconds, "00"),
            None => rest.split_once('+').unwrap_or((rest, "00")),
        };
        let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let (hours, minutes) = zone.split_once(':').unwrap_or((zone, "00"));
        within(seconds, 0..=59)
            && within(fraction, 0..=999_999_999)
            && hours.len() == 2
            && within(hours, 0..=23)
            && minutes.len() == 2
            && within(minutes, 0..=59)
    });
    is_day && is_time && is_second
}

fn build(object: &Map<String, Value>, kind: Kind) -> Result<Statement> {
    let sid = object.get("Sid").and_then(Value::as_str);
    if let Some(sid) = sid.filter(|_| kind.is_of_identities())
        && !sid.chars().all(|character| character.is_ascii_alphanumeric())
    {
        return malformed(format!(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression \
             [0-9A-Za-z]*; found {sid}"
        ));
    }
    let resource = selection(object, "Resource", "NotResource")?;
    let unsound = resource.as_ref().map_or(Ok(()), check_resources);
    if let (Err(Malformed(words)), true) = (&unsound, kind.is_of_identities())
        && words == LEGACY
    {
        return malformed(LEGACY);
    }
    let Some(action) = selection(object, "Action", "NotAction")? else {
        return malformed(match kind {
            Kind::Trust => "Missing required field Action",
            _ => "Policy statement must contain actions.",
        });
    };
    if kind == Kind::Trust {
        check_actions(&action, kind)?;
        if resource.is_some() {
            return malformed("Has prohibited field Resource");
        }
    } else {
        unsound?;
        check_actions(&action, kind)?;
        if resource.is_none() {
            return malformed("Policy statement must contain resources.");
        }
    }
    let principal = principal(object)?;
    match (&principal, kind) {
        (Some(_), Kind::Identity | Kind::Managed) => {
            return malformed("Policy document should not specify a principal.");
        }
        (None, Kind::Trust | Kind::Resource) => return malformed("Missing required field Principal"),
        _ => {}
    }
    let effect = if object.get("Effect").and_then(Value::as_str) == Some("Deny") {
        Effect::Deny
    } else {
        Effect::Allow
    };
    let conditions = conditions(object)?;
    Ok(Statement { sid: sid.map(str::to_owned), effect, principal, action, resource, conditions })
}

fn check_actions(action: &Selection, kind: Kind) -> Result<()> {
    for pattern in &action.patterns {
        let parts = pattern.split_once(':').filter(|(vendor, name)| !vendor.is_empty() && !name.is_empty());
        if kind == Kind::Trust {
            if !parts.is_some_and(|(vendor, _)| vendor.eq_ignore_ascii_case("sts")) {
                return malformed("AssumeRole policy may only specify STS AssumeRole actions.");
            }
            continue;
        }
        let Some((vendor, name)) = parts else {
            if pattern == "*" {
                continue;
            }
            return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
        };
        if name.contains(':') {
            return malformed("Actions/Condition can contain only one colon.");
        }
        if !vendor.chars().all(|character| character.is_ascii_alphanumeric() || "-.".contains(character)) {
            return malformed(format!("Vendor {vendor} is not valid"));
        }
    }
    Ok(())
}

fn check_resources(resource: &Selection) -> Result<()> {
    resource.patterns.iter().filter(|pattern| *pattern != "*").try_for_each(|pattern| check_resource(pattern))
}

fn check_resource(pattern: &str) -> Result<()> {
    let parts: Vec<_> = pattern.splitn(6, ':').collect();
    let part = |index: usize| parts.get(index).copied();
    let Some(partition) = part(1) else {
        return malformed(format!("Resource {pattern} must be in ARN format or \"*\"."));
    };
    if partition != "*" && !Partition::is_name(partition) {
        let rest: Vec<_> = (2..6).map(|index| part(index).unwrap_or("*")).collect();
        return malformed(format!(
            "Partition \"{partition}\" is not valid for resource \"arn:{partition}:{}\".",
            rest.join(":")
        ));
    }
    let Some(vendor) = part(2).filter(|vendor| !vendor.contains(['*', '?']) || parts.len() < 6) else {
        return malformed("Resource vendor must be fully qualified and cannot contain regexes.");
    };
    let (region, path) = (part(3).unwrap_or_default(), part(5).unwrap_or_default());
    let has_region = !region.is_empty() && !region.contains('*');
    if vendor == "iam" && has_region {
        return malformed(format!("IAM resource {pattern} cannot contain region information."));
    }
    if vendor == "s3" && has_region && parts.len() == 6 && !path.starts_with("accesspoint/") {
        return malformed(format!("Resource {pattern} can not contain region information."));
    }
    if vendor == "iam" && !path.starts_with('*') && !IAM_PATHS.iter().any(|known| path.starts_with(known)) {
        return malformed(format!(
            "IAM resource path must either be \"*\" or start with {}.",
            IAM_PATHS.join(", ")
        ));
    }
    if vendor.is_empty() || (parts.len() < 6 && pattern.contains("::")) {
        return malformed(LEGACY);
    }
    Ok(())
}

fn selection(object: &Map<String, Value>, plain: &str, not: &str) -> Result<Option<Selection>> {
    let Some((not, value)) = either(object, plain, not) else { return Ok(None) };
    let patterns = strings(value)?;
    Ok((!patterns.is_empty()).then_some(Selection { not, patterns }))
}

/// The value of an element or of its negation, of which a statement has one at most.
fn either<'a>(object: &'a Map<String, Value>, plain: &str, not: &str) -> Option<(bool, &'a Value)> {
    let negated = || object.get(not).map(|value| (true, value));
    object.get(plain).map(|value| (false, value)).or_else(negated)
}

fn principal(object: &Map<String, Value>) -> Result<Option<Principal>> {
    let Some((not, value)) = either(object, "Principal", "NotPrincipal") else { return Ok(None) };
    let mut entries = Vec::new();
    match value {
        Value::String(everyone) if everyone == "*" => entries.push(("*".to_owned(), "*".to_owned())),
        Value::Object(kinds) => {
            for (kind, values) in kinds {
                if !matches!(kind.as_str(), "AWS" | "Service" | "Federated" | "CanonicalUser") {
                    return malformed(SYNTAX);
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
        "Service" => is_service(value),
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
    let Value::Object(operators) = value else { return malformed(SYNTAX) };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let Value::Object(keys) = keys else { return malformed(SYNTAX) };
        for (key, values) in keys {
            let Some(condition) = Condition::new(operator, key, strings(values)?) else {
                return malformed(SYNTAX);
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
        _ => malformed(SYNTAX),
    }
}

fn known_keys(object: &Map<String, Value>, known: &[&str]) -> Result<()> {
    if object.keys().all(|key| known.contains(&key.as_str())) { Ok(()) } else { malformed(SYNTAX) }
}
