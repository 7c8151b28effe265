//! The layers of a configuration, each read by itself.

mod definitions;
mod document;
mod files;
mod layer;
mod positions;
mod set;
mod template;
mod value;
mod variables;

use std::path::PathBuf;

use longshore_model::Name;

pub(crate) use definitions::{Deployers, read as read_definitions};
pub use files::environments;
pub(crate) use layer::{Layer, remove_below};
pub use variables::OWN_VARIABLES;
pub(crate) use variables::named_variables;

use crate::{ConfigError, merge};

/// The sources of a configuration.
#[derive(Clone)]
pub struct Layers {
    /// The directory with `base.toml` and a file for each environment (`--config-dir`).
    pub directory: PathBuf,
    /// The environment whose file is laid over `base.toml` (`--env`).
    pub environment: Name,
    /// The values of `--set`, each a `key=value`, the last with the highest rank.
    pub set: Vec<String>,
    /// The environment variables of the process; those that begin with `LONGSHORE_` matter.
    pub variables: Vec<(String, String)>,
}

// Variables and flags may hold secrets: only their number is shown.
impl std::fmt::Debug for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layers")
            .field("directory", &self.directory)
            .field("environment", &self.environment)
            .field("set", &self.set.len())
            .field("variables", &self.variables.len())
            .finish()
    }
}

impl Layers {
    /// The file that all environments share.
    pub(crate) fn base(&self) -> PathBuf {
        self.directory.join("base.toml")
    }

    /// Reads all layers above the definition files, the lowest first. If a file cannot be read, the keys cannot be
    /// checked, and the result is `None`.
    pub(crate) fn read(
        &self,
        deployers: &Deployers<'_>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Vec<Layer>> {
        let set = set::read(&self.set, errors);
        let mut layers = files::read(&self.directory, &self.environment, errors)?;
        let variables = variables::of_keys(&self.variables);
        if !variables.is_empty() {
            let mut below = merge::merge(layers.clone());
            // Only their names matter here; their faults are reported once all layers are read.
            let definitions = read_definitions(&below, deployers, &self.variables, &mut Vec::new());
            below.lay_over(definitions);
            layers.push(variables::read(variables, &below.values, &set, errors));
        }
        layers.push(set);
        Some(layers)
    }
}
