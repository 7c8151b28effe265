//! The form in which ECS returns a task definition: with defaults filled in, and without unknown members.

use serde_json::{Map, Value, json};

use super::{
    super::agent::ValueFrom,
    fargate_size,
    spec::{ContainerSecret, ContainerSpec, TaskSpec},
};

/// The body of a description: `request` is the pruned input, `spec` what was read from it and is valid.
pub(super) fn body(request: &Value, spec: &TaskSpec) -> Value {
    let members = request.as_object().into_iter().flatten().filter(|(name, _)| *name != "tags");
    let mut body: Map<String, Value> = members.map(|(name, value)| (name.clone(), value.clone())).collect();
    for (member, size) in [
        ("cpu", spec.cpu.as_deref().and_then(fargate_size::cpu_units)),
        ("memory", spec.memory.as_deref().and_then(fargate_size::memory_mib)),
    ] {
        if let Some(size) = size {
            body.insert(member.to_owned(), json!(size.to_string()));
        }
    }
    for list in ["volumes", "placementConstraints"] {
        body.entry(list).or_insert_with(|| json!([]));
    }
    if let Some(containers) = body.get_mut("containerDefinitions").and_then(Value::as_array_mut) {
        let has_own_ports = matches!(spec.network_mode.as_deref(), Some("awsvpc" | "host"));
        for container in containers.iter_mut().filter_map(Value::as_object_mut) {
            complete(container, has_own_ports);
        }
    }
    for volume in body.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        complete_volume(volume);
    }
    body.insert("compatibilities".to_owned(), compatibilities(spec));
    body.insert("requiresAttributes".to_owned(), attributes(spec));
    Value::Object(body)
}

/// Fills in the defaults. `has_own_ports` is true if containers are reached by their own ports, without a mapping.
fn complete(container: &mut Map<String, Value>, has_own_ports: bool) {
    container.entry("cpu").or_insert_with(|| json!(0));
    container.entry("essential").or_insert_with(|| json!(true));
    for list in ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"] {
        container.entry(list).or_insert_with(|| json!([]));
    }
    let mappings = container.get_mut("portMappings").and_then(Value::as_array_mut);
    for mapping in mappings.into_iter().flatten().filter_map(Value::as_object_mut) {
        mapping.entry("protocol").or_insert_with(|| json!("tcp"));
        let port = if has_own_ports { mapping.get("containerPort").cloned() } else { Some(json!(0)) };
        if let Some(port) = port
            && mapping.get("hostPort").is_none_or(|given| *given == json!(0))
        {
            mapping.insert("hostPort".to_owned(), port);
        }
    }
    if let Some(check) = container.get_mut("healthCheck").and_then(Value::as_object_mut) {
        for (member, default) in [("interval", 30), ("timeout", 5), ("retries", 3)] {
            check.entry(member).or_insert_with(|| json!(default));
        }
    }
}

/// A volume without a configuration is an empty directory of the host.
fn complete_volume(volume: &mut Value) {
    let Some(volume) = volume.as_object_mut() else { return };
    if volume.keys().all(|member| member == "name") {
        volume.insert("host".to_owned(), json!({}));
    }
    if let Some(efs) = volume.get_mut("efsVolumeConfiguration").and_then(Value::as_object_mut) {
        efs.entry("rootDirectory").or_insert_with(|| json!("/"));
    }
}

fn compatibilities(spec: &TaskSpec) -> Value {
    let sized = spec
        .cpu
        .as_deref()
        .and_then(fargate_size::cpu_units)
        .zip(spec.memory.as_deref().and_then(fargate_size::memory_mib))
        .is_some_and(|(cpu, memory)| fargate_size::exists(cpu, memory));
    let awsvpc = spec.network_mode.as_deref() == Some("awsvpc");
    let plain = spec
        .container_definitions
        .iter()
        .all(|container| !container.privileged && container.links.is_empty());
    if spec.requires_fargate() || (sized && awsvpc && plain) {
        json!(["EC2", "FARGATE"])
    } else if awsvpc {
        json!(["EC2"])
    } else {
        json!(["EXTERNAL", "EC2"])
    }
}

/// Returns the capabilities that an agent must have. <https://github.com/aws/amazon-ecs-agent> names these.
fn attributes(spec: &TaskSpec) -> Value {
    let mut names = vec!["com.amazonaws.ecs.capability.docker-remote-api.1.18"];
    let any = |has: fn(&ContainerSpec) -> bool| spec.container_definitions.iter().any(has);
    if spec.logs_to_cloudwatch() {
        names.push("com.amazonaws.ecs.capability.logging-driver.awslogs");
        names.push("ecs.capability.execution-role-awslogs");
        names.push("com.amazonaws.ecs.capability.docker-remote-api.1.19");
    }
    if spec.task_role_arn.is_some() {
        names.push("com.amazonaws.ecs.capability.task-iam-role");
    }
    if any(|container| container.repository_credentials.is_some()) {
        names.push("ecs.capability.private-registry-authentication.secretsmanager");
    }
    let of_parameters = |secret: &ContainerSecret| {
        matches!(ValueFrom::parse(&secret.value_from), Ok(ValueFrom::Parameter { .. }))
    };
    let secrets = || spec.container_definitions.iter().flat_map(|container| &container.secrets);
    if secrets().any(|secret| !of_parameters(secret)) {
        names.push("ecs.capability.secrets.asm.environment-variables");
    }
    if secrets().any(of_parameters) {
        names.push("ecs.capability.secrets.ssm.environment-variables");
    }
    if any(|container| container.log_configuration.iter().any(|logging| !logging.secret_options.is_empty())) {
        names.push("ecs.capability.secrets.asm.bootstrap.log-driver");
    }
    if any(|container| !container.environment_files.is_empty()) {
        names.push("ecs.capability.env-files.s3");
    }
    if any(|container| container.privileged) {
        names.push("com.amazonaws.ecs.capability.privileged-container");
    }
    if any(|container| container.health_check.is_some()) {
        names.push("ecs.capability.container-health-check");
    }
    if spec.network_mode.as_deref() == Some("awsvpc") {
        names.push("ecs.capability.task-eni");
    }
    names.iter().map(|name| json!({ "name": name })).collect()
}
