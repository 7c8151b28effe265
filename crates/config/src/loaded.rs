//! Loading a configuration.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{Options, Problem, ServiceLayers, Stack, split_key};

use crate::{
    ConfigError, ConfigErrors, Layers, Origin, PluginUse, check, defaults,
    layers::{named_variables, read_definitions},
    merge::{self, Merged},
    placeholders,
};

/// A configuration that was loaded and checked.
pub struct Loaded {
    /// The declared stack.
    pub stack: Stack,
    /// The table `[cloud]`, for the simulated cloud. If the simulated cloud's table has a secret, it names the secret's
    /// source: resolving it is left to the caller that starts the cloud.
    pub cloud: Option<Options>,
    /// True if the environment runs on the simulated cloud, within the process (`cloud.embedded`).
    pub embedded: bool,
    base: Origin,
    pub(crate) merged: Merged,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("stack", &self.stack)
            .field("cloud", &self.cloud)
            .field("embedded", &self.embedded)
            .finish_non_exhaustive()
    }
}

/// The part that plugins have in a configuration.
#[derive(Clone, Copy)]
pub struct Contributions<'a> {
    /// Returns the problems of the options of a plugin that the configuration uses.
    pub judge: &'a dyn Fn(&PluginUse) -> Vec<Problem>,
    /// Returns what a service deployer adds to the layers, by its name.
    pub deployers: &'a dyn Fn(&str) -> ServiceLayers,
    /// The hosts that credential sources imply, by the sources' names.
    pub hosts: &'a BTreeMap<&'static str, &'static str>,
}

impl Default for Contributions<'_> {
    /// That of no plugins.
    fn default() -> Self {
        static NO_HOSTS: BTreeMap<&str, &str> = BTreeMap::new();
        Self { judge: &|_| Vec::new(), deployers: &|_| ServiceLayers::default(), hosts: &NO_HOSTS }
    }
}

/// Loads a configuration, with what plugins contribute. Their problems are reported even where something else is wrong too.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(layers: &Layers, plugins: &Contributions<'_>) -> Result<Loaded, ConfigErrors> {
    let mut errors = Vec::new();
    match assemble(layers, plugins, &mut errors) {
        Some(loaded) if errors.is_empty() => Ok(loaded),
        None if errors.is_empty() => {
            Err(ConfigErrors::new(vec![ConfigError::new(Origin::file(&layers.base()), "is not understood")]))
        }
        _ => Err(ConfigErrors::new(errors)),
    }
}

fn assemble(layers: &Layers, plugins: &Contributions<'_>, errors: &mut Vec<ConfigError>) -> Option<Loaded> {
    let Contributions { judge, deployers, hosts } = *plugins;
    let mut merged = merge::merge(layers.read(deployers, errors)?);
    let mut wrong = Vec::new();
    let definitions = read_definitions(&merged, deployers, &layers.variables, &mut wrong);
    if !wrong.is_empty() {
        errors.extend(wrong);
        return None;
    }
    merged.lay_over(definitions);
    let defaults = defaults::layer(&merged, deployers, hosts);
    merged.complete(defaults, errors)?;
    let base = Origin::file(&layers.base());

    let mut problems = placeholders::fill_in(&mut merged.values, &layers.environment);
    let (declared, found) = check::check(&merged, &layers.environment, judge, hosts);
    problems.extend(found);
    errors.extend(problems.into_iter().map(|problem| merged.locate(problem, &base)));
    Some(Loaded { stack: declared.stack?, cloud: declared.cloud, embedded: declared.embedded, base, merged })
}

impl Loaded {
    /// Returns the origin of the value or table at the dotted `key`. `None` if there is neither.
    #[must_use]
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.merged.origin(key).or_else(|| {
            let path = split_key(key);
            let mut tables = path.iter();
            let first = self.merged.values.get(tables.next()?)?;
            tables.try_fold(first, |table, field| table.get(field)).map(|_| &Origin::Default)
        })
    }

    /// The environment variables that the configuration names as places of secrets (`{ env = "NAME" }`).
    #[must_use]
    pub fn secret_variables(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        named_variables(&self.merged.values, &mut names);
        names.into_iter().map(str::to_owned).collect()
    }

    /// Finds the places of problems that were noticed after loading.
    #[must_use]
    pub fn locate(&self, problems: Vec<Problem>) -> ConfigErrors {
        ConfigErrors::new(
            problems.into_iter().map(|problem| self.merged.locate(problem, &self.base)).collect(),
        )
    }
}
