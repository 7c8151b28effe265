//! The schema of a program's options.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{Fields, Reference};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The schema of an option, or of all of them: the part of JSON Schema that the protocol has.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Schema {
    /// The type: an object if it is missing.
    #[serde(rename = "type")]
    pub value_type: Type,
    /// The meaning, for people.
    pub description: Option<String>,
    /// The value that the program takes if the option is missing, for people.
    pub default: Option<Value>,
    /// The accepted texts.
    #[serde(rename = "enum")]
    pub choices: Option<Vec<String>>,
    /// `path` if a text is a path: a relative one counts from the directory of the file that sets it.
    pub format: Option<Format>,
    /// The smallest number.
    pub minimum: Option<u32>,
    /// The largest number.
    pub maximum: Option<u32>,
    /// The schema of a list's items, which are texts, numbers or flags.
    pub items: Option<Box<Self>>,
    /// The schemas of a table's entries.
    pub properties: BTreeMap<String, Self>,
    /// The entries that have to be there.
    pub required: BTreeSet<String>,
    /// The schema of a table's other entries, if it may have some.
    pub additional_properties: Option<Box<Self>>,
}

/// The type of an option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    /// A table.
    #[default]
    Object,
    /// A list.
    Array,
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
}

/// The form of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A path.
    Path,
}

impl Schema {
    /// Returns the reason why options cannot have this schema.
    pub(crate) fn flaw(&self) -> Option<String> {
        if self.value_type != Type::Object {
            return Some("the schema of the options is not that of an object".to_owned());
        }
        self.flaw_below("")
    }

    fn flaw_below(&self, path: &str) -> Option<String> {
        if let Some(name) = self.required.iter().find(|name| !self.properties.contains_key(*name)) {
            return Some(format!(
                "the schema of the options requires `{path}{name}`, which it does not describe"
            ));
        }
        let is_flat = |items: &Self| !matches!(items.value_type, Type::Object | Type::Array);
        if self.value_type == Type::Array && !self.items.as_deref().is_some_and(is_flat) {
            let at = path.trim_end_matches('.');
            return Some(format!(
                "the schema of the option `{at}` has no items that are texts, numbers or flags"
            ));
        }
        let below = self.properties.iter();
        below.into_iter().find_map(|(name, schema)| schema.flaw_below(&format!("{path}{name}.")))
    }

    /// Reads a table that has this schema. Problems are noted by their keys. References to outputs stay as they are if
    /// `takes_references` is true.
    pub(crate) fn read(&self, fields: &mut Fields<'_>, takes_references: bool) -> Map<String, Value> {
        let mut values = Map::new();
        for (name, schema) in &self.properties {
            if fields.has(name) {
                values.extend(
                    schema.read_one(fields, name, takes_references).map(|value| (name.clone(), value)),
                );
                continue;
            }
            fields.skip(name);
            if self.required.contains(name) {
                let meaning = schema.description.as_deref().unwrap_or("the program needs it");
                fields.problem(name, "is missing", format!("set it: {meaning}"));
            }
        }
        if let Some(schema) = &self.additional_properties {
            for name in fields.names().into_iter().filter(|name| !self.properties.contains_key(name)) {
                values.extend(schema.read_one(fields, &name, takes_references).map(|value| (name, value)));
            }
        }
        values
    }

    fn read_one(&self, fields: &mut Fields<'_>, name: &str, takes_references: bool) -> Option<Value> {
        match self.value_type {
            Type::String if takes_references && fields.peek(name).is_some_and(Reference::is_one) => {
                fields.skip(name);
                fields.peek(name).cloned()
            }
            Type::String => self.read_text(fields, name).map(Value::from),
            Type::Integer => {
                let range = self.minimum.unwrap_or(0)..=self.maximum.unwrap_or(u32::MAX);
                fields.number(name, range).map(Value::from)
            }
            Type::Boolean => fields.flag(name).map(Value::from),
            Type::Object => {
                fields.table(name, |table| Some(self.read(table, takes_references))).map(Value::from)
            }
            Type::Number => self.read_any(fields, name, "a number"),
            Type::Array => {
                self.read_any(fields, name, self.items.as_ref().map_or("a list", |items| items.listed()))
            }
        }
    }

    fn read_text(&self, fields: &mut Fields<'_>, name: &str) -> Option<String> {
        if self.format == Some(Format::Path) {
            // The program may run in another directory than this process.
            let path = fields.path(name)?;
            return Some(std::path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned());
        }
        let Some(choices) = &self.choices else { return fields.text(name) };
        let wanted: Vec<_> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        let is_choice = |text: &str| choices.iter().any(|choice| choice == text);
        fields.accepted(name, is_choice, &format!("one of {}", wanted.join(", ")))
    }

    fn read_any(&self, fields: &mut Fields<'_>, name: &str, wanted: &str) -> Option<Value> {
        fields.skip(name);
        let value = fields.peek(name)?;
        if self.fits(value) {
            return Some(value.clone());
        }
        fields.refuse(name, wanted);
        None
    }

    /// Returns true if a value that is no table has this schema.
    fn fits(&self, value: &Value) -> bool {
        let in_range = |number: f64| {
            self.minimum.is_none_or(|least| number >= f64::from(least))
                && self.maximum.is_none_or(|most| number <= f64::from(most))
        };
        match self.value_type {
            Type::Object => false,
            Type::Array => value.as_array().is_some_and(|items| {
                self.items.as_ref().is_some_and(|schema| items.iter().all(|item| schema.fits(item)))
            }),
            Type::String => value.as_str().is_some_and(|text| {
                self.choices.as_ref().is_none_or(|choices| choices.iter().any(|choice| choice == text))
            }),
            Type::Integer => value.as_u64().is_some() && value.as_f64().is_some_and(in_range),
            Type::Number => value.as_f64().is_some_and(in_range),
            Type::Boolean => value.is_boolean(),
        }
    }

    const fn listed(&self) -> &'static str {
        match self.value_type {
            Type::Integer => "a list of whole numbers, such as [1, 2]",
            Type::Number => "a list of numbers, such as [0.5, 1]",
            Type::Boolean => "a list of true and false",
            Type::String | Type::Object | Type::Array => "a list of texts, such as [\"a\", \"b\"]",
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::Options;
    use serde_json::json;

    use super::*;

    fn schema(value: Value) -> Schema {
        serde_json::from_value(value).unwrap()
    }

    fn read(schema: &Schema, values: Value) -> Result<Map<String, Value>, String> {
        let options = Options {
            key: "registries.quay".to_owned(),
            values: values.as_object().unwrap().clone(),
            directories: [("file".to_owned(), "/etc/longshore".into())].into(),
            known: vec!["program".to_owned()],
            ..Options::default()
        };
        options
            .read(|fields| Some(schema.read(fields, true)))
            .map_err(|problems| problems.iter().map(|problem| format!("{problem}\n")).collect())
    }

    #[test]
    fn options_are_read_by_their_types() {
        let schema = schema(json!({
            "properties": {
                "path": { "type": "string" },
                "file": { "type": "string", "format": "path" },
                "tries": { "type": "integer", "minimum": 1, "maximum": 9 },
                "factor": { "type": "number" },
                "on": { "type": "boolean" },
                "names": { "type": "array", "items": { "type": "string" } },
                "labels": { "additionalProperties": { "type": "string" } },
                "mode": { "type": "string", "enum": ["a", "b"] },
            },
            "required": ["path"],
        }));
        assert_eq!(schema.flaw(), None);
        let reference = json!({ "from": "steps.web", "output": "url" });
        let given = json!({
            "path": reference, "file": "x", "tries": 3, "factor": 0.5, "on": true, "names": ["a"],
            "labels": { "a.b": "c" }, "mode": "b",
        });
        let mut expected = given.clone();
        expected["file"] = "/etc/longshore/x".into();
        assert_eq!(Value::from(read(&schema, given).unwrap()), expected);
        let wrong = json!({
            "file": 1, "tries": 10, "factor": "x", "on": 1, "names": [1], "labels": { "a": 1 }, "mode": "c",
            "pth": "x", "progam": [],
        });
        insta::assert_snapshot!(read(&schema, wrong).unwrap_err());
    }

    #[test]
    fn flawed_schema_is_refused() {
        for (flawed, at) in [
            (json!({ "type": "string" }), "object"),
            (json!({ "required": ["a"] }), "`a`"),
            (json!({ "properties": { "a": { "type": "array" } } }), "`a`"),
            (json!({ "properties": { "a": { "required": ["b"] } } }), "`a.b`"),
        ] {
            let flaw = schema(flawed).flaw().unwrap();
            assert!(flaw.contains(at), "{flaw}");
        }
        assert!(serde_json::from_value::<Schema>(json!({ "pattern": "x" })).is_err());
    }
}
