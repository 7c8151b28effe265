//! Replacing the tasks of a service by others of the same revision.

use async_trait::async_trait;
use longshore_aws::{Freshness, failure};
use longshore_model::{Action, Inputs, Outputs, StepPlan};
use longshore_plugin::{Context, Result, Step};

use super::{ServiceStep, rollback::effect};
use crate::{follow::Expect, revision, task_definition::revision_of};

/// Replaces the tasks of a service.
pub(crate) struct RestartStep {
    /// The service.
    pub(crate) service: ServiceStep,
}

#[async_trait]
impl Step for RestartStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        let service = self.service.running(context, Freshness::Planned).await?;
        let mut plan = StepPlan::new(Action::Update, self.service.resource());
        if service.desired_count == 0 {
            plan.action = Action::NoChange;
            plan.notes.push("the service has no tasks to restart".to_owned());
            return Ok(plan);
        }
        let revision = revision_of(revision::running(&service).unwrap_or_default());
        plan.reason = Some(format!("a new deployment of {revision}"));
        plan.effect = effect(&service);
        Ok(plan)
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        let step = &self.service;
        let service = step.running(context, Freshness::Now).await?;
        context.keep_first(|| service.clone());
        let known = step.known_deployments(Some(&service)).await?;
        let call = step.aws.ecs().await?.update_service().cluster(&step.service.cluster);
        let call = call.service(&step.service.name).force_new_deployment(true);
        let answer = call.send().await.map_err(|error| failure(&error, step.at("UpdateService")))?;
        let changed = answer.service.unwrap_or(service);
        step.follow_asked(context, changed, Expect::New(known)).await
    }

    async fn plan_removal(&self, _context: &Context) -> Result<StepPlan> {
        Ok(StepPlan::new(Action::NoChange, self.service.resource()))
    }

    async fn remove(&self, _context: &Context) -> Result<()> {
        Ok(())
    }
}
