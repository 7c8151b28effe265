//! The short words of a service.

use std::collections::BTreeMap;

use longshore_model::{Architecture, Arn, Fields, Inputs, Options, Text, consists_of};

use super::{
    Deployment, ImageUpdates, LaunchType, Logs, Network, TaskSize,
    container::{self, ContainerWords},
    load_balancer::Target,
    rollout,
};

/// The short words of a service, as far as this deployer reads them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Words {
    pub(super) desired_count: Option<u32>,
    pub(super) launch_type: LaunchType,
    pub(super) architecture: Architecture,
    pub(super) size: Option<TaskSize>,
    /// Those of the only container, in the table of the service.
    pub(super) container: ContainerWords,
    /// Those of containers, by their names.
    pub(super) containers: BTreeMap<String, ContainerWords>,
    pub(super) image_updates: Option<ImageUpdates>,
    pub(super) network: Network,
    pub(super) task_role: Option<Text>,
    pub(super) execute_command: bool,
    pub(super) logs: Option<Logs>,
    pub(super) deployment: Deployment,
    pub(super) load_balancer: Target,
}

/// Reads the short words of a service whose core words are in `taken` of `options`. Each table of a container is then read on by
/// `rest_of`, with the container's name.
pub(crate) fn read<'a>(
    options: &Options,
    fields: &mut Fields<'a>,
    mut rest_of: impl FnMut(&str, &mut Fields<'a>),
) -> Option<Words> {
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
    let mut containers = BTreeMap::new();
    let mut single = ContainerWords::default();
    if fields.has("containers") || options.taken.contains_key("containers") {
        container::beside_containers(fields);
        fields.table("containers", |fields| {
            for name in fields.names() {
                let read = fields.table(&name, |fields| {
                    let words = container::read_in_table(fields);
                    rest_of(&name, fields);
                    Some(words)
                });
                containers.insert(name, read.unwrap_or_default());
            }
            Some(())
        });
    } else {
        fields.skip("containers");
        single = container::read(fields);
    }
    let tables = container::tables(&single, &containers);
    let aws = |pointer: &str| fields.peek("aws")?.pointer(pointer)?.as_str();
    let is_daemon = aws("/service/schedulingStrategy") == Some("DAEMON");
    // In others, each container has a network of its own.
    if aws("/task-definition/networkMode").is_none_or(|mode| ["awsvpc", "host"].contains(&mode)) {
        container::check_ports(&tables, fields);
    }
    if let Some(size) = size {
        container::check_size(size, &tables, fields);
    }
    let network = fields.table("network", |fields| Some(network(fields)));
    let task_role = task_role(fields);
    let execute_command = fields.flag("execute-command").unwrap_or_default();
    if execute_command && !fields.has("task-role") {
        fields.problem(
            "execute-command",
            "needs a `task-role`",
            "ECS's agent has its permission to open the session from there: name a role that allows it",
        );
    }
    let logs = rollout::logs(fields);
    let deployment = fields.table("deployment", |fields| {
        let deployment = rollout::read(fields);
        // Those of daemons have other bounds.
        if !is_daemon {
            rollout::check_room(fields, &deployment, desired_count);
        }
        Some(deployment)
    });
    let load_balancer = fields.table("load-balancer", |fields| Some(Target::read(fields)));
    Some(Words {
        desired_count,
        launch_type: launch_type.unwrap_or_default(),
        architecture: architecture.unwrap_or_default(),
        size,
        container: single,
        containers,
        image_updates,
        network: network.unwrap_or_default(),
        task_role,
        execute_command,
        logs,
        deployment: deployment.unwrap_or_default(),
        load_balancer: load_balancer.unwrap_or_default(),
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

fn network(fields: &mut Fields<'_>) -> Network {
    Network {
        subnets: ids(fields, "subnets", "subnet-"),
        security_groups: ids(fields, "security-groups", "sg-"),
        assign_public_ip: fields.flag("assign-public-ip"),
    }
}

/// Ids of EC2, which begin with their kind, or references.
fn ids(fields: &mut Fields<'_>, field: &str, prefix: &str) -> Vec<Text> {
    let ids = fields.texts_or_references(field).unwrap_or_default();
    let known = Inputs::default();
    let literals = ids.iter().filter(|id| id.reference().is_none()).map(|id| id.shown(&known));
    for id in literals.filter(|id| !id.starts_with(prefix)) {
        fields.problem(
            field,
            format!("found the text \"{id}\""),
            format!("must be ids that begin with {prefix}"),
        );
    }
    ids
}

/// A role's ARN, its name, or a reference.
fn task_role(fields: &mut Fields<'_>) -> Option<Text> {
    let role = fields.text_or_reference("task-role")?;
    match &role {
        Text::Literal(text) if !is_role(text) => {
            let wanted = "a role's ARN, such as \"arn:aws:iam::123456789012:role/api\", or its name";
            fields.refuse("task-role", wanted);
            None
        }
        _ => Some(role),
    }
}

/// Returns true if `text` is the ARN of a role, or the name of one without a path (IAM API reference, `CreateRole`).
fn is_role(text: &str) -> bool {
    let is_role = |arn: Arn| arn.service() == "iam" && arn.resource().starts_with("role/");
    if text.starts_with("arn:") {
        return text.parse().is_ok_and(is_role);
    }
    consists_of(text, "+=,.@-_", 64)
}
