//! The service deployer: what a service expands to, and how it is doing.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_aws::{Aws, NetworkPart, bounded};
use longshore_model::{
    Inputs, Name, Platform, Problem, Service as OfStack, ServiceStatus, StepId, Text, ValueType,
};
use longshore_plugin::{
    Context, LogStream, Node, PullCheck, Result, RoleBuilder, SecretStore, ServiceDeployer,
    ServiceOperations, Step, Undeclared, Wires,
};
use serde_json::Value;

use crate::{
    aws_fields::AwsFields,
    check::check,
    cluster::{self, CLUSTER_ARN, ClusterStep},
    declaration::{ImageUpdates, Network, Service},
    explain::Facts,
    limits,
    log_group::{self, LOG_GROUP, LogGroupStep},
    render::{self, Declared, secret_input, variable_input},
    service::{self, RestartStep, RollbackStep, SERVICE_ARN, ServiceStep, written_at_input},
    status,
    task_definition::{self, CONTENT, TASK_DEFINITION_ARN, TaskDefinitionStep},
    undeclared,
};

/// The longest name of a family (API reference, RegisterTaskDefinition).
const FAMILY_LIMIT: usize = 255;
/// The longest name of a log group (API reference, CreateLogGroup).
const LOG_GROUP_LIMIT: usize = 512;

/// Runs services on Amazon ECS.
pub(crate) struct EcsDeployer {
    /// The clients.
    pub(crate) aws: Aws,
    /// AWS's own fields of the service.
    pub(crate) fields: Arc<AwsFields>,
}

/// The name of the log group of a service, if it has one.
pub(crate) fn log_group_of(stack: &Name, name: &Name, service: &Service) -> Option<String> {
    let logs = service.logs.as_ref()?;
    let made = || bounded(&format!("{}{name}", log_group::prefix(stack)), LOG_GROUP_LIMIT);
    Some(logs.group.clone().unwrap_or_else(made))
}

/// The inputs that hold the digests of the images of containers with these `updates`, each with the output and the step
/// that it comes from. An image with a given digest never changes.
fn digests<'a>(
    service: &'a Service,
    wires: &'a Wires,
    updates: ImageUpdates,
) -> impl Iterator<Item = (String, String, &'a StepId)> {
    let containers = service.containers.iter().filter(move |(_, container)| {
        container.image_updates == updates && container.image.digest().is_none()
    });
    containers.filter_map(|(name, container)| {
        let step = wires.images.get(&container.image)?;
        Some((render::digests_input(name), <dyn PullCheck>::digests_output(&container.image), step))
    })
}

impl EcsDeployer {
    /// The family of a service's task definition.
    fn family(&self, stack: &Name, name: &Name) -> String {
        let made = || bounded(&format!("{stack}-{name}"), FAMILY_LIMIT);
        self.fields.family().map_or_else(made, str::to_owned)
    }

    fn service(&self, stack: &Name, name: &Name, service: &Arc<Service>) -> ServiceStep {
        ServiceStep {
            aws: self.aws.clone(),
            name: name.clone(),
            service: service.clone(),
            fields: self.fields.balanced(name, service),
            family: self.family(stack, name),
            facts: Facts { log_group: log_group_of(stack, name, service), platform: service.platform },
        }
    }

    /// A log stream of `container`, whose service has the log group `group`.
    fn log_stream(&self, container: &Name, group: Option<&str>) -> Option<LogStream> {
        let own = self.fields.container(container).and_then(|fields| fields.get("logConfiguration"));
        let driver = own.and_then(|own| own.get("logDriver")).and_then(Value::as_str);
        let option = |name: &str| own?.get("options")?.get(name)?.as_str();
        if driver.map_or(group.is_none(), |driver| driver != render::AWSLOGS) {
            return None;
        }
        // The last part is the id of the task; without a prefix, the stream is the id of the container.
        let prefix = option("awslogs-stream-prefix").or(group.map(|_| render::STREAM_PREFIX));
        Some(LogStream {
            group: option("awslogs-group").or(group)?.to_owned(),
            name: prefix.map_or_else(|| "0".to_owned(), |prefix| format!("{prefix}/{container}/0")),
            creates_group: option("awslogs-create-group") == Some("true"),
        })
    }

    fn cluster(&self, service: &Service) -> Node {
        let step = ClusterStep { aws: self.aws.clone(), name: service.cluster.clone() };
        Node::new(StepId::new("cluster", &service.cluster), Arc::new(step))
            .shared()
            .makes(cluster::resource(&service.cluster))
            .output(CLUSTER_ARN, ValueType::CLUSTER_ARN)
    }

    fn log_group(&self, stack: &Name, name: &Name, service: &Service, group: Option<&str>) -> Option<Node> {
        let step = LogGroupStep {
            aws: self.aws.clone(),
            name: group?.to_owned(),
            prefix: log_group::prefix(stack),
            is_named: service.logs.as_ref()?.group.is_some(),
            retention_days: service.logs.as_ref()?.retention_days,
            removal: service.logs.as_ref()?.removal,
        };
        let node = Node::new(StepId::new("log-group", name), Arc::new(step));
        Some(node.makes(log_group::resource(group?)).output(LOG_GROUP, ValueType::LOG_GROUP))
    }

    /// The steps of `service`.
    pub(crate) fn steps(
        &self,
        name: &Name,
        service: Service,
        wires: &Wires,
    ) -> std::result::Result<Vec<Node>, Vec<Problem>> {
        let shared = Arc::new(service);
        let service = shared.as_ref();
        let size = check(name, service, &self.fields)?;
        let family = self.family(&wires.stack, name);
        let inputs = Inputs::default();
        let fields = &self.fields.resolved(&inputs);
        let declared = Declared { family: &family, service, fields, size, region: "", inputs: &inputs };
        let definition = declared.render();
        let mut problems = limits::exceeded(name, service, &definition);
        problems.extend(self.fields.missing(name, service, &definition));
        if !problems.is_empty() {
            return Err(problems);
        }
        let group = log_group_of(&wires.stack, name, service);
        let cluster = self.cluster(service);
        let logs = self.log_group(&wires.stack, name, service, group.as_deref());
        let reads = self.aws.reads();
        reads.expect_service(&service.cluster, &service.name);
        reads.expect_task_definition(&family);
        let Network { subnets, security_groups, .. } = &service.network;
        for (part, ids) in [(NetworkPart::Subnet, subnets), (NetworkPart::SecurityGroup, security_groups)] {
            let known = ids.iter().filter_map(|id| id.value(&inputs));
            known.for_each(|id| reads.expect_vpc_of(part, id));
        }

        let makes = task_definition::resource(&family);
        let step = TaskDefinitionStep {
            aws: self.aws.clone(),
            family,
            name: name.clone(),
            service: shared.clone(),
            fields: self.fields.clone(),
            size,
        };
        let mut definition = Node::new(StepId::new("task-definition", name), Arc::new(step))
            .makes(makes)
            .input(render::ROLE_ARN, ValueType::ROLE_ARN, &wires.role, <dyn RoleBuilder>::ARN)
            .output(TASK_DEFINITION_ARN, ValueType::TASK_DEFINITION_ARN)
            .output(CONTENT, ValueType::DIGEST);
        for (registry, step) in &wires.secrets {
            let input = secret_input(registry);
            definition = definition.input(input, ValueType::SECRET_ARN, step, <dyn SecretStore>::ARN);
        }
        for (variable, step) in &wires.variables {
            let input = variable_input(variable);
            definition = definition.input(input, ValueType::SECRET_ARN, step, <dyn SecretStore>::ARN);
        }
        let environment = service.containers.values().flat_map(|container| container.environment.values());
        let texts = environment.chain(&service.task_role);
        let texts = texts.filter_map(Text::reference).cloned();
        definition = definition.references(self.fields.definition_references().into_iter().chain(texts));
        for (input, output, step) in digests(service, wires, ImageUpdates::Pin) {
            definition = definition.input(input, ValueType::DIGEST, step, output);
        }
        if let Some(logs) = &logs {
            definition = definition.input(render::LOG_GROUP, ValueType::LOG_GROUP, &logs.id, LOG_GROUP);
        }

        let references = self.fields.balanced(name, service).service_references().into_iter();
        let references = references.chain(service.network.references());
        let step = self.service(&wires.stack, name, &shared);
        let mut node = Node::new(StepId::new("service", name), Arc::new(step))
            .makes(service::resource(&shared.cluster, &shared.name))
            .input(CLUSTER_ARN, ValueType::CLUSTER_ARN, &cluster.id, CLUSTER_ARN)
            .input(TASK_DEFINITION_ARN, ValueType::TASK_DEFINITION_ARN, &definition.id, TASK_DEFINITION_ARN)
            .input(CONTENT, ValueType::DIGEST, &definition.id, CONTENT)
            .output(SERVICE_ARN, ValueType::SERVICE_ARN)
            .references(references);
        node.after.extend(wires.after.iter().cloned());
        for (variable, step) in &wires.variables {
            let input = written_at_input(variable);
            node = node.input(input, ValueType::MOMENT, step, <dyn SecretStore>::WRITTEN_AT);
        }
        for (input, output, step) in digests(service, wires, ImageUpdates::Redeploy) {
            node = node.input(input, ValueType::DIGEST, step, output);
        }
        Ok([cluster].into_iter().chain(logs).chain([definition, node]).collect())
    }
}

#[async_trait]
impl ServiceDeployer for EcsDeployer {
    fn expand(
        &self,
        name: &Name,
        service: &OfStack,
        wires: &Wires,
    ) -> std::result::Result<Vec<Node>, Vec<Problem>> {
        self.steps(name, self.fields.service_of(name, service)?, wires)
    }
    fn log_streams(&self, stack: &Name, name: &Name, service: &OfStack) -> Vec<LogStream> {
        // A wrong declaration is reported with the steps.
        let Ok(service) = self.fields.service_of(name, service) else { return Vec::new() };
        let group = log_group_of(stack, name, &service);
        let containers = service.containers.keys();
        containers.filter_map(|container| self.log_stream(container, group.as_deref())).collect()
    }

    fn platform(&self, _: &OfStack) -> Platform {
        self.fields.platform_of_tasks()
    }

    fn secrets(&self, _: &Name, service: &OfStack) -> Vec<String> {
        self.fields.log_secrets(service.containers.keys().cloned())
    }

    fn files(&self, _: &Name, service: &OfStack) -> Vec<String> {
        self.fields.environment_files(service.containers.keys().cloned())
    }

    async fn status(&self, context: &Context, name: &Name, service: &OfStack) -> Result<ServiceStatus> {
        status::read(&self.aws, context, name, service).await
    }

    fn undeclared(&self) -> Vec<Arc<dyn Undeclared>> {
        undeclared::all(&self.aws)
    }

    fn operations(&self) -> Option<&dyn ServiceOperations> {
        Some(self)
    }
}

impl EcsDeployer {
    /// Returns the step that takes `service` back to an earlier revision.
    pub(crate) fn rollback_step(
        &self,
        stack: &Name,
        name: &Name,
        service: Service,
        to: Option<&str>,
    ) -> Arc<dyn Step> {
        let service = self.service(stack, name, &Arc::new(service));
        Arc::new(RollbackStep::new(service, self.family(stack, name), to))
    }

    /// Returns the step that replaces the tasks of `service`.
    pub(crate) fn restart_step(&self, stack: &Name, name: &Name, service: Service) -> Arc<dyn Step> {
        Arc::new(RestartStep { service: self.service(stack, name, &Arc::new(service)) })
    }
}

impl ServiceOperations for EcsDeployer {
    fn rollback(
        &self,
        stack: &Name,
        name: &Name,
        service: &OfStack,
        to: Option<&str>,
    ) -> std::result::Result<Arc<dyn Step>, Vec<Problem>> {
        Ok(self.rollback_step(stack, name, self.fields.service_of(name, service)?, to))
    }

    fn restart(
        &self,
        stack: &Name,
        name: &Name,
        service: &OfStack,
    ) -> std::result::Result<Arc<dyn Step>, Vec<Problem>> {
        Ok(self.restart_step(stack, name, self.fields.service_of(name, service)?))
    }
}
