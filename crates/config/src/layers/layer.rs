//! One layer: its values, and where each was set.

use std::collections::BTreeMap;

use longshore_model::{join_key, push_key};
use serde_json::{Map, Value};

use crate::Origin;

/// One layer of the configuration.
#[derive(Clone, Default)]
pub(crate) struct Layer {
    /// Its values.
    pub(crate) values: Map<String, Value>,
    /// The origin of each key, tables included, by dotted key. Defaults have none.
    pub(crate) origins: BTreeMap<String, Origin>,
}

impl Layer {
    /// Sets `value` at `path`, makes the tables that lead there, and replaces what was there.
    pub(crate) fn insert<S: AsRef<str>>(&mut self, path: &[S], value: Value, origin: &Origin) {
        let Some((field, tables)) = path.split_last() else { return };
        let mut key = String::new();
        let mut values = &mut self.values;
        for table in tables {
            let table = table.as_ref();
            push_key(&mut key, table);
            if !values.get(table).is_some_and(Value::is_object) {
                values.insert(table.to_owned(), Value::Object(Map::new()));
                if *origin != Origin::Default {
                    self.origins.insert(key.clone(), origin.clone());
                }
            }
            let Some(Value::Object(inner)) = values.get_mut(table) else { return };
            values = inner;
        }
        let field = field.as_ref();
        push_key(&mut key, field);
        if values.get(field).is_some_and(Value::is_object) {
            remove_below(&mut self.origins, &key);
        }
        if *origin != Origin::Default {
            note(&mut self.origins, &key, &value, origin);
        }
        values.insert(field.to_owned(), value);
    }

    /// Removes the value or table at `path`.
    pub(crate) fn remove(&mut self, path: &[String]) {
        let Some((field, tables)) = path.split_last() else { return };
        let mut values = &mut self.values;
        for table in tables {
            let Some(Value::Object(inner)) = values.get_mut(table) else { return };
            values = inner;
        }
        if values.remove(field).is_some() {
            let removed = path.iter().fold(String::new(), |key, part| join_key(&key, part));
            self.origins.remove(&removed);
            remove_below(&mut self.origins, &removed);
        }
    }
}

/// Removes the origins of everything in the table at `key`.
pub(crate) fn remove_below(origins: &mut BTreeMap<String, Origin>, key: &str) {
    let inside = format!("{key}.");
    let keys = origins.range(inside.clone()..).map(|(key, _)| key);
    let keys: Vec<_> = keys.take_while(|key| key.starts_with(&inside)).cloned().collect();
    for key in keys {
        origins.remove(&key);
    }
}

/// Notes `origin` for `value` at `key`, and for everything in it.
fn note(origins: &mut BTreeMap<String, Origin>, key: &str, value: &Value, origin: &Origin) {
    origins.insert(key.to_owned(), origin.clone());
    if let Value::Object(values) = value {
        for (field, value) in values {
            note(origins, &join_key(key, field), value, origin);
        }
    }
}
