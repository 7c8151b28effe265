//! The short words of a container, and how the containers of a task fit together.

use std::collections::BTreeMap;

use longshore_model::{Fields, Name, Text};

use super::{ImageUpdates, TaskSize};

/// The words of a container that can stand on the service itself, which then has this one container.
const KEYS: [&str; 5] = ["command", "cpu", "environment", "memory", "ports"];

/// The short words of a container, as far as this deployer reads them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ContainerWords {
    pub(super) cpu: Option<u32>,
    pub(super) memory: Option<u32>,
    pub(super) ports: BTreeMap<Name, u16>,
    pub(super) environment: BTreeMap<String, Text>,
    pub(super) command: Option<Vec<String>>,
    pub(super) image_updates: Option<ImageUpdates>,
    pub(super) essential: Option<bool>,
}

/// Reads `image-updates` and `pin`, of a service or of one of its containers.
pub(super) fn image_updates(fields: &mut Fields<'_>) -> Option<ImageUpdates> {
    let values = [("redeploy", ImageUpdates::Redeploy), ("ignore", ImageUpdates::Ignore)];
    let updates = fields.choice("image-updates", &values);
    match (fields.flag("pin"), updates) {
        (Some(true), Some(ImageUpdates::Ignore)) => {
            let help = "remove one of both: a pinned image follows its tag with the next deploy";
            fields.problem("pin", "is true, but `image-updates` is \"ignore\"", help);
            None
        }
        (Some(true), _) => Some(ImageUpdates::Pin),
        (Some(false), None) => Some(ImageUpdates::Redeploy),
        (_, updates) => updates,
    }
}

/// Reads the words that a container and a service of one container share.
pub(super) fn read(fields: &mut Fields<'_>) -> ContainerWords {
    ContainerWords {
        cpu: fields.number("cpu", 1..=u32::MAX),
        // ECS API reference, `ContainerDefinition`: Docker reserves no less than 6 MiB.
        memory: fields.number("memory", 6..=u32::MAX),
        ports: fields.table("ports", |fields| Some(ports(fields))).unwrap_or_default(),
        environment: fields.table("environment", |fields| Some(environment(fields))).unwrap_or_default(),
        command: fields.texts("command"),
        ..ContainerWords::default()
    }
}

/// Reads the words of a container from a table of its own.
pub(super) fn read_in_table(fields: &mut Fields<'_>) -> ContainerWords {
    let essential = fields.flag("essential");
    let image_updates = image_updates(fields);
    ContainerWords { essential, image_updates, ..read(fields) }
}

/// Notes the words of a container that stand beside `containers`.
pub(super) fn beside_containers(fields: &mut Fields<'_>) {
    for field in KEYS {
        fields.skip(field);
        if fields.has(field) {
            let to = format!("{}.NAME.{field}", fields.key_of("containers"));
            let help = format!("move it to {to}, or remove `containers`");
            fields.problem(field, "stands beside `containers`", help);
        }
    }
}

fn ports(fields: &mut Fields<'_>) -> BTreeMap<Name, u16> {
    let mut ports = BTreeMap::new();
    for field in fields.names() {
        // ECS API reference, `PortMapping`.
        if field.bytes().any(|byte| byte.is_ascii_uppercase()) {
            fields.skip(&field);
            fields.problem(&field, "is not a port's name", "must have lower-case letters only");
            continue;
        }
        let Some(name) = fields.name_of(&field) else { continue };
        if let Some(port) = fields.number(&field, 1..=65535).and_then(|port| u16::try_from(port).ok()) {
            ports.insert(name, port);
        }
    }
    ports
}

fn environment(fields: &mut Fields<'_>) -> BTreeMap<String, Text> {
    let mut environment = BTreeMap::new();
    for field in fields.names() {
        if field.is_empty() || field.contains(['=', '\0']) {
            fields.skip(&field);
            fields.problem(
                &field,
                "is not the name of an environment variable",
                "must not be empty nor have a `=`",
            );
        } else if let Some(text) = fields.text_or_reference(&field) {
            environment.insert(field, text);
        }
    }
    environment
}

/// The words of a container, and the path of its table from the service's.
pub(super) type Table<'a> = (Vec<&'a str>, &'a ContainerWords);

/// The containers of a service with their tables: all of `containers`, or else the single one.
pub(super) fn tables<'a>(
    single: &'a ContainerWords,
    containers: &'a BTreeMap<String, ContainerWords>,
) -> Vec<Table<'a>> {
    if containers.is_empty() {
        return vec![(Vec::new(), single)];
    }
    containers.iter().map(|(name, words)| (vec!["containers", name.as_str()], words)).collect()
}

/// Notes the ports on which two containers listen: those of a task share one network.
pub(super) fn check_ports(containers: &[Table<'_>], fields: &Fields<'_>) {
    let mut owners: BTreeMap<u16, String> = BTreeMap::new();
    for (table, words) in containers {
        for (name, port) in &words.ports {
            let path = [&table[..], &["ports", name.as_str()]].concat();
            match owners.get(port) {
                Some(owner) => {
                    let help = "the containers of a task share one network: choose another port";
                    fields.problem_below(&path, format!("port {port} is taken by `{owner}`"), help);
                }
                None => drop(owners.insert(*port, path.join("."))),
            }
        }
    }
}

/// Notes what the containers reserve beyond the `size` of the task.
pub(super) fn check_size(size: TaskSize, containers: &[Table<'_>], fields: &Fields<'_>) {
    check_amount(("memory", size.memory, " MiB"), containers, fields, |words| words.memory);
    check_amount(("cpu", size.cpu, " CPU units"), containers, fields, |words| words.cpu);
}

fn check_amount(
    (field, limit, unit): (&str, u32, &str),
    containers: &[Table<'_>],
    fields: &Fields<'_>,
    reserved: impl Fn(&ContainerWords) -> Option<u32>,
) {
    let mut sum = 0_u64;
    let mut fits = true;
    for (table, words) in containers {
        let amount = reserved(words).unwrap_or(0);
        sum += u64::from(amount);
        if amount > limit {
            fits = false;
            let message = format!("{amount}{unit} do not fit into the task, which has {limit}");
            let path = [&table[..], &[field]].concat();
            fields.problem_below(&path, message, format!("lower it, or raise size.{field}"));
        }
    }
    if fits && sum > u64::from(limit) {
        let message = format!("is {limit}, but the containers together reserve {sum}{unit}");
        fields.problem_below(&["size", field], message, format!("raise it to at least {sum}"));
    }
}
