//! From the merged table to a checked stack.

mod adopt;
mod aws;
mod container;
mod registry;
mod role;
mod secret;
mod service;
mod step;
mod store;
mod tags;
mod text;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use longshore_model::{Fields, NAME, Name, Options, Plugin, Problem, Service, Stack, closest};

use crate::merge::Merged;

/// The keys of the outermost table.
pub(crate) const TOP_LEVEL: [&str; 11] = [
    "adopt",
    "aws",
    "cloud",
    "cluster",
    "registries",
    "service-name",
    "services",
    "stack",
    "steps",
    "stores",
    "tags",
];

/// The kinds of plugins that a configuration uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PluginKind {
    /// The source of a registry's credential.
    CredentialSource,
    /// The store of credentials.
    SecretStore,
    /// The source of the value of a container's environment variable: the table has a field `value`, and names no
    /// plugin.
    SecretValue,
    /// The builder of an execution role.
    RoleBuilder,
    /// The deployer of a service.
    ServiceDeployer,
    /// A maker of steps that are added to the graph.
    Step,
    /// The simulated cloud: the table `[cloud]`, which names no plugin. Its only use is to be judged with the others.
    SimulatedCloud,
}

/// A plugin that a configuration uses.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginUse {
    /// Its kind.
    pub kind: PluginKind,
    /// Its name and options.
    pub plugin: Plugin,
}

/// A configuration's declarations, as far as they could be read.
pub(crate) struct Declared {
    pub(crate) stack: Option<Stack>,
    pub(crate) cloud: Option<Options>,
    pub(crate) embedded: bool,
}

/// Finds what is wrong with the options of a plugin.
pub(crate) type Judge<'a> = &'a dyn Fn(&PluginUse) -> Vec<Problem>;

/// Has the plugins judged that are used, while the configuration is read.
struct Plugins<'a> {
    judge: Judge<'a>,
    /// The hosts that credential sources imply, by the sources' names.
    hosts: &'a BTreeMap<&'static str, &'static str>,
    problems: RefCell<Vec<Problem>>,
}

impl Plugins<'_> {
    /// Reads the plugin's name, `use`. Called before all other fields, so that errors list it first.
    fn name(fields: &mut Fields<'_>, example: &str) -> Option<String> {
        fields.required_text("use", &format!("\"{example}\""))
    }

    /// Everything in `fields` that was not read is an option of the plugin `name`.
    fn options(&self, kind: PluginKind, name: Option<String>, fields: &mut Fields<'_>) -> Option<Plugin> {
        self.used(kind, name, fields.rest())
    }

    /// Has the use of the plugin `name` with `options` judged.
    fn used(&self, kind: PluginKind, name: Option<String>, options: Options) -> Option<Plugin> {
        let used = PluginUse { kind, plugin: Plugin { name: name?, options } };
        self.problems.borrow_mut().extend((self.judge)(&used));
        Some(used.plugin)
    }
}

/// Reads `merged`, and says everything that is wrong with it, what `judge` finds last.
pub(crate) fn check(
    merged: &Merged,
    environment: &Name,
    judge: Judge<'_>,
    hosts: &BTreeMap<&'static str, &'static str>,
) -> (Declared, Vec<Problem>) {
    let problems = RefCell::default();
    let plugins = Plugins { judge, hosts, problems: RefCell::default() };
    let mut fields = Fields::new("", &merged.values, &merged.directories, &problems);

    let name = fields
        .required_text("stack", "\"my-stack\"")
        .and_then(|_| fields.accepted("stack", |text| Name::new(text).is_ok(), NAME))
        .and_then(|name| Name::new(name).ok());
    // Each service has a copy, which is checked there.
    for field in ["cluster", "service-name"] {
        fields.text(field);
    }
    let adopt = fields.table("adopt", |fields| Some(adopt::read(fields)));
    let tags = fields.table("tags", |fields| Some(tags::read(fields)));
    let aws = fields.table("aws", |fields| Some(aws::read(fields))).unwrap_or_default();
    let stores = named(&mut fields, "stores", |_, fields| store::read(fields, &plugins));
    let registries = registry::read_all(&mut fields, &stores, &plugins);
    let mut services = named(&mut fields, "services", |name, fields| {
        service::read(name, fields, &registries, &stores, &plugins, &aws)
    });
    for service in services.read.values_mut() {
        let options = &mut service.deployer.options;
        merged.remove_defaults(&options.key, &mut options.taken);
        options.defaults = merged.defaults_in(&options.key, &options.values);
    }
    check_names(&services.read, &fields);
    let steps = named(&mut fields, "steps", |_, fields| step::read(fields, &plugins));
    let mut embedded = false;
    let cloud = fields.table("cloud", |fields| {
        embedded = fields.flag("embedded").unwrap_or(false);
        let plugin = plugins.options(PluginKind::SimulatedCloud, Some("cloud".to_owned()), fields)?;
        Some(plugin.options)
    });
    fields.done();

    let stack = name.map(|name| Stack {
        name,
        environment: environment.clone(),
        aws,
        tags: tags.unwrap_or_default(),
        adopt: adopt.unwrap_or_default(),
        registries: registries.declared.read,
        stores: stores.read,
        services: services.read,
        steps: steps.read,
    });
    let mut problems = problems.into_inner();
    problems.extend(plugins.problems.into_inner());
    (Declared { stack, cloud, embedded }, problems)
}

/// Two services of a cluster cannot share a name.
fn check_names(services: &BTreeMap<Name, Service>, fields: &Fields<'_>) {
    let mut names = BTreeMap::new();
    for (key, service) in services {
        let place = (service.cluster.as_str(), service.name.as_str());
        if let Some(first) = names.insert(place, key) {
            fields.problem_below(
                &["services", key.as_str(), "service-name"],
                format!(
                    "`{}` is the name of `services.{first}` and of `services.{key}` in the cluster `{}`",
                    service.name, service.cluster
                ),
                "give each a name of its own: `{service}` stands for the key",
            );
        }
    }
}

/// A table of things that are named by people.
struct Named<T> {
    /// Those that could be read.
    read: BTreeMap<Name, T>,
    /// All names that are declared, so that a reference to a thing that is wrong is not wrong itself.
    names: BTreeSet<String>,
    /// True if `names` are all: false if the table or a name in it is invalid.
    complete: bool,
}

impl<T> Named<T> {
    /// The name in `field`, which refers to one of the things, each a `what`.
    fn reference(&self, fields: &mut Fields<'_>, field: &str, what: &str) -> Option<Name> {
        let text = fields.text(field)?;
        if self.complete && !self.names.contains(&text) {
            let names = self.names.iter().map(String::as_str);
            let meant = closest(&text, names.clone()).map(|meant| format!("did you mean `{meant}`? "));
            let help = format!("{}there are: {}", meant.unwrap_or_default(), text::listed(names));
            fields.problem(field, format!("refers to the {what} `{text}`, which is not declared"), help);
            return None;
        }
        Name::new(text).ok()
    }
}

/// Reads each table in the table `field`.
fn named<'a, T>(
    fields: &mut Fields<'a>,
    field: &str,
    mut read: impl FnMut(&Name, &mut Fields<'a>) -> Option<T>,
) -> Named<T> {
    let complete = fields.peek(field).is_none_or(serde_json::Value::is_object);
    let mut result = Named { read: BTreeMap::new(), names: BTreeSet::new(), complete };
    fields.table(field, |fields| {
        for text in fields.names() {
            result.complete &= Name::new(text.as_str()).is_ok();
            if let Some(name) = fields.name_of(&text) {
                if let Some(thing) = fields.table(&text, |fields| read(&name, fields)) {
                    result.read.insert(name, thing);
                }
                result.names.insert(text);
            }
        }
        Some(())
    });
    result
}
