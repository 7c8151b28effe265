//! Step plugins for Elastic Load Balancing: target groups, each with a rule that forwards to it on a listener, and whole
//! Application Load Balancers.
//!
//! ```toml
//! [steps.web]
//! use = "target-group"
//! listener = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2"
//! host = "shop.example"
//! health-check = { path = "/health", interval = 10 }
//! attributes = { "deregistration_delay.timeout_seconds" = 30 }
//! ```
//!
//! Both belong to the stack whose name their tag `longshore:stack` carries. Only declared fields are compared and changed;
//! the conditions of the rule are declared whole.

mod api;
mod difference;
mod load_balancer;
mod network;
mod observed;
mod options;
mod rule;
mod step;
#[cfg(test)]
mod tests;
mod undeclared;
mod undo;
mod write;

use std::sync::Arc;

use longshore_aws::Aws;
use longshore_model::{Problem, ValueType};
use longshore_plugin::{Extensions, Node, Plugins, StepDeclaration, StepPlugin, Undeclared};

use crate::{load_balancer::LoadBalancers, options::Options, step::TargetGroupStep, undeclared::Orphans};

/// The name of the output that is the target group's ARN.
pub(crate) const TARGET_GROUP_ARN: &str = "target-group-arn";
/// The name of the output that is the address at which the listener takes requests for the target group.
pub(crate) const URL: &str = "url";
/// The name of the output that is the rule's ARN.
pub(crate) const LISTENER_RULE_ARN: &str = "listener-rule-arn";
/// The name of the output that is the load balancer's ARN.
pub(crate) const LOAD_BALANCER_ARN: &str = "load-balancer-arn";

/// Adds the step plugins `target-group` and `load-balancer`. The host lends them [`Aws`].
///
/// The options of `target-group`:
/// - `listener`: the ARN of the listener, or a reference to it;
/// - `host`, `path`, `header`: the conditions of the rule, of which at least one is needed;
/// - `priority`: the rule's, otherwise the one after the last;
/// - `name`: the target group's, `STACK-STEP` by default;
/// - `protocol`, `protocol-version`, `port`, `target-type`, `vpc`: of the target group; when it is made, they are `HTTP`,
///   `HTTP1`, 80, `ip` and the load balancer's VPC by default;
/// - `health-check`: `path`, `interval`, `timeout`, `healthy-threshold`, `unhealthy-threshold`, `matcher`, `port`,
///   `protocol`;
/// - `attributes`: the target group's, by AWS's names.
///
/// Its outputs: `target-group-arn`, `listener-rule-arn`, `load-balancer-arn`, `url`.
///
/// The options of `load-balancer`:
/// - `subnets`: at least two, in different availability zones of one VPC;
/// - `scheme`: `internet-facing` by default, or `internal`;
/// - `certificate`: the ARN of a certificate, for a listener with TLS to which requests with HTTP are redirected, and
///   `ssl-policy`;
/// - `port`: the listener's, otherwise 443 with a certificate and 80 without;
/// - `ingress`: the CIDR blocks that requests may come from, all by default if the load balancer is internet-facing;
/// - `security-groups`: existing ones, in place of one that is made;
/// - `name`: the load balancer's, `STACK-STEP` by default;
/// - `idle-timeout`, `attributes`, `tags`.
///
/// Its outputs: `listener-arn`, `load-balancer-arn`, `dns-name`, `hosted-zone-id`, `url`, `security-group` and, if groups are
/// made, `target-security-group`.
pub fn register(plugins: &mut Plugins) {
    plugins
        .add_step_plugin("target-group", |options, extensions| {
            Ok(Arc::new(TargetGroups { aws: clients(options, extensions)? }))
        })
        .summary("A target group, and the rule of an existing listener that forwards to it")
        .document("configuration.md");
    plugins
        .add_step_plugin("load-balancer", |options, extensions| {
            Ok(Arc::new(LoadBalancers { aws: clients(options, extensions)? }))
        })
        .summary("An application load balancer with its listeners and security groups")
        .document("configuration.md");
}

fn clients(options: &longshore_model::Options, extensions: &Extensions) -> Result<Aws, Vec<Problem>> {
    match extensions.get::<Aws>() {
        Some(aws) => Ok(Aws::clone(&aws)),
        None => Err(vec![Problem::new(&options.key, "needs AWS clients, and there are none here")]),
    }
}

/// Makes steps for target groups.
struct TargetGroups {
    aws: Aws,
}

impl StepPlugin for TargetGroups {
    fn node(&self, declaration: &StepDeclaration<'_>) -> Result<Node, Vec<Problem>> {
        let options = Options::read(declaration.options)?;
        let name = options.name_of(&declaration.stack.name, declaration.name);
        let references = options.references();
        let step = TargetGroupStep { aws: self.aws.clone(), options, name: name.clone() };
        Ok(Node::new(declaration.id(), Arc::new(step))
            .makes(step::resource(&name))
            .references(references)
            .output(TARGET_GROUP_ARN, ValueType::of("target-group-arn"))
            .output(LISTENER_RULE_ARN, ValueType::of("listener-rule-arn"))
            .output(LOAD_BALANCER_ARN, ValueType::of("load-balancer-arn"))
            .output(URL, ValueType::of("url")))
    }

    fn undeclared(&self) -> Vec<Arc<dyn Undeclared>> {
        vec![Arc::new(Orphans { aws: self.aws.clone() })]
    }
}
