//! The task definition of a service, as it is registered.

use aws_sdk_ecs::{
    client::Client,
    error::BuildError,
    operation::register_task_definition::builders::RegisterTaskDefinitionFluentBuilder,
    types::{
        Compatibility, ContainerDefinition, CpuArchitecture, KeyValuePair, LogConfiguration, LogDriver,
        NetworkMode, OsFamily, PortMapping, RepositoryCredentials, RuntimePlatform, Secret, Tag,
        TaskDefinition, TransportProtocol,
    },
};
use longshore_model::{
    Architecture, Container, ContainerSecret, Failure, FailureKind, ImageUpdates, Inputs, LaunchType, Name,
    Service, TaskSize,
};
use longshore_plugin::{ContainerVariable, Result};

/// How the names of log streams begin; container and task follow.
pub(crate) const STREAM_PREFIX: &str = "ecs";

/// The name of the input that is the execution role's ARN.
pub(crate) const ROLE_ARN: &str = "role-arn";
/// The name of the input that is the log group's name.
pub(crate) const LOG_GROUP: &str = "log-group";

/// The name of the input that is the full ARN of `registry`'s secret.
pub(crate) fn secret_input(registry: &Name) -> String {
    format!("secret.{registry}")
}

/// The name of the input that is the full ARN of the secret or parameter that holds `variable`.
pub(crate) fn variable_input(variable: &ContainerVariable) -> String {
    format!("variable.{variable}")
}

/// The name of the input that holds the digests of the image of `container`: the image's own, and those of the manifests of
/// an index.
pub(crate) fn digests_input(container: &Name) -> String {
    format!("digests.{container}")
}

/// Stands in a rendered task definition for a value that is known only after apply. No value that AWS returns has
/// spaces and parentheses in these fields (ARNs, images and the name of a log group).
pub(crate) const AFTER_APPLY: &str = "(known after apply)";

/// Everything that the task definition of a service is made of.
pub(crate) struct Declared<'a> {
    /// The family.
    pub(crate) family: &'a str,
    /// The service.
    pub(crate) service: &'a Service,
    /// CPU and memory of the task.
    pub(crate) size: Option<TaskSize>,
    /// The region that logs are written to.
    pub(crate) region: &'a str,
    /// What the steps before have yielded.
    pub(crate) inputs: &'a Inputs,
}

impl Declared<'_> {
    fn input(&self, name: &str) -> &str {
        self.inputs.get(name).value().unwrap_or(AFTER_APPLY)
    }

    /// The task definition; inputs that are not known yet are [`AFTER_APPLY`].
    pub(crate) fn render(&self) -> Result<TaskDefinition> {
        let service = self.service;
        if let Some((name, container)) = service.containers.iter().find(|(name, _)| self.is_unread(name)) {
            let message = format!(
                "the container `{name}` cannot pin {}: the caller may not read its digest",
                container.image
            );
            let help = "allow `ecr:BatchGetImage` to the caller, or remove `pin`";
            return Err(Failure::new(FailureKind::Denied, message).help(help));
        }
        let containers = service
            .containers
            .iter()
            .map(|(name, container)| self.container(name, container))
            .collect::<std::result::Result<Vec<_>, BuildError>>()
            .map_err(|error| {
                Failure::new(FailureKind::Internal, format!("a container is incomplete: {error}"))
            })?;
        let compatibility = match service.launch_type {
            LaunchType::Fargate => Compatibility::Fargate,
            LaunchType::Ec2 => Compatibility::Ec2,
        };
        let architecture = match service.platform.architecture {
            Architecture::Amd64 => CpuArchitecture::X8664,
            Architecture::Arm64 => CpuArchitecture::Arm64,
        };
        let runtime_platform = RuntimePlatform::builder()
            .operating_system_family(OsFamily::Linux)
            .cpu_architecture(architecture);
        Ok(TaskDefinition::builder()
            .family(self.family)
            .network_mode(NetworkMode::Awsvpc)
            .requires_compatibilities(compatibility)
            .set_cpu(self.size.map(|size| size.cpu.to_string()))
            .set_memory(self.size.map(|size| size.memory.to_string()))
            .runtime_platform(runtime_platform.build())
            .execution_role_arn(self.input(ROLE_ARN))
            .set_task_role_arn(service.task_role.clone())
            .set_container_definitions(Some(containers))
            .build())
    }

    fn container(
        &self,
        name: &Name,
        container: &Container,
    ) -> std::result::Result<ContainerDefinition, BuildError> {
        let credentials = match &container.registry {
            Some(registry) => Some(
                RepositoryCredentials::builder()
                    .credentials_parameter(self.input(&secret_input(registry)))
                    .build()?,
            ),
            None => None,
        };
        let logs = match &self.service.logs {
            Some(_) => Some(
                LogConfiguration::builder()
                    .log_driver(LogDriver::Awslogs)
                    .options("awslogs-group", self.input(LOG_GROUP))
                    .options("awslogs-region", self.region)
                    .options("awslogs-stream-prefix", STREAM_PREFIX)
                    .build()?,
            ),
            None => None,
        };
        let ports: Vec<_> = container.ports.iter().map(|(name, port)| port_mapping(name, *port)).collect();
        let environment: Vec<_> = container
            .environment
            .iter()
            .map(|(name, value)| KeyValuePair::builder().name(name).value(value).build())
            .collect();
        let secrets = container
            .secrets
            .iter()
            .map(|(variable, secret)| self.secret(name, variable, secret))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(ContainerDefinition::builder()
            .name(name.as_str())
            .image(self.image(name, container))
            .set_repository_credentials(credentials)
            .set_cpu(container.cpu.map(clamped))
            .set_memory(container.memory.map(clamped))
            .essential(container.essential)
            .set_port_mappings((!ports.is_empty()).then_some(ports))
            .set_environment((!environment.is_empty()).then_some(environment))
            .set_secrets((!secrets.is_empty()).then_some(secrets))
            .set_command(container.command.clone())
            .set_log_configuration(logs)
            .build())
    }
}

impl Declared<'_> {
    /// Returns `true` if the caller may not read the digest that a container pins.
    fn is_unread(&self, container: &Name) -> bool {
        self.inputs.get(&digests_input(container)).value() == Some("")
    }

    /// Returns the image, by its digest if it is pinned.
    fn image(&self, name: &Name, container: &Container) -> String {
        if container.image_updates != ImageUpdates::Pin || container.image.digest().is_some() {
            return container.image.to_string();
        }
        match self.inputs.get(&digests_input(name)).value().and_then(|digests| digests.split(' ').next()) {
            Some(digest) => container.image.by_digest(digest),
            None => AFTER_APPLY.to_owned(),
        }
    }

    /// An environment variable that ECS reads from a secret or parameter.
    fn secret(
        &self,
        container: &Name,
        variable: &str,
        secret: &ContainerSecret,
    ) -> std::result::Result<Secret, BuildError> {
        let value_from = match secret {
            ContainerSecret::Existing { arn, .. } => arn.as_str(),
            ContainerSecret::Written { .. } => self.input(&variable_input(&ContainerVariable {
                container: container.clone(),
                name: variable.to_owned(),
            })),
        };
        Secret::builder().name(variable).value_from(value_from).build()
    }
}

/// In `awsvpc` mode the host's port is the container's.
fn port_mapping(name: &Name, port: u16) -> PortMapping {
    PortMapping::builder()
        .name(name.as_str())
        .container_port(i32::from(port))
        .host_port(i32::from(port))
        .protocol(TransportProtocol::Tcp)
        .build()
}

/// As AWS's numbers are signed; what is too large, AWS refuses.
pub(crate) fn clamped(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The call that registers `definition`.
pub(crate) fn registration(
    client: &Client,
    definition: TaskDefinition,
    tags: Vec<Tag>,
) -> RegisterTaskDefinitionFluentBuilder {
    client
        .register_task_definition()
        .set_family(definition.family)
        .set_network_mode(definition.network_mode)
        .set_requires_compatibilities(definition.requires_compatibilities)
        .set_cpu(definition.cpu)
        .set_memory(definition.memory)
        .set_runtime_platform(definition.runtime_platform)
        .set_execution_role_arn(definition.execution_role_arn)
        .set_task_role_arn(definition.task_role_arn)
        .set_container_definitions(definition.container_definitions)
        .set_volumes(definition.volumes)
        .set_placement_constraints(definition.placement_constraints)
        .set_pid_mode(definition.pid_mode)
        .set_ipc_mode(definition.ipc_mode)
        .set_proxy_configuration(definition.proxy_configuration)
        .set_ephemeral_storage(definition.ephemeral_storage)
        .set_enable_fault_injection(definition.enable_fault_injection)
        .set_tags(Some(tags))
}
