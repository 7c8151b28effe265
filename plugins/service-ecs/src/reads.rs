//! Reads of a service, its deployments and its tasks.

use std::{sync::Arc, time::Duration};

use aws_sdk_ecs::{
    config::{self, retry::RetryConfig},
    types::{Deployment, DesiredStatus, Service, ServiceDeployment, ServiceDeploymentBrief, Task},
};
use longshore_aws::{
    Aws, Freshness, ServiceJson, classify, code, failure, is_absent, is_blank, is_unsupported,
};
use longshore_model::FailureKind;
use longshore_plugin::Result;

/// The pause after the first attempt that fails, doubled each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Reads about one service.
pub(crate) struct Reads<'a> {
    /// The clients.
    pub(crate) aws: &'a Aws,
    /// The cluster, by name or ARN.
    pub(crate) cluster: &'a str,
    /// The service's name.
    pub(crate) service: &'a str,
}

impl Reads<'_> {
    fn at(&self, call: &str) -> String {
        format!("ecs:{call} {}/{}", self.cluster.rsplit('/').next().unwrap_or(self.cluster), self.service)
    }

    /// The service with its tags; nothing when it, or its cluster, is not there. A deleted service may still be seen
    /// for a while, as INACTIVE.
    pub(crate) async fn service(&self, freshness: Freshness) -> Result<Option<Service>> {
        let service = self.aws.reads().service(self.cluster, self.service, freshness).await?;
        Ok(service.map(Arc::unwrap_or_clone))
    }

    /// The same, and as JSON with the members that the SDK does not know.
    pub(crate) async fn described(
        &self,
        freshness: Freshness,
    ) -> Result<Option<(Arc<Service>, ServiceJson)>> {
        self.aws.reads().service_with_json(self.cluster, self.service, freshness).await
    }

    /// The service deployments of the service, the newest first. Nothing when the endpoint does not know them or the
    /// caller may not see them.
    pub(crate) async fn service_deployments(&self) -> Result<Option<Vec<ServiceDeploymentBrief>>> {
        let client = self.aws.ecs().await?;
        let mut briefs = Vec::new();
        let mut token = None;
        loop {
            let call = client
                .list_service_deployments()
                .cluster(self.cluster)
                .service(self.service)
                .set_next_token(token);
            // An endpoint that does not know the call may answer as if it had broken: that must be noticed soon.
            let retries = RetryConfig::standard().with_max_attempts(5).with_initial_backoff(FIRST_BACKOFF);
            let soon = config::Builder::new().retry_config(retries);
            let answer = match call.customize().config_override(soon).send().await {
                Ok(answer) => answer,
                Err(error) if is_unsupported(&error) || is_blank(&error) => return Ok(None),
                Err(error) if is_absent(&error) => return Ok(Some(Vec::new())),
                Err(error) => match code(&error) {
                    Some(denied) if classify(denied) == FailureKind::Denied => return Ok(None),
                    _ => return Err(failure(&error, self.at("ListServiceDeployments"))),
                },
            };
            briefs.extend(answer.service_deployments.into_iter().flatten());
            token = answer.next_token;
            if token.is_none() {
                break;
            }
        }
        briefs.sort_by_key(|brief| std::cmp::Reverse(brief.created_at));
        Ok(Some(briefs))
    }

    /// A service deployment.
    pub(crate) async fn service_deployment(
        &self,
        arn: &str,
        freshness: Freshness,
    ) -> Result<Option<Arc<ServiceDeployment>>> {
        self.aws.reads().service_deployment(arn, freshness).await
    }

    /// The ARNs of the service's tasks that run or are to run, or of those that have stopped within the last hour or
    /// are about to.
    pub(crate) async fn task_arns(&self, desired: DesiredStatus) -> Result<Vec<String>> {
        let client = self.aws.ecs().await?;
        let mut pages = client
            .list_tasks()
            .cluster(self.cluster)
            .service_name(self.service)
            .desired_status(desired)
            .into_paginator()
            .items()
            .send();
        let mut arns = Vec::new();
        while let Some(arn) = pages.next().await {
            match arn {
                Ok(arn) => arns.push(arn),
                Err(error) if is_absent(&error) => return Ok(Vec::new()),
                Err(error) => return Err(failure(&error, self.at("ListTasks"))),
            }
        }
        Ok(arns)
    }

    /// The tasks of these ARNs, as far as ECS still shows them.
    pub(crate) async fn tasks(&self, arns: &[String], freshness: Freshness) -> Result<Vec<Arc<Task>>> {
        self.aws.reads().tasks(self.cluster, arns, freshness).await
    }
}

/// The deployment that the service is heading for.
pub(crate) fn primary(service: &Service) -> Option<&Deployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// A count as AWS gives it: never below zero.
pub(crate) fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}
