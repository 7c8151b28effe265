//! Execution roles as steps.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use longshore_model::{Inputs, Known, Outputs, StepPlan};
use longshore_plugin::{Context, Readable, Result, RoleBuilder, RoleSpec, SecretSpec, SecretStore, Step};

/// Builds the execution role of one service. Each of its inputs is the ARN of a secret or parameter that the role may
/// read.
pub struct ExecutionRoleStep {
    /// The builder of the role.
    pub builder: Arc<dyn RoleBuilder>,
    /// The role, as far as it does not depend on other steps.
    pub role: RoleSpec,
    /// The secrets that the inputs name, by the names of the inputs.
    pub kept: BTreeMap<String, KeptSecret>,
    /// Other secrets of the stack, which the role is not to read.
    pub others: Vec<Arc<KeptSecret>>,
}

/// A secret in a store of the stack.
#[derive(Clone)]
pub struct KeptSecret {
    /// The store.
    pub store: Arc<dyn SecretStore>,
    /// The secret.
    pub secret: SecretSpec,
}

impl ExecutionRoleStep {
    async fn with(&self, context: &Context, inputs: &Inputs) -> Result<RoleSpec> {
        let mut role = self.role.clone();
        for (name, arn) in inputs.iter() {
            let kept = self.kept.get(name);
            let foreseen = match kept {
                Some(KeptSecret { store, secret }) if *arn == Known::AfterApply => {
                    store.foreseen_arn(context, secret).await?
                }
                _ => None,
            };
            let key = kept.and_then(|kept| kept.store.kms_key()).map(str::to_owned);
            role.secrets.push(Readable { arn: arn.clone(), foreseen, key });
        }
        for other in &self.others {
            let KeptSecret { store, secret } = other.as_ref();
            role.others.extend(store.foreseen_arn(context, secret).await?);
        }
        Ok(role)
    }
}

#[async_trait]
impl Step for ExecutionRoleStep {
    async fn plan(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        self.builder.plan(context, &self.with(context, inputs).await?).await
    }

    async fn apply(&self, context: &Context, inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        let arn = self.builder.apply(context, &self.with(context, inputs).await?).await?;
        Ok([(<dyn RoleBuilder>::ARN.to_owned(), arn)].into())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        self.builder.plan_removal(context, &self.role).await
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        self.builder.remove(context, &self.role).await
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        self.builder.undo(context, &self.role, plan).await
    }
}
