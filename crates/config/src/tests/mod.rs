//! The crate as its users see it: files, variables and flags in; a stack or errors out.

mod containers;
mod example;
mod layering;
mod load_balancer;
mod places;
mod secrets;
mod wrong;

use std::{cell::RefCell, collections::BTreeMap, fs, path::PathBuf, sync::LazyLock};

use longshore_model::{Fields, Name, Problem, Service};
use tempfile::TempDir;

use crate::{Contributions, Layers, Loaded, PluginUse, load};

/// The hosts that plugins imply.
static HOSTS: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
    [("dockerhub", "docker.io"), ("ghcr", "ghcr.io"), ("gitlab", "registry.gitlab.com")].into()
});

/// The part of plugins that imply hosts and do nothing else.
fn plugins() -> Contributions<'static> {
    Contributions { hosts: &HOSTS, ..Contributions::default() }
}

/// A configuration directory with an environment `local`, and what is laid over it.
struct Configuration {
    directory: TempDir,
    layers: Layers,
}

impl Configuration {
    fn new(base: &str, local: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let layers = Layers {
            directory: directory.path().to_owned(),
            environment: Name::new("local").unwrap(),
            set: Vec::new(),
            variables: Vec::new(),
        };
        Self { directory, layers }.file("base.toml", base).file("local.toml", local)
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    fn environment(mut self, name: &str) -> Self {
        self.layers.environment = Name::new(name).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.layers.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn set(mut self, argument: &str) -> Self {
        self.layers.set.push(argument.to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn load(&self) -> Loaded {
        load(&self.layers, &plugins()).unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// Returns the errors, with the directory as `configs`.
    fn errors(&self) -> String {
        self.errors_with(&|_| Vec::new())
    }

    fn errors_with(&self, judge: &dyn Fn(&PluginUse) -> Vec<Problem>) -> String {
        self.shown(&load(&self.layers, &Contributions { judge, ..plugins() }).unwrap_err())
    }

    fn shown(&self, text: &impl ToString) -> String {
        text.to_string().replace(self.directory.path().to_str().unwrap(), "configs")
    }

    /// Each value with its origin.
    fn listing(&self) -> String {
        let lines = self.load().listing();
        let lines: Vec<_> = lines.iter().map(|entry| format!("{entry}  # {}", entry.origin)).collect();
        self.shown(&lines.join("\n"))
    }

    /// The origin of `key`.
    fn origin(&self, key: &str) -> String {
        self.load().origin(key).map_or_else(|| "none".to_owned(), |origin| self.shown(origin))
    }
}

impl Loaded {
    fn service(&self, name: &str) -> &Service {
        &self.stack.services[&Name::new(name).unwrap()]
    }

    /// The texts in the table `environment` of a service, as its deployer reads them.
    fn environment(&self, service: &str) -> BTreeMap<String, String> {
        let options = &self.service(service).deployer.options;
        let problems = RefCell::default();
        let mut fields = Fields::new(&options.key, &options.values, &options.directories, &problems);
        let texts = fields.table("environment", |fields| {
            let names = fields.names().into_iter();
            Some(names.map(|name| (name.clone(), fields.text(&name).unwrap())).collect())
        });
        texts.unwrap()
    }
}

const API: &str = r#"
stack = "acme"
[registries.ghcr]
use = "ghcr"
username = "acme"
token = { env = "GHCR_TOKEN" }
[services.api]
image = "ghcr.io/acme/api:1.4.2"
memory = 512
"#;
