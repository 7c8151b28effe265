//! The options.

use std::collections::{BTreeMap, BTreeSet};

use longshore_aws::bounded;
use longshore_model::{Fields, Name, Problem, Reference, Text};
use serde_json::Value;

use crate::rule::Condition;

/// The longest name of a target group.
const LONGEST_NAME: usize = 32;
/// The most values that the conditions of a rule have.
const MOST_VALUES: usize = 5;
/// The lowest priority.
pub(crate) const LAST_PRIORITY: u32 = 50_000;

/// Numbers of health checks: the option, AWS's member, the bounds.
const HEALTH_NUMBERS: [(&str, &str, std::ops::RangeInclusive<u32>); 4] = [
    ("interval", "HealthCheckIntervalSeconds", 5..=300),
    ("timeout", "HealthCheckTimeoutSeconds", 2..=120),
    ("healthy-threshold", "HealthyThresholdCount", 2..=10),
    ("unhealthy-threshold", "UnhealthyThresholdCount", 2..=10),
];

/// The options of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) name: Option<String>,
    pub(crate) listener: Text,
    pub(crate) conditions: BTreeSet<Condition>,
    pub(crate) priority: Option<u32>,
    /// The fields that a target group gets when it is made and keeps, by AWS's names.
    pub(crate) fixed: BTreeMap<&'static str, String>,
    pub(crate) vpc: Option<Text>,
    /// The members of the health check, by AWS's names.
    pub(crate) health: BTreeMap<&'static str, String>,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Options {
    pub(crate) fn read(options: &longshore_model::Options) -> Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let name = name(fields);
            let listener = listener(fields);
            let conditions = conditions(fields);
            let priority = fields.number("priority", 1..=LAST_PRIORITY);
            let vpc = fields.text_or_reference("vpc");
            let fixed = fixed(fields);
            let health = fields.table("health-check", |fields| Some(health(fields))).unwrap_or_default();
            let attributes =
                fields.table("attributes", |fields| Some(attributes(fields))).unwrap_or_default();
            Some(Self {
                name,
                listener: listener?,
                conditions: conditions?,
                priority,
                fixed,
                vpc,
                health,
                attributes,
            })
        })
    }

    /// The name of the target group.
    pub(crate) fn name_of(&self, stack: &Name, step: &Name) -> String {
        self.name.clone().unwrap_or_else(|| bounded(&format!("{stack}-{step}"), LONGEST_NAME))
    }

    pub(crate) fn references(&self) -> Vec<Reference> {
        let texts = [Some(&self.listener), self.vpc.as_ref()];
        texts.into_iter().flatten().filter_map(|text| text.reference().cloned()).collect()
    }
}

/// Returns the fault of a target group's name, if it has one.
pub(crate) fn fault_of_name(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Some("must have 1 to 32 characters");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Some("must consist of letters, digits and hyphens");
    }
    (name.starts_with('-') || name.ends_with('-')).then_some("must neither begin nor end with a hyphen")
}

fn name(fields: &mut Fields<'_>) -> Option<String> {
    let name = fields.text("name")?;
    if let Some(fault) = fault_of_name(&name) {
        fields.problem("name", format!("found \"{name}\""), fault);
        return None;
    }
    Some(name)
}

fn listener(fields: &mut Fields<'_>) -> Option<Text> {
    const WANTED: &str = "must be the ARN of a listener, \
        such as \"arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2\"";
    if !fields.has("listener") {
        fields.problem("listener", "is missing", WANTED);
        return None;
    }
    let listener = fields.text_or_reference("listener")?;
    if let Text::Literal(arn) = &listener
        && !arn.contains(":listener/app/")
    {
        fields.problem("listener", format!("found \"{arn}\""), WANTED);
        return None;
    }
    Some(listener)
}

fn conditions(fields: &mut Fields<'_>) -> Option<BTreeSet<Condition>> {
    let of = |field: &str, values: Vec<String>| Condition {
        field: field.to_owned(),
        header: None,
        values: values.into_iter().collect(),
    };
    let host = one_or_more(fields, "host").map(|values| of("host-header", values));
    let path = one_or_more(fields, "path").map(|values| of("path-pattern", values));
    let header = fields.table("header", |fields| {
        let name = fields.required_text("name", "\"x-canary\"");
        let values = one_or_more(fields, "values");
        if values.is_none() && fields.peek("values").is_none() {
            fields.problem("values", "is missing", "set it, for example to [\"1\"]");
        }
        Some(Condition { header: Some(name?), ..of("http-header", values?) })
    });
    let is_declared = ["host", "path", "header"].iter().any(|field| fields.peek(field).is_some());
    let conditions: BTreeSet<_> = [host, path, header].into_iter().flatten().collect();
    if !is_declared {
        fields.problem(
            "",
            "has no condition",
            "set at least one of `host`, `path` and `header`: the rule forwards the requests that fit",
        );
        return None;
    }
    let values: usize = conditions.iter().map(|condition| condition.values.len()).sum();
    if values > MOST_VALUES {
        let message =
            format!("has {values} values in the conditions, and a rule takes at most {MOST_VALUES}");
        fields.problem("", message, format!("remove {}", values - MOST_VALUES));
        return None;
    }
    (!conditions.is_empty()).then_some(conditions)
}

/// A text, or a list of texts.
fn one_or_more(fields: &mut Fields<'_>, field: &str) -> Option<Vec<String>> {
    let values =
        if fields.peek(field)?.is_string() { vec![fields.text(field)?] } else { fields.texts(field)? };
    let is_sound = !values.is_empty() && values.iter().all(|value| (1..=128).contains(&value.len()));
    if !is_sound {
        fields.refuse(field, "one or more texts of 1 to 128 characters");
    }
    is_sound.then_some(values)
}

fn fixed(fields: &mut Fields<'_>) -> BTreeMap<&'static str, String> {
    let choice = |fields: &mut Fields<'_>, field: &str, names: &[&'static str]| {
        let choices: Vec<_> = names.iter().map(|name| (*name, *name)).collect();
        fields.choice(field, &choices).map(str::to_owned)
    };
    let port = fields.number("port", 1..=65_535).map(|port| port.to_string());
    let protocol = choice(fields, "protocol", &["HTTP", "HTTPS"]);
    let version = choice(fields, "protocol-version", &["HTTP1", "HTTP2", "GRPC"]);
    let kind = choice(fields, "target-type", &["ip", "instance"]);
    let all = [("Port", port), ("Protocol", protocol), ("ProtocolVersion", version), ("TargetType", kind)];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn health(fields: &mut Fields<'_>) -> BTreeMap<&'static str, String> {
    let mut health = BTreeMap::new();
    for (field, member, bounds) in HEALTH_NUMBERS {
        health.extend(fields.number(field, bounds).map(|number| (member, number.to_string())));
    }
    let seconds = |member: &str| health.get(member).and_then(|text: &String| text.parse::<u32>().ok());
    if let (Some(interval), Some(timeout)) =
        (seconds("HealthCheckIntervalSeconds"), seconds("HealthCheckTimeoutSeconds"))
        && timeout >= interval
    {
        fields.problem(
            "timeout",
            format!("found {timeout}"),
            format!("must be below the interval of {interval}"),
        );
    }
    if let Some(path) = fields.text("path") {
        if !path.starts_with('/') {
            fields.problem("path", format!("found \"{path}\""), "must begin with a `/`");
        }
        health.insert("HealthCheckPath", path);
    }
    health.extend(scalar(fields, "matcher").map(|matcher| ("Matcher", matcher)));
    health.extend(scalar(fields, "port").map(|port| ("HealthCheckPort", port)));
    let protocols = [("HTTP", "HTTP"), ("HTTPS", "HTTPS")];
    let protocol = fields.choice("protocol", &protocols).map(str::to_owned);
    health.extend(protocol.map(|protocol| ("HealthCheckProtocol", protocol)));
    health
}

pub(crate) fn attributes(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    fields.names().into_iter().filter_map(|key| Some((key.clone(), scalar(fields, &key)?))).collect()
}

/// A text, a number or a flag, as AWS writes it.
fn scalar(fields: &mut Fields<'_>, field: &str) -> Option<String> {
    match fields.peek(field)? {
        value @ (Value::Number(_) | Value::Bool(_)) => {
            fields.skip(field);
            Some(value.to_string())
        }
        _ => fields.text(field),
    }
}
