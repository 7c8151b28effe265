//! Secrets that the stack owns and no longer declares.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use longshore_model::{Action, FieldChange, Inputs, Outputs, Shown, StepId, StepPlan};

use crate::{Context, Result, SecretSpec, SecretStore, ServiceDeployer, Step, TokenLabels};

/// Removes the secrets of a store that carry the stack's tag, but whose step is not in the graph any more: those of a
/// registry or a variable that left the configuration. It comes after everything that may still have used them, and it
/// keeps them as long as a service of the stack runs that is not declared either: its tasks may read them.
pub struct UndeclaredSecretsStep {
    /// The store's name in the configuration.
    pub name: String,
    /// The store.
    pub store: Arc<dyn SecretStore>,
    /// What may run services of the stack that nothing declares, one deployer of each kind. Without any, nobody can tell,
    /// and the secrets stay.
    pub deployers: Vec<Arc<dyn ServiceDeployer>>,
    /// The steps that there are.
    pub declared: BTreeSet<StepId>,
}

impl UndeclaredSecretsStep {
    async fn look(&self, context: &Context) -> Result<StepPlan> {
        let mut plan =
            StepPlan::new(Action::NoChange, format!("secrets in {} that nothing declares", self.name));
        let secrets = self.store.undeclared(context, &self.declared).await?;
        if secrets.is_empty() {
            return Ok(plan);
        }
        if let Some(reader) = self.possible_reader(context).await? {
            let names: Vec<_> = secrets.into_iter().map(|secret| secret.name).collect();
            plan.notes.push(format!("kept, because {reader} may read them: {}", names.join(", ")));
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
            plan.changes.push(FieldChange::new(secret.name, Some(Shown::text(secret.resource)), None));
        }
        Ok(plan)
    }

    /// What may still read the secrets, as far as that can be told.
    async fn possible_reader(&self, context: &Context) -> Result<Option<String>> {
        if self.deployers.is_empty() {
            return Ok(Some("a service that is not declared any more".to_owned()));
        }
        let mut services = Vec::new();
        for deployer in &self.deployers {
            services.extend(deployer.undeclared(context, &self.declared).await?);
        }
        let named = || format!("{}, which the stack owns and does not declare,", services.join(", "));
        Ok((!services.is_empty()).then(named))
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
