//! Limits of ECS that a declaration alone can exceed (ECS developer guide, "Amazon ECS service quotas"; none of them can be
//! raised).

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{ContainerDefinition, TaskDefinition};
use longshore_model::{Inputs, Name, Problem, Service, TaskSize};
use serde_json::{Value, json};

use crate::render::Declared;

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

/// Returns what of a service exceeds a limit; keys begin with `services.NAME`.
pub(crate) fn exceeded(name: &Name, family: &str, service: &Service, size: Option<TaskSize>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut count = |key: String, found: usize, limit: usize, of: &str| {
        if found > limit {
            let message = format!("has {found} {of}, and ECS takes at most {limit}");
            problems.push(Problem::new(key, message).help(format!("remove {}", found - limit)));
        }
    };
    let distinct = |ids: &[String]| ids.iter().collect::<BTreeSet<_>>().len();
    let key = |field: &str| format!("services.{name}.{field}");
    count(key("network.subnets"), distinct(&service.network.subnets), SUBNETS, "subnets");
    let groups = distinct(&service.network.security_groups);
    count(key("network.security-groups"), groups, SECURITY_GROUPS, "security groups");
    count(key("containers"), service.containers.len(), CONTAINERS, "containers");
    for (container, declared) in &service.containers {
        count(key(&format!("containers.{container}.ports")), declared.ports.len(), PORTS, "ports");
    }
    problems.extend(too_large(name, family, service, size));
    problems
}

/// The size of the task definition, with what is known of it before anything is read.
fn too_large(name: &Name, family: &str, service: &Service, size: Option<TaskSize>) -> Option<Problem> {
    let inputs = Inputs::default();
    let declared = Declared { family, service, size, region: "", inputs: &inputs };
    let bytes = bytes(&declared.render().ok()?);
    if bytes <= DEFINITION {
        return None;
    }
    let in_environment: usize = service
        .containers
        .values()
        .flat_map(|container| &container.environment)
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let message = format!("makes a task definition of {bytes} bytes, and ECS takes at most {DEFINITION}");
    let help = format!(
        "its environment variables have {in_environment} bytes: move the largest into the image, or into secrets"
    );
    Some(Problem::new(format!("services.{name}"), message).help(help))
}

/// The bytes of a definition as JSON, as it is sent, tags aside.
fn bytes(definition: &TaskDefinition) -> usize {
    let json = json!({
        "family": definition.family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": definition.cpu,
        "memory": definition.memory,
        "executionRoleArn": definition.execution_role_arn,
        "taskRoleArn": definition.task_role_arn,
        "containerDefinitions":
            definition.container_definitions().iter().map(container).collect::<Vec<_>>(),
    });
    json.to_string().len()
}

fn container(container: &ContainerDefinition) -> Value {
    let environment = container.environment().iter();
    let environment = environment.map(|pair| json!({ "name": pair.name, "value": pair.value }));
    let secrets = container.secrets().iter();
    let secrets = secrets.map(|secret| json!({ "name": secret.name, "valueFrom": secret.value_from }));
    let ports = container.port_mappings().iter().map(|port| {
        json!({ "name": port.name, "containerPort": port.container_port, "hostPort": port.host_port, "protocol": "tcp" })
    });
    json!({
        "name": container.name,
        "image": container.image,
        "command": container.command,
        "environment": environment.collect::<Vec<_>>(),
        "secrets": secrets.collect::<Vec<_>>(),
        "portMappings": ports.collect::<Vec<_>>(),
    })
}
