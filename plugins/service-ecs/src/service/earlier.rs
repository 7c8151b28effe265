//! The earlier revisions of a service that it can go back to.

use std::sync::Arc;

use aws_sdk_ecs::types::{
    NetworkConfiguration, Service as EcsService, ServiceDeploymentStatus, ServiceRevision, TaskDefinition,
    TaskDefinitionField, TaskDefinitionStatus,
};
use longshore_aws::{Freshness, Listed, Owner, Ownership, failure};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;

use super::{
    ServiceStep,
    target::{is_by_digest, replaced},
};
use crate::{
    revision,
    revisions::{newest_older, number_of},
    tags,
    task_definition::revision_of,
};

/// The maximum number of successful deployments to examine.
const LOOKED_AT: usize = 20;

/// An earlier revision of a service.
#[derive(Clone, Debug)]
pub(super) struct Earlier {
    /// The ARN of its task definition.
    pub(super) arn: String,
    /// The network configuration of its tasks, or `None` if no deployment shows it.
    pub(super) network: Option<NetworkConfiguration>,
    /// The service revision that had it, or `None` if no deployment shows it.
    pub(super) revision: Option<Arc<ServiceRevision>>,
    /// The reason for the choice of this revision.
    pub(super) reason: String,
}

/// The place of the running service revision in the history of a service.
struct Place {
    /// The service revision that runs.
    runs: Option<Arc<ServiceRevision>>,
    /// The number of its task definition; for a pinning one, of the one that it pins.
    number: u32,
    /// True if its deployment succeeded.
    has_succeeded: bool,
}

impl Place {
    /// Returns true if a deployed service revision came before: with an older task definition, or with other images.
    fn is_after(&self, family: &str, earlier: &Earlier) -> bool {
        let Some(number) = number_of(&earlier.arn).filter(|_| is_of(&earlier.arn, family)) else {
            return false;
        };
        let has_other_images = || {
            let both = earlier.revision.as_ref().zip(self.runs.as_ref());
            both.is_some_and(|(earlier, runs)| !replaced(earlier, runs).is_empty())
        };
        number < self.number || number == self.number && (!self.has_succeeded || has_other_images())
    }
}

/// A task definition that is ACTIVE and the stack's.
struct Usable {
    arn: String,
    role: Option<String>,
}

impl ServiceStep {
    /// The service revisions whose deployments succeeded, by their ARNs, the latest deployment first. Empty where ECS does
    /// not tell.
    pub(super) async fn succeeded(&self) -> Result<Vec<String>> {
        let briefs = self.reads().service_deployments().await?.unwrap_or_default();
        let mut arns = Vec::new();
        for brief in briefs {
            let is_successful = brief.status == Some(ServiceDeploymentStatus::Successful);
            if let Some(arn) =
                brief.target_service_revision_arn.filter(|arn| is_successful && !arns.contains(arn))
            {
                arns.push(arn);
            }
        }
        arns.truncate(LOOKED_AT);
        Ok(arns)
    }

    /// Returns the task definition and network of a service revision, or `None` if ECS does not show them.
    pub(super) async fn deployed(&self, service_revision: &str) -> Result<Option<Earlier>> {
        let found = self.aws.reads().service_revision(service_revision, Freshness::Now).await?;
        let Listed::Found(revision) = found else { return Ok(None) };
        Ok(revision.task_definition().map(|arn| Earlier {
            arn: arn.to_owned(),
            network: revision.network_configuration().cloned(),
            revision: Some(revision.clone()),
            reason: "the last revision before that was deployed with success".to_owned(),
        }))
    }

    /// Returns the revision of `family` before the one that `service` runs: the last one that was deployed with success, or
    /// else the newest one. A tag that was pushed again makes another revision of the same task definition.
    pub(super) async fn previous(
        &self,
        family: &str,
        service: &EcsService,
        ownership: &Ownership,
    ) -> Result<Option<Earlier>> {
        let mut succeeded = self.succeeded().await?;
        let place = self.place(family, service, &mut succeeded).await?;
        for arn in succeeded {
            let Some(earlier) = self.deployed(&arn).await? else { continue };
            if place.is_after(family, &earlier)
                && let Ok(usable) = self.usable(&earlier.arn, ownership).await?
            {
                self.require_role(&usable.arn, usable.role.as_deref()).await?;
                return Ok(Some(earlier));
            }
        }
        let older = newest_older(&self.aws, family, ownership, place.number).await?;
        let Some(arn) = older else { return Ok(None) };
        self.require_execution_role(&arn).await?;
        let reason = "the newest revision before; ECS shows none that was deployed with success".to_owned();
        Ok(Some(Earlier { arn, network: None, revision: None, reason }))
    }

    /// Finds the place of `service` in its history, and keeps of the `succeeded` service revisions those before it.
    async fn place(&self, family: &str, service: &EcsService, succeeded: &mut Vec<String>) -> Result<Place> {
        let running = revision::running(service).unwrap_or_default();
        let runs = self.runs(service, Freshness::Now).await?;
        let is_pinned = runs.as_ref().is_some_and(|runs| runs.container_images().iter().any(is_by_digest));
        let pinned = if is_pinned { self.pinned(running).await? } else { None };
        let arn = runs.as_ref().and_then(|runs| runs.service_revision_arn());
        let stands_for = |other: &String| match &pinned {
            Some(pinned) => pinned.is_of(other),
            None => arn == Some(other.as_str()),
        };
        let position = succeeded.iter().position(stands_for);
        succeeded.drain(..position.map_or(0, |position| position + 1));
        let number = number_of(running).filter(|_| is_of(running, family)).unwrap_or(u32::MAX);
        let number = pinned.as_ref().map_or(number, |pinned| pinned.number);
        Ok(Place { runs, number, has_succeeded: position.is_some() })
    }

    /// Returns the revision that the user names: `7`, `shop-api:7` or its ARN.
    ///
    /// # Errors
    /// If the revision does not exist, is not of `family` and the stack, or cannot start tasks.
    pub(super) async fn named(&self, family: &str, named: &str, ownership: &Ownership) -> Result<Earlier> {
        let revision = if named.contains(':') { named.to_owned() } else { format!("{family}:{named}") };
        let short = revision_of(&revision);
        if number_of(short).is_none_or(|number| number == 0) {
            let message = format!("`{named}` is no revision of a task definition");
            let help = format!("write its number (7), {family}:7, or its ARN");
            return Err(Failure::new(FailureKind::Invalid, message).help(help));
        }
        if !is_of(&revision, family) {
            let message =
                format!("{short} is no revision of {family}, the family of the {}", self.resource());
            return Err(Failure::new(FailureKind::Invalid, message).help(self.how_to_list(family)));
        }
        let usable = self.usable(&revision, ownership).await?;
        let usable = usable.map_err(|failure| Failure {
            help: failure.help.or_else(|| Some(self.how_to_list(family))),
            ..failure
        })?;
        self.require_role(&usable.arn, usable.role.as_deref()).await?;
        let revision = self.last_of(&usable.arn).await?;
        let reason = "the revision that was named".to_owned();
        Ok(Earlier { arn: usable.arn, network: None, revision, reason })
    }

    /// Returns the last service revision of a task definition that was deployed with success.
    async fn last_of(&self, task_definition: &str) -> Result<Option<Arc<ServiceRevision>>> {
        for arn in self.succeeded().await? {
            if let Some(earlier) = self.deployed(&arn).await?.filter(|it| it.arn == task_definition) {
                return Ok(earlier.revision);
            }
        }
        Ok(None)
    }

    fn how_to_list(&self, family: &str) -> String {
        format!("`aws ecs list-task-definitions --family-prefix {family} --sort DESC` lists the revisions")
    }

    /// A revision as long as tasks of it can be started and it is the stack's, or else why not.
    async fn usable(
        &self,
        revision: &str,
        ownership: &Ownership,
    ) -> Result<std::result::Result<Usable, Failure>> {
        let client = self.aws.ecs().await?;
        let call = client.describe_task_definition().task_definition(revision);
        let at = format!("ecs:DescribeTaskDefinition {revision}");
        let answer = match call.include(TaskDefinitionField::Tags).send().await {
            Ok(answer) => answer,
            // There is no code of its own for what is not there.
            Err(error) if error.as_service_error().is_some_and(|error| error.is_client_exception()) => {
                let message = format!("there is no revision {}", revision_of(revision));
                return Ok(Err(Failure::new(FailureKind::NotFound, message).at(at)));
            }
            Err(error) => return Err(failure(&error, at)),
        };
        let refused = |kind, message: String| Ok(Err(Failure::new(kind, message).at(at.clone())));
        let definition = answer.task_definition.clone().unwrap_or_else(|| TaskDefinition::builder().build());
        let arn = definition.task_definition_arn().unwrap_or(revision).to_owned();
        if definition.status().is_some_and(|status| *status != TaskDefinitionStatus::Active) {
            let status = definition.status().map_or("", |status| status.as_str());
            let short = revision_of(&arn);
            return refused(
                FailureKind::Invalid,
                format!("{short} is {status}: no tasks of it can be started"),
            );
        }
        match ownership.owner(tags::pairs(answer.tags())) {
            Owner::Ours => Ok(Ok(Usable { arn, role: definition.execution_role_arn })),
            Owner::OtherStack(other) => {
                let message = format!("{} belongs to the Longshore stack `{other}`", revision_of(&arn));
                Ok(Err(Failure::new(FailureKind::Conflict, message).at(at).owned_by(other)))
            }
            Owner::OtherEnvironment(other) => {
                let message =
                    format!("{} belongs to the environment `{other}` of this stack", revision_of(&arn));
                refused(FailureKind::Conflict, message)
            }
            Owner::Nobody => {
                let message = format!("{} was not made by this stack: it carries no tag", revision_of(&arn));
                refused(FailureKind::Conflict, message)
            }
        }
    }
}

/// Returns true if `revision`, a short name or an ARN, is a revision of `family`.
fn is_of(revision: &str, family: &str) -> bool {
    revision_of(revision).rsplit_once(':').is_some_and(|(other, _)| other == family)
}
