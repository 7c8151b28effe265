//! The step plugin `ecs-task`: a service's task definition, run once before or after other steps.

mod logs;
mod options;
mod step;

use std::sync::Arc;

use longshore_aws::Aws;
use longshore_model::{Problem, StepId, ValueType, closest};
use longshore_plugin::{Node, StepDeclaration, StepPlugin};

use self::{options::Options, step::RunTaskStep};
use crate::{
    aws_fields::AwsFields, cluster::CLUSTER_ARN, deployer::log_group_of, explain::Facts,
    task_definition::TASK_DEFINITION_ARN,
};

/// Makes steps that run tasks.
pub(crate) struct RunTasks {
    pub(crate) aws: Aws,
}

impl StepPlugin for RunTasks {
    fn node(&self, declaration: &StepDeclaration<'_>) -> Result<Node, Vec<Problem>> {
        let options = Options::read(declaration.options)?;
        let problem = |field: &str, message: String, help: String| {
            vec![Problem::new(format!("{}.{field}", declaration.options.key), message).help(help)]
        };
        let services = &declaration.stack.services;
        let Some(declared) = services.get(&options.service) else {
            let names = services.keys().map(|name| name.as_str());
            let help = match closest(options.service.as_str(), names.clone()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are: {}", names.collect::<Vec<_>>().join(", ")),
            };
            return Err(problem(
                "service",
                format!("refers to the service `{}`, which is not declared", options.service),
                help,
            ));
        };
        // Wrong fields are reported with the service itself.
        let Ok(fields) = AwsFields::read(&declared.deployer.options) else { return Err(Vec::new()) };
        let Ok(service) = fields.service_of(&options.service, declared) else { return Err(Vec::new()) };
        let essential: Vec<_> =
            service.containers.iter().filter(|(_, one)| one.essential).map(|(name, _)| name).collect();
        let container = match (&options.container, essential.as_slice()) {
            (Some(name), _) if service.containers.contains_key(name) => name.clone(),
            (None, [only]) => (*only).clone(),
            (named, _) => {
                let names: Vec<_> = service.containers.keys().map(|name| name.as_str()).collect();
                let message = match named {
                    Some(name) => format!("the service `{}` has no container `{name}`", options.service),
                    None => format!(
                        "is missing, and the service `{}` has several essential containers",
                        options.service
                    ),
                };
                return Err(problem("container", message, format!("there are: {}", names.join(", "))));
            }
        };
        let name = &options.service;
        let references: Vec<_> =
            options.environment.values().filter_map(|text| text.reference().cloned()).collect();
        let references: Vec<_> = references.into_iter().chain(service.network.references()).collect();
        let definition = StepId::new("task-definition", name);
        let cluster = StepId::new("cluster", &service.cluster);
        let log_group = log_group_of(&declaration.stack.name, name, &service);
        let facts = Facts { log_group: log_group.clone(), platform: service.platform };
        let step = RunTaskStep {
            aws: self.aws.clone(),
            name: declaration.name.clone(),
            container,
            service,
            fields,
            facts,
            log_group,
            options,
        };
        let makes = step.resource();
        Ok(Node::new(declaration.id(), Arc::new(step))
            .makes(makes)
            .input(TASK_DEFINITION_ARN, ValueType::TASK_DEFINITION_ARN, &definition, TASK_DEFINITION_ARN)
            .input(CLUSTER_ARN, ValueType::CLUSTER_ARN, &cluster, CLUSTER_ARN)
            .references(references))
    }
}
