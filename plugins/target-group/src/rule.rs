//! Rules of listeners.

use std::collections::{BTreeMap, BTreeSet};

use longshore_aws::{load_balancing::forwards, untyped::Element};
use serde_json::{Value, json};

/// A condition of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Condition {
    /// Such as `host-header`.
    pub(crate) field: String,
    /// The name of the header that an `http-header` looks at.
    pub(crate) header: Option<String>,
    /// The values of which one must fit; those of `query-string` are `KEY=VALUE`.
    pub(crate) values: BTreeSet<String>,
}

/// A rule as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) arn: String,
    /// `None` for the default rule.
    pub(crate) priority: Option<u32>,
    pub(crate) conditions: BTreeSet<Condition>,
    /// The ARNs of the target groups that it forwards to. Empty for other actions.
    pub(crate) forwards: Vec<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// The member with the values of a field: `HostHeaderConfig` for `host-header`.
fn config_of(field: &str) -> String {
    let words = field.split('-').map(|word| {
        let mut word = word.to_owned();
        if let Some(first) = word.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        word
    });
    words.collect::<String>() + "Config"
}

impl Condition {
    fn of(element: &Element) -> Self {
        let field = element.text_of("Field").unwrap_or_default().to_owned();
        let config = element.child(&config_of(&field));
        let values = config.unwrap_or(element).items("Values").map(|value| match value.child("Value") {
            Some(of_pair) => format!("{}={}", value.text_of("Key").unwrap_or_default(), of_pair.text()),
            None => value.text().to_owned(),
        });
        let header = config.and_then(|config| config.text_of("HttpHeaderName")).map(str::to_owned);
        Self { values: values.collect(), header, field }
    }

    /// The condition as a call has it.
    pub(crate) fn json(&self) -> Value {
        let values: Vec<Value> = self
            .values
            .iter()
            .map(|value| match value.split_once('=') {
                Some((key, value)) if self.field == "query-string" => {
                    let key = (!key.is_empty()).then_some(key);
                    json!({ "Key": key, "Value": value })
                }
                _ => json!(value),
            })
            .collect();
        let mut config = json!({ "Values": values });
        if let Some(header) = &self.header {
            config["HttpHeaderName"] = json!(header);
        }
        let mut condition = json!({ "Field": self.field });
        condition[config_of(&self.field)] = config;
        condition
    }

    /// The name by which a plan shows it.
    pub(crate) fn title(&self) -> String {
        match &self.header {
            Some(header) => format!("rule.{} {header}", self.field),
            None => format!("rule.{}", self.field),
        }
    }

    /// The values as a plan shows them.
    pub(crate) fn shown(&self) -> String {
        self.values.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

impl Rule {
    pub(crate) fn of(element: &Element) -> Self {
        Self {
            arn: element.text_of("RuleArn").unwrap_or_default().to_owned(),
            priority: element.text_of("Priority").and_then(|priority| priority.parse().ok()),
            conditions: element.items("Conditions").map(Condition::of).collect(),
            forwards: forwards(element.items("Actions")),
            tags: BTreeMap::new(),
        }
    }

    /// Returns true if it forwards to `group`, alone or as one of a pair. The weights of a pair, and the other group, are
    /// those of ECS, which shifts traffic between the target groups of a service (blue/green, linear and canary deployments).
    pub(crate) fn forwards_to(&self, group: &str) -> bool {
        self.forwards.len() <= 2 && self.forwards.iter().any(|arn| arn == group)
    }

    /// The ARN of its listener.
    pub(crate) fn listener(&self) -> String {
        let listener = self.arn.rsplit_once('/').map_or("", |(listener, _)| listener);
        listener.replacen(":listener-rule/", ":listener/", 1)
    }
}

/// The conditions as a call has them.
pub(crate) fn conditions_json(conditions: &BTreeSet<Condition>) -> Value {
    conditions.iter().map(Condition::json).collect()
}

/// The action that forwards to target groups.
pub(crate) fn forward_json(groups: &[String]) -> Value {
    match groups {
        [group] => json!([{ "Type": "forward", "TargetGroupArn": group }]),
        groups => {
            let groups: Vec<Value> = groups.iter().map(|group| json!({ "TargetGroupArn": group })).collect();
            json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }])
        }
    }
}
