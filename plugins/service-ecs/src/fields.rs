//! What a task definition means, field by field, however AWS wrote it down.
//!
//! AWS fills in defaults and does not keep the order of some lists. Both the declared and the registered definition are
//! brought into one flat form, and that is compared: so nothing differs that does not matter, and each difference has a
//! name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use aws_sdk_ecs::types::{ContainerDefinition, PortMapping, TaskDefinition, VersionConsistency};
use longshore_model::{FieldChange, Shown};
use sha2::{Digest as _, Sha256};

use crate::render::AFTER_APPLY;

/// The fields that are set to something else than their default, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldMap(BTreeMap<String, String>);

impl FieldMap {
    fn set(&mut self, field: impl Into<String>, value: impl Display) {
        self.0.insert(field.into(), value.to_string());
    }

    fn set_some(&mut self, field: impl Into<String>, value: Option<impl Display>) {
        if let Some(value) = value {
            self.set(field, value);
        }
    }

    /// Notes a field that Longshore never sets: its value does not matter, only that it is there.
    fn note(&mut self, field: impl Into<String>, is_set: bool) {
        if is_set {
            self.set(field, "(set)");
        }
    }

    /// A digest of all of it: 32 hexadecimal digits. What differs in nothing that matters has the same one.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            hash.update(text.len().to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The fields that differ between `self`, which is registered, and `declared`.
    pub(crate) fn changes_to(&self, declared: &Self) -> Vec<FieldChange> {
        let names: BTreeSet<_> = self.0.keys().chain(declared.0.keys()).collect();
        names
            .into_iter()
            .filter(|name| self.0.get(*name) != declared.0.get(*name))
            .map(|name| FieldChange::new(name, self.0.get(name).map(shown), declared.0.get(name).map(shown)))
            .collect()
    }
}

fn shown(value: &String) -> Shown {
    if value == AFTER_APPLY { Shown::AfterApply } else { Shown::text(value) }
}

/// The fields of `definition`. What AWS adds by itself (revision, status, required attributes …) is none.
pub(crate) fn fields_of(definition: &TaskDefinition) -> FieldMap {
    let mut fields = FieldMap::default();
    fields.set_some("networkMode", definition.network_mode.as_ref());
    let compatibilities: BTreeSet<_> =
        definition.requires_compatibilities().iter().map(|compatibility| compatibility.as_str()).collect();
    if !compatibilities.is_empty() {
        let compatibilities: Vec<_> = compatibilities.into_iter().collect();
        fields.set("requiresCompatibilities", compatibilities.join(", "));
    }
    fields.set_some("cpu", definition.cpu());
    fields.set_some("memory", definition.memory());
    let platform = definition.runtime_platform();
    let family = platform.and_then(|platform| platform.operating_system_family.as_ref());
    let architecture = platform.and_then(|platform| platform.cpu_architecture.as_ref());
    fields.set("runtimePlatform.operatingSystemFamily", family.map_or("LINUX", |family| family.as_str()));
    fields.set("runtimePlatform.cpuArchitecture", architecture.map_or("X86_64", |cpu| cpu.as_str()));
    fields.set_some("executionRoleArn", definition.execution_role_arn());
    fields.set_some("taskRoleArn", definition.task_role_arn());
    fields.note("volumes", !definition.volumes().is_empty());
    fields.note("placementConstraints", !definition.placement_constraints().is_empty());
    fields.set_some("pidMode", definition.pid_mode.as_ref());
    fields.set_some("ipcMode", definition.ipc_mode.as_ref());
    fields.note("proxyConfiguration", definition.proxy_configuration.is_some());
    fields.set_some(
        "ephemeralStorage.sizeInGiB",
        definition.ephemeral_storage.as_ref().map(|storage| storage.size_in_gib),
    );
    fields.note("enableFaultInjection", definition.enable_fault_injection == Some(true));
    for container in definition.container_definitions() {
        container_fields(&mut fields, container);
    }
    fields
}

fn container_fields(fields: &mut FieldMap, container: &ContainerDefinition) {
    let prefix = format!("containerDefinitions.{}", container.name().unwrap_or_default());
    let field = |name: &str| format!("{prefix}.{name}");
    fields.set_some(field("image"), container.image());
    fields.set_some(
        field("repositoryCredentials.credentialsParameter"),
        container.repository_credentials.as_ref().map(|credentials| &credentials.credentials_parameter),
    );
    fields.set_some(field("cpu"), (container.cpu != 0).then_some(container.cpu));
    fields.set_some(field("memory"), container.memory);
    fields.set_some(field("memoryReservation"), container.memory_reservation);
    fields.set(field("essential"), container.essential.unwrap_or(true));
    for mapping in container.port_mappings() {
        let (name, value) = port(mapping);
        fields.set(field(&format!("portMappings.{name}")), value);
    }
    for pair in container.environment() {
        let name = format!("environment.{}", pair.name().unwrap_or_default());
        fields.set(field(&name), pair.value().unwrap_or_default());
    }
    for secret in container.secrets() {
        fields.set(field(&format!("secrets.{}", secret.name())), secret.value_from());
    }
    if !container.command().is_empty() {
        fields.set(field("command"), list(container.command()));
    }
    if let Some(logs) = &container.log_configuration {
        fields.set(field("logConfiguration.logDriver"), logs.log_driver.as_str());
        for (option, value) in logs.options.iter().flatten() {
            fields.set(field(&format!("logConfiguration.options.{option}")), value);
        }
        fields.note(field("logConfiguration.secretOptions"), !logs.secret_options().is_empty());
    }
    undeclared_fields(fields, &prefix, container);
}

/// Fields of a container that Longshore leaves at their defaults. A revision that sets one was made by somebody else.
fn undeclared_fields(fields: &mut FieldMap, prefix: &str, container: &ContainerDefinition) {
    let mut note = |name: &str, is_set: bool| fields.note(format!("{prefix}.{name}"), is_set);
    if !container.entry_point().is_empty() {
        note("entryPoint", true);
    }
    note("links", !container.links().is_empty());
    note("restartPolicy", container.restart_policy.as_ref().is_some_and(|policy| policy.enabled));
    note("environmentFiles", !container.environment_files().is_empty());
    note("mountPoints", !container.mount_points().is_empty());
    note("volumesFrom", !container.volumes_from().is_empty());
    note("linuxParameters", container.linux_parameters.is_some());
    note("dependsOn", !container.depends_on().is_empty());
    note("startTimeout", container.start_timeout.is_some());
    note("stopTimeout", container.stop_timeout.is_some());
    note("versionConsistency", container.version_consistency == Some(VersionConsistency::Disabled));
    note("hostname", container.hostname.is_some());
    note("user", container.user.is_some());
    note("workingDirectory", container.working_directory.is_some());
    note("disableNetworking", container.disable_networking == Some(true));
    note("privileged", container.privileged == Some(true));
    note("readonlyRootFilesystem", container.readonly_root_filesystem == Some(true));
    note("dnsServers", !container.dns_servers().is_empty());
    note("dnsSearchDomains", !container.dns_search_domains().is_empty());
    note("extraHosts", !container.extra_hosts().is_empty());
    note("dockerSecurityOptions", !container.docker_security_options().is_empty());
    note("interactive", container.interactive == Some(true));
    note("pseudoTerminal", container.pseudo_terminal == Some(true));
    note("dockerLabels", container.docker_labels.as_ref().is_some_and(|labels| !labels.is_empty()));
    note("ulimits", !container.ulimits().is_empty());
    note("healthCheck", container.health_check.is_some());
    note("systemControls", !container.system_controls().is_empty());
    note("resourceRequirements", !container.resource_requirements().is_empty());
    note("firelensConfiguration", container.firelens_configuration.is_some());
    note("credentialSpecs", !container.credential_specs().is_empty());
}

/// A port mapping by its name (or, without one, by its port), and what it maps.
fn port(mapping: &PortMapping) -> (String, String) {
    let protocol = mapping.protocol.as_ref().map_or("tcp", |protocol| protocol.as_str());
    let container_port = match (mapping.container_port, mapping.container_port_range()) {
        (Some(port), _) => port.to_string(),
        (None, range) => range.unwrap_or_default().to_owned(),
    };
    // In awsvpc mode the host's port is the container's, whether AWS repeats it or not.
    let host_port = mapping.host_port.filter(|host| Some(*host) != mapping.container_port && *host != 0);
    let host_port = host_port.map(|port| format!("{port}:")).unwrap_or_default();
    let application =
        mapping.app_protocol.as_ref().map(|protocol| format!(" {protocol}")).unwrap_or_default();
    let name = mapping.name().map_or_else(|| format!("{container_port}/{protocol}"), str::to_owned);
    (name, format!("{host_port}{container_port}/{protocol}{application}"))
}

fn list(items: &[String]) -> String {
    serde_json::to_string(items).unwrap_or_else(|_| items.join(" "))
}
