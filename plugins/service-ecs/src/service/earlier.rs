//! The earlier revisions of a service that it can go back to.

use aws_sdk_ecs::types::{
    NetworkConfiguration, ServiceDeploymentStatus, TaskDefinition, TaskDefinitionField, TaskDefinitionStatus,
};
use longshore_aws::{Freshness, Listed, Owner, Ownership, failure};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;

use super::ServiceStep;
use crate::{
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
    /// The reason for the choice of this revision.
    pub(super) reason: String,
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
            reason: "the last revision before that was deployed with success".to_owned(),
        }))
    }

    /// The revision of `family` before `running`: the last one that was deployed with success, or else the newest one.
    pub(super) async fn previous(
        &self,
        family: &str,
        running: &str,
        ownership: &Ownership,
    ) -> Result<Option<Earlier>> {
        let number = number_of(running).filter(|_| is_of(running, family)).unwrap_or(u32::MAX);
        for arn in self.succeeded().await? {
            let Some(earlier) = self.deployed(&arn).await? else { continue };
            let is_older =
                is_of(&earlier.arn, family) && number_of(&earlier.arn).is_some_and(|other| other < number);
            if is_older && let Ok(usable) = self.usable(&earlier.arn, ownership).await? {
                self.require_role(&usable.arn, usable.role.as_deref()).await?;
                return Ok(Some(earlier));
            }
        }
        let Some(arn) = newest_older(&self.aws, family, ownership, number).await? else { return Ok(None) };
        self.require_execution_role(&arn).await?;
        let reason = "the newest revision before; ECS shows none that was deployed with success".to_owned();
        Ok(Some(Earlier { arn, network: None, reason }))
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
        Ok(Earlier { arn: usable.arn, network: None, reason: "the revision that was named".to_owned() })
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
