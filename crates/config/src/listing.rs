//! Every value of a configuration, with its origin: what `longshore config` prints.

use std::fmt;

use longshore_model::{REDACTED, join_key, redacted};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Loaded, Origin};

/// One value of the merged configuration. It is displayed as a line of TOML, `key = value`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The dotted key.
    pub key: String,
    /// The value; [`REDACTED`] where it may be a secret.
    pub value: Value,
    /// The layer that set the value.
    pub origin: Origin,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, Shown(&self.value))
    }
}

/// A value in TOML's words.
struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(text) if text == REDACTED => f.write_str(REDACTED),
            Value::Array(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{}", if index > 0 { ", " } else { "" }, Shown(item))?;
                }
                f.write_str("]")
            }
            // Texts, numbers and flags are the same in JSON; the only table is an empty one.
            value => write!(f, "{value}"),
        }
    }
}

impl Loaded {
    /// Every value, defaults included, in the order of the keys. Values that may be secret are not shown.
    #[must_use]
    pub fn listing(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.list("", redacted("", &self.merged.values), &mut entries);
        entries
    }

    fn list(&self, table: &str, values: Map<String, Value>, entries: &mut Vec<Entry>) {
        for (field, value) in values {
            let key = join_key(table, &field);
            match value {
                Value::Object(values) if !values.is_empty() => self.list(&key, values, entries),
                value => {
                    let origin = self.merged.origin(&key).cloned().unwrap_or(Origin::Default);
                    entries.push(Entry { key, value, origin });
                }
            }
        }
    }
}
