//! The plugins that there are, by kind and name.

use std::{collections::BTreeMap, sync::Arc};

use longshore_model::{Options, Plugin, Problem, ServiceLayers, closest};

use crate::{
    CredentialSource, Description, Extensions, RoleBuilder, SecretStore, SecretValue, ServiceDeployer,
    StepPlugin,
};

type Build<T> = Box<dyn Fn(&Options, &Extensions) -> Result<Arc<T>, Vec<Problem>> + Send + Sync>;

/// Plugins of one kind.
struct Kind<T: ?Sized> {
    title: &'static str,
    plugins: BTreeMap<&'static str, Registered<T>>,
}

/// A plugin with its description.
struct Registered<T: ?Sized> {
    build: Build<T>,
    description: Description,
}

impl<T: ?Sized> Kind<T> {
    const fn new(title: &'static str) -> Self {
        Self { title, plugins: BTreeMap::new() }
    }

    /// Those that work without options.
    fn without_options(&self, extensions: &Extensions) -> Vec<(&'static str, Arc<T>)> {
        let built = self.plugins.iter().filter_map(|(name, plugin)| {
            let options = Options { key: String::new(), ..Options::default() };
            Some((*name, (plugin.build)(&options, extensions).ok()?))
        });
        built.collect()
    }

    fn build(&self, plugin: &Plugin, extensions: &Extensions) -> Result<Arc<T>, Vec<Problem>> {
        if let Some(registered) = self.plugins.get(plugin.name.as_str()) {
            return (registered.build)(&plugin.options, extensions);
        }
        let names = self.plugins.keys().copied();
        let help = match closest(&plugin.name, names.clone()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are: {}", names.collect::<Vec<_>>().join(", ")),
        };
        let key = format!("{}.use", plugin.options.key);
        Err(vec![Problem::new(key, format!("there is no {} `{}`", self.title, plugin.name)).help(help)])
    }
}

/// The plugins that the configuration can name, by kind. Each plugin crate adds its own with
/// `register(&mut Plugins)`. A plugin is built from its options and from what the host lends; building reads and calls
/// nothing.
pub struct Plugins {
    sources: Kind<dyn CredentialSource>,
    stores: Kind<dyn SecretStore>,
    roles: Kind<dyn RoleBuilder>,
    deployers: Kind<dyn ServiceDeployer>,
    steps: Kind<dyn StepPlugin>,
    secret_values: Option<Build<dyn SecretValue>>,
    service_layers: BTreeMap<&'static str, ServiceLayers>,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            sources: Kind::new("credential source"),
            stores: Kind::new("secret store"),
            roles: Kind::new("role builder"),
            deployers: Kind::new("service deployer"),
            steps: Kind::new("step plugin"),
            secret_values: None,
            service_layers: BTreeMap::new(),
        }
    }
}

macro_rules! kind {
    ($field:ident, $kind:ty, $add:ident, $get:ident, $all:ident, $what:literal) => {
        #[doc = concat!("Adds the ", $what, " `name`, and returns its description, to be filled in.")]

        pub fn $add(
            &mut self,
            name: &'static str,
            build: impl Fn(&Options, &Extensions) -> Result<Arc<$kind>, Vec<Problem>> + Send + Sync + 'static,
        ) -> &mut Description {
            let registered = Registered { build: Box::new(build), description: Description::default() };
            let entry = self.$field.plugins.entry(name).insert_entry(registered);
            &mut entry.into_mut().description
        }

        #[doc = concat!("Builds the ", $what, " that the configuration names.")]
        ///
        /// # Errors
        /// If no plugin has that name (the error lists the names), or if its options are wrong.
        pub fn $get(&self, plugin: &Plugin, extensions: &Extensions) -> Result<Arc<$kind>, Vec<Problem>> {
            self.$field.build(plugin, extensions)
        }

        #[doc = concat!("Each ", $what, " that works without options, with its name.")]
        pub fn $all(&self, extensions: &Extensions) -> Vec<(&'static str, Arc<$kind>)> {
            self.$field.without_options(extensions)
        }
    };
}

impl Plugins {
    kind!(
        sources,
        dyn CredentialSource,
        add_credential_source,
        credential_source,
        credential_sources,
        "credential source"
    );
    kind!(stores, dyn SecretStore, add_secret_store, secret_store, secret_stores, "secret store");
    kind!(roles, dyn RoleBuilder, add_role_builder, role_builder, role_builders, "role builder");
    kind!(
        deployers,
        dyn ServiceDeployer,
        add_service_deployer,
        service_deployer,
        service_deployers,
        "service deployer"
    );
    kind!(steps, dyn StepPlugin, add_step_plugin, step_plugin, step_plugins, "step plugin");

    /// Sets what the deployer `deployer` adds to the layers of a configuration.
    pub fn set_service_layers(&mut self, deployer: &'static str, layers: ServiceLayers) {
        self.service_layers.insert(deployer, layers);
    }

    /// Returns what the deployer `deployer` adds to the layers of a configuration.
    #[must_use]
    pub fn service_layers(&self, deployer: &str) -> ServiceLayers {
        self.service_layers.get(deployer).cloned().unwrap_or_default()
    }

    /// Sets what reads where a secret value is found: the field `value` of a table.
    pub fn set_secret_values(
        &mut self,
        build: impl Fn(&Options, &Extensions) -> Result<Arc<dyn SecretValue>, Vec<Problem>>
        + Send
        + Sync
        + 'static,
    ) {
        self.secret_values = Some(Box::new(build));
    }

    /// The secret value that the field `value` of a table names.
    ///
    /// # Errors
    /// When the table is not understood, or when nothing reads secret values here.
    pub fn secret_value(
        &self,
        options: &Options,
        extensions: &Extensions,
    ) -> Result<Arc<dyn SecretValue>, Vec<Problem>> {
        match &self.secret_values {
            Some(build) => build(options, extensions),
            None => Err(vec![Problem::new(&options.key, "names a secret value, and nothing reads any here")]),
        }
    }

    /// Returns the hosts that credential sources imply, by the sources' names.
    #[must_use]
    pub fn hosts(&self) -> BTreeMap<&'static str, &'static str> {
        let sources = self.sources.plugins.iter();
        sources.filter_map(|(name, source)| Some((*name, source.description.host?))).collect()
    }

    /// Returns all plugins, by the title of their kind, with their names and descriptions.
    #[must_use]
    pub fn described(&self) -> Vec<(&'static str, Vec<(&'static str, &Description)>)> {
        fn row<T: ?Sized>(kind: &Kind<T>) -> (&'static str, Vec<(&'static str, &Description)>) {
            let plugins = kind.plugins.iter();
            (kind.title, plugins.map(|(name, plugin)| (*name, &plugin.description)).collect())
        }
        vec![row(&self.sources), row(&self.stores), row(&self.roles), row(&self.deployers), row(&self.steps)]
    }

    /// Returns the names of all plugins, by the title of their kind.
    #[must_use]
    pub fn names(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let kinds = self.described().into_iter();
        kinds.map(|(kind, plugins)| (kind, plugins.into_iter().map(|(name, _)| name).collect())).collect()
    }
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.names()).finish()
    }
}
