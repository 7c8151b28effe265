//! Execution roles as steps.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use longshore_model::{Inputs, Outputs, StepPlan};

use crate::{Context, Readable, Result, RoleBuilder, RoleSpec, Step};

/// Builds the execution role of one service. Each of its inputs is the ARN of a secret or parameter that the role may
/// read.
pub struct ExecutionRoleStep {
    /// What builds the role.
    pub builder: Arc<dyn RoleBuilder>,
    /// The role, as far as it does not depend on other steps.
    pub role: RoleSpec,
    /// The customer-managed keys that encrypt what the inputs name, by the names of the inputs.
    pub keys: BTreeMap<String, String>,
}

impl ExecutionRoleStep {
    fn with(&self, inputs: &Inputs) -> RoleSpec {
        let mut role = self.role.clone();
        let wired =
            inputs.iter().map(|(name, arn)| Readable { arn: arn.clone(), key: self.keys.get(name).cloned() });
        role.secrets.extend(wired);
        role
    }
}

#[async_trait]
impl Step for ExecutionRoleStep {
    async fn plan(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        self.builder.plan(context, &self.with(inputs)).await
    }

    async fn apply(&self, context: &Context, inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        let arn = self.builder.apply(context, &self.with(inputs)).await?;
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
