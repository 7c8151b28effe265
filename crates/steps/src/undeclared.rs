//! The removal of resources that the stack owns and no longer declares, as a step.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Action, Effect, Inputs, Outputs, StepPlan};
use longshore_plugin::{Context, Declared, Result, Stays, Step, Undeclared, UndeclaredResource};

use crate::shared::{as_far_as_allowed, join_failures, orphan, refuse_protected};

/// Removes what carries the stack's tag and no step of the graph makes any more: what left the configuration, and what
/// its step makes under another name now. It comes after everything that may still have used it.
pub struct UndeclaredStep {
    /// The finder and remover of the resources.
    pub undeclared: Arc<dyn Undeclared>,
    /// The resources that the steps make.
    pub declared: Arc<Declared>,
}

impl UndeclaredStep {
    fn unchanged(&self) -> StepPlan {
        let what = self.undeclared.what().replace('-', " ");
        StepPlan { resources: 0, ..StepPlan::new(Action::NoChange, format!("orphaned {what}")) }
    }

    /// Plans the removal of the resources that are there. If the whole stack goes, each kind's own finder finds the
    /// resources that would go along.
    async fn look(&self, context: &Context, is_all: bool) -> Result<StepPlan> {
        let mut plan = self.unchanged();
        let found = self.undeclared.find(context, &self.declared).await;
        let found = as_far_as_allowed(context, self.undeclared.what(), found)?;
        let mut pruned = Vec::new();
        let mut refused = Vec::new();
        for resource in found {
            let is_replaced = !is_all && self.declared.has_step(&resource.step);
            match resource.stays {
                None => pruned.push(resource),
                Some(Stays::Protected) if is_all || is_replaced => {
                    refused.push(refuse_protected(&resource.resource, is_replaced));
                }
                Some(Stays::Protected) => {
                    plan.notes.push(format!("{} stays, because it is protected", resource.resource));
                }
                Some(Stays::Kept) => plan.notes.push(format!("{} stays", resource.resource)),
            }
        }
        if let Some(failure) = join_failures(refused) {
            return Err(failure);
        }
        if !is_all {
            let mut along = Vec::new();
            for resource in &pruned {
                along.extend(self.undeclared.along(context, &self.declared, resource).await?);
            }
            pruned.extend(along);
        }
        for UndeclaredResource { resource, step, .. } in pruned {
            plan.action = Action::Delete;
            plan.reason = Some("the stack owns them, and the configuration does not declare them".to_owned());
            if self.undeclared.uses_others() {
                plan.effect = Effect::Stop;
            }
            plan.resources += 1;
            plan.orphans.push(orphan(resource, &step));
        }
        Ok(plan)
    }

    /// Removes those that were planned. Newer resources belong to a newer configuration, which another process deploys
    /// at the same time.
    async fn remove_planned(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        for resource in self.undeclared.find(context, &self.declared).await? {
            let is_planned = plan.orphans.iter().any(|orphan| orphan.resource == resource.resource);
            if is_planned && resource.stays.is_none() {
                self.undeclared.remove(context, &self.declared, &resource).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Step for UndeclaredStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        if self.undeclared.only_when_destroying() {
            return Ok(self.unchanged());
        }
        self.look(context, false).await
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        self.remove_planned(context, plan).await?;
        Ok(Outputs::new())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        self.look(context, true).await
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        let plan = self.look(context, true).await?;
        self.remove_planned(context, &plan).await
    }
}
