//! From a credential source through the pull check into a secret store.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Action, Failure, FailureKind, Inputs, Outputs, StepPlan};
use longshore_plugin::{Context, Result, SecretStore, Step, stuck};

use crate::{MintedCredential, Pulls, RegistryCredential, registry_credential::Verdict};

/// Publishes the credential of one container registry as its source gives it. It is proved to pull every image which needs
/// it before it is stored. One that no image needs cannot be proved, and is neither fetched nor stored. The secret goes from
/// source to store inside this step and nowhere else.
pub struct PublishCredentialStep {
    pub(crate) credential: Arc<RegistryCredential>,
}

#[async_trait]
impl Step for PublishCredentialStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        let RegistryCredential { store, secret, .. } = &*self.credential;
        if self.credential.is_unused() {
            return self.credential.plan_unused(context).await;
        }
        let proved = self.credential.prove(context).await?;
        let mut plan = store.plan(context, secret, &proved.credential.to_secret_string()).await?;
        proved.pulls.tell(&mut plan);
        if plan.action == Action::Update {
            plan.notes.extend(self.credential.minted_before(context).await);
        }
        Ok(plan)
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        let RegistryCredential { store, secret, .. } = &*self.credential;
        let proved = self.credential.prove(context).await?;
        if plan.action != Action::Create
            && let Some(warning) = self.credential.minted_before(context).await
        {
            context.warn(warning);
        }
        let arn = store.apply(context, secret, &proved.credential.to_secret_string()).await?;
        Ok(yielded(arn, proved.pulls))
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        self.credential.store.plan_removal(context, &self.credential.secret).await
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        self.credential.store.remove(context, &self.credential.secret).await
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        self.credential.store.undo(context, &self.credential.secret, plan).await
    }
}

/// Publishes a token that is made for the stack: only where the stored one does not serve. A new one is proved to pull
/// every image before it is stored, and revoked if it does not. The secret goes from registry to store inside this step and
/// nowhere else.
pub struct MintCredentialStep {
    pub(crate) credential: Arc<RegistryCredential>,
}

impl MintCredentialStep {
    fn minted(&self) -> Result<MintedCredential<'_>> {
        let no_tokens = || Failure::new(FailureKind::Internal, "the credential's source makes no tokens");
        self.credential.minted().ok_or_else(no_tokens)
    }
}

#[async_trait]
impl Step for MintCredentialStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        if self.credential.is_unused() {
            return self.credential.plan_unused(context).await;
        }
        let minted = self.minted()?;
        let verdict = minted.judge(context).await?;
        let plan = minted.plan(context, &verdict).await?;
        context.keep(verdict);
        Ok(plan)
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        let minted = self.minted()?;
        let verdict: Verdict = match context.take_kept() {
            Some(verdict) => verdict,
            None => minted.judge(context).await?,
        };
        let (arn, pulls) = minted.apply(context, verdict).await?;
        Ok(yielded(arn, pulls))
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        let mut plan = self.credential.store.plan_removal(context, &self.credential.secret).await?;
        self.minted()?.plan_revocation(context, &mut plan).await?;
        Ok(plan)
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        self.minted()?.revoke_all(context).await?;
        self.credential.store.remove(context, &self.credential.secret).await
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        match plan.action {
            // The token that was made for the secret goes with it.
            Action::Create => self.remove(context).await,
            // The token before is revoked: its value would not pull any more.
            Action::Update => Err(stuck(plan.action, &plan.resource)),
            _ => self.credential.store.undo(context, &self.credential.secret, plan).await,
        }
    }
}

fn yielded(arn: String, pulls: Pulls) -> Outputs {
    pulls.digests.into_iter().chain([(<dyn SecretStore>::ARN.to_owned(), arn)]).collect()
}
