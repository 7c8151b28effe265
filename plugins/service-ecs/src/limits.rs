//! Limits of ECS that a declaration alone can exceed (ECS developer guide, "Amazon ECS service quotas"; none of them can be
//! raised).

use std::collections::BTreeSet;

use longshore_model::{Inputs, Name, Problem, Text};
use serde_json::Value;

use crate::{check::of_container, declaration::Service, render::AWSLOGS};

/// Subnets of a service (API reference, AwsVpcConfiguration).
const SUBNETS: usize = 16;
/// Security groups of a service (API reference, AwsVpcConfiguration).
const SECURITY_GROUPS: usize = 5;
/// Containers of a task definition.
const CONTAINERS: usize = 10;
/// Ports of a container (API reference, PortMapping).
const PORTS: usize = 100;
/// Bytes of a task definition, as it is registered.
const DEFINITION: usize = 64 * 1024;

/// Returns what of a service and its task `definition` exceeds a limit; keys begin with `services.NAME`.
pub(crate) fn exceeded(name: &Name, service: &Service, definition: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut count = |key: String, found: usize, limit: usize, of: &str| {
        if found > limit {
            let message = format!("has {found} {of}, and ECS takes at most {limit}");
            problems.push(Problem::new(key, message).help(format!("remove {}", found - limit)));
        }
    };
    let distinct = |ids: &[Text]| ids.iter().collect::<BTreeSet<_>>().len();
    let key = |field: &str| format!("services.{name}.{field}");
    count(key("network.subnets"), distinct(&service.network.subnets), SUBNETS, "subnets");
    let groups = distinct(&service.network.security_groups);
    count(key("network.security-groups"), groups, SECURITY_GROUPS, "security groups");
    count(key("containers"), service.containers.len(), CONTAINERS, "containers");
    for (container, declared) in &service.containers {
        count(key(&format!("containers.{container}.ports")), declared.ports.len(), PORTS, "ports");
    }
    problems.extend(too_large(name, service, definition));
    problems.extend(refused(name, service, definition));
    problems
}

/// Members of containers that ECS refuses beside others (developer guide, "Task definition parameters").
fn refused(name: &Name, service: &Service, definition: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mode = definition["networkMode"].as_str().unwrap_or_default();
    for container in definition["containerDefinitions"].as_array().into_iter().flatten() {
        let declared = service.containers.keys().find(|name| container["name"] == name.as_str());
        let Some(declared) = declared else { continue };
        let key = |field: &str| format!("services.{name}.{}", of_container(name, service, declared, field));
        for mapping in container["portMappings"].as_array().into_iter().flatten() {
            let (port, host) = (mapping["containerPort"].as_u64(), mapping["hostPort"].as_u64());
            let (Some(port), Some(host)) = (port, host.filter(|host| *host != 0)) else { continue };
            if port != host && ["awsvpc", "host"].contains(&mode) {
                let message =
                    format!("maps the port {port} to {host}; in the network mode {mode} they are the same");
                problems.push(Problem::new(key("aws.portMappings"), message).help("remove `hostPort`"));
            }
        }
        let logs = &container["logConfiguration"];
        if logs["logDriver"] == AWSLOGS && logs["options"]["awslogs-group"].is_null() {
            let at = key("aws.logConfiguration.options");
            problems
                .push(Problem::new(at, "has no `awslogs-group`").help("the driver `awslogs` requires it"));
        }
    }
    problems
}

/// The size of the task definition, tags aside, with what is known of it before anything is read.
fn too_large(name: &Name, service: &Service, definition: &Value) -> Option<Problem> {
    let bytes = definition.to_string().len();
    if bytes <= DEFINITION {
        return None;
    }
    let known = Inputs::default();
    let in_environment: usize = service
        .containers
        .values()
        .flat_map(|container| &container.environment)
        .map(|(name, value)| name.len() + value.shown(&known).len())
        .sum();
    let message = format!("makes a task definition of {bytes} bytes, and ECS takes at most {DEFINITION}");
    let help = format!(
        "its environment variables have {in_environment} bytes: move the largest into the image, or into secrets"
    );
    Some(Problem::new(format!("services.{name}"), message).help(help))
}
