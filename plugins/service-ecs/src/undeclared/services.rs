//! Services that nothing declares.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ecs::{
    Client,
    types::{Service, ServiceField},
};
use longshore_aws::{Aws, Freshness, Ownership, failure};
use longshore_plugin::{Context, Declared, Result, Undeclared, UndeclaredResource};

use super::{families, indexed, undeclared};
use crate::{
    reads::Reads,
    revisions,
    service::{Removal, resource},
    tags,
    task_definition::{self, revision_of},
};

/// DescribeServices takes at most this many.
const SERVICES_AT_ONCE: usize = 10;

/// The time limit for stopping a service's tasks: twice the longest time that ECS leaves a container.
const STOPPING: Duration = Duration::from_secs(240);

/// Finds and removes services.
pub(super) struct Services {
    pub(super) aws: Aws,
}

/// Cluster and name of a service's ARN.
fn place_of(arn: &str) -> Option<(&str, &str)> {
    arn.split_once(":service/")?.1.split_once('/')
}

/// The family that a service runs on, unless something declared does, too.
fn family_of<'a>(service: Option<&'a Service>, declared: &Declared) -> Option<&'a str> {
    let (family, _) = revision_of(service?.task_definition()?).rsplit_once(':')?;
    (!declared.makes("", &task_definition::resource(family))).then_some(family)
}

async fn services_of(client: &Client, cluster: &str) -> Result<Vec<String>> {
    let mut services = client.list_services().cluster(cluster).into_paginator().items().send();
    let mut arns = Vec::new();
    while let Some(arn) = services.next().await {
        arns.push(arn.map_err(|error| failure(&error, format!("ecs:ListServices {cluster}")))?);
    }
    Ok(arns)
}

#[async_trait]
impl Undeclared for Services {
    fn what(&self) -> &'static str {
        "services"
    }

    fn uses_others(&self) -> bool {
        true
    }

    /// Looks at what the index of tags names. Without one it looks through all clusters of the account and region: a
    /// cluster may have left the configuration too.
    async fn find(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredResource>> {
        let client = self.aws.ecs().await?;
        let ownership = Ownership::of(context);
        let mut found = Vec::new();
        let name =
            |id: &str| id.split_once('/').map_or_else(String::new, |(cluster, name)| resource(cluster, name));
        let indexed = indexed(&self.aws, context, declared, ("ecs", "service/"), name).await?;
        if let Some(indexed) = indexed {
            for (cluster, name) in indexed.iter().filter_map(|id| id.split_once('/')) {
                let service = self.aws.reads().service(cluster, name, Freshness::Planned).await?;
                let active = service.filter(|service| service.status() != Some("INACTIVE"));
                found.extend(active.and_then(|service| {
                    let arn = service.service_arn().unwrap_or_default();
                    let name = resource(cluster, name);
                    undeclared(&ownership, declared, name, arn, tags::pairs(service.tags()))
                }));
            }
            found.sort();
            return Ok(found);
        }
        let mut clusters = client.list_clusters().into_paginator().items().send();
        while let Some(cluster) = clusters.next().await {
            let cluster = cluster.map_err(|error| failure(&error, "ecs:ListClusters"))?;
            for services in services_of(client, &cluster).await?.chunks(SERVICES_AT_ONCE) {
                let call = client.describe_services().cluster(&cluster).include(ServiceField::Tags);
                let answer = call.set_services(Some(services.to_vec())).send().await;
                let answer =
                    answer.map_err(|error| failure(&error, format!("ecs:DescribeServices {cluster}")))?;
                let active = answer.services().iter().filter(|service| service.status() != Some("INACTIVE"));
                found.extend(active.filter_map(|service| {
                    let name = resource(&cluster, service.service_name().unwrap_or_default());
                    let arn = service.service_arn().unwrap_or_default();
                    undeclared(&ownership, declared, name, arn, tags::pairs(service.tags()))
                }));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Its task definitions.
    async fn along(
        &self,
        context: &Context,
        declared: &Declared,
        found: &UndeclaredResource,
    ) -> Result<Vec<UndeclaredResource>> {
        let Some((cluster, name)) = place_of(&found.id) else { return Ok(Vec::new()) };
        let service = self.aws.reads().service(cluster, name, Freshness::Planned).await?;
        let Some(family) = family_of(service.as_deref(), declared) else { return Ok(Vec::new()) };
        let owned = revisions::newest_owned(&self.aws, family, &Ownership::of(context)).await?;
        Ok(owned.map(|_| families::undeclared(family)).into_iter().collect())
    }

    /// Its task definitions go first: once the service is gone, nothing leads to them any more. They stay where the service
    /// has only moved to another cluster, because it runs on them there.
    async fn remove(&self, context: &Context, declared: &Declared, found: &UndeclaredResource) -> Result<()> {
        let Some((cluster, name)) = place_of(&found.id) else { return Ok(()) };
        let reads = Reads { aws: &self.aws, cluster, service: name };
        let removal = Removal { reads, timeout: STOPPING };
        let service = removal.removable(context).await?;
        if let Some(family) = family_of(service.as_ref(), declared) {
            let owned = revisions::owned(&self.aws, family, &Ownership::of(context)).await?;
            revisions::deregister(&self.aws, &owned).await?;
        }
        context.progress(format!("removing the {}", found.resource));
        removal.run(context).await
    }
}
