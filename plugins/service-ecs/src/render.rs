//! The task definition of a service, as it is registered.

use aws_sdk_ecs::types::Tag;
use longshore_aws::JsonRequest;
use longshore_aws_shapes::Model;
use longshore_model::{AFTER_APPLY, ContainerSecret, Failure, FailureKind, Inputs, Name, Platform};
use longshore_plugin::{ContainerVariable, Result};
use serde_json::{Map, Value, json};

use crate::{
    aws_fields::AwsFields,
    declaration::{Container, ImageUpdates, LaunchType, Service, TaskSize},
    fields::shape,
    tags,
};

/// The prefix of log streams' names; container and task follow.
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

/// Everything that the task definition of a service is made of.
pub(crate) struct Declared<'a> {
    /// The family.
    pub(crate) family: &'a str,
    /// The service.
    pub(crate) service: &'a Service,
    /// Its fields in AWS's words.
    pub(crate) fields: &'a AwsFields,
    /// CPU and memory of the task.
    pub(crate) size: Option<TaskSize>,
    /// The region that logs are written to.
    pub(crate) region: &'a str,
    /// The outputs of the steps before.
    pub(crate) inputs: &'a Inputs,
}

impl Declared<'_> {
    fn input(&self, name: &str) -> &str {
        self.inputs.get(name).value().unwrap_or(AFTER_APPLY)
    }

    /// Makes sure that the digests which containers pin could be read.
    pub(crate) fn require_digests(&self) -> Result<()> {
        let mut containers = self.service.containers.iter();
        let Some((name, container)) = containers.find(|(name, _)| self.is_unread(name)) else {
            return Ok(());
        };
        let message = format!(
            "the container `{name}` cannot pin {}: the caller may not read its digest",
            container.image
        );
        let help = "allow `ecr:BatchGetImage` to the caller, or remove `pin`";
        Err(Failure::new(FailureKind::Denied, message).help(help))
    }

    /// The task definition as AWS takes it; inputs that are not known yet are [`AFTER_APPLY`].
    pub(crate) fn render(&self) -> Value {
        let service = self.service;
        let containers: Vec<_> =
            service.containers.iter().map(|(name, container)| self.container(name, container)).collect();
        let compatibility = match service.launch_type {
            LaunchType::Fargate => "FARGATE",
            LaunchType::Ec2 => "EC2",
        };
        // Instances of any platform may run what says nothing of it.
        let is_told = service.launch_type == LaunchType::Fargate || service.platform != Platform::default();
        let architecture = service.platform.architecture.ecs();
        let platform = json!({ "operatingSystemFamily": "LINUX", "cpuArchitecture": architecture });
        let mut definition = json!({
            "family": self.family,
            "networkMode": AWSVPC,
            "requiresCompatibilities": [compatibility],
            "cpu": self.size.map(|size| size.cpu.to_string()),
            "memory": self.size.map(|size| size.memory.to_string()),
            "runtimePlatform": is_told.then_some(platform),
            "executionRoleArn": self.input(ROLE_ARN),
            "taskRoleArn": self.task_role(),
            "containerDefinitions": containers,
        });
        if let Some(fields) = self.fields.definition() {
            shape().overlay(&mut definition, Value::Object(fields.clone()));
        }
        without_nulls(definition)
    }

    /// Returns the ARN of the task role. One that is given by its name is in the account of the execution role.
    fn task_role(&self) -> Option<String> {
        let role = self.service.task_role.as_ref()?.shown(self.inputs);
        if role == AFTER_APPLY || role.starts_with("arn:") {
            return Some(role.to_owned());
        }
        let account = self.input(ROLE_ARN).split_once(":role/").map(|(account, _)| account);
        Some(account.map_or_else(|| AFTER_APPLY.to_owned(), |account| format!("{account}:role/{role}")))
    }

    fn container(&self, name: &Name, container: &Container) -> Value {
        let ports = container.ports.iter().map(|(name, port)| self.port_mapping(name, *port));
        let environment = container.environment.iter();
        let environment =
            environment.map(|(name, value)| json!({ "name": name, "value": value.shown(self.inputs) }));
        let secrets = container.secrets.iter();
        let secrets = secrets.map(|(variable, secret)| {
            json!({ "name": variable, "valueFrom": self.secret(name, variable, secret) })
        });
        let credentials = container
            .registry
            .as_ref()
            .map(|registry| json!({ "credentialsParameter": self.input(&secret_input(registry)) }));
        let mut definition = json!({
            "name": name.as_str(),
            "image": self.image(name, container),
            "repositoryCredentials": credentials,
            "cpu": container.cpu,
            "memory": container.memory,
            "essential": container.essential,
            "portMappings": list(ports),
            "environment": list(environment),
            "secrets": list(secrets),
            "command": container.command,
        });
        let fields = self.fields.container(name);
        let driver = fields.and_then(|fields| fields.pointer("/logConfiguration/logDriver"));
        // Another log driver takes none of the options of this one.
        if self.service.logs.is_some() && driver.is_none_or(|driver| driver == AWSLOGS) {
            definition["logConfiguration"] = json!({ "logDriver": AWSLOGS, "options": {
                "awslogs-group": self.input(LOG_GROUP),
                "awslogs-region": self.region,
                "awslogs-stream-prefix": STREAM_PREFIX,
            } });
        }
        if let (Some(fields), Some(shape)) = (fields, Model::ecs().shape("ContainerDefinition")) {
            shape.overlay(&mut definition, fields.clone());
        }
        without_nulls(definition)
    }

    /// In `awsvpc` mode the host's port is the container's; in others the host chooses one.
    fn port_mapping(&self, name: &Name, port: u16) -> Value {
        let mode = self.fields.definition().and_then(|fields| fields.get("networkMode"));
        let host = mode.is_none_or(|mode| mode == AWSVPC).then_some(port);
        without_nulls(json!({
            "name": name.as_str(),
            "containerPort": port,
            "hostPort": host,
            "protocol": "tcp",
        }))
    }
}

/// The network mode of Fargate tasks, in which each task has an address of its own.
const AWSVPC: &str = "awsvpc";

/// The log driver that writes to CloudWatch.
pub(crate) const AWSLOGS: &str = "awslogs";

fn list(items: impl Iterator<Item = Value>) -> Option<Vec<Value>> {
    Some(items.collect()).filter(|items: &Vec<_>| !items.is_empty())
}

/// A table without the members that are not declared.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            members.into_iter().filter(|(_, member)| !member.is_null()).collect::<Map<_, _>>().into()
        }
        other => other,
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

    /// Returns the ARN from which ECS reads an environment variable.
    fn secret(&self, container: &Name, variable: &str, secret: &ContainerSecret) -> String {
        match secret {
            ContainerSecret::Existing { arn, .. } => arn.to_string(),
            ContainerSecret::Written { .. } => {
                let variable = ContainerVariable { container: container.clone(), name: variable.to_owned() };
                self.input(&variable_input(&variable)).to_owned()
            }
        }
    }
}

/// As AWS's numbers are signed; what is too large, AWS refuses.
pub(crate) fn clamped(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The request that registers `definition` with `tags`.
pub(crate) fn registration(definition: &Value, tags: &[Tag]) -> JsonRequest {
    let tags = tags::pairs(tags).map(|(key, value)| json!({ "key": key, "value": value }));
    let mut members = definition.as_object().cloned().unwrap_or_default();
    members.insert("tags".to_owned(), tags.collect());
    JsonRequest(members)
}
