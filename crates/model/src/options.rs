//! The options of a plugin.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
};

use serde_json::{Map, Value};

use crate::{Fields, Problem, key::join_key, secrecy::redacted};

/// A table of the configuration that a plugin understands: the plugin's options.
///
/// Its `Debug` leaves out what may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The table's dotted key, such as `registries.ghcr`.
    pub key: String,
    /// Its entries.
    pub values: Map<String, Value>,
    /// For each dotted key below the table (`token.file`): the directory of the file that set it, against which
    /// relative paths are resolved. Keys that no file set are missing: their paths are relative to the working
    /// directory.
    pub directories: BTreeMap<String, PathBuf>,
    /// Other keys, dotted, that the table may have and that others read, so that an error can suggest them.
    pub known: Vec<String>,
    /// The values of those keys, as far as they are set. A plugin may go by them, such as by a registry's `host`. Those of a
    /// service are without the defaults.
    pub taken: Map<String, Value>,
    /// The dotted keys below the table whose values are defaults: no layer of the configuration sets them. Filled for services.
    pub defaults: BTreeSet<String>,
}

impl Options {
    /// Returns the text at `key`, one of the keys that another reader has taken.
    #[must_use]
    pub fn taken_text(&self, key: &str) -> Option<&str> {
        self.taken.get(key)?.as_str()
    }

    /// Returns the path at `key`, one of the keys that another reader has taken, as [`Fields::path`] reads it.
    #[must_use]
    pub fn taken_path(&self, key: &str) -> Option<PathBuf> {
        let problems = RefCell::default();
        Fields::new(&self.key, &self.taken, &self.directories, &problems).path(key)
    }

    /// Adds `inner`, what others left of the table at `path`, to the options.
    pub fn nest(&mut self, path: &[&str], inner: Self) {
        let prefix = path.iter().fold(String::new(), |key, field| join_key(&key, field));
        let within = |key: &String| format!("{prefix}.{key}");
        self.directories.extend(inner.directories.iter().map(|(key, path)| (within(key), path.clone())));
        self.known.extend(inner.known.iter().map(within));
        let table = path.iter().try_fold(&mut self.values, |table, field| {
            let entry = table.entry(*field).or_insert_with(|| Value::Object(Map::new()));
            entry.as_object_mut()
        });
        if let Some(table) = table {
            table.extend(inner.values);
        }
    }

    /// Reads the options with `read`, which takes the fields that it knows; all other keys are unknown.
    ///
    /// # Errors
    /// All problems at once: unknown keys, wrong types, missing values.
    pub fn read<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Result<T, Vec<Problem>> {
        let problems = RefCell::default();
        let mut fields = Fields::new(&self.key, &self.values, &self.directories, &problems);
        fields.known.clone_from(&self.known);
        let result = read(&mut fields);
        fields.finish();
        let problems = problems.into_inner();
        match result {
            Some(result) if problems.is_empty() => Ok(result),
            _ if problems.is_empty() => Err(vec![Problem::new(&self.key, "is not understood")]),
            _ => Err(problems),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("key", &self.key)
            .field("values", &redacted(&self.key, &self.values))
            .field("directories", &self.directories)
            .finish()
    }
}
