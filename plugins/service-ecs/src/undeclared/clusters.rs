//! Clusters that nothing declares.

use async_trait::async_trait;
use aws_sdk_ecs::types::ClusterField;
use longshore_aws::{Aws, Freshness, Ownership, failure};
use longshore_plugin::{Context, Declared, Result, Step as _, Undeclared, UndeclaredResource};

use super::{indexed, undeclared};
use crate::{
    cluster::{ClusterStep, resource},
    tags,
};

/// DescribeClusters takes at most this many.
const CLUSTERS_AT_ONCE: usize = 100;

/// Finds and removes clusters.
pub(super) struct Clusters {
    pub(super) aws: Aws,
}

#[async_trait]
impl Undeclared for Clusters {
    fn what(&self) -> &'static str {
        "clusters"
    }

    async fn find(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredResource>> {
        let client = self.aws.ecs().await?;
        let ownership = Ownership::of(context);
        let indexed = indexed(&self.aws, context, declared, ("ecs", "cluster/"), resource).await?;
        if let Some(indexed) = indexed {
            let mut found = Vec::new();
            for name in &indexed {
                let cluster = self.aws.reads().cluster(name, Freshness::Planned).await?;
                let active = cluster.filter(|cluster| cluster.status() != Some("INACTIVE"));
                found.extend(active.and_then(|cluster| {
                    undeclared(&ownership, declared, resource(name), name, tags::pairs(cluster.tags()))
                }));
            }
            found.sort();
            return Ok(found);
        }
        let mut arns = Vec::new();
        let mut pages = client.list_clusters().into_paginator().items().send();
        while let Some(arn) = pages.next().await {
            arns.push(arn.map_err(|error| failure(&error, "ecs:ListClusters"))?);
        }
        let mut found = Vec::new();
        for arns in arns.chunks(CLUSTERS_AT_ONCE) {
            let call = client.describe_clusters().set_clusters(Some(arns.to_vec()));
            let answer = call.include(ClusterField::Tags).send().await;
            let answer = answer.map_err(|error| failure(&error, "ecs:DescribeClusters"))?;
            let active = answer.clusters().iter().filter(|cluster| cluster.status() != Some("INACTIVE"));
            found.extend(active.filter_map(|cluster| {
                let name = cluster.cluster_name().unwrap_or_default();
                undeclared(&ownership, declared, resource(name), name, tags::pairs(cluster.tags()))
            }));
        }
        found.sort();
        Ok(found)
    }

    /// A cluster on which others' services run stays.
    async fn remove(&self, context: &Context, _: &Declared, found: &UndeclaredResource) -> Result<()> {
        ClusterStep { aws: self.aws.clone(), name: found.id.clone() }.remove(context).await
    }
}
