//! AWS's own fields of a service: the tables `aws` of its configuration.
//!
//! Short words stand for what everybody writes; every other field has AWS's spelling. AWS's model of its API decides
//! how a field is checked, compared and sent. No field is known here by name, except those that Longshore itself has to
//! set.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use longshore_aws::fields::{Owned, table, words_for};
use longshore_aws_shapes::{Finding, Model, Path, Shape};
use longshore_model::{
    Architecture, Inputs, Name, OperatingSystem, Options, Platform, Problem, Reference, Service as OfStack,
    Text, push_key,
};
use serde_json::{Map, Value, json};

use crate::{
    check::{is_single, of_container},
    declaration::{self, Container, LaunchType, LoadBalancer, Service, TaskSize, Words},
    definition_file::FILES,
    fields::{input, shape},
};

/// The table of a service, or of one of its containers, that has AWS's fields.
pub(crate) const AWS: &str = "aws";
/// The fields of the task definition, in the table of the service.
pub(crate) const TASK_DEFINITION: &str = "task-definition";
/// The fields of the only container, in the table of the service.
const CONTAINER: &str = "container";

/// The fields of the service, in its table.
pub(crate) const SERVICE: &str = "service";
/// The containers, in the task definition.
pub(crate) const CONTAINER_DEFINITIONS: &str = "containerDefinitions";
/// Allows a running service to be replaced, in the table of the service.
const REPLACE: &str = "replace";

/// The scheduling strategy, in the service.
const SCHEDULING: &str = "schedulingStrategy";
/// The placement strategy, in the service.
const PLACEMENT: &str = "placementStrategy";
/// The shares of the tasks that stay and that run in rollouts of daemons, if none are declared: the defaults of ECS's API.
const OF_DAEMONS: (u32, u32) = (0, 100);

/// The load balancers, in the service.
const LOAD_BALANCERS: &str = "loadBalancers";

const OF_DEFINITIONS: &Owned = &[
    (
        "containerDefinitions",
        "write `containers.NAME.aws`, or `aws.container` where the service has one container",
    ),
    ("executionRoleArn", "set `execution-role.arn`, or leave the role to Longshore"),
    ("tags", "set `tags`"),
];

const OF_CONTAINERS: &Owned = &[
    ("image", "set `image`: Longshore proves that it can be pulled"),
    ("name", "it is the container's key in `containers`"),
    ("secrets", "write `secrets.VARIABLE.arn`: the execution role then gets the permission to read it"),
];

const OF_SERVICES: &Owned = &[
    ("clientToken", "Longshore makes it"),
    ("cluster", "set `cluster`"),
    ("deploymentConfiguration.deploymentCircuitBreaker.enable", "set `deployment.circuit-breaker`"),
    ("deploymentConfiguration.deploymentCircuitBreaker.rollback", "set `deployment.rollback`"),
    ("deploymentConfiguration.maximumPercent", "set `deployment.maximum-percent`"),
    ("deploymentConfiguration.minimumHealthyPercent", "set `deployment.minimum-healthy-percent`"),
    ("desiredCount", "set `desired-count`"),
    ("enableExecuteCommand", "set `execute-command`"),
    ("launchType", "set `launch-type`, or `capacityProviderStrategy` here"),
    ("networkConfiguration", "set `network`"),
    ("serviceName", "set `service-name`"),
    ("tags", "set `tags`"),
    ("taskDefinition", "its fields stand in `aws.task-definition`"),
];

/// AWS's fields of a service, as AWS takes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AwsFields {
    /// Those of the task definition.
    definition: Value,
    /// Those of the service's only container.
    container: Option<Value>,
    /// Those of containers, by their names.
    containers: BTreeMap<String, Value>,
    /// Those of the service itself.
    service: Map<String, Value>,
    /// True if a running service may be replaced where ECS cannot change it.
    pub(crate) replaces: bool,
    /// The short words.
    short: Words,
    /// The dotted keys of all that the configuration sets, without what is at its default.
    words: BTreeSet<String>,
    /// The dotted keys of `repositoryCredentials`: the images of these containers need a declared registry.
    private: BTreeSet<String>,
}

/// The shape of a container.
pub(crate) fn container_shape() -> Shape<'static> {
    Model::ecs().shape("ContainerDefinition").unwrap_or_else(|| unreachable!("the model has containers"))
}

impl AwsFields {
    /// Reads the options of the deployer.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn read(options: &Options) -> Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let mut words = BTreeSet::new();
            leaves(&mut String::new(), &options.values, &options.defaults, &mut words);
            leaves(&mut String::new(), &options.taken, &BTreeSet::new(), &mut words);
            let mut read = Self { words, ..Self::default() };
            fields.table(AWS, |aws| {
                let definition = table(aws, TASK_DEFINITION, shape(), OF_DEFINITIONS);
                read.definition = definition.unwrap_or_default();
                read.container = table(aws, CONTAINER, container_shape(), OF_CONTAINERS);
                read.private.extend(without_credential(read.container.as_mut(), "aws.container"));
                if let Some(Value::Object(members)) = table(aws, SERVICE, input("CreateService"), OF_SERVICES)
                {
                    read.service = members;
                }
                Some(())
            });
            let short = declaration::read(options, fields, |name, container| {
                let mut found = table(container, AWS, container_shape(), OF_CONTAINERS);
                let key = format!("containers.{name}.aws");
                read.private.extend(without_credential(found.as_mut(), &key));
                read.containers.extend(found.map(|found| (name.to_owned(), found)));
            });
            read.short = short.unwrap_or_default();
            // They were read as a layer below this one.
            FILES.iter().for_each(|file| drop(fields.text(file.key)));
            read.replaces = fields.flag(REPLACE).unwrap_or_default();
            Some(read)
        })
    }

    /// Returns the fields with the values of `inputs` in place of references.
    pub(crate) fn resolved(&self, inputs: &Inputs) -> Cow<'_, Self> {
        let all = || self.definition_references().into_iter().chain(self.service_references());
        if all().next().is_none() {
            return Cow::Borrowed(self);
        }
        let resolved = |value: &Value| Reference::resolved(value, inputs);
        Cow::Owned(Self {
            definition: resolved(&self.definition),
            container: self.container.as_ref().map(resolved),
            containers: self.containers.iter().map(|(name, value)| (name.clone(), resolved(value))).collect(),
            service: self.service.iter().map(|(name, value)| (name.clone(), resolved(value))).collect(),
            replaces: self.replaces,
            short: self.short.clone(),
            words: self.words.clone(),
            private: self.private.clone(),
        })
    }

    /// Returns the fields with the load balancer that `load-balancer` of the service declares.
    pub(crate) fn balanced(self: &Arc<Self>, name: &Name, service: &Service) -> Arc<Self> {
        let Some(LoadBalancer { container, port }) = &service.load_balancer else { return self.clone() };
        let mut fields = Self::clone(self);
        let group = json!({ "from": OfStack::load_balancer_step(name), "output": "target-group-arn" });
        let balancer = json!({ "targetGroupArn": group, "containerName": container, "containerPort": port });
        fields.service.insert(LOAD_BALANCERS.to_owned(), json!([balancer]));
        Arc::new(fields)
    }

    /// Returns true if the configuration sets the short word with this dotted key.
    pub(crate) fn has_word(&self, key: &str) -> bool {
        self.words.contains(key)
    }

    /// The references in the fields of the task definition and its containers.
    pub(crate) fn definition_references(&self) -> Vec<Reference> {
        let containers = self.containers.values().chain(&self.container);
        let all = containers.chain([&self.definition]).filter_map(Value::as_object);
        all.flat_map(references_in).collect()
    }

    /// The references in the fields of the service itself.
    pub(crate) fn service_references(&self) -> Vec<Reference> {
        references_in(&self.service)
    }

    /// The fields of the service itself.
    pub(crate) fn service(&self) -> &Map<String, Value> {
        &self.service
    }

    /// Returns true if one task runs on each container instance, as the scheduling strategy `DAEMON` has it.
    pub(crate) fn is_daemon(&self) -> bool {
        self.service.get(SCHEDULING).is_some_and(|strategy| strategy == "DAEMON")
    }

    /// The network mode of the tasks, if it is not the one in which each task has an address of its own.
    pub(crate) fn shares_network(&self) -> bool {
        let mode = self.definition().and_then(|definition| definition.get("networkMode"));
        mode.is_some_and(|mode| mode != "awsvpc")
    }

    /// The fields of the task definition.
    pub(crate) fn definition(&self) -> Option<&Map<String, Value>> {
        self.definition.as_object()
    }

    /// The family of the task definition, if it is declared.
    pub(crate) fn family(&self) -> Option<&str> {
        self.definition.get("family")?.as_str()
    }

    /// The memory that is reserved for `container`, in MiB.
    pub(crate) fn reservation(&self, container: &Name) -> Option<u32> {
        self.container(container)?.get("memoryReservation")?.as_u64()?.try_into().ok()
    }

    /// Returns the platform of the tasks.
    pub(crate) fn platform_of_tasks(&self) -> Platform {
        self.platform(self.short.platform())
    }

    /// The platform of tasks whose declaration has `platform`.
    fn platform(&self, platform: Platform) -> Platform {
        let text = |field| self.definition.pointer(&format!("/runtimePlatform/{field}"))?.as_str();
        let architecture = match text("cpuArchitecture") {
            Some("ARM64") => Architecture::Arm64,
            Some(_) => Architecture::Amd64,
            None => platform.architecture,
        };
        let is_windows = text("operatingSystemFamily").is_some_and(|family| family.starts_with("WINDOWS"));
        let os = if is_windows { OperatingSystem::Windows } else { platform.os };
        Platform { os, architecture }
    }

    /// The secrets and parameters in `secretOptions` of log drivers, by ARN.
    pub(crate) fn log_secrets(&self, containers: impl Iterator<Item = Name>) -> Vec<String> {
        self.arns_in("/logConfiguration/secretOptions", "valueFrom", containers)
    }

    /// The objects in Amazon S3 with environment variables, by ARN.
    pub(crate) fn environment_files(&self, containers: impl Iterator<Item = Name>) -> Vec<String> {
        self.arns_in("/environmentFiles", "value", containers)
    }

    /// The ARNs in the member `field` of the lists at `path` in the fields of containers.
    fn arns_in(&self, path: &str, field: &str, containers: impl Iterator<Item = Name>) -> Vec<String> {
        let lists = containers.filter_map(|name| self.container(&name)?.pointer(path)?.as_array().cloned());
        let arns = lists.flatten().filter_map(|item| item[field].as_str().map(str::to_owned));
        arns.filter(|arn| arn.starts_with("arn:")).collect()
    }

    /// The fields of `container`.
    pub(crate) fn container(&self, container: &Name) -> Option<&Value> {
        self.containers.get(container.as_str()).or(self.container.as_ref())
    }

    /// Returns the service that `declared` and the options declare together.
    ///
    /// # Errors
    /// As [`Self::applied`], and when nothing can take the requests of its load balancer.
    pub(crate) fn service_of(&self, name: &Name, declared: &OfStack) -> Result<Service, Vec<Problem>> {
        let (service, mut problems) = self.short.service(name, declared);
        match self.applied(name, service) {
            Ok(service) if problems.is_empty() => return Ok(service),
            Ok(_) => {}
            Err(more) => problems.extend(more),
        }
        Err(problems)
    }

    /// Returns `service` with those of AWS's fields that matter to more than the request: sizes, the task role, the platform.
    ///
    /// # Errors
    /// The fields that a short word sets as well, and fields of a container that is not there.
    pub(crate) fn applied(&self, name: &Name, mut service: Service) -> Result<Service, Vec<Problem>> {
        let fields = self.resolved(&Inputs::default());
        let problems = fields.conflicts(name, &service);
        if !problems.is_empty() {
            return Err(problems);
        }
        let text = |field: &str| self.definition.get(field).and_then(Value::as_str);
        service.task_role = service.task_role.or_else(|| text("taskRoleArn").map(Text::from));
        service.platform = self.platform(service.platform);
        service.launch_type = self.launch_type(&service);
        if self.is_daemon() {
            let deployment = &mut service.deployment;
            if !self.has_word("deployment.minimum-healthy-percent") {
                deployment.minimum_healthy_percent = OF_DAEMONS.0;
            }
            if !self.has_word("deployment.maximum-percent") {
                deployment.maximum_percent = OF_DAEMONS.1;
            }
        }
        let normal = shape().form(&fields.definition);
        let units = |field: &str| {
            let mut fields = normal.fields().filter(|(path, _)| path.as_slice() == [field]);
            fields.next().and_then(|(_, text)| text.parse().ok())
        };
        if let (Some(cpu), Some(memory)) = (units("cpu"), units("memory")) {
            service.size = Some(TaskSize { cpu, memory });
        }
        for (container, declared) in &mut service.containers {
            let Some(fields) = self.container(container) else { continue };
            let number =
                |field: &str| fields.get(field)?.as_u64().and_then(|number| u32::try_from(number).ok());
            declared.cpu = declared.cpu.or(number("cpu"));
            declared.memory = declared.memory.or(number("memory"));
            declared.essential &= fields.get("essential") != Some(&Value::Bool(false));
        }
        Ok(service)
    }

    /// The launch type: the declared one, or else that of the task definition's compatibilities.
    fn launch_type(&self, service: &Service) -> LaunchType {
        match self.definition.get("requiresCompatibilities") {
            Some(compatibilities) if !self.has_word("launch-type") => {
                if has_item(compatibilities, "FARGATE") { LaunchType::Fargate } else { LaunchType::Ec2 }
            }
            _ => service.launch_type,
        }
    }

    fn conflicts(&self, name: &Name, service: &Service) -> Vec<Problem> {
        let mut problems = Vec::new();
        let key = |inner: &str| format!("services.{name}.{inner}");
        if self.container.is_some() && !(is_single(name, service) && self.containers.is_empty()) {
            let help = "move it to `containers.NAME.aws`, of the container that it is meant for";
            let problem = Problem::new(key("aws.container"), "stands beside `containers`");
            problems.push(problem.help(help));
        }
        let mut find = |table: &str, shape: Shape<'_>, value: &Value, words: Vec<(String, Path)>| {
            let form = shape.form(value);
            for (word, path) in words.into_iter().filter(|(_, path)| form.has(path)) {
                let at = path.iter().fold(key(table), |key, field| longshore_model::join_key(&key, field));
                let message = format!("is set by `{}` already", key(&word));
                problems.push(Problem::new(at, message).help("remove one of both"));
            }
        };
        find("aws.task-definition", shape(), &self.definition, words_of_service(service));
        for (container, declared) in &service.containers {
            if let Some(fields) = self.container(container) {
                let words = words_of_container(declared).into_iter();
                let words = words.map(|(word, path)| (of_container(name, service, container, &word), path));
                find(&self.table_of(name, service, container), container_shape(), fields, words.collect());
            }
        }
        problems.extend(self.disagreements(name, service));
        problems
    }

    /// Members that do not go with what the service declares elsewhere.
    fn disagreements(&self, name: &Name, service: &Service) -> Vec<Problem> {
        let key = |inner: &str| format!("services.{name}.{inner}");
        let mut problems = Vec::new();
        let launcher = match service.launch_type {
            LaunchType::Fargate => "FARGATE",
            LaunchType::Ec2 => "EC2",
        };
        let compatibilities = self.definition.get("requiresCompatibilities");
        let is_external = |all: &Value| has_item(all, "EXTERNAL") && !has_item(all, "EC2");
        if compatibilities.is_some_and(|all| is_external(all) && !has_item(all, "FARGATE")) {
            let at = key("aws.task-definition.requiresCompatibilities");
            let message = "has `EXTERNAL` alone: Longshore does not deploy to instances outside of AWS";
            problems.push(Problem::new(at, message).help("add `EC2` or `FARGATE`"));
        } else if self.has_word("launch-type") && compatibilities.is_some_and(|all| !has_item(all, launcher))
        {
            let message = format!("lacks `{launcher}`, for which `{}` asks", key("launch-type"));
            let at = key("aws.task-definition.requiresCompatibilities");
            problems.push(Problem::new(at, message).help("add it, or change the launch type"));
        }
        if service.load_balancer.is_some() && self.service.contains_key(LOAD_BALANCERS) {
            let message = format!("is set by `{}` already", key("load-balancer"));
            let at = key("aws.service.loadBalancers");
            problems.push(Problem::new(at, message).help("remove one of both"));
        }
        if self.is_daemon() {
            problems.extend(self.disagreements_of_daemon(name, service));
        }
        for (container, declared) in &service.containers {
            let at = format!("{}.repositoryCredentials", self.table_of(name, service, container));
            if self.private.contains(&at) && declared.registry.is_none() {
                let image = &declared.image;
                let message =
                    format!("says that {image} needs a credential, and no registry is declared for it");
                let help = "declare it in `registries`: Longshore proves its credential and stores it";
                problems.push(Problem::new(key(&at), message).help(help));
            }
        }
        problems
    }

    /// The settings that a daemon cannot have (ECS developer guide, "Amazon ECS services").
    fn disagreements_of_daemon(&self, name: &Name, service: &Service) -> Vec<Problem> {
        let key = |inner: &str| format!("services.{name}.{inner}");
        let strategy = key("aws.service.schedulingStrategy");
        let mut problems = Vec::new();
        let mut refuse = |field: &str, message: String, help: &str| {
            problems.push(Problem::new(key(field), message).help(help));
        };
        if service.desired_count.is_some() {
            let message = format!("is set, but `{strategy}` is `DAEMON`");
            refuse("desired-count", message, "remove it: one task runs on each container instance that fits");
        }
        let placement = self.service.get(PLACEMENT).and_then(Value::as_array);
        if placement.is_some_and(|strategies| !strategies.is_empty()) {
            let message = format!("is set, but `{strategy}` is `DAEMON`");
            let help = "remove it: `placementConstraints` choose the container instances";
            refuse("aws.service.placementStrategy", message, help);
        }
        let is_on_fargate = self.launch_type(service) == LaunchType::Fargate;
        if is_on_fargate && !self.service.contains_key("capacityProviderStrategy") {
            let message = "is `DAEMON`, but the tasks run on Fargate, which has no container instances";
            refuse("aws.service.schedulingStrategy", message.to_owned(), "set launch-type = \"ec2\"");
        }
        let (least, most) = (service.deployment.minimum_healthy_percent, service.deployment.maximum_percent);
        if self.has_word("deployment.minimum-healthy-percent") && least >= OF_DAEMONS.1 {
            let message =
                format!("is {least}, but `{strategy}` is `DAEMON`, and no task of it can be stopped");
            let help = "lower it: an instance's task stops before the next one starts";
            refuse("deployment.minimum-healthy-percent", message, help);
        }
        if self.has_word("deployment.maximum-percent") && most > OF_DAEMONS.1 {
            let message = format!("is {most}, but `{strategy}` is `DAEMON`");
            let help = "set it to 100, or remove it: an instance never runs two tasks of a daemon";
            refuse("deployment.maximum-percent", message, help);
        }
        problems
    }

    /// The table of `container` in that of the service.
    fn table_of(&self, name: &Name, service: &Service, container: &Name) -> String {
        if is_single(name, service) && !self.containers.contains_key(container.as_str()) {
            "aws.container".to_owned()
        } else {
            format!("containers.{container}.aws")
        }
    }

    /// Returns the problems of a whole task definition: members that AWS requires and neither a short word nor a table sets.
    pub(crate) fn missing(&self, name: &Name, service: &Service, definition: &Value) -> Vec<Problem> {
        let problem = |finding: Finding| {
            let (table, path) = match finding.path.as_slice() {
                [list, container, path @ ..] if list == CONTAINER_DEFINITIONS => {
                    let container = service.containers.keys().find(|name| name.as_str() == container)?;
                    (self.table_of(name, service, container), path)
                }
                path => ("aws.task-definition".to_owned(), path),
            };
            let key = format!("services.{name}.{table}");
            let key = path.iter().fold(key, |key, field| longshore_model::join_key(&key, field));
            let (message, help) = words_for(&finding.kind);
            Some(Problem::new(key, message).help(help))
        };
        shape().missing(definition).into_iter().filter_map(problem).collect()
    }
}

/// Adds to `found` the dotted keys of all values in `table`, which stands at `key`, that are no tables and none of `except`.
fn leaves(
    key: &mut String,
    table: &Map<String, Value>,
    except: &BTreeSet<String>,
    found: &mut BTreeSet<String>,
) {
    for (field, value) in table {
        let length = key.len();
        push_key(key, field);
        match value {
            Value::Object(table) => leaves(key, table, except, found),
            _ if except.contains(key.as_str()) => {}
            _ => drop(found.insert(key.clone())),
        }
        key.truncate(length);
    }
}

fn references_in(members: &Map<String, Value>) -> Vec<Reference> {
    Reference::all_in("", members).into_iter().map(|(_, reference)| reference).collect()
}

/// The short words that a service sets to something else than their defaults, with AWS's fields that they set.
fn words_of_service(service: &Service) -> Vec<(String, Path)> {
    let mut words = Vec::new();
    let mut add = |is_set: bool, word: &str, path: &[&str]| {
        if is_set {
            words.push((word.to_owned(), path.iter().map(|&field| field.to_owned()).collect()));
        }
    };
    add(service.size.is_some(), "size", &["cpu"]);
    add(service.size.is_some(), "size", &["memory"]);
    add(service.task_role.is_some(), "task-role", &["taskRoleArn"]);
    let is_arm = service.platform.architecture == Architecture::Arm64;
    add(is_arm, "architecture", &["runtimePlatform", "cpuArchitecture"]);
    words
}

/// The same of a container.
fn words_of_container(container: &Container) -> Vec<(String, Path)> {
    let mut words = Vec::new();
    let mut add = |is_set: bool, word: String, path: &[&str]| {
        if is_set {
            words.push((word, path.iter().map(|&field| field.to_owned()).collect()));
        }
    };
    add(container.cpu.is_some(), "cpu".to_owned(), &["cpu"]);
    add(container.memory.is_some(), "memory".to_owned(), &["memory"]);
    add(container.command.is_some(), "command".to_owned(), &["command"]);
    add(!container.essential, "essential".to_owned(), &["essential"]);
    for name in container.environment.keys().chain(container.secrets.keys()) {
        let table = if container.environment.contains_key(name) { "environment" } else { "secrets" };
        add(true, longshore_model::join_key(table, name), &["environment", name]);
    }
    for name in container.ports.keys() {
        add(true, format!("ports.{name}"), &["portMappings", name.as_str(), "containerPort"]);
    }
    words
}

/// Takes `repositoryCredentials` out of the fields of a container, which stand at `key`: the credential is that of the declared
/// registry. Returns the dotted key, if it was there.
fn without_credential(fields: Option<&mut Value>, key: &str) -> Option<String> {
    let member = "repositoryCredentials";
    let taken = fields?.as_object_mut()?.remove(member).is_some();
    taken.then(|| format!("{key}.{member}"))
}

fn has_item(list: &Value, item: &str) -> bool {
    list.as_array().is_some_and(|items| items.iter().any(|one| one == item))
}
