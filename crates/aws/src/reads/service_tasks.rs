//! The tasks of ECS services.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_ecs::types::{DesiredStatus, Task};
use futures_util::future::try_join_all;
use longshore_plugin::Result;

use super::{Clients, Freshness, Reads, loader::Loader, services::name_of};
use crate::{Aws, changes::Changes, failure, is_absent};

/// From so many services of a cluster on, all of the cluster's tasks may be listed instead of each service's.
const FEW_SERVICES: usize = 4;

/// The tasks of services by the services' names; those of one cluster with one desired status are read together.
pub(super) type ServiceTasks = Loader<(String, DesiredStatus), String, Arc<Vec<Arc<Task>>>>;

type TasksByService = BTreeMap<String, Vec<Arc<Task>>>;

pub(super) fn loader(clients: Clients, changes: Arc<Changes>) -> ServiceTasks {
    Loader::new(
        usize::MAX,
        changes,
        move |(cluster, desired): (String, DesiredStatus), services: Vec<String>| {
            let clients = clients.clone();
            async move {
                let aws = clients.get()?;
                let listing = Listing { aws: &aws, cluster: &cluster, desired };
                let tasks = match listing.of_cluster(services.len()).await? {
                    Some(tasks) => tasks,
                    None => listing.of_services(&services).await?,
                };
                Ok(tasks.into_iter().map(|(service, tasks)| (service, Ok(Arc::new(tasks)))).collect())
            }
        },
    )
}

struct Listing<'a> {
    aws: &'a Aws,
    cluster: &'a str,
    desired: DesiredStatus,
}

impl Listing<'_> {
    /// Lists all tasks of the cluster, if that takes fewer calls than to list those of `services` services one by one.
    /// A page costs two calls: its tasks have to be described before their services are known.
    async fn of_cluster(&self, services: usize) -> Result<Option<TasksByService>> {
        if services < FEW_SERVICES {
            return Ok(None);
        }
        let Some(arns) = self.arns(None, services / 2).await? else { return Ok(None) };
        let mut by_service = TasksByService::new();
        for task in self.aws.reads().tasks(self.cluster, &arns, Freshness::Now).await? {
            // At AWS, every task has a group; an emulator may leave it out.
            let Some(group) = task.group() else { return Ok(None) };
            if let Some(service) = group.strip_prefix("service:") {
                by_service.entry(service.to_owned()).or_default().push(task);
            }
        }
        Ok(Some(by_service))
    }

    async fn of_services(&self, services: &[String]) -> Result<TasksByService> {
        let of_each = services.iter().map(async |service| {
            let arns = self.arns(Some(service), usize::MAX).await?.unwrap_or_default();
            let tasks = self.aws.reads().tasks(self.cluster, &arns, Freshness::Now).await?;
            Ok((service.clone(), tasks))
        });
        Ok(try_join_all(of_each).await?.into_iter().collect())
    }

    /// Lists the ARNs of tasks; `None` if there are more than `most_pages` of them.
    async fn arns(&self, service: Option<&str>, most_pages: usize) -> Result<Option<Vec<String>>> {
        let call = self.aws.ecs().await?.list_tasks().cluster(self.cluster);
        let call = call.set_service_name(service.map(str::to_owned)).desired_status(self.desired.clone());
        let mut pages = call.into_paginator().send();
        let mut arns = Vec::new();
        let mut read = 0;
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) if is_absent(&error) => return Ok(Some(Vec::new())),
                Err(error) => {
                    let of = service.map(|service| format!("/{service}")).unwrap_or_default();
                    return Err(failure(&error, format!("ecs:ListTasks {}{of}", self.cluster)));
                }
            };
            arns.extend(page.task_arns.into_iter().flatten());
            read += 1;
            if read >= most_pages && page.next_token.is_some() {
                return Ok(None);
            }
        }
        Ok(Some(arns))
    }
}

impl Reads {
    /// Returns the tasks of a service that have the desired status, as far as ECS still shows them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn service_tasks(
        &self,
        cluster: &str,
        service: &str,
        desired: DesiredStatus,
    ) -> Result<Vec<Arc<Task>>> {
        let group = (name_of(cluster).to_owned(), desired);
        let tasks = self.service_tasks.load(group, service.to_owned(), Freshness::Now).await?;
        Ok(tasks.map(Arc::unwrap_or_clone).unwrap_or_default())
    }
}
