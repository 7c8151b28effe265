//! Service deployer on Amazon ECS.
//!
//! A service unfolds into a cluster, a log group, a task definition and the ECS service itself, each a step of its own.
//! The last one has succeeded when its service deployment has.

mod aws_fields;
mod check;
mod cluster;
mod deployer;
mod existing;
mod explain;
mod fields;
mod follow;
mod limits;
mod log_group;
mod planned;
mod reads;
mod refused;
mod render;
mod revision;
mod revisions;
mod role;
mod service;
mod size;
mod status;
mod tags;
mod task;
mod task_definition;
#[cfg(test)]
mod tests;
mod time;
mod undeclared;

use std::sync::Arc;

use longshore_aws::Aws;
use longshore_model::{Options, Problem};
use longshore_plugin::{Extensions, Registry, ServiceDeployer};

use crate::{aws_fields::AwsFields, deployer::EcsDeployer};

/// Adds the service deployer `ecs`. It takes the run's [`Aws`] from the extensions. Its options are AWS's own fields of a
/// service: the tables `aws` of the service and of its containers.
pub fn register(registry: &mut Registry) {
    registry.add_service_deployer("ecs", build);
}

fn build(options: &Options, extensions: &Extensions) -> Result<Arc<dyn ServiceDeployer>, Vec<Problem>> {
    let fields = AwsFields::read(options)?;
    let Some(aws) = extensions.get::<Aws>() else {
        return Err(vec![Problem::new(
            &options.key,
            "the host lends no AWS clients to the service deployer `ecs`",
        )]);
    };
    Ok(Arc::new(EcsDeployer { aws: Aws::clone(&aws), fields: Arc::new(fields) }))
}
