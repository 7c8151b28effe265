//! The revisions that a rollout leaves behind: the newest stay ACTIVE, so that a service can go back to them.

use aws_sdk_ecs::types::Service as EcsService;
use longshore_aws::{Freshness, Ownership};
use longshore_model::{Inputs, Known};
use longshore_plugin::{Context, Result};

use super::ServiceStep;
use crate::{
    revisions,
    task_definition::{TASK_DEFINITION_ARN, revision_of},
};

impl ServiceStep {
    /// Returns the ARNs of the stack's revisions beyond those that stay, of which `more` are still to be registered.
    async fn surplus(&self, context: &Context, more: usize) -> Result<Vec<String>> {
        let keep = usize::try_from(self.service.deployment.keep_revisions).unwrap_or(usize::MAX);
        let ownership = Ownership::of(context);
        let mut surplus = revisions::surplus(&self.aws, &self.family, &ownership, keep - more).await?;
        // After rollouts that failed, what runs, and what ran before this rollout, may be older than the newest.
        let now = self.observe(Freshness::Planned).await?;
        let services = [now, context.kept::<EcsService>()];
        let runs: Vec<_> = services.iter().flatten().flat_map(|service| service.deployments()).collect();
        surplus.retain(|arn| !runs.iter().any(|deployment| deployment.task_definition() == Some(arn)));
        Ok(surplus)
    }

    /// Returns the plan's note of the revisions that are deregistered after the rollout. If they cannot be listed, the
    /// rollout leaves them.
    pub(super) async fn surplus_note(&self, context: &Context, inputs: &Inputs) -> Option<String> {
        let is_new = matches!(inputs.get(TASK_DEFINITION_ARN), Known::AfterApply);
        let surplus = self.surplus(context, usize::from(is_new)).await.ok()?;
        let (newest, oldest) = (revision_of(surplus.first()?), revision_of(surplus.last()?));
        let which = if newest == oldest { newest.to_owned() } else { format!("{oldest} to {newest}") };
        let keep = self.service.deployment.keep_revisions;
        Some(format!(
            "deregisters {which} after the rollout: the newest {keep} revisions stay (`deployment.keep-revisions`)"
        ))
    }

    /// Deregisters the revisions beyond those that stay. A failure is a warning: the rollout has succeeded.
    pub(super) async fn deregister_surplus(&self, context: &Context) {
        let deregistered = async {
            let surplus = self.surplus(context, 0).await?;
            revisions::deregister(&self.aws, &surplus).await
        };
        if let Err(failure) = deregistered.await {
            context.warn(format!(
                "could not deregister old revisions of {}, which stay ACTIVE: {}",
                self.family, failure.message
            ));
        }
    }
}
