//! Service deployer on Amazon ECS.
//!
//! A service expands to a cluster, a log group, a task definition and the ECS service itself, each a step of its own.
//! The last one has succeeded when its service deployment has.

mod aws_fields;
mod check;
mod cluster;
mod cluster_settings;
mod declaration;
mod definition_file;
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
mod run_task;
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
use longshore_model::{Options, Problem, ServiceLayers};
use longshore_plugin::{Extensions, Plugins, ServiceDeployer};

use crate::{
    aws_fields::AwsFields, cluster_settings::ClusterSettings, deployer::EcsDeployer, run_task::RunTasks,
};

/// Adds the service deployer `ecs`. It takes the run's [`Aws`] from the extensions. Its options are
/// short words for what most services declare, AWS's own fields in the tables `aws` of the service and of its containers, and
/// the files `task-definition` and `service-definition`, which declare it in ECS's JSON. Adds the step plugins `ecs-cluster` and
/// `ecs-task`, which share its fields, its network and its explanations.
pub fn register(plugins: &mut Plugins) {
    plugins.add_service_deployer("ecs", build).summary("Services on Amazon ECS").document("configuration.md");
    let definition_files = definition_file::FILES.to_vec();
    let layers = ServiceLayers { definition_files, defaults: Some(declaration::defaults) };
    plugins.set_service_layers("ecs", layers);
    plugins
        .add_step_plugin("ecs-cluster", |options, extensions| {
            Ok(Arc::new(ClusterSettings { aws: lent(options, extensions, "step plugin `ecs-cluster`")? }))
        })
        .summary("The settings of an ECS cluster")
        .document("configuration.md");
    plugins
        .add_step_plugin("ecs-task", |options, extensions| {
            Ok(Arc::new(RunTasks { aws: lent(options, extensions, "step plugin `ecs-task`")? }))
        })
        .summary("A task that runs to its end, such as a migration")
        .document("configuration.md");
}

fn build(options: &Options, extensions: &Extensions) -> Result<Arc<dyn ServiceDeployer>, Vec<Problem>> {
    let fields = AwsFields::read(options)?;
    let aws = lent(options, extensions, "service deployer `ecs`")?;
    Ok(Arc::new(EcsDeployer { aws, fields: Arc::new(fields) }))
}

/// The clients that the host lends to `plugin`.
fn lent(options: &Options, extensions: &Extensions, plugin: &str) -> Result<Aws, Vec<Problem>> {
    let aws = extensions.get::<Aws>().map(|aws| Aws::clone(&aws));
    let message = || format!("the host lends no AWS clients to the {plugin}");
    aws.ok_or_else(|| vec![Problem::new(&options.key, message())])
}
