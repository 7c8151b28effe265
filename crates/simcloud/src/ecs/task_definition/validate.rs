//! The checks of `RegisterTaskDefinition`.
//!
//! Rules: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html> and
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>. AWS's
//! wording is kept if it was observed.

use std::collections::BTreeSet;

use super::{
    super::{
        agent,
        cluster::is_name,
        placement::Constraint,
        wire::{client, invalid},
    },
    fargate_size,
    spec::{ContainerSpec, TaskSpec},
};
use crate::{ApiError, World, partition::ecr_registry};

/// Checks a task definition that is to be registered.
pub(super) fn check(world: &World, spec: &TaskSpec) -> Result<(), ApiError> {
    if !is_name(&spec.family) {
        return Err(client(
            "Invalid family: it must be 1 to 255 characters: letters, numbers, hyphens and underscores.",
        ));
    }
    if spec.container_definitions.is_empty() {
        return Err(client("Container list cannot be empty."));
    }
    if spec.container_definitions.len() > 10 {
        return Err(client("A task definition can have at most 10 containers."));
    }
    let mode = spec.network_mode.as_deref();
    if let Some(unknown) = mode.filter(|mode| !matches!(*mode, "awsvpc" | "bridge" | "host" | "none")) {
        return Err(invalid(format!("Invalid networkMode: {unknown}")));
    }
    for compatibility in &spec.requires_compatibilities {
        if !matches!(compatibility.as_str(), "EC2" | "FARGATE" | "EXTERNAL" | "MANAGED_INSTANCES") {
            return Err(invalid(format!("Invalid requiresCompatibilities: {compatibility}")));
        }
    }
    containers(spec)?;
    host_ports(spec)?;
    Constraint::of_definition(&spec.placement_constraints)?;
    if spec.requires_fargate() {
        fargate(spec)?;
    }
    memory(spec)?;
    for role in spec.execution_role_arn.iter().chain(&spec.task_role_arn) {
        if !world.iam.role_exists(role) {
            return Err(client("Role is not valid"));
        }
    }
    Ok(())
}

fn containers(spec: &TaskSpec) -> Result<(), ApiError> {
    let mut names = BTreeSet::new();
    for container in &spec.container_definitions {
        let name = &container.name;
        if name.is_empty() {
            return Err(client("Container.name should not be null or empty."));
        }
        if !is_name(name) {
            return Err(client(format!(
                "Invalid container name '{name}': it must be 1 to 255 characters: letters, numbers, hyphens and underscores."
            )));
        }
        if !names.insert(name) {
            return Err(client(format!("Container name must be unique: '{name}' is used more than once.")));
        }
        if container.image.is_empty() {
            return Err(client("Container.image should not be null or empty."));
        }
        if !agent::is_image(&container.image) {
            return Err(client("Container.image repository contains invalid characters."));
        }
        if let Some(credentials) = &container.repository_credentials {
            if ecr_registry(&container.image).is_some() {
                return Err(client(
                    "Private repository credentials are not a supported authentication method for ECR repositories.",
                ));
            }
            if credentials.credentials_parameter.is_empty() {
                return Err(client(
                    "repositoryCredentials.credentialsParameter should not be null or empty.",
                ));
            }
            if spec.execution_role_arn.is_none() {
                return Err(client(
                    "Private repository authentication requires that the task definition specify a value for executionRoleArn.",
                ));
            }
        }
        if container.all_secrets().next().is_some() && spec.execution_role_arn.is_none() {
            return Err(client(
                "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
            ));
        }
        for secret in container.all_secrets() {
            agent::ValueFrom::parse(&secret.value_from).map_err(client)?;
        }
        ports(spec, container)?;
        logging(spec, container)?;
        if let Some(check) = &container.health_check
            && check.command.is_empty()
        {
            return Err(client("Health check command must not be empty."));
        }
    }
    if !spec.container_definitions.iter().any(ContainerSpec::is_essential) {
        return Err(client("At least one container must be marked as essential."));
    }
    Ok(())
}

fn ports(spec: &TaskSpec, container: &ContainerSpec) -> Result<(), ApiError> {
    let single = container.port_mappings.iter().filter(|mapping| mapping.container_port_range.is_none());
    for mapping in single {
        let port = mapping.container_port.unwrap_or_default();
        if !(1..=65535).contains(&port) || mapping.host_port.is_some_and(|port| !(0..=65535).contains(&port))
        {
            return Err(client("Ports must be between 1 and 65535."));
        }
        if mapping.protocol.as_deref().is_some_and(|protocol| !matches!(protocol, "tcp" | "udp")) {
            return Err(invalid("The protocol of a port mapping must be tcp or udp."));
        }
        let mode = spec.network_mode.as_deref().unwrap_or("bridge");
        // Zero asks for any port, which containers with the host's network cannot choose.
        let differs = |host: i64| host != port && (mode == "awsvpc" || host != 0);
        if matches!(mode, "awsvpc" | "host") && mapping.host_port.is_some_and(differs) {
            return Err(client(format!(
                "When networkMode={mode}, the host ports and container ports in port mappings must match."
            )));
        }
    }
    Ok(())
}

/// Refuses a port that two mappings of the task take.
fn host_ports(spec: &TaskSpec) -> Result<(), ApiError> {
    let has_own_ports = matches!(spec.network_mode.as_deref(), Some("awsvpc" | "host"));
    let mut taken = BTreeSet::new();
    for mapping in spec.container_definitions.iter().flat_map(|container| &container.port_mappings) {
        let port = if has_own_ports { mapping.container_port } else { mapping.host_port };
        let Some(port) = port.filter(|port| *port > 0) else { continue };
        let protocol = mapping.protocol.as_deref().unwrap_or("tcp");
        if !taken.insert((protocol, port)) {
            let protocol = protocol.to_ascii_uppercase();
            return Err(client(format!("{protocol} host port '{port}' is mapped multiple times in task.")));
        }
    }
    Ok(())
}

fn logging(spec: &TaskSpec, container: &ContainerSpec) -> Result<(), ApiError> {
    let Some(options) = container.awslogs() else { return Ok(()) };
    let prefix = spec.requires_fargate().then_some("awslogs-stream-prefix");
    for required in ["awslogs-group", "awslogs-region"].into_iter().chain(prefix) {
        if options.get(required).is_none_or(String::is_empty) {
            return Err(client(format!("Log driver awslogs requires options: {required}")));
        }
    }
    Ok(())
}

fn fargate(spec: &TaskSpec) -> Result<(), ApiError> {
    if spec.network_mode.as_deref() != Some("awsvpc") {
        return Err(client("Fargate only supports network mode ‘awsvpc’."));
    }
    let Some(cpu) = spec.cpu.as_deref() else {
        return Err(client("Fargate requires that 'cpu' be defined at the task level."));
    };
    let Some(memory) = spec.memory.as_deref() else {
        return Err(client("Fargate requires that 'memory' be defined at the task level."));
    };
    let exists = fargate_size::cpu_units(cpu)
        .zip(fargate_size::memory_mib(memory))
        .is_some_and(|(cpu, memory)| fargate_size::exists(cpu, memory));
    if !exists {
        return Err(client(format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        )));
    }
    for container in &spec.container_definitions {
        if container.privileged {
            return Err(client("Tasks using the Fargate launch type do not support privileged containers."));
        }
        if !container.links.is_empty() {
            return Err(client("Links are not supported when networkMode=awsvpc."));
        }
        if let Some(logging) = &container.log_configuration
            && !matches!(logging.log_driver.as_str(), "awslogs" | "splunk" | "awsfirelens")
        {
            return Err(client(format!("Log driver {} disallowed for Fargate.", logging.log_driver)));
        }
        if ecr_registry(&container.image).is_some() {
            needs_execution_role(spec, "ECR images")?;
        }
    }
    if spec.logs_to_cloudwatch() {
        needs_execution_role(spec, "log driver awslogs")?;
    }
    if let Some(storage) = &spec.ephemeral_storage
        && !(21..=200).contains(&storage.size_in_gib)
    {
        return Err(client("The ephemeral storage size must be between 21 and 200 GiB."));
    }
    let (os, architecture) = spec.platform();
    if (os, architecture) == ("windows", "arm64") {
        return Err(client("Windows tasks do not support the ARM64 CPU architecture."));
    }
    Ok(())
}

fn needs_execution_role(spec: &TaskSpec, feature: &str) -> Result<(), ApiError> {
    if spec.execution_role_arn.is_some() {
        return Ok(());
    }
    Err(client(format!("Fargate requires task definition to have execution role ARN to support {feature}.")))
}

fn memory(spec: &TaskSpec) -> Result<(), ApiError> {
    let task =
        match &spec.memory {
            Some(text) => Some(fargate_size::memory_mib(text).ok_or_else(|| {
                client("Invalid 'memory' setting for task. It must be a whole number of MiB.")
            })?),
            None => None,
        };
    let cpu = match &spec.cpu {
        Some(text) => Some(fargate_size::cpu_units(text).ok_or_else(|| {
            client("Invalid 'cpu' setting for task. It must be a whole number of CPU units.")
        })?),
        None => None,
    };
    let mut reserved = 0;
    for container in &spec.container_definitions {
        let name = &container.name;
        let limits = [container.memory, container.memory_reservation];
        if limits.iter().flatten().any(|limit| *limit < 6) {
            return Err(client(format!(
                "Invalid setting for container '{name}'. Minimum valid memory is 6 MiB."
            )));
        }
        if let (Some(hard), Some(soft)) = (container.memory, container.memory_reservation)
            && soft > hard
        {
            return Err(client(format!(
                "Invalid setting for container '{name}'. 'memory' must be greater than or equal to 'memoryReservation'."
            )));
        }
        if let (Some(task), Some(limit)) = (task, container.memory.or(container.memory_reservation))
            && limit as u64 > task
        {
            return Err(client(format!(
                "Invalid setting for container '{name}'. The container's memory must not exceed the memory of the task ({task} MiB)."
            )));
        }
        if task.is_none() && limits == [None, None] {
            return Err(client(format!(
                "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
            )));
        }
        reserved += container.cpu;
    }
    if let Some(cpu) = cpu
        && reserved as u64 > cpu
    {
        return Err(client(format!(
            "The containers' CPU units ({reserved}) must not exceed those of the task ({cpu})."
        )));
    }
    Ok(())
}
