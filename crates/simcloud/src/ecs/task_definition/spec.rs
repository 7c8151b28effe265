//! The parts of a task definition that the simulation acts on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A task definition as it was registered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ecs) struct TaskSpec {
    pub(in crate::ecs) family: String,
    #[serde(default)]
    pub(in crate::ecs) container_definitions: Vec<ContainerSpec>,
    pub(in crate::ecs) network_mode: Option<String>,
    #[serde(default)]
    pub(in crate::ecs) requires_compatibilities: Vec<String>,
    pub(in crate::ecs) cpu: Option<String>,
    pub(in crate::ecs) memory: Option<String>,
    pub(in crate::ecs) execution_role_arn: Option<String>,
    pub(in crate::ecs) task_role_arn: Option<String>,
    pub(in crate::ecs) runtime_platform: Option<RuntimePlatform>,
    pub(in crate::ecs) ephemeral_storage: Option<EphemeralStorage>,
    #[serde(default)]
    pub(in crate::ecs) placement_constraints: Vec<Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ecs) struct EphemeralStorage {
    #[serde(rename = "sizeInGiB")]
    pub(in crate::ecs) size_in_gib: i64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ecs) struct RuntimePlatform {
    pub(in crate::ecs) cpu_architecture: Option<String>,
    pub(in crate::ecs) operating_system_family: Option<String>,
}

/// A container definition.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ecs) struct ContainerSpec {
    #[serde(default)]
    pub(in crate::ecs) name: String,
    #[serde(default)]
    pub(in crate::ecs) image: String,
    #[serde(default)]
    pub(in crate::ecs) cpu: i64,
    pub(in crate::ecs) memory: Option<i64>,
    pub(in crate::ecs) memory_reservation: Option<i64>,
    pub(in crate::ecs) essential: Option<bool>,
    #[serde(default)]
    pub(in crate::ecs) privileged: bool,
    #[serde(default)]
    pub(in crate::ecs) port_mappings: Vec<PortMapping>,
    pub(in crate::ecs) repository_credentials: Option<RepositoryCredentials>,
    #[serde(default)]
    pub(in crate::ecs) secrets: Vec<ContainerSecret>,
    pub(in crate::ecs) log_configuration: Option<LogConfiguration>,
    pub(in crate::ecs) health_check: Option<HealthCheck>,
    pub(in crate::ecs) version_consistency: Option<String>,
    #[serde(default)]
    pub(in crate::ecs) links: Vec<String>,
    #[serde(default)]
    pub(in crate::ecs) environment_files: Vec<EnvironmentFile>,
}

/// A file in S3 with environment variables.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::ecs) struct EnvironmentFile {
    /// The object's ARN.
    pub(in crate::ecs) value: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ecs) struct PortMapping {
    pub(in crate::ecs) container_port: Option<i64>,
    pub(in crate::ecs) host_port: Option<i64>,
    pub(in crate::ecs) container_port_range: Option<String>,
    pub(in crate::ecs) protocol: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ecs) struct RepositoryCredentials {
    pub(in crate::ecs) credentials_parameter: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ecs) struct ContainerSecret {
    pub(in crate::ecs) name: String,
    pub(in crate::ecs) value_from: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ecs) struct LogConfiguration {
    pub(in crate::ecs) log_driver: String,
    #[serde(default)]
    pub(in crate::ecs) options: BTreeMap<String, String>,
    #[serde(default)]
    pub(in crate::ecs) secret_options: Vec<ContainerSecret>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ecs) struct HealthCheck {
    #[serde(default)]
    pub(in crate::ecs) command: Vec<String>,
    pub(in crate::ecs) interval: Option<i64>,
}

impl TaskSpec {
    /// Returns true if the definition was registered for Fargate.
    pub(in crate::ecs) fn requires_fargate(&self) -> bool {
        self.requires_compatibilities.iter().any(|compatibility| compatibility == "FARGATE")
    }

    /// The platform that its images must have.
    pub(in crate::ecs) fn platform(&self) -> (&'static str, &'static str) {
        let platform = self.runtime_platform.as_ref();
        let windows = platform
            .and_then(|platform| platform.operating_system_family.as_deref())
            .is_some_and(|family| family.starts_with("WINDOWS"));
        let arm = platform.and_then(|platform| platform.cpu_architecture.as_deref()) == Some("ARM64");
        (if windows { "windows" } else { "linux" }, if arm { "arm64" } else { "amd64" })
    }

    /// The first of its containers that has `awslogs` as its log driver.
    pub(in crate::ecs) fn logs_to_cloudwatch(&self) -> bool {
        self.container_definitions.iter().any(|container| container.awslogs().is_some())
    }
}

impl ContainerSpec {
    /// Returns true if the task ends with this container: the default.
    pub(in crate::ecs) fn is_essential(&self) -> bool {
        self.essential != Some(false)
    }

    /// Returns true if the image's tag is resolved to a digest once per deployment: the default.
    pub(in crate::ecs) fn pins_digest(&self) -> bool {
        self.version_consistency.as_deref() != Some("disabled")
    }

    /// The secrets that the agent reads: the container's own, and those of its log driver.
    pub(in crate::ecs) fn all_secrets(&self) -> impl Iterator<Item = &ContainerSecret> {
        let of_driver = self.log_configuration.iter().flat_map(|logging| &logging.secret_options);
        self.secrets.iter().chain(of_driver)
    }

    /// The options of the `awslogs` driver, where the container has it.
    pub(in crate::ecs) fn awslogs(&self) -> Option<&BTreeMap<String, String>> {
        self.log_configuration
            .as_ref()
            .filter(|logging| logging.log_driver == "awslogs")
            .map(|logging| &logging.options)
    }
}
