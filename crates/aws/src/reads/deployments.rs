//! ECS service deployments and tasks.

use std::sync::Arc;

use aws_sdk_ecs::types::{ServiceDeployment, Task};
use longshore_plugin::Result;

use super::{Clients, Freshness, Reads, loader::Loader};
use crate::{changes::Changes, failure};

/// DescribeServiceDeployments takes at most this many.
const DEPLOYMENTS_AT_ONCE: usize = 20;

/// DescribeTasks takes at most this many, all of one cluster.
const TASKS_AT_ONCE: usize = 100;

/// Service deployments by ARN.
pub(super) type Deployments = Loader<(), String, Arc<ServiceDeployment>>;

/// Tasks by ARN, in their clusters.
pub(super) type Tasks = Loader<String, String, Arc<Task>>;

pub(super) fn deployments(clients: Clients, changes: Arc<Changes>) -> Deployments {
    Loader::new(DEPLOYMENTS_AT_ONCE, changes, move |(), arns: Vec<String>| {
        let clients = clients.clone();
        async move {
            let aws = clients.get()?;
            let client = aws.ecs().await?;
            let call = client.describe_service_deployments().set_service_deployment_arns(Some(arns));
            let answer = call.send().await;
            let answer = answer.map_err(|error| failure(&error, "ecs:DescribeServiceDeployments"))?;
            let deployments = answer.service_deployments.unwrap_or_default().into_iter();
            let arn = |deployment: &ServiceDeployment| deployment.service_deployment_arn.clone();
            Ok(deployments.filter_map(|one| Some((arn(&one)?, Ok(Arc::new(one))))).collect())
        }
    })
}

pub(super) fn tasks(clients: Clients, changes: Arc<Changes>) -> Tasks {
    Loader::new(TASKS_AT_ONCE, changes, move |cluster: String, arns: Vec<String>| {
        let clients = clients.clone();
        async move {
            let aws = clients.get()?;
            let call = aws.ecs().await?.describe_tasks().cluster(&cluster).set_tasks(Some(arns));
            let answer = call.send().await.map_err(|error| failure(&error, "ecs:DescribeTasks"))?;
            let tasks = answer.tasks.unwrap_or_default().into_iter();
            Ok(tasks.filter_map(|task| Some((task.task_arn.clone()?, Ok(Arc::new(task))))).collect())
        }
    })
}

impl Reads {
    /// A service deployment.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn service_deployment(
        &self,
        arn: &str,
        freshness: Freshness,
    ) -> Result<Option<Arc<ServiceDeployment>>> {
        let found = self.deployments.load((), arn.to_owned(), freshness).await;
        found.map_err(|failure| failure.at(format!("ecs:DescribeServiceDeployments {arn}")))
    }

    /// The tasks of these ARNs, in this order, as far as ECS still shows them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn tasks(
        &self,
        cluster: &str,
        arns: &[String],
        freshness: Freshness,
    ) -> Result<Vec<Arc<Task>>> {
        let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
        let loads = arns.iter().map(|arn| self.tasks.load(cluster.to_owned(), arn.clone(), freshness));
        let tasks = futures_util::future::try_join_all(loads).await;
        let tasks = tasks.map_err(|failure| failure.at(format!("ecs:DescribeTasks {cluster}")))?;
        Ok(tasks.into_iter().flatten().collect())
    }
}
