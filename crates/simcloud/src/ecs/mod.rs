//! Amazon ECS: clusters, task definitions, services, deployments, tasks and the agent that starts them.
//!
//! ECS's own activity is a sequence of discrete events on the world's agenda: the service scheduler's
//! passes ([`Due::Schedule`]) and the steps of each task's life ([`Due::Task`]). Durations are drawn from
//! the world's generator, so the same seed gives the same run.

mod agent;
mod alarms;
mod arn;
mod circuit_breaker;
mod cluster;
mod container_instance;
mod daemon;
mod deployment;
mod hooks;
mod load_balancing;
mod network;
mod placement;
mod rollback;
mod scaling;
mod scheduler;
mod service;
mod service_deployment;
mod service_events;
mod service_revision;
mod shapes;
mod stages;
mod start_outcome;
mod tags;
mod task;
mod task_definition;
mod wire;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

pub use agent::{Errand, Pulled};
pub(crate) use container_instance::register_declared;
pub use container_instance::{InstanceArchitecture, InstanceOs, InstanceSpec};
pub(crate) use load_balancing::targets_changed;
pub(crate) use scaling::{has_service, scale};

use self::{cluster::Cluster, service::Service, task::Task};
use crate::{Agenda, ApiError, Call, Ids, Moment, World};

/// The state of ECS.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ecs {
    regions: BTreeMap<String, Region>,
}

/// ECS's state in one region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Region {
    clusters: BTreeMap<String, Cluster>,
    families: task_definition::Families,
    /// From `clientToken` to what it created.
    client_tokens: BTreeMap<String, service::Remembered>,
}

/// Which service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceKey {
    region: String,
    cluster: String,
    service: String,
}

/// Which task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskKey {
    region: String,
    cluster: String,
    task: String,
}

/// A scheduled event of ECS.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Due {
    /// The service scheduler looks at a service.
    Schedule(ServiceKey),
    /// An inactive service is forgotten.
    ForgetService(ServiceKey),
    /// A task takes a step.
    Task(TaskKey, TaskStep),
}

/// The steps of a task's life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskStep {
    /// The network interface is attached: PROVISIONING → PENDING.
    Attach,
    /// The agent assumes the role and reads secrets and log configuration.
    Prepare,
    /// The agent pulls the image of a container, by its place in the task definition.
    Pull(usize),
    /// A pull from a real registry has not come back: its process may have ended.
    PullOverdue(usize),
    /// A start that failed has used up its retries.
    Fail(String),
    /// The containers start: RUNNING.
    Start,
    /// A health check has passed: HEALTHY.
    Healthy,
    /// The health of a load balancer's target may have changed.
    TargetHealth,
    /// The targets are drained: DEACTIVATING → STOPPING.
    Drained,
    /// A container ends by itself.
    Exit {
        /// Its place in the task definition.
        container: usize,
        /// Its exit code.
        code: i32,
        /// The reason, if it says more than the exit code.
        reason: Option<String>,
    },
    /// The containers have stopped: DEPROVISIONING.
    Deprovision,
    /// The network interface is gone: STOPPED.
    Stop,
    /// A stopped task is no longer described.
    Forget,
}

impl Ecs {
    fn region_mut(&mut self, region: &str) -> &mut Region {
        self.regions.entry(region.to_owned()).or_default()
    }

    fn cluster_mut(&mut self, region: &str, cluster: &str) -> Option<&mut Cluster> {
        self.regions.get_mut(region)?.clusters.get_mut(cluster)
    }

    fn service(&self, key: &ServiceKey) -> Option<&Service> {
        self.regions.get(&key.region)?.clusters.get(&key.cluster)?.services.get(&key.service)
    }

    fn service_mut(&mut self, key: &ServiceKey) -> Option<&mut Service> {
        self.cluster_mut(&key.region, &key.cluster)?.services.get_mut(&key.service)
    }

    fn task(&self, key: &TaskKey) -> Option<&Task> {
        self.regions.get(&key.region)?.clusters.get(&key.cluster)?.tasks.get(&key.task)
    }

    fn task_mut(&mut self, key: &TaskKey) -> Option<&mut Task> {
        self.cluster_mut(&key.region, &key.cluster)?.tasks.get_mut(&key.task)
    }

    /// The tasks of a service that are not stopped yet, or are still described.
    fn tasks_of<'a>(&'a self, key: &'a ServiceKey) -> impl Iterator<Item = &'a Task> {
        self.regions
            .get(&key.region)
            .and_then(|region| region.clusters.get(&key.cluster))
            .into_iter()
            .flat_map(|cluster| cluster.tasks.of_service(&key.service))
    }
}

/// Performs an operation of the ECS API: awsJson1.1 input and output as JSON.
///
/// # Errors
///
/// ECS's own, and `UnknownOperationException` for what is not simulated.
pub fn handle(world: &mut World, call: &Call) -> Result<serde_json::Value, ApiError> {
    match call.operation.as_str() {
        "CreateCluster" => cluster::create(world, call),
        "DescribeClusters" => cluster::describe(world, call),
        "ListClusters" => cluster::list(world, call),
        "UpdateCluster" => cluster::update(world, call),
        "PutClusterCapacityProviders" => cluster::put_capacity_providers(world, call),
        "DeleteCluster" => cluster::delete(world, call),
        "RegisterTaskDefinition" => task_definition::register(world, call),
        "DescribeTaskDefinition" => task_definition::describe(world, call),
        "ListTaskDefinitions" => task_definition::list(world, call),
        "ListTaskDefinitionFamilies" => task_definition::list_families(world, call),
        "DeregisterTaskDefinition" => task_definition::deregister(world, call),
        "DeleteTaskDefinitions" => task_definition::delete(world, call),
        "CreateService" => service::create(world, call),
        "UpdateService" => service::update(world, call),
        "DescribeServices" => service::describe(world, call),
        "ListServices" => service::list(world, call),
        "DeleteService" => service::delete(world, call),
        "ListServiceDeployments" => service_deployment::list(world, call),
        "DescribeServiceDeployments" => service_deployment::describe(world, call),
        "StopServiceDeployment" => service_deployment::stop(world, call),
        "ContinueServiceDeployment" => hooks::continue_deployment(world, call),
        "DescribeServiceRevisions" => service_revision::describe(world, call),
        "RunTask" => task::run(world, call),
        "StopTask" => task::stop(world, call),
        "ExecuteCommand" => task::execute(world, call),
        "DescribeTasks" => task::describe(world, call),
        "ListTasks" => task::list(world, call),
        "TagResource" => tags::tag(world, call),
        "UntagResource" => tags::untag(world, call),
        "ListTagsForResource" => tags::list(world, call),
        "RegisterContainerInstance" => container_instance::register(world, call),
        "DeregisterContainerInstance" => container_instance::deregister(world, call),
        "DescribeContainerInstances" => container_instance::describe(world, call),
        "ListContainerInstances" => container_instance::list(world, call),
        "UpdateContainerInstancesState" => container_instance::update_state(world, call),
        unknown => Err(ApiError::new(
            "UnknownOperationException",
            format!("the simulated cloud does not know ecs:{unknown}"),
        )),
    }
}

/// Lets an event happen. An errand that comes back is for the caller to run; its result goes to
/// [`errand_done`].
pub fn happen(world: &mut World, at: Moment, due: Due) -> Option<Errand> {
    match due {
        Due::Schedule(key) => {
            scheduler::pass(world, at, &key);
            None
        }
        Due::ForgetService(key) => {
            service::forget(world, &key);
            None
        }
        Due::Task(key, step) => task::step(world, at, &key, step),
    }
}

/// Takes the result of an errand; a task that was stopped meanwhile ignores it.
pub fn errand_done(world: &mut World, at: Moment, errand: Errand, pulled: Pulled) {
    agent::pulled(world, at, &errand.task, errand.container, pulled);
}

/// A duration between two bounds, in milliseconds.
fn between(ids: &mut Ids, least: u64, most: u64) -> Duration {
    Duration::from_millis(least + ids.next_u64() % (most - least + 1))
}

/// Puts an event of ECS on the agenda.
fn at(agenda: &mut Agenda, moment: Moment, due: Due) {
    agenda.at(moment, crate::Due::Ecs(due));
}
