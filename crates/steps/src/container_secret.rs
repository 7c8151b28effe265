//! From a secret value into a secret store, for an environment variable of a container.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Action, Inputs, Outputs, Secret, Shown, StepPlan};
use longshore_plugin::{Context, Result, SecretSpec, SecretStore, SecretValue, Step};

/// Keeps the value of a container's environment variable in a store, from which ECS reads it when a task starts. The
/// value goes from its source to the store inside this step and nowhere else.
///
/// It yields where the value is, and when it was written: a deployer can tell by that if the running tasks have it.
pub struct ContainerSecretStep {
    value: Arc<dyn SecretValue>,
    store: Arc<dyn SecretStore>,
    secret: SecretSpec,
}

/// The value that was fetched in this run. A command may answer differently each time: the value that is stored must be the
/// one that was planned.
#[derive(Clone)]
struct Fetched(Secret<String>);

impl ContainerSecretStep {
    /// A step that keeps `value` as `secret` in `store`.
    pub fn new(value: Arc<dyn SecretValue>, store: Arc<dyn SecretStore>, secret: SecretSpec) -> Self {
        Self { value, store, secret }
    }

    async fn fetch(&self, context: &Context) -> Result<Secret<String>> {
        if let Some(Fetched(value)) = context.kept() {
            return Ok(value);
        }
        context.progress(format!("fetching the value from the {}", self.value.describe()));
        let value = self.value.fetch(context).await?;
        context.keep(Fetched(value.clone()));
        Ok(value)
    }

    async fn written_at(&self, context: &Context) -> Result<String> {
        let moment = self.store.written_at(context, &self.secret).await?;
        Ok(moment.map_or_else(|| "unknown".to_owned(), |moment| moment.to_string()))
    }
}

/// Returns true if the value may be written: then the time of that write is not known yet.
fn writes(plan: &StepPlan) -> bool {
    let rewrites = |shown: &Option<Shown>| matches!(shown, Some(Shown::Secret | Shown::AfterApply));
    match plan.action {
        Action::NoChange => false,
        Action::Update | Action::Adopt => plan.changes.iter().any(|change| rewrites(&change.new)),
        Action::Create | Action::Replace | Action::Delete => true,
    }
}

#[async_trait]
impl Step for ContainerSecretStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        let value = self.fetch(context).await?;
        let mut plan = self.store.plan(context, &self.secret, &value).await?;
        if writes(&plan) {
            if plan.action == Action::Update {
                plan.notes.push("running tasks keep the old value until they are replaced".to_owned());
            }
            return Ok(plan);
        }
        let written_at = self.written_at(context).await?;
        Ok(plan.output(<dyn SecretStore>::WRITTEN_AT, written_at))
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        let value = self.fetch(context).await?;
        let arn = self.store.apply(context, &self.secret, &value).await?;
        let written_at = self.written_at(context).await?;
        Ok([(<dyn SecretStore>::ARN.to_owned(), arn), (<dyn SecretStore>::WRITTEN_AT.to_owned(), written_at)]
            .into())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        self.store.plan_removal(context, &self.secret).await
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        self.store.remove(context, &self.secret).await
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        self.store.undo(context, &self.secret, plan).await
    }
}
