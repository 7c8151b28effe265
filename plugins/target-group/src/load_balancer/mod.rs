//! The step plugin `load-balancer`: an Application Load Balancer with a listener and, unless existing ones are named,
//! security groups.
//!
//! ```toml
//! [steps.front]
//! use = "load-balancer"
//! subnets = ["subnet-0a", "subnet-0b"]
//! certificate = "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
//! ```
//!
//! The listener answers 404 where no rule fits: rules are those of target groups. Traffic that the made groups let in is
//! declared whole, and so are the listener's settings; of subnets, attributes and tags only what is declared.

mod api;
mod difference;
mod observed;
mod options;
mod orphans;
mod step;
#[cfg(test)]
mod tests;
mod undo;
mod write;

use std::sync::Arc;

use longshore_aws::Aws;
use longshore_model::{Problem, ValueType};
use longshore_plugin::{Node, StepDeclaration, StepPlugin, Undeclared};

use self::{
    options::{Access, Options},
    orphans::Orphans,
    step::LoadBalancerStep,
};
use crate::{LOAD_BALANCER_ARN, URL};

/// The name of the output that is the listener's ARN.
const LISTENER_ARN: &str = "listener-arn";
/// The name of the output that is the load balancer's DNS name.
const DNS_NAME: &str = "dns-name";
/// The name of the output that is the id of the hosted zone of the DNS name, for alias records.
const HOSTED_ZONE_ID: &str = "hosted-zone-id";
/// The name of the output that is the id of the load balancer's security group: the first, if it has several.
const SECURITY_GROUP: &str = "security-group";
/// The name of the output that is the id of a security group for targets: it lets in what the load balancer sends.
const TARGET_SECURITY_GROUP: &str = "target-security-group";

/// Makes steps for load balancers.
pub(crate) struct LoadBalancers {
    pub(crate) aws: Aws,
}

impl StepPlugin for LoadBalancers {
    fn node(&self, declaration: &StepDeclaration<'_>) -> Result<Node, Vec<Problem>> {
        let options = Options::read(declaration.options)?;
        let name = options.name_of(&declaration.stack.name, declaration.name);
        if let Some(fault) = options::fault(&name) {
            let message = format!("would have the name \"{name}\", which {fault}");
            return Err(vec![Problem::new(&declaration.options.key, message).help("set `name`")]);
        }
        let references = options.references();
        let makes_groups = matches!(options.access, Access::Made(_));
        let step = LoadBalancerStep { aws: self.aws.clone(), options, name: name.clone() };
        let node = Node::new(declaration.id(), Arc::new(step))
            .makes(step::resource(&name))
            .references(references)
            .output(LISTENER_ARN, ValueType::of("listener-arn"))
            .output(LOAD_BALANCER_ARN, ValueType::of("load-balancer-arn"))
            .output(DNS_NAME, ValueType::of("dns-name"))
            .output(HOSTED_ZONE_ID, ValueType::of("hosted-zone-id"))
            .output(URL, ValueType::of("url"))
            .output(SECURITY_GROUP, ValueType::of("security-group"));
        if !makes_groups {
            return Ok(node);
        }
        Ok(node.output(TARGET_SECURITY_GROUP, ValueType::of("security-group")))
    }

    fn undeclared(&self) -> Vec<Arc<dyn Undeclared>> {
        vec![Arc::new(Orphans { aws: self.aws.clone() })]
    }
}
