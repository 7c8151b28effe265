//! Step plugin for Application Auto Scaling: an ECS service as a scalable target, with its scaling policies and scheduled
//! actions.
//!
//! ```toml
//! [steps.web-scaling]
//! use = "autoscaling"
//! service = "web"
//! min = 2
//! max = 20
//! cpu = 60
//!
//! [steps.web-scaling.aws.scheduled-actions.night]
//! Schedule = "cron(0 22 * * ? *)"
//! ScalableTargetAction = { MinCapacity = 1 }
//! ```
//!
//! The scalable target belongs to the stack whose name its tag `longshore:stack` carries. AWS has no tags for policies and
//! scheduled actions: those whose names begin with `longshore-` are the step's.

mod api;
mod declared;
mod difference;
mod observed;
mod options;
mod step;
#[cfg(test)]
mod tests;
mod undeclared;
mod write;

use std::sync::Arc;

use longshore_aws::Aws;
use longshore_model::{Name, Problem, Service, StepId, ValueType, closest};
use longshore_plugin::{Node, Plugins, StepDeclaration, StepPlugin, Undeclared};

use crate::{options::Options, step::AutoScalingStep, undeclared::Orphans};

/// The name of the plugin.
const PLUGIN: &str = "autoscaling";

/// The name of the input and of the service's output that is the service's ARN.
pub(crate) const SERVICE_ARN: &str = "service-arn";
/// The name of the output that is the scalable target's ARN.
pub(crate) const SCALABLE_TARGET_ARN: &str = "scalable-target-arn";

/// The name of the output that is the ARN of a declared policy.
pub(crate) fn policy_arn(name: &str) -> String {
    format!("{name}-policy-arn")
}

/// Adds the step plugin `autoscaling`. The host lends it [`Aws`].
///
/// Its options:
/// - `service`: the name of a service of the stack;
/// - `min`, `max`: the bounds of its count;
/// - `timeout`: how long the step waits until the service has a count within them;
/// - `cpu`, `memory`: the percentage that a target tracking policy keeps;
/// - `requests-per-target`: `value`, `target-group-arn`: the same for a target group's requests a minute to each target;
/// - `aws.target`, `aws.policies.NAME`, `aws.scheduled-actions.NAME`: the inputs of RegisterScalableTarget,
///   PutScalingPolicy and PutScheduledAction.
///
/// Its outputs: `scalable-target-arn`, and `NAME-policy-arn` for each policy.
pub fn register(plugins: &mut Plugins) {
    plugins
        .add_step_plugin(PLUGIN, |options, extensions| {
            let Some(aws) = extensions.get::<Aws>() else {
                return Err(vec![Problem::new(&options.key, "needs AWS clients, and there are none here")]);
            };
            Ok(Arc::new(AutoScaling { aws: Aws::clone(&aws) }))
        })
        .summary("The autoscaling of a service")
        .document("autoscaling.md");
}

/// Makes steps for scalable targets.
struct AutoScaling {
    aws: Aws,
}

impl StepPlugin for AutoScaling {
    fn node(&self, declaration: &StepDeclaration<'_>) -> Result<Node, Vec<Problem>> {
        let options = Options::read(declaration.options)?;
        let service = service(declaration, &options)?;
        let mut notes = Vec::new();
        if let Some(count) = desired_count(service) {
            let name = &options.service;
            if !(options.min..=options.max).contains(&count) {
                let message = format!(
                    "the service `{name}` has `desired-count` = {count}, which is not within `min` and `max`"
                );
                let help = format!("remove `services.{name}.desired-count`: autoscaling sets the count");
                return Err(vec![Problem::new(&declaration.options.key, message).help(help)]);
            }
            notes.push(format!(
                "each deploy sets the count of the service `{name}` back to {count}: remove `desired-count` there"
            ));
        }
        let resource = format!("service/{}/{}", service.cluster, service.name);
        let references = options.references();
        let outputs: Vec<_> = options.policies.keys().map(|name| policy_arn(name)).collect();
        let from = StepId::new("service", &options.service);
        let step = AutoScalingStep {
            aws: self.aws.clone(),
            timeout: options.timeout,
            options,
            resource: resource.clone(),
            notes,
        };
        let node = Node::new(declaration.id(), Arc::new(step))
            .makes(step::title(&resource))
            .input(SERVICE_ARN, ValueType::SERVICE_ARN, &from, SERVICE_ARN)
            .references(references)
            .output(SCALABLE_TARGET_ARN, ValueType::of("scalable-target-arn"));
        Ok(outputs.into_iter().fold(node, |node, name| node.output(name, ValueType::of("policy-arn"))))
    }

    fn undeclared(&self) -> Vec<Arc<dyn Undeclared>> {
        vec![Arc::new(Orphans { aws: self.aws.clone() })]
    }
}

/// The count that the options of the service's deployer declare.
fn desired_count(service: &Service) -> Option<u32> {
    service.deployer.options.values.get("desired-count")?.as_u64()?.try_into().ok()
}

/// Finds the service that a step scales.
fn service<'a>(declaration: &StepDeclaration<'a>, options: &Options) -> Result<&'a Service, Vec<Problem>> {
    let problem = |message: String, help: String| {
        vec![Problem::new(format!("{}.service", declaration.options.key), message).help(help)]
    };
    let services = &declaration.stack.services;
    let name = &options.service;
    let Some(service) = services.get(name) else {
        let names = services.keys().map(Name::as_str);
        let help = match closest(name.as_str(), names.clone()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are: {}", names.collect::<Vec<_>>().join(", ")),
        };
        return Err(problem(format!("refers to the service `{name}`, which is not declared"), help));
    };
    let mut others = declaration.stack.steps.iter().filter(|(step, added)| {
        let scaled = added.plugin.options.values.get("service").and_then(serde_json::Value::as_str);
        *step != declaration.name && &*added.plugin.name == PLUGIN && scaled == Some(name.as_str())
    });
    if let Some((other, _)) = others.next() {
        let message = format!("the step `{other}` scales the service `{name}` already");
        return Err(problem(message, "declare all policies of a service in one step".to_owned()));
    }
    Ok(service)
}
