//! Finds the parts of a declaration that ECS would refuse, before any call.

use longshore_model::{Name, Problem};

use crate::{
    aws_fields::AwsFields,
    declaration::{Container, LaunchType, Service, TaskSize},
    size::{self, NoSize},
};

/// The size of the service's tasks; nothing where container instances need none.
///
/// # Errors
/// Everything that cannot work; keys begin with `services.NAME`.
pub(crate) fn check(
    name: &Name,
    service: &Service,
    fields: &AwsFields,
) -> Result<Option<TaskSize>, Vec<Problem>> {
    let key = |field: &str| format!("services.{name}.{field}");
    let mut problems = Vec::new();
    let size = task_size(service, fields).unwrap_or_else(|none| {
        // If no size is given, the containers ask for too much.
        let field = if service.size.is_some() { "size" } else { container_field(name, service, "memory") };
        problems.push(Problem::new(key(field), none.message).help(none.help));
        None
    });
    for (container, declared) in &service.containers {
        problems.extend(registry_of_ecr(&key(&of_container(name, service, container, "registry")), declared));
    }
    if !service.containers.values().any(|container| container.essential) {
        let help = "set essential = true for the container whose end is the task's end";
        problems.push(Problem::new(key("containers"), "has no essential container").help(help));
    }
    if service.launch_type == LaunchType::Ec2 && service.network.assign_public_ip == Some(true) {
        problems.push(
            Problem::new(
                key("network.assign-public-ip"),
                "is true, but ECS gives public addresses on Fargate only",
            )
            .help("remove it, and let the subnets reach the registry through a NAT gateway"),
        );
    }
    if problems.is_empty() { Ok(size) } else { Err(problems) }
}

fn task_size(service: &Service, fields: &AwsFields) -> Result<Option<TaskSize>, NoSize> {
    // Of a container with both, ECS sets the reservation aside (API reference, ContainerDefinition).
    let memory_of = |(name, container): (&Name, &Container)| fields.reservation(name).or(container.memory);
    let sum = |amounts: Vec<Option<u32>>| amounts.into_iter().flatten().fold(0_u32, u32::saturating_add);
    let cpu = sum(service.containers.values().map(|container| container.cpu).collect());
    let memory = sum(service.containers.iter().map(memory_of).collect());
    let has_memory = fields.definition().is_some_and(|definition| definition.contains_key("memory"));
    match (service.launch_type, service.size) {
        (LaunchType::Fargate, Some(size)) => size::check(size, cpu, memory).map(Some),
        (LaunchType::Fargate, None) => size::smallest(cpu, memory).map(Some),
        // On container instances a task may have any size, or none when each container says what it needs.
        (LaunchType::Ec2, Some(size)) => Ok(Some(size)),
        (LaunchType::Ec2, None)
            if has_memory || service.containers.iter().all(|container| memory_of(container).is_some()) =>
        {
            Ok(None)
        }
        (LaunchType::Ec2, None) => Err(NoSize {
            message: "is missing, and so is the size of the task".to_owned(),
            help: "on container instances each container needs its memory, or the task its size".to_owned(),
        }),
    }
}

/// ECS refuses credentials for its own registry (RegisterTaskDefinition).
fn registry_of_ecr(key: &str, container: &Container) -> Option<Problem> {
    let registry = container.registry.as_ref().filter(|_| container.image.is_ecr())?;
    Some(
        Problem::new(
            key,
            format!("names the registry `{registry}`, but the image {} lies in Amazon ECR", container.image),
        )
        .help("remove it: the execution role itself authorises pulls from Amazon ECR"),
    )
}

/// Returns true if the service itself declares its only container, which then has the service's name.
pub(crate) fn is_single(name: &Name, service: &Service) -> bool {
    service.containers.len() == 1 && service.containers.contains_key(name)
}

fn container_field(name: &Name, service: &Service, field: &'static str) -> &'static str {
    if is_single(name, service) { field } else { "containers" }
}

pub(crate) fn of_container(name: &Name, service: &Service, container: &Name, field: &str) -> String {
    if is_single(name, service) { field.to_owned() } else { format!("containers.{container}.{field}") }
}
