//! `[services.NAME]`

use std::collections::BTreeMap;

use longshore_model::{
    Architecture, AwsTarget, Container, Fields, ImageUpdates, LaunchType, Name, Options, Platform, Service,
    Store, TaskSize,
};

use super::{
    Named, PluginKind, Plugins,
    container::{self, Around},
    deployment, fit, load_balancer, network,
    registry::Registries,
    role,
    text::{accepted, consists_of},
};

/// Reads a service.
pub(super) fn read(
    name: &Name,
    fields: &mut Fields<'_>,
    registries: &Registries,
    stores: &Named<Store>,
    plugins: &Plugins<'_>,
    aws: &AwsTarget,
) -> Option<Service> {
    let around = Around { registries, stores, plugins, aws };
    let deployer = Plugins::name(fields, "ecs");
    // ECS API reference, `CreateCluster`.
    let cluster = accepted(
        fields,
        "cluster",
        |text| consists_of(text, "-_", 255),
        "at most 255 letters, digits, - and _",
    );
    // ECS API reference, `CreateService`.
    let service_name = accepted(
        fields,
        "service-name",
        |text| consists_of(text, "-_", 255),
        "at most 255 letters, digits, - and _",
    );
    let desired_count = fields.number("desired-count", 0..=100_000);
    let launch_type =
        fields.choice("launch-type", &[("fargate", LaunchType::Fargate), ("ec2", LaunchType::Ec2)]);
    let architecture = fields.choice(
        "architecture",
        &[
            ("amd64", Architecture::Amd64),
            ("arm64", Architecture::Arm64),
            ("x86_64", Architecture::Amd64),
            ("aarch64", Architecture::Arm64),
        ],
    );
    let size = fields.table("size", size);
    let image_updates = container::image_updates(fields);
    let mut left = Vec::new();
    let containers = containers(name, fields, &around, image_updates.unwrap_or_default(), &mut left);
    fit::check_ports(&containers, fields);
    if let Some(size) = size {
        fit::check_size(size, &containers, fields);
    }
    let network = fields.table("network", |fields| Some(network::read(fields)));
    let execution_role = fields.table("execution-role", |fields| role::read(fields, plugins));
    let task_role = accepted(
        fields,
        "task-role",
        role::is_role,
        "a role's ARN, such as \"arn:aws:iam::123456789012:role/api\"",
    );
    let execute_command = fields.flag("execute-command");
    if execute_command == Some(true) && !fields.has("task-role") {
        fields.problem(
            "execute-command",
            "needs a `task-role`",
            "ECS's agent has its permission to open the session from there: name a role that allows it",
        );
    }
    let logs = deployment::logs(fields);
    let deployment = fields.table("deployment", |fields| deployment::read(fields, desired_count));
    let load_balancer = fields.table("load-balancer", |fields| {
        let ports =
            containers.iter().map(|(name, declared)| (name.clone(), declared.container.ports.clone()));
        load_balancer::read(fields, &ports.collect(), plugins)
    });
    let tags = fields.table("tags", |fields| Some(super::tags::read(fields)));
    let after = super::step::after(fields);
    let protect = fields.flag("protect").unwrap_or_default();
    let mut options = fields.rest();
    for (container, left) in left {
        options.nest(&["containers", &container], left);
    }
    let deployer = plugins.used(PluginKind::ServiceDeployer, deployer, options);
    Some(Service {
        deployer: deployer?,
        cluster: cluster?,
        name: service_name?,
        desired_count,
        launch_type: launch_type?,
        platform: Platform::linux(architecture?),
        size,
        containers: containers.into_iter().map(|(name, declared)| (name, declared.container)).collect(),
        network: network.unwrap_or_default(),
        execution_role: execution_role?,
        task_role,
        execute_command: execute_command?,
        logs,
        deployment: deployment?,
        load_balancer,
        after,
        tags: tags.unwrap_or_default(),
        protect,
    })
}

fn size(fields: &mut Fields<'_>) -> Option<TaskSize> {
    for field in ["cpu", "memory"] {
        if !fields.has(field) {
            fields.problem(
                field,
                "is missing",
                "a task's size has both: size = { cpu = 256, memory = 1024 }",
            );
        }
    }
    let cpu = fields.number("cpu", 1..=u32::MAX);
    let memory = fields.number("memory", 1..=u32::MAX);
    Some(TaskSize { cpu: cpu?, memory: memory? })
}

/// A container, and the table that declares it, from the service's.
pub(super) struct Declared {
    table: Vec<String>,
    pub(super) container: Container,
}

impl Declared {
    /// The path of `fields` in the container's table, from the service's.
    pub(super) fn path<'a>(&'a self, fields: &[&'a str]) -> Vec<&'a str> {
        self.table.iter().map(String::as_str).chain(fields.iter().copied()).collect()
    }
}

/// The containers of `containers`, or the one that the service itself declares. Adds to `left` what is left of their tables
/// for the deployer.
fn containers(
    service: &Name,
    fields: &mut Fields<'_>,
    around: &Around<'_>,
    image_updates: ImageUpdates,
    left: &mut Vec<(String, Options)>,
) -> BTreeMap<Name, Declared> {
    let mut containers = BTreeMap::new();
    if !fields.has("containers") {
        fields.skip("containers");
        let container = container::read(fields, around, image_updates);
        containers
            .extend(container.map(|container| (service.clone(), Declared { table: Vec::new(), container })));
        return containers;
    }
    for field in container::KEYS {
        fields.skip(field);
        if fields.has(field) {
            let to = format!("{}.NAME.{field}", fields.key_of("containers"));
            fields.problem(
                field,
                "stands beside `containers`",
                format!("move it to {to}, or remove `containers`"),
            );
        }
    }
    let declared = super::named(fields, "containers", |name, fields| {
        let essential = fields.flag("essential");
        let image_updates = container::image_updates(fields).unwrap_or(image_updates);
        let container = container::read(fields, around, image_updates);
        let rest = fields.rest();
        if !rest.values.is_empty() {
            left.push((name.to_string(), rest));
        }
        let mut container = container?;
        container.essential = essential?;
        Some(Declared { table: vec!["containers".to_owned(), name.to_string()], container })
    });
    if declared.complete && declared.names.is_empty() {
        fields.problem(
            "containers",
            "declares no container",
            "add one, such as containers.api.image = \"…\"",
        );
    }
    let all_read = declared.names.len() == declared.read.len();
    if all_read
        && !declared.read.is_empty()
        && !declared.read.values().any(|declared| declared.container.essential)
    {
        let help = "set essential = true for the container whose end is the task's end";
        fields.problem("containers", "has no essential container", help);
    }
    declared.read
}
