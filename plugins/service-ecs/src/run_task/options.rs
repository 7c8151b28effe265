//! The options of a step that runs a task.

use std::{collections::BTreeMap, time::Duration};

use longshore_model::{Fields, Inputs, Name, Options as Declared, Problem, Text};
use sha2::{Digest as _, Sha256};

/// The time that a task has, if the configuration gives none.
const TIMEOUT: Duration = Duration::from_secs(1800);

/// The occasions on which a task runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The revision of the task definition, the command or the environment differs from those of the last success.
    #[default]
    Change,
    /// Every deploy.
    Always,
}

/// The options.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Options {
    /// The service whose task definition, cluster and network the task has.
    pub(super) service: Name,
    /// The container that is overridden, and whose exit code counts.
    pub(super) container: Option<Name>,
    /// The command, in place of the container's.
    pub(super) command: Option<Vec<String>>,
    /// Environment variables, besides the container's.
    pub(super) environment: BTreeMap<String, Text>,
    pub(super) occasion: Occasion,
    pub(super) timeout: Duration,
}

impl Options {
    pub(super) fn read(options: &Declared) -> Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let service = fields.required_text("service", "\"api\"");
            let container = fields.parsed::<Name>("container", "the name of one of the service's containers");
            let command = fields.texts("command");
            let environment = fields.table("environment", |fields| Some(environment(fields)));
            let occasions = [("on-change", Occasion::Change), ("always", Occasion::Always)];
            let occasion = fields.choice("run", &occasions).unwrap_or_default();
            let timeout = fields.time("timeout").unwrap_or(TIMEOUT);
            let service = Name::new(service?).ok().or_else(|| {
                fields.refuse("service", "the name of a service");
                None
            });
            let environment = environment.unwrap_or_default();
            Some(Self { service: service?, container, command, environment, occasion, timeout })
        })
    }

    /// A digest of the overrides: 16 hexadecimal digits. `None` while a value is not known.
    pub(super) fn digest(&self, inputs: &Inputs) -> Option<String> {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update(text.len().to_be_bytes());
            hash.update(text.as_bytes());
        };
        for argument in self.command.iter().flatten() {
            add(argument);
        }
        for (name, text) in &self.environment {
            add(name);
            add(text.value(inputs)?);
        }
        Some(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }
}

fn environment(fields: &mut Fields<'_>) -> BTreeMap<String, Text> {
    let names = fields.names();
    names.into_iter().filter_map(|name| Some((name.clone(), fields.text_or_reference(&name)?))).collect()
}
