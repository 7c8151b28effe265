//! The files that declare services in the formats of their deployers.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use longshore_model::{DefinitionFile, FromFile, Problem, ServiceLayers, join_key};
use serde_json::{Map, Value};

use super::{
    Layer,
    document::Lines,
    positions,
    template::{self, Lookup},
    variables::named_variables,
};
use crate::{ConfigError, Origin, defaults::deployer_of, merge::Merged};

/// The layers that deployers add, by their names.
pub(crate) type Deployers<'a> = dyn Fn(&str) -> ServiceLayers + 'a;

/// The largest file that is read, in bytes. ECS takes a task definition of 64 KiB.
const LARGEST: usize = 1 << 20;

/// Reads the files that the services in `merged` name, as a layer below all others.
pub(crate) fn read(
    merged: &Merged,
    deployers: &Deployers<'_>,
    variables: &[(String, String)],
    errors: &mut Vec<ConfigError>,
) -> Layer {
    let mut layer = Layer::default();
    let mut secrets = None;
    let services = merged.values.get("services").and_then(Value::as_object);
    for (name, service) in services.into_iter().flatten() {
        let Some(service) = service.as_object() else { continue };
        for file in deployers(deployer_of(service)).definition_files {
            let Some(path) = service.get(file.key).and_then(Value::as_str) else { continue };
            let table = ["services".to_owned(), name.clone()];
            let key = join_key(&join_key("services", name), file.key);
            let path = merged
                .directories
                .get(&key)
                .map_or_else(|| PathBuf::from(path), |directory| directory.join(path));
            let text = text_of(&path).map_err(|error| {
                let origin = merged.origin(&key).cloned().unwrap_or(Origin::Default);
                let message = format!("{} cannot be read: {error}", path.display());
                vec![ConfigError { key: Some(key.clone()), ..ConfigError::new(origin, message) }]
            });
            let document = text.and_then(|text| {
                let secrets = secrets.get_or_insert_with(|| secrets_in(&merged.values));
                Document::parse(&path, &text, &lookup(secrets, variables))
            });
            match document.and_then(|document| Ok((document.declared(file)?, document))) {
                Ok((declared, document)) => {
                    declared.into_iter().for_each(|value| document.place(value, &table, &mut layer))
                }
                Err(found) => errors.extend(found),
            }
        }
    }
    layer
}

fn text_of(path: &Path) -> io::Result<String> {
    let text = longshore_files::read_text(path, LARGEST)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The variables that are named as the places of secrets.
fn secrets_in(values: &Map<String, Value>) -> BTreeSet<&str> {
    let mut secrets = BTreeSet::new();
    named_variables(values, &mut secrets);
    secrets
}

fn lookup(secrets: &BTreeSet<&str>, variables: &[(String, String)]) -> impl Fn(&str) -> Lookup {
    move |name| {
        let value =
            || variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.clone());
        if secrets.contains(name) { Lookup::Secret } else { value().map_or(Lookup::Unset, Lookup::Value) }
    }
}

struct Document {
    path: Arc<Path>,
    value: Value,
    /// The lines of its values, by their pointers.
    lines: BTreeMap<String, usize>,
}

impl Document {
    fn parse(path: &Path, text: &str, lookup: &dyn Fn(&str) -> Lookup) -> Result<Self, Vec<ConfigError>> {
        let at = |line| Origin::File { path: path.into(), line: Some(line) };
        let text = template::fill_in(text, lookup).map_err(|faults| {
            let lines = Lines::of(text);
            let error = |fault: template::Fault| {
                let (line, column) = lines.position(fault.offset);
                let message = format!("the template {}", fault.message);
                ConfigError { column: Some(column), ..ConfigError::new(at(line), message).help(fault.help) }
            };
            faults.into_iter().map(error).collect::<Vec<_>>()
        })?;
        let value = serde_json::from_str(&text).map_err(|error| {
            // The position stands in front.
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            let column = Some(error.column());
            vec![ConfigError {
                column,
                ..ConfigError::new(at(error.line()), format!("not valid JSON: {message}"))
            }]
        })?;
        Ok(Self { path: path.into(), value, lines: positions::lines(&text) })
    }

    fn origin(&self, pointer: &str) -> Origin {
        let line = pointer.match_indices('/').map(|(at, _)| &pointer[..at]).chain([pointer]);
        let line = line.filter_map(|pointer| self.lines.get(pointer)).next_back();
        Origin::File { path: self.path.clone(), line: line.copied() }
    }

    fn declared(&self, file: DefinitionFile) -> Result<Vec<FromFile>, Vec<ConfigError>> {
        (file.read)(&self.value).map_err(|problems| {
            let error = |problem: Problem| {
                let parts = problem.key.split('/').skip(1);
                let key = parts.fold(String::new(), |key, part| {
                    join_key(&key, &part.replace("~1", "/").replace("~0", "~"))
                });
                let key = (!key.is_empty()).then_some(key);
                let origin = self.origin(&problem.key);
                ConfigError { origin, column: None, key, message: problem.message, help: problem.help }
            };
            problems.into_iter().map(error).collect()
        })
    }

    /// Adds a value of the service at `table` to `layer`, with the line of each value in it.
    fn place(&self, value: FromFile, table: &[String], layer: &mut Layer) {
        let path = [table, &value.key].concat();
        let key = path.iter().fold(String::new(), |key, part| join_key(&key, part));
        layer.insert(&path, value.value.clone(), &self.origin(&value.pointer));
        self.note(&value.value, &key, &value.pointer, layer);
    }

    fn note(&self, value: &Value, key: &str, pointer: &str, layer: &mut Layer) {
        for (field, value) in value.as_object().into_iter().flatten() {
            let pointer = format!("{pointer}/{}", field.replace('~', "~0").replace('/', "~1"));
            let key = join_key(key, field);
            if self.lines.contains_key(&pointer) {
                layer.origins.insert(key.clone(), self.origin(&pointer));
            }
            self.note(value, &key, &pointer, layer);
        }
    }
}
