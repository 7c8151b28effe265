//! One layer: its values, and where each was set.

use std::collections::BTreeMap;

use figment::{
    Error, Metadata, Profile, Provider,
    value::{Dict, Map as Profiles, Value as FigmentValue},
};
use longshore_model::join_key;
use serde_json::{Map, Value};

use crate::Origin;

/// One layer of the configuration.
#[derive(Clone)]
pub(crate) struct Layer {
    name: &'static str,
    /// Its values.
    pub(crate) values: Map<String, Value>,
    /// Where each key was set, tables included, by dotted key.
    pub(crate) origins: BTreeMap<String, Origin>,
}

impl Layer {
    /// A layer without values; `name` says what it is made from.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, values: Map::new(), origins: BTreeMap::new() }
    }

    /// The layer with `values`, set nowhere in particular.
    pub(crate) fn with(self, values: Map<String, Value>) -> Self {
        Self { values, ..self }
    }

    /// Sets `value` at `path`, makes the tables that lead there, and replaces what was there.
    pub(crate) fn insert(&mut self, path: &[String], value: Value, origin: &Origin) {
        let Some((field, tables)) = path.split_last() else { return };
        self.remove(path);
        let mut key = String::new();
        let mut values = &mut self.values;
        for table in tables {
            key = join_key(&key, table);
            let slot = values.entry(table.clone()).or_insert_with(|| Value::Object(Map::new()));
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
                self.origins.remove(&key);
            }
            self.origins.entry(key.clone()).or_insert_with(|| origin.clone());
            let Value::Object(inner) = slot else { return };
            values = inner;
        }
        note(&mut self.origins, &join_key(&key, field), &value, origin);
        values.insert(field.clone(), value);
    }

    /// Removes what stands at `path`.
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
            let inside = removed + ".";
            let keys = self.origins.range(inside.clone()..).map(|(key, _)| key);
            let keys: Vec<_> = keys.take_while(|key| key.starts_with(&inside)).cloned().collect();
            for key in keys {
                self.origins.remove(&key);
            }
        }
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

impl Provider for &Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Profiles<Profile, Dict>, Error> {
        let values = FigmentValue::serialize(&self.values)?.into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(values))
    }
}
