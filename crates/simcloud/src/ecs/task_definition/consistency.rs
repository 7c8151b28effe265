//! The checks of `RegisterTaskDefinition` for members that name each other, and for members that Fargate does not have.
//!
//! Rules: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html> and "Task definition
//! parameters that aren't valid in Fargate tasks" of the developer guide. AWS's wording is kept if it was observed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::wire::client;
use crate::ApiError;

/// Members of containers that Fargate tasks do not have.
const NOT_ON_FARGATE: [&str; 5] =
    ["disableNetworking", "dnsSearchDomains", "dnsServers", "dockerSecurityOptions", "extraHosts"];

/// Linux parameters that Fargate tasks do not have, by the reference of `LinuxParameters`. Earlier it excluded `tmpfs`, too;
/// that of botocore 1.44.8 does not.
const NOT_ON_FARGATE_LINUX: [&str; 4] = ["devices", "maxSwap", "sharedMemorySize", "swappiness"];

/// The longest stop of a container on Fargate, in seconds.
const LONGEST_STOP: i64 = 120;

/// Checks a definition whose types are right.
pub(super) fn check(definition: &Value, is_fargate: bool) -> Result<(), ApiError> {
    let volumes = volumes(definition, is_fargate)?;
    let containers: BTreeMap<&str, &Value> = items(definition, "containerDefinitions")
        .map(|container| (text(container, "name"), container))
        .collect();
    for container in containers.values() {
        references(container, &volumes, &containers)?;
        names(container)?;
        health_check(container)?;
        if definition["networkMode"] == "awsvpc" {
            no_member(container, &["hostname", "links", "extraHosts"], "when networkMode=awsvpc")?;
        }
        if is_fargate {
            on_fargate(container)?;
        }
    }
    no_circle(&containers)?;
    let proxy = &definition["proxyConfiguration"];
    if !proxy.is_null() && !containers.contains_key(text(proxy, "containerName")) {
        return Err(client(format!(
            "The container '{}' of the proxy configuration does not exist.",
            text(proxy, "containerName")
        )));
    }
    if is_fargate {
        if items(definition, "placementConstraints").next().is_some() {
            return Err(client("Placement constraints are not supported for Fargate tasks."));
        }
        if definition["pidMode"] == "host" {
            return Err(client("Fargate only supports pidMode 'task'."));
        }
        no_member(definition, &["ipcMode", "inferenceAccelerators"], "for Fargate tasks")?;
    }
    Ok(())
}

fn items<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// True for a member that asks for something.
fn is_set(value: &Value, member: &str) -> bool {
    match &value[member] {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

fn no_member(value: &Value, members: &[&str], place: &str) -> Result<(), ApiError> {
    let found = members.iter().find(|member| is_set(value, member));
    found.map_or(Ok(()), |member| Err(client(format!("'{member}' is not supported {place}."))))
}

/// The names of the volumes.
fn volumes(definition: &Value, is_fargate: bool) -> Result<BTreeSet<&str>, ApiError> {
    let mut names = BTreeSet::new();
    for volume in items(definition, "volumes") {
        let name = text(volume, "name");
        if name.is_empty() {
            return Err(client("Volume name should not be null or empty."));
        }
        if !names.insert(name) {
            return Err(client(format!("Volume name must be unique: '{name}' is used more than once.")));
        }
        let kinds = [
            "dockerVolumeConfiguration",
            "efsVolumeConfiguration",
            "fsxWindowsFileServerVolumeConfiguration",
            "s3filesVolumeConfiguration",
        ];
        let has_path = !text(&volume["host"], "sourcePath").is_empty();
        let kinds = kinds.into_iter().filter(|kind| is_set(volume, kind)).count() + usize::from(has_path);
        if kinds > 1 {
            return Err(client(format!("Volume '{name}' has more than one configuration.")));
        }
        if is_fargate && has_path {
            return Err(client("host.sourcePath should not be set for volumes in Fargate."));
        }
        if is_fargate {
            let not = ["dockerVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration"];
            no_member(volume, &not, "for volumes in Fargate")?;
        }
    }
    Ok(names)
}

/// Checks the names of volumes and of other containers.
fn references(
    container: &Value,
    volumes: &BTreeSet<&str>,
    containers: &BTreeMap<&str, &Value>,
) -> Result<(), ApiError> {
    let name = text(container, "name");
    let mut paths = BTreeSet::new();
    for mount in items(container, "mountPoints") {
        let volume = text(mount, "sourceVolume");
        if !volumes.contains(volume) {
            return Err(client(format!("Unknown volume '{volume}'.")));
        }
        let path = text(mount, "containerPath");
        if path.is_empty() {
            return Err(client("Mount point's container path should not be null or empty."));
        }
        if !paths.insert(path) {
            return Err(client(format!("Container '{name}' has more than one mount point at '{path}'.")));
        }
    }
    for from in items(container, "volumesFrom") {
        let source = text(from, "sourceContainer");
        if source == name || !containers.contains_key(source) {
            return Err(client(format!(
                "Container '{name}' takes volumes from '{source}', which does not exist."
            )));
        }
    }
    for dependency in items(container, "dependsOn") {
        let of = text(dependency, "containerName");
        let Some(other) = containers.get(of).filter(|_| of != name) else {
            return Err(client(format!("Container '{name}' depends on '{of}', which does not exist.")));
        };
        let is_essential = other["essential"] != false;
        match text(dependency, "condition") {
            "HEALTHY" if !is_set(other, "healthCheck") => {
                return Err(client(format!(
                    "Container '{name}' waits for '{of}' to be HEALTHY, which has no health check."
                )));
            }
            condition @ ("COMPLETE" | "SUCCESS") if is_essential => {
                return Err(client(format!(
                    "Container '{name}' waits for {condition} of '{of}', which is an essential container."
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses containers that wait for each other.
fn no_circle(containers: &BTreeMap<&str, &Value>) -> Result<(), ApiError> {
    let mut waiting: BTreeMap<&str, BTreeSet<&str>> = containers
        .iter()
        .map(|(name, container)| {
            let others = items(container, "dependsOn").map(|dependency| text(dependency, "containerName"));
            (*name, others.collect())
        })
        .collect();
    while let Some(free) = waiting.iter().find(|(_, others)| others.is_empty()).map(|(name, _)| *name) {
        waiting.remove(free);
        waiting.values_mut().for_each(|others| {
            others.remove(free);
        });
    }
    if waiting.is_empty() { Ok(()) } else { Err(client("The dependencies of the containers form a circle.")) }
}

/// Checks that each variable is set once.
fn names(container: &Value) -> Result<(), ApiError> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for variable in items(container, "environment") {
        if text(variable, "name").is_empty() {
            return Err(client("The name of an environment variable should not be null or empty."));
        }
        names.insert(text(variable, "name"));
    }
    for secret in items(container, "secrets") {
        let name = text(secret, "name");
        if !names.insert(name) {
            return Err(client(format!(
                "The secret name must be unique and not shared with any new or existing environment variables set on the \
                 container, such as '{name}'."
            )));
        }
    }
    Ok(())
}

fn health_check(container: &Value) -> Result<(), ApiError> {
    let check = &container["healthCheck"];
    let first = items(check, "command").next().and_then(Value::as_str);
    if first.is_some_and(|first| !matches!(first, "CMD" | "CMD-SHELL" | "NONE")) {
        return Err(client("The command of a health check must begin with CMD, CMD-SHELL or NONE."));
    }
    for (member, least, most) in
        [("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)]
    {
        if check[member].as_i64().is_some_and(|value| !(least..=most).contains(&value)) {
            return Err(client(format!("healthCheck.{member} must be between {least} and {most}.")));
        }
    }
    Ok(())
}

fn on_fargate(container: &Value) -> Result<(), ApiError> {
    no_member(container, &NOT_ON_FARGATE, "for Fargate tasks")?;
    let linux = &container["linuxParameters"];
    no_member(linux, &NOT_ON_FARGATE_LINUX, "for Fargate tasks")?;
    let capability = items(&linux["capabilities"], "add").find(|capability| *capability != "SYS_PTRACE");
    if let Some(capability) = capability.and_then(Value::as_str) {
        return Err(client(format!("The capability {capability} cannot be added in Fargate tasks.")));
    }
    if items(container, "resourceRequirements").any(|requirement| requirement["type"] == "GPU") {
        return Err(client("Fargate tasks do not support GPU resource requirements."));
    }
    if container["stopTimeout"].as_i64().is_some_and(|seconds| seconds > LONGEST_STOP) {
        return Err(client(format!("stopTimeout must be at most {LONGEST_STOP} seconds for Fargate tasks.")));
    }
    Ok(())
}
