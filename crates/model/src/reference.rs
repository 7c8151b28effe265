//! References to the outputs of steps.

use std::fmt;

use serde_json::{Map, Value};

use crate::{Inputs, StepId, join_key};

/// Stands for a value that is known only after apply, where a text is needed.
pub const AFTER_APPLY: &str = "(known after apply)";

/// A reference to the output of a step, which the configuration has in place of a text:
/// `{ from = "steps.web", output = "target-group-arn" }`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The step.
    pub from: StepId,
    /// The name of its output.
    pub output: String,
}

impl Reference {
    /// Returns the reference that `value` is: a table with exactly the members `from` and `output`, both of them texts.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        let table = value.as_object().filter(|table| table.len() == 2)?;
        let text = |field: &str| table.get(field)?.as_str();
        Some(Self { from: StepId::named(text("from")?), output: text("output")?.to_owned() })
    }

    /// Returns true if `value` is a reference.
    #[must_use]
    pub fn is_one(value: &Value) -> bool {
        Self::of(value).is_some()
    }

    /// The name of the input that the value comes in by.
    #[must_use]
    pub fn input(&self) -> String {
        format!("{}.{}", self.from, self.output)
    }

    /// Returns the references in `table`, with their dotted keys below `key`.
    #[must_use]
    pub fn all_in(key: &str, table: &Map<String, Value>) -> Vec<(String, Self)> {
        let mut found = Vec::new();
        for (field, value) in table {
            collect(&join_key(key, field), value, &mut found);
        }
        found
    }

    /// Returns `value` with the values of `inputs` in place of references, and [`AFTER_APPLY`] where they are not known
    /// yet.
    #[must_use]
    pub fn resolved(value: &Value, inputs: &Inputs) -> Value {
        match (Self::of(value), value) {
            (Some(reference), _) => reference.value(inputs).unwrap_or(AFTER_APPLY).into(),
            (None, Value::Object(table)) => {
                table.iter().map(|(field, value)| (field.clone(), Self::resolved(value, inputs))).collect()
            }
            (None, Value::Array(items)) => items.iter().map(|item| Self::resolved(item, inputs)).collect(),
            (None, other) => other.clone(),
        }
    }

    /// Returns the value, if it is known.
    #[must_use]
    pub fn value<'a>(&self, inputs: &'a Inputs) -> Option<&'a str> {
        inputs.get(&self.input()).value()
    }
}

fn collect(key: &str, value: &Value, found: &mut Vec<(String, Reference)>) {
    if let Some(reference) = Reference::of(value) {
        found.push((key.to_owned(), reference));
        return;
    }
    match value {
        Value::Object(table) => {
            for (field, value) in table {
                collect(&join_key(key, field), value, found);
            }
        }
        // Configurations name the whole list, and not its items.
        Value::Array(items) => items.iter().for_each(|item| collect(key, item, found)),
        _ => {}
    }
}

/// A text of the configuration, or a reference in its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Text {
    /// The text itself.
    Literal(String),
    /// The output of a step.
    Reference(Reference),
}

impl Text {
    /// Returns the text, if it is known.
    #[must_use]
    pub fn value<'a>(&'a self, inputs: &'a Inputs) -> Option<&'a str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Reference(reference) => reference.value(inputs),
        }
    }

    /// Returns the text, and [`AFTER_APPLY`] if it is not known yet.
    #[must_use]
    pub fn shown<'a>(&'a self, inputs: &'a Inputs) -> &'a str {
        self.value(inputs).unwrap_or(AFTER_APPLY)
    }

    /// The reference, if it is one.
    #[must_use]
    pub const fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Literal(_) => None,
            Self::Reference(reference) => Some(reference),
        }
    }
}

impl<T: Into<String>> From<T> for Text {
    fn from(text: T) -> Self {
        Self::Literal(text.into())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the output `{}` of `{}`", self.output, self.from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Known;

    #[test]
    fn references_are_found_and_resolved() {
        let value = json!({
            "loadBalancers": [{ "targetGroupArn": { "from": "steps.web", "output": "arn" }, "port": 80 }],
            "labels": { "from": "a", "output": "b", "more": "c" },
        });
        let table = value.as_object().unwrap();
        let found = Reference::all_in("aws", table);
        let web = Reference { from: StepId::named("steps.web"), output: "arn".to_owned() };
        assert_eq!(found, [("aws.loadBalancers.targetGroupArn".to_owned(), web.clone())]);
        let inputs: Inputs = [(web.input(), Known::Value("arn:1".to_owned()))].into_iter().collect();
        let of = |inputs| {
            Reference::resolved(&value, inputs)["loadBalancers"][0]["targetGroupArn"]
                .as_str()
                .map(str::to_owned)
        };
        assert_eq!(of(&inputs).as_deref(), Some("arn:1"));
        assert_eq!(of(&Inputs::default()).as_deref(), Some(AFTER_APPLY));
        assert_eq!(Reference::resolved(&value, &inputs)["labels"], value["labels"]);
    }
}
