//! ECS service deployments, service revisions and tasks.

use std::{sync::Arc, time::Duration};

use aws_sdk_ecs::{
    config::{self, retry::RetryConfig},
    types::{ServiceDeployment, ServiceRevision, Task},
};
use longshore_model::FailureKind;
use longshore_plugin::Result;

use super::{Clients, Freshness, Listed, Reads, loader::Loader};
use crate::{changes::Changes, failure, is_blank, is_unsupported};

/// DescribeServiceDeployments takes at most this many.
const DEPLOYMENTS_AT_ONCE: usize = 20;

/// DescribeServiceRevisions takes at most this many.
const REVISIONS_AT_ONCE: usize = 20;

/// The answers to DescribeServices, which name the revisions, come within about this time of each other.
const SERVICES_ANSWER_WITHIN: Duration = Duration::from_millis(50);

/// The first pause before the call is tried again. An endpoint that does not know it may answer as if it had broken: that
/// has to be noticed soon.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// DescribeTasks takes at most this many, all of one cluster.
const TASKS_AT_ONCE: usize = 100;

/// Service deployments by ARN.
pub(super) type Deployments = Loader<(), String, Arc<ServiceDeployment>>;

/// Service revisions by ARN; `None` where the endpoint does not know them or the caller may not see them.
pub(super) type Revisions = Loader<(), String, Option<Arc<ServiceRevision>>>;

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

pub(super) fn revisions(clients: Clients, changes: Arc<Changes>) -> Revisions {
    let revisions = Loader::new(REVISIONS_AT_ONCE, changes, move |(), arns: Vec<String>| {
        let clients = clients.clone();
        async move {
            let aws = clients.get()?;
            let retries = RetryConfig::standard().with_max_attempts(5).with_initial_backoff(FIRST_BACKOFF);
            let soon = config::Builder::new().retry_config(retries);
            let call = aws.ecs().await?.describe_service_revisions();
            let call = call.set_service_revision_arns(Some(arns.clone()));
            let answer = match call.customize().config_override(soon).send().await {
                Ok(answer) => answer,
                Err(error) => {
                    let failure = failure(&error, "ecs:DescribeServiceRevisions");
                    let is_refused = failure.kind == FailureKind::Denied;
                    if !is_refused && !is_unsupported(&error) && !is_blank(&error) {
                        return Err(failure);
                    }
                    return Ok(arns.into_iter().map(|arn| (arn, Ok(None))).collect());
                }
            };
            let revisions = answer.service_revisions.unwrap_or_default().into_iter();
            let arn = |revision: &ServiceRevision| revision.service_revision_arn.clone();
            Ok(revisions.filter_map(|one| Some((arn(&one)?, Ok(Some(Arc::new(one)))))).collect())
        }
    });
    revisions.waiting(SERVICES_ANSWER_WITHIN)
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

    /// Reads a service revision: what a service deployment deploys.
    ///
    /// # Errors
    /// When it cannot be read, although the caller may see it.
    pub async fn service_revision(&self, arn: &str, freshness: Freshness) -> Result<Listed<ServiceRevision>> {
        let found = self.service_revisions.load((), arn.to_owned(), freshness).await;
        let found = found.map_err(|failure| failure.at(format!("ecs:DescribeServiceRevisions {arn}")))?;
        Ok(match found {
            Some(Some(revision)) => Listed::Found(revision),
            Some(None) => Listed::Unknown,
            None => Listed::Absent,
        })
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
