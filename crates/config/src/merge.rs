//! The layers, merged into one table, with the origin of everything in it.

use std::{collections::BTreeMap, path::PathBuf};

use figment::Figment;
use longshore_model::{Problem, split_key};
use serde_json::{Map, Value};

use crate::{ConfigError, Origin, layers::Layer};

/// All layers as one table.
pub(crate) struct Merged {
    /// The values.
    pub(crate) values: Map<String, Value>,
    /// Where each key was set, by dotted key: a value where the highest layer sets it, a table where the lowest layer
    /// declares it.
    pub(crate) origins: BTreeMap<String, Origin>,
    /// For each value that a file set: the file's directory.
    pub(crate) directories: BTreeMap<String, PathBuf>,
}

/// Merges `layers`, the lowest first.
pub(crate) fn merge(layers: &[Layer], errors: &mut Vec<ConfigError>) -> Option<Merged> {
    let layers = replace_credentials(layers);
    let figment = layers.iter().fold(Figment::new(), |figment, layer| figment.merge(layer));
    let values = extract(&figment, errors)?;
    let origins = origins(&layers);
    let directories = origins
        .iter()
        .filter(|(key, _)| value_at(&values, key).is_some_and(|value| !value.is_object()))
        .filter_map(|(key, origin)| Some((key.clone(), origin.directory()?.to_owned())))
        .collect();
    Some(Merged { values, origins, directories })
}

fn extract(figment: &Figment, errors: &mut Vec<ConfigError>) -> Option<Map<String, Value>> {
    let values = figment.extract();
    values
        .map_err(|error| {
            let origin = Origin::Default;
            errors.extend(
                error.into_iter().map(|error| ConfigError::new(origin.clone(), error.kind.to_string())),
            );
        })
        .ok()
}

/// Where a credential is found is said by exactly one of several keys (`env`, `file`, `command`, `ssm`,
/// `secretsmanager`). Merged key by key, a layer could not change which: it would add a second one. So such a table replaces the one below it whole.
fn replace_credentials(layers: &[Layer]) -> Vec<Layer> {
    let mut layers = layers.to_vec();
    for index in (1..layers.len()).rev() {
        let (lower, upper) = layers.split_at_mut(index);
        for path in upper[0].origins.keys().flat_map(|key| replaced(split_key(key))) {
            lower.iter_mut().for_each(|layer| layer.remove(&path));
        }
    }
    layers
}

/// What a layer that sets `path` replaces in those below it.
fn replaced(path: Vec<String>) -> Vec<Vec<String>> {
    if is_credential(&path) {
        return vec![path];
    }
    // A container's variable is either written by Longshore or there already.
    let beside = |fields: &[&str]| {
        let of_variable = &path[..path.len() - 1];
        fields.iter().map(|field| [of_variable, &[(*field).to_owned()]].concat()).collect()
    };
    match variable_field(&path) {
        Some("value") => beside(&["value", "arn", "kms-key"]),
        Some("arn") => beside(&["value", "store", "arn", "kms-key"]),
        _ => Vec::new(),
    }
}

/// The field of a variable in a container's `secrets` that `path` is.
fn variable_field(path: &[String]) -> Option<&str> {
    let path: Vec<_> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["services", _, "secrets", _, field] | ["services", _, "containers", _, "secrets", _, field] => {
            Some(field)
        }
        _ => None,
    }
}

fn is_credential(path: &[String]) -> bool {
    let [top, _, .., last] = path else { return false };
    match last.as_str() {
        "password" | "token" => ["cloud", "registries", "stores"].contains(&top.as_str()),
        "username" => top == "registries" && path.len() == 3,
        _ => false,
    }
}

fn origins(layers: &[Layer]) -> BTreeMap<String, Origin> {
    let mut origins: BTreeMap<String, Origin> = BTreeMap::new();
    let mut tables: BTreeMap<String, bool> = BTreeMap::new();
    for layer in layers {
        for (key, origin) in &layer.origins {
            let is_table = value_at(&layer.values, key).is_some_and(Value::is_object);
            let was_table = tables.insert(key.clone(), is_table).unwrap_or(false);
            if !(is_table && was_table) {
                origins.insert(key.clone(), origin.clone());
            }
        }
    }
    origins
}

fn value_at<'a>(values: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let path = split_key(key);
    let (field, tables) = path.split_last()?;
    tables.iter().try_fold(values, |values, table| values.get(table)?.as_object())?.get(field)
}

impl Merged {
    /// Lays everything over `defaults`, also where a layer in between had removed a table that a higher one brings
    /// back.
    pub(crate) fn over(self, defaults: &Layer, errors: &mut Vec<ConfigError>) -> Option<Self> {
        let figment = Figment::from(&Layer::new("all layers").with(self.values.clone())).join(defaults);
        let values = extract(&figment, errors)?;
        let mut origins = defaults.origins.clone();
        // A key of a table that was removed in between has an origin still, but its value is the default's.
        origins.extend(self.origins.into_iter().filter(|(key, _)| value_at(&self.values, key).is_some()));
        Some(Self { values, origins, directories: self.directories })
    }

    /// Where the value or table at `key` was set.
    pub(crate) fn origin(&self, key: &str) -> Option<&Origin> {
        value_at(&self.values, key).and_then(|_| self.origins.get(key))
    }

    /// Removes the values of `table`, which stands at `key`, that are defaults.
    pub(crate) fn remove_defaults(&self, key: &str, table: &mut Map<String, Value>) {
        table.retain(|field, value| {
            let key = longshore_model::join_key(key, field);
            match value {
                Value::Object(table) => {
                    self.remove_defaults(&key, table);
                    !table.is_empty()
                }
                _ => self.origins.get(&key) != Some(&Origin::Default),
            }
        });
    }

    /// What has to change for `problem` to go away: what set the key, or else the innermost table around it that
    /// somebody wrote; `otherwise` where nobody wrote any.
    pub(crate) fn locate(&self, problem: Problem, otherwise: &Origin) -> ConfigError {
        let path = split_key(&problem.key);
        let ancestors = (1..=path.len()).rev().map(|length| {
            path[..length].iter().fold(String::new(), |key, part| longshore_model::join_key(&key, part))
        });
        let origin = ancestors
            .filter_map(|key| self.origin(&key))
            .find(|origin| **origin != Origin::Default)
            .unwrap_or(otherwise)
            .clone();
        let key = (!problem.key.is_empty()).then_some(problem.key);
        ConfigError { origin, column: None, key, message: problem.message, help: problem.help }
    }
}
