//! The layers, merged into one table, with the origin of everything in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use figment::{Figment, providers::Serialized};
use longshore_model::{Problem, push_key, split_key};
use serde_json::{Map, Value};

use crate::{
    ConfigError, Origin,
    layers::{Layer, remove_below},
};

/// The origins of values and tables, by dotted key.
type Origins = BTreeMap<String, Origin>;

/// All layers as one table.
#[derive(Default)]
pub(crate) struct Merged {
    /// The values.
    pub(crate) values: Map<String, Value>,
    /// The origin of each key, by dotted key: a value where the highest layer sets it, a table where the lowest layer
    /// declares it. Defaults have no origin: they are most of a large stack.
    pub(crate) origins: Origins,
    /// For each value that a file set: the file's directory.
    pub(crate) directories: BTreeMap<String, PathBuf>,
}

/// Merges `layers`, the lowest first: tables key by key, everything else whole.
pub(crate) fn merge(mut layers: Vec<Layer>) -> Merged {
    replace_credentials(&mut layers);
    let mut layers = layers.into_iter();
    let Layer { mut values, mut origins } = layers.next().unwrap_or_default();
    for mut layer in layers {
        lay_over(&mut values, layer.values, &mut String::new(), &mut layer.origins, &mut origins);
    }
    let mut directories = Vec::new();
    note_directories(&values, &mut String::new(), &origins, &mut directories);
    Merged { values, origins, directories: directories.into_iter().collect() }
}

/// Lays the table `above` over the table `below`. Both stand at `key`; `from` has the origins of `above`.
fn lay_over(
    below: &mut Map<String, Value>,
    above: Map<String, Value>,
    key: &mut String,
    from: &mut Origins,
    origins: &mut Origins,
) {
    for (field, value) in above {
        let length = key.len();
        push_key(key, &field);
        match (below.get_mut(&field), value) {
            (Some(Value::Object(below)), Value::Object(above)) => {
                lay_over(below, above, key, from, origins);
            }
            (there, value) => {
                if there.is_some_and(|there| there.is_object()) {
                    remove_below(origins, key);
                }
                move_origins(&value, key, from, origins);
                below.insert(field, value);
            }
        }
        key.truncate(length);
    }
}

/// Moves the origins of `value`, which stands at `key`, and of everything in it.
fn move_origins(value: &Value, key: &mut String, from: &mut Origins, origins: &mut Origins) {
    if let Some((key, origin)) = from.remove_entry(key.as_str()) {
        origins.insert(key, origin);
    }
    for (field, value) in value.as_object().into_iter().flatten() {
        let length = key.len();
        push_key(key, field);
        move_origins(value, key, from, origins);
        key.truncate(length);
    }
}

/// Notes the directory of the file that set each value in the table at `key`.
fn note_directories(
    values: &Map<String, Value>,
    key: &mut String,
    origins: &Origins,
    directories: &mut Vec<(String, PathBuf)>,
) {
    for (field, value) in values {
        let length = key.len();
        push_key(key, field);
        if let Value::Object(values) = value {
            note_directories(values, key, origins, directories);
        } else if let Some(directory) = origins.get(key.as_str()).and_then(Origin::directory) {
            directories.push((key.clone(), directory.to_owned()));
        }
        key.truncate(length);
    }
}

/// Exactly one of several keys (`env`, `file`, `command`, `ssm`, `secretsmanager`) names the source of a credential.
/// Merged key by key, a layer could not change which: it would add a second one. So such a table replaces the one below
/// it whole.
fn replace_credentials(layers: &mut [Layer]) {
    for index in (1..layers.len()).rev() {
        let (lower, upper) = layers.split_at_mut(index);
        let keys = upper[0].origins.keys().filter(|key| may_replace(key));
        for path in keys.flat_map(|key| replaced(split_key(key))) {
            lower.iter_mut().for_each(|layer| layer.remove(&path));
        }
    }
}

/// Returns true if the last part of `key` is one for which [`replaced`] may find something.
fn may_replace(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    ["arn", "password", "token", "username", "value"].contains(&last)
}

/// Returns the keys that a layer that sets `path` replaces in those below it.
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

/// The table that grows with the stack.
const SERVICES: &str = "services";

/// Adds to `value` what `defaults` have and it lacks.
fn fill_in(value: &mut Value, defaults: Value) {
    let (Value::Object(table), Value::Object(defaults)) = (value, defaults) else { return };
    for (field, default) in defaults {
        match table.get_mut(&field) {
            Some(value) => fill_in(value, default),
            None => drop(table.insert(field, default)),
        }
    }
}

impl Merged {
    /// Lays everything over `layer`.
    pub(crate) fn lay_over(&mut self, layer: Layer) {
        if !layer.values.is_empty() {
            let Self { values, origins, .. } = std::mem::take(self);
            *self = merge(vec![layer, Layer { values, origins }]);
        }
    }

    /// Adds the `defaults` of what is not set.
    pub(crate) fn complete(&mut self, mut defaults: Layer, errors: &mut Vec<ConfigError>) -> Option<()> {
        // Those of services are filled in where they are: figment would copy a large stack three times.
        if let Some(of_services) = defaults.values.remove(SERVICES)
            && let Some(services) = self.values.get_mut(SERVICES)
        {
            fill_in(services, of_services);
        }
        let services = self.values.remove(SERVICES);
        let figment = Figment::from(Serialized::defaults(&self.values));
        let figment = figment.join(Serialized::defaults(&defaults.values));
        let wrong = |error: figment::Error| ConfigError::new(Origin::Default, error.kind.to_string());
        self.values = figment.extract().map_err(|all| errors.extend(all.into_iter().map(wrong))).ok()?;
        self.values.extend(services.map(|services| (SERVICES.to_owned(), services)));
        for (key, origin) in defaults.origins {
            self.origins.entry(key).or_insert(origin);
        }
        Some(())
    }

    /// Returns the origin of the value or table at `key`. `None` for defaults.
    pub(crate) fn origin(&self, key: &str) -> Option<&Origin> {
        self.origins.get(key)
    }

    /// Removes the values of `table`, which stands at `key`, that are defaults.
    pub(crate) fn remove_defaults(&self, key: &str, table: &mut Map<String, Value>) {
        self.remove_defaults_below(&mut key.to_owned(), table);
    }

    fn remove_defaults_below(&self, key: &mut String, table: &mut Map<String, Value>) {
        table.retain(|field, value| {
            let length = key.len();
            push_key(key, field);
            let stays = match value {
                Value::Object(table) => {
                    self.remove_defaults_below(key, table);
                    !table.is_empty()
                }
                _ => self.origins.contains_key(key.as_str()),
            };
            key.truncate(length);
            stays
        });
    }

    /// Returns the dotted keys below `key` of the values in `table`, which stands there, that are defaults.
    pub(crate) fn defaults_in(&self, key: &str, table: &Map<String, Value>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.collect_defaults(&mut key.to_owned(), key.len() + 1, table, &mut found);
        found
    }

    fn collect_defaults(
        &self,
        key: &mut String,
        below: usize,
        table: &Map<String, Value>,
        found: &mut BTreeSet<String>,
    ) {
        for (field, value) in table {
            let length = key.len();
            push_key(key, field);
            match value {
                Value::Object(table) => self.collect_defaults(key, below, table, found),
                _ if self.origins.contains_key(key.as_str()) => {}
                _ => drop(found.insert(key[below..].to_owned())),
            }
            key.truncate(length);
        }
    }

    /// Returns `problem` as an error with the origin that has to change: that of the key, or else of the innermost
    /// table around it that has an origin, or else `otherwise`.
    pub(crate) fn locate(&self, problem: Problem, otherwise: &Origin) -> ConfigError {
        let path = split_key(&problem.key);
        let ancestors = (1..=path.len()).rev().map(|length| {
            path[..length].iter().fold(String::new(), |key, part| longshore_model::join_key(&key, part))
        });
        let origin = ancestors.filter_map(|key| self.origin(&key)).next().unwrap_or(otherwise).clone();
        let key = (!problem.key.is_empty()).then_some(problem.key);
        ConfigError { origin, column: None, key, message: problem.message, help: problem.help }
    }
}
