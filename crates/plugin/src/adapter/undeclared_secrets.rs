//! Secrets that the stack owns and no longer declares.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Action, FieldChange, Inputs, Outputs, Shown, StepPlan};

use crate::{Context, Declared, Result, SecretSpec, SecretStore, Step, TokenLabels, as_far_as_allowed};

/// Removes the secrets of a store that carry the stack's tag, but whose step is not in the graph any more: those of a
/// registry or a variable that left the configuration. It comes after everything that may still have used them, and it
/// keeps them as long as a service of the stack runs that is not declared either: its tasks may read them.
pub struct UndeclaredSecretsStep {
    /// The kind of store, as the configuration calls it.
    pub name: String,
    /// The store.
    pub store: Arc<dyn SecretStore>,
    /// What the steps make.
    pub declared: Arc<Declared>,
}

impl UndeclaredSecretsStep {
    async fn look(&self, context: &Context) -> Result<StepPlan> {
        let mut plan =
            StepPlan::new(Action::NoChange, format!("{} secrets that nothing declares", self.name));
        plan.resources = 0;
        let found = self.store.undeclared(context, &self.declared).await;
        let secrets = as_far_as_allowed(context, &format!("secrets in {}", self.name), found)?;
        if secrets.is_empty() {
            return Ok(plan);
        }
        for secret in secrets {
            plan.action = Action::Delete;
            plan.reason = Some("the stack owns them, and the configuration does not declare them".to_owned());
            if !TokenLabels::read(&secret.labels).ids().is_empty() {
                plan.notes.push(format!(
                    "the token in {} was made for the stack: revoke it at its registry, whose configuration is gone",
                    secret.name
                ));
            }
            plan.resources += 1;
            plan.changes.push(FieldChange::new(secret.name, Some(Shown::text(secret.resource)), None));
        }
        Ok(plan)
    }

    /// Removes those among them that `is_planned`.
    async fn remove_those(&self, context: &Context, is_planned: impl Fn(&str) -> bool + Send) -> Result<()> {
        let undeclared = self.store.undeclared(context, &self.declared).await?;
        for secret in undeclared.into_iter().filter(|secret| is_planned(&secret.name)) {
            let spec = SecretSpec { name: Some(secret.name), ..SecretSpec::default() };
            self.store.remove(context, &spec).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Step for UndeclaredSecretsStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        self.look(context).await
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        // What came since belongs to a newer configuration, which somebody deploys at the same time.
        let is_planned = |name: &str| plan.changes.iter().any(|change| change.field == name);
        self.remove_those(context, is_planned).await?;
        Ok(Outputs::new())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        self.look(context).await
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        let plan = self.look(context).await?;
        self.remove_those(context, |name| plan.changes.iter().any(|change| change.field == name)).await
    }
}
