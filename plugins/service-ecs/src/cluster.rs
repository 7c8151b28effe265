//! The cluster that services run on.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_ecs::types::{Cluster, ServiceField};
use longshore_aws::{
    Aws, Freshness, Owner, Ownership, code, failure,
    wait::{Patience, Probe, until},
};
use longshore_model::{Action, Failure, FailureKind, Inputs, Outputs, StepPlan};
use longshore_plugin::{Context, Result, Step, stuck};

use crate::tags;

/// The name of the output that is the cluster's ARN.
pub(crate) const CLUSTER_ARN: &str = "cluster-arn";

/// For how long ECS may still count tasks that have stopped.
const LEFTOVERS: Patience = Patience::of(Duration::from_secs(180));

/// A cluster. An existing cluster is used as it is, regardless of its owner. A missing one is created. All services of
/// the stack that name it share this step.
pub(crate) struct ClusterStep {
    /// The clients.
    pub(crate) aws: Aws,
    /// The cluster's name.
    pub(crate) name: String,
}

/// A cluster as people know it.
pub(crate) fn resource(name: &str) -> String {
    format!("cluster {name}")
}

impl ClusterStep {
    fn resource(&self) -> String {
        resource(&self.name)
    }

    fn at(&self, call: &str) -> String {
        format!("ecs:{call} {}", self.name)
    }

    /// The cluster, unless it is not there or was deleted: ECS shows deleted ones for a while.
    async fn observe(&self, freshness: Freshness) -> Result<Option<Cluster>> {
        let cluster = self.aws.reads().cluster(&self.name, freshness).await?;
        Ok(cluster.filter(|cluster| cluster.status() != Some("INACTIVE")).map(Arc::unwrap_or_clone))
    }

    fn require_unprotected(&self, ownership: &Ownership, cluster: &Cluster) -> Result<()> {
        let checked = ownership.require_unprotected(self.resource(), tags::pairs(cluster.tags()));
        checked.map_err(|failure| failure.at(self.at("DescribeClusters")))
    }

    /// The names of the services on the cluster that this stack does not own.
    async fn others_services(&self, ownership: &Ownership) -> Result<Vec<String>> {
        let client = self.aws.ecs().await?;
        let mut pages = client.list_services().cluster(&self.name).into_paginator().items().send();
        let mut arns = Vec::new();
        while let Some(arn) = pages.next().await {
            arns.push(arn.map_err(|error| failure(&error, self.at("ListServices")))?);
        }
        let mut others = Vec::new();
        // DescribeServices takes at most ten.
        for arns in arns.chunks(10) {
            let answer = client
                .describe_services()
                .cluster(&self.name)
                .set_services(Some(arns.to_vec()))
                .include(ServiceField::Tags)
                .send()
                .await
                .map_err(|error| failure(&error, self.at("DescribeServices")))?;
            let services = answer.services.into_iter().flatten();
            others.extend(
                services
                    .filter(|service| service.status() == Some("ACTIVE"))
                    .filter(|service| ownership.owner(tags::pairs(service.tags())) != Owner::Ours)
                    .filter_map(|service| service.service_name),
            );
        }
        Ok(others)
    }
}

/// Returns the reason for keeping a cluster.
fn kept_for(others: &[String]) -> String {
    let names: Vec<_> = others.iter().map(|name| format!("`{name}`")).collect();
    format!("stays, because services run on it which this stack does not own: {}", names.join(", "))
}

#[async_trait]
impl Step for ClusterStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        let Some(cluster) = self.observe(Freshness::Planned).await? else {
            let tags = Ownership::of(context).changes([]);
            return Ok(StepPlan::new(Action::Create, self.resource()).changes(tags));
        };
        let arn = cluster.cluster_arn().unwrap_or_default();
        let mut plan = StepPlan::new(Action::NoChange, self.resource()).output(CLUSTER_ARN, arn);
        let ownership = Ownership::of(context);
        if !ownership.is_ours_or_adopted(tags::pairs(cluster.tags())) {
            plan.notes.push("uses the existing cluster, which this stack does not own".to_owned());
            return Ok(plan);
        }
        let changes = ownership.changes(tags::pairs(cluster.tags()));
        if !changes.is_empty() {
            plan.action = ownership.action(tags::pairs(cluster.tags()), Action::Update);
        }
        Ok(plan.changes(changes))
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        let ownership = Ownership::of(context);
        if let Some(cluster) = self.observe(Freshness::Now).await? {
            let arn = cluster.cluster_arn().unwrap_or_default();
            if ownership.is_ours_or_adopted(tags::pairs(cluster.tags())) {
                context.keep_first(|| cluster.clone());
                tags::complete(&self.aws, arn, &ownership, cluster.tags(), None).await?;
            }
            return Ok([(CLUSTER_ARN.to_owned(), arn.to_owned())].into());
        }
        // CreateCluster answers with the cluster if it is there already.
        let answer = self
            .aws
            .ecs()
            .await?
            .create_cluster()
            .cluster_name(&self.name)
            .set_tags(Some(tags::of(&ownership)))
            .send()
            .await
            .map_err(|error| failure(&error, self.at("CreateCluster")))?;
        let arn = answer.cluster.and_then(|cluster| cluster.cluster_arn).ok_or_else(|| {
            Failure::new(FailureKind::Internal, "ECS answers without an ARN").at(self.at("CreateCluster"))
        })?;
        Ok([(CLUSTER_ARN.to_owned(), arn)].into())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::NoChange, self.resource());
        let Some(cluster) = self.observe(Freshness::Planned).await? else { return Ok(plan) };
        let ownership = Ownership::of(context);
        if ownership.owner(tags::pairs(cluster.tags())) != Owner::Ours {
            plan.notes.push("stays, because this stack does not own it".to_owned());
            return Ok(plan);
        }
        self.require_unprotected(&ownership, &cluster)?;
        if cluster.registered_container_instances_count > 0 {
            plan.notes.push("stays, because container instances are registered with it".to_owned());
            return Ok(plan);
        }
        let others = self.others_services(&ownership).await?;
        if others.is_empty() {
            plan.action = Action::Delete;
        } else {
            plan.notes.push(kept_for(&others));
        }
        Ok(plan)
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        let Some(cluster) = self.observe(Freshness::Now).await? else { return Ok(()) };
        let ownership = Ownership::of(context);
        if ownership.owner(tags::pairs(cluster.tags())) != Owner::Ours {
            return Ok(());
        }
        self.require_unprotected(&ownership, &cluster)?;
        let others = self.others_services(&ownership).await?;
        if !others.is_empty() {
            context.warn(format!("the cluster {} {}", self.name, kept_for(&others)));
            return Ok(());
        }
        let client = self.aws.ecs().await?;
        until(context, LEFTOVERS, |_| async {
            let Err(error) = client.delete_cluster().cluster(&self.name).send().await else {
                return Ok(Probe::Done(()));
            };
            let failed = failure(&error, self.at("DeleteCluster"));
            match code(&error) {
                Some("ClusterNotFoundException") => Ok(Probe::Done(())),
                // Services that drain and tasks that stop are counted for a while.
                Some(
                    "ClusterContainsTasksException"
                    | "ClusterContainsServicesException"
                    | "UpdateInProgressException",
                ) => Ok(Probe::Again(failed.help(format!(
                    "stop what still runs on the cluster (`aws ecs list-tasks --cluster {}`) and run again",
                    self.name
                )))),
                _ => Err(failed),
            }
        })
        .await
    }

    /// Of a cluster, only the tags are ever changed.
    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.remove(context).await,
            action => {
                let before = context.kept::<Cluster>().ok_or_else(|| stuck(action, &plan.resource))?;
                let Some(now) = self.observe(Freshness::Now).await? else { return Ok(()) };
                tags::restore(&self.aws, now.cluster_arn().unwrap_or_default(), before.tags(), now.tags())
                    .await
            }
        }
    }
}
