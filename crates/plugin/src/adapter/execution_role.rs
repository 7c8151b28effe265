//! Execution roles as steps.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Inputs, Outputs, StepPlan};

use crate::{Context, Result, RoleBuilder, RoleSpec, Step};

/// Builds the execution role of one service. Each of its inputs is the ARN of a secret that the role may read.
pub struct ExecutionRoleStep {
    /// What builds the role.
    pub builder: Arc<dyn RoleBuilder>,
    /// The role, as far as it does not depend on other steps: [`RoleSpec::secrets`] is empty here.
    pub role: RoleSpec,
}

impl ExecutionRoleStep {
    fn with(&self, inputs: &Inputs) -> RoleSpec {
        let secrets = inputs.iter().map(|(_, arn)| arn.clone()).collect();
        RoleSpec { secrets, ..self.role.clone() }
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
}
