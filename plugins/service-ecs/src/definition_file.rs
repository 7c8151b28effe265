//! Services declared by files in ECS's own JSON: a task definition, as RegisterTaskDefinition takes and DescribeTaskDefinition
//! returns it, and a service, as CreateService takes and DescribeServices returns it.
//!
//! A file is read as the configuration that says the same, so that every layer of the configuration can change it.

use std::collections::BTreeSet;

use longshore_aws_shapes::Shape;
use longshore_model::{DefinitionFile, FromFile, Problem, consists_of};
use serde_json::{Map, Value, json};

use crate::{
    aws_fields::{AWS, CONTAINER_DEFINITIONS, SERVICE, TASK_DEFINITION, container_shape},
    fields::{input, shape},
};

/// The files that a service can name.
pub(crate) const FILES: [DefinitionFile; 2] = [
    DefinitionFile { key: "task-definition", read: task_definition },
    DefinitionFile { key: "service-definition", read: service },
];

/// Members of task definitions that only ECS writes (API reference, TaskDefinition).
const OF_REVISIONS: [&str; 8] = [
    "compatibilities",
    "deregisteredAt",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "revision",
    "status",
    "taskDefinitionArn",
];

/// Members of services that only ECS writes (API reference, Service), or that Longshore sets.
const OF_DESCRIPTIONS: [&str; 16] = [
    "clientToken",
    "createdAt",
    "createdBy",
    "currentServiceDeployment",
    "currentServiceRevisions",
    "deployments",
    "events",
    "pendingCount",
    "platformFamily",
    "resourceManagementType",
    "roleArn",
    "runningCount",
    "serviceArn",
    "status",
    "taskDefinition",
    "taskSets",
];

/// Short words for members of a service.
const WORDS_OF_SERVICES: [(&str, &str); 13] = [
    ("/serviceName", "service-name"),
    ("/cluster", "cluster"),
    ("/clusterArn", "cluster"),
    ("/desiredCount", "desired-count"),
    ("/launchType", "launch-type"),
    ("/enableExecuteCommand", "execute-command"),
    ("/networkConfiguration/awsvpcConfiguration/subnets", "network.subnets"),
    ("/networkConfiguration/awsvpcConfiguration/securityGroups", "network.security-groups"),
    ("/networkConfiguration/awsvpcConfiguration/assignPublicIp", "network.assign-public-ip"),
    ("/deploymentConfiguration/minimumHealthyPercent", "deployment.minimum-healthy-percent"),
    ("/deploymentConfiguration/maximumPercent", "deployment.maximum-percent"),
    ("/deploymentConfiguration/deploymentCircuitBreaker/enable", "deployment.circuit-breaker"),
    ("/deploymentConfiguration/deploymentCircuitBreaker/rollback", "deployment.rollback"),
];

/// The values that a document declares, and its faults.
#[derive(Default)]
struct Reading {
    declared: Vec<FromFile>,
    problems: Vec<Problem>,
}

impl Reading {
    fn declare(&mut self, key: &[&str], value: Value, pointer: impl Into<String>) {
        let key = key.iter().map(|&part| part.to_owned()).collect();
        self.declared.push(FromFile { key, value, pointer: pointer.into() });
    }

    fn problem(&mut self, pointer: impl Into<String>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(pointer, message).help(help));
    }

    /// The members of `document` and their pointer. They may stand in `wrapper`, as AWS's command line prints them, with the tags
    /// beside it.
    fn document(&mut self, document: &Value, wrapper: &str) -> Option<(Map<String, Value>, String)> {
        let pointers = [format!("/{wrapper}"), format!("/{wrapper}/0")];
        let wrapped = |pointer: &&String| document.pointer(pointer).is_some_and(Value::is_object);
        let pointer = pointers.iter().find(wrapped).cloned().unwrap_or_default();
        let Some(members) = document.pointer(&pointer).and_then(Value::as_object) else {
            self.problem(
                pointer,
                "is no JSON object",
                "the file has one, with the members that AWS documents",
            );
            return None;
        };
        if !pointer.is_empty() {
            self.tags(document.get("tags"), "/tags");
        }
        self.tags(members.get("tags"), &format!("{pointer}/tags"));
        let members = members.iter().filter(|(name, _)| *name != "tags");
        let members = members.filter_map(|(name, value)| Some((name.clone(), without_nulls(value)?)));
        Some((members.collect(), pointer))
    }

    /// Declares `tags`, a list as AWS has it.
    fn tags(&mut self, tags: Option<&Value>, at: &str) {
        for (index, tag) in items(tags.cloned()).into_iter().enumerate() {
            let pointer = format!("{at}/{index}");
            match (tag["key"].as_str(), &tag["value"]) {
                (Some(key), Value::String(value)) => self.declare(&["tags", key], json!(value), pointer),
                (Some(key), Value::Null) => self.declare(&["tags", key], json!(""), pointer),
                _ => self.problem(pointer, "is no tag", "a tag has a text `key` and a text `value`"),
            }
        }
    }

    /// Declares the remaining `members` in AWS's words, in the table at `key`.
    fn members(&mut self, key: &[&str], shape: Shape<'_>, members: Map<String, Value>, at: &str) {
        for (name, value) in members {
            let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            let value = match shape.member(&name).map(|member| member.shape) {
                Some(inner) => without_unset(inner, &value).map(|value| inner.tables(&value)),
                None => Some(value),
            };
            let Some(value) = value else { continue };
            self.declare(&[key, &[name.as_str()]].concat(), value, pointer);
        }
    }

    fn container(&mut self, container: Value, at: &str, names: &mut BTreeSet<String>) {
        let Value::Object(mut members) = container else {
            return self.problem(at, "is no JSON object", "a container definition has `name` and `image`");
        };
        let Some(Value::String(name)) = members.remove("name") else {
            return self.problem(format!("{at}/name"), "is missing", "AWS requires it");
        };
        if !names.insert(name.clone()) {
            return self.problem(
                format!("{at}/name"),
                format!("`{name}` is the name of two containers"),
                "rename one",
            );
        }
        let table = ["containers", name.as_str()];
        if let Some(image) = members.remove("image") {
            self.declare(&[&table[..], &["image"]].concat(), image, format!("{at}/image"));
        }
        for (list, value_of, inner) in [("environment", "value", None), ("secrets", "valueFrom", Some("arn"))]
        {
            for (index, variable) in items(members.remove(list)).into_iter().enumerate() {
                let pointer = format!("{at}/{list}/{index}");
                let Some(variable_name) = variable["name"].as_str() else {
                    self.problem(pointer, "has no `name`", "AWS requires it");
                    continue;
                };
                let key = [&table[..], &[list, variable_name], inner.as_slice()].concat();
                if self.declared.iter().any(|declared| declared.key == key) {
                    self.problem(
                        pointer,
                        format!("`{variable_name}` is declared twice"),
                        "remove one of both",
                    );
                    continue;
                }
                let value = variable.get(value_of).filter(|value| !value.is_null()).cloned();
                let value = value.unwrap_or_else(|| json!(""));
                let value = if list == "secrets" { path_of_parameter(value) } else { value };
                self.declare(&key, value, format!("{pointer}/{value_of}"));
            }
        }
        self.members(&[&table[..], &[AWS]].concat(), container_shape(), members, at);
    }

    fn finish(self) -> Result<Vec<FromFile>, Vec<Problem>> {
        if self.problems.is_empty() { Ok(self.declared) } else { Err(self.problems) }
    }
}

/// The name of a parameter as a path, which the configuration takes for one: both name one parameter (Systems Manager user
/// guide, "Requirements and constraints for parameter names"; the ARN of both is the same).
fn path_of_parameter(value: Value) -> Value {
    match value.as_str() {
        Some(name)
            if !name.starts_with("arn:") && consists_of(name, "._-/", 1011) && !name.starts_with('/') =>
        {
            json!(format!("/{name}"))
        }
        _ => value,
    }
}

/// `value` without members and items that are null, as consoles print members that are not set.
fn without_nulls(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(members) => {
            let members = members.iter();
            Some(members.filter_map(|(name, value)| Some((name.clone(), without_nulls(value)?))).collect())
        }
        Value::Array(items) => Some(items.iter().filter_map(without_nulls).collect()),
        other => Some(other.clone()),
    }
}

/// `value` without empty texts where AWS has a list of values: tools in Go write them for members that are not set.
fn without_unset(shape: Shape<'_>, value: &Value) -> Option<Value> {
    match value {
        Value::String(text) if text.is_empty() && !shape.values().is_empty() => None,
        Value::Object(members) => {
            let of_member = |(name, value): (&String, &Value)| {
                let inner = shape.member(name).map(|member| member.shape);
                let value = inner.map_or_else(|| Some(value.clone()), |inner| without_unset(inner, value))?;
                Some((name.clone(), value))
            };
            Some(members.iter().filter_map(of_member).collect())
        }
        Value::Array(items) => match shape.item() {
            Some(item) => Some(items.iter().filter_map(|value| without_unset(item, value)).collect()),
            None => Some(value.clone()),
        },
        other => Some(other.clone()),
    }
}

fn items(list: Option<Value>) -> Vec<Value> {
    match list {
        Some(Value::Array(items)) => items,
        None | Some(Value::Null) => Vec::new(),
        Some(other) => vec![other],
    }
}

fn task_definition(document: &Value) -> Result<Vec<FromFile>, Vec<Problem>> {
    let mut reading = Reading::default();
    let Some((mut members, at)) = reading.document(document, "taskDefinition") else {
        return reading.finish();
    };
    members.retain(|name, _| !OF_REVISIONS.contains(&name.as_str()));
    for (member, key) in
        [("executionRoleArn", ["execution-role", "arn"].as_slice()), ("taskRoleArn", &["task-role"])]
    {
        if let Some(role) = members.remove(member).filter(|role| role != "") {
            reading.declare(key, role, format!("{at}/{member}"));
        }
    }
    // A definition is declared whole: it has no logs but its own.
    reading.declare(&["logs"], json!(false), at.as_str());
    let compatibilities = members.get("requiresCompatibilities").and_then(Value::as_array);
    let is_told = compatibilities.is_some_and(|compatibilities| !compatibilities.is_empty());
    if !runs_on_fargate(&members) {
        if !is_told {
            reading.declare(&["launch-type"], json!("ec2"), at.as_str());
        }
        members.entry("networkMode").or_insert_with(|| json!("bridge"));
    }
    let containers = items(members.remove(CONTAINER_DEFINITIONS));
    if containers.is_empty() {
        let pointer = format!("{at}/{CONTAINER_DEFINITIONS}");
        reading.problem(pointer, "is missing", "a task definition has at least one container");
    }
    let mut names = BTreeSet::new();
    for (index, container) in containers.into_iter().enumerate() {
        reading.container(container, &format!("{at}/{CONTAINER_DEFINITIONS}/{index}"), &mut names);
    }
    reading.members(&[AWS, TASK_DEFINITION], shape(), members, &at);
    reading.finish()
}

/// Returns true if tasks can run on Fargate: the definition says so, or says nothing and has what Fargate requires (developer
/// guide, "Task definition parameters for Fargate").
fn runs_on_fargate(members: &Map<String, Value>) -> bool {
    match members.get("requiresCompatibilities").and_then(Value::as_array) {
        Some(compatibilities) if !compatibilities.is_empty() => {
            compatibilities.iter().any(|one| one == "FARGATE")
        }
        _ => {
            let has_size = members.contains_key("cpu") && members.contains_key("memory");
            has_size && members.get("networkMode").is_some_and(|mode| mode == "awsvpc")
        }
    }
}

fn service(document: &Value) -> Result<Vec<FromFile>, Vec<Problem>> {
    let mut reading = Reading::default();
    let Some((mut members, at)) = reading.document(document, "services") else { return reading.finish() };
    members.retain(|name, _| !OF_DESCRIPTIONS.contains(&name.as_str()));
    if members.get("schedulingStrategy").is_some_and(|strategy| strategy == "DAEMON") {
        // A description has the number of container instances there.
        members.remove("desiredCount");
    }
    let mut rest = Value::Object(members);
    for (pointer, word) in WORDS_OF_SERVICES {
        let Some(value) = take(&mut rest, pointer) else { continue };
        let text = value.as_str().map(str::to_owned);
        let value = match (word, text.as_deref()) {
            // An ARN ends in the cluster's name.
            ("cluster", Some(text)) => json!(text.rsplit('/').next().unwrap_or(text)),
            ("launch-type", Some(text)) => json!(text.to_ascii_lowercase()),
            ("network.assign-public-ip", Some("ENABLED")) => json!(true),
            ("network.assign-public-ip", Some("DISABLED")) => json!(false),
            _ => value,
        };
        let key: Vec<_> = word.split('.').collect();
        reading.declare(&key, value, format!("{at}{pointer}"));
    }
    if let Value::Object(members) = rest {
        reading.members(&[AWS, SERVICE], input("CreateService"), members, &at);
    }
    reading.finish()
}

/// Takes the value at `pointer` out of `document`, and the objects that it leaves empty.
fn take(document: &mut Value, pointer: &str) -> Option<Value> {
    let (table, field) = pointer.rsplit_once('/')?;
    let members = document.pointer_mut(table)?.as_object_mut()?;
    let value = members.remove(field);
    if members.is_empty() && !table.is_empty() {
        take(document, table);
    }
    value
}
