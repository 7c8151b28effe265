//! From a credential source through the pull check into a secret store.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use longshore_model::{Action, Inputs, Outputs, StepPlan};

use crate::{Context, RegistryCredential, Result, SecretStore, Step, Verdict, stuck};

/// Publishes the credential of one container registry. One that is fetched is proved to pull every image which needs it
/// before it is stored. One that is made for the stack is made only where the stored one does not serve, and is revoked
/// when it does not pull. One that no image needs cannot be proved, and is neither fetched nor stored. The secret goes from
/// source to store inside this step and nowhere else.
pub struct PublishCredentialStep {
    credential: Arc<RegistryCredential>,
    /// What was planned about a token that is minted: what is applied is what was planned.
    verdict: Mutex<Option<Verdict>>,
}

impl PublishCredentialStep {
    /// A step that publishes `credential`.
    pub fn new(credential: Arc<RegistryCredential>) -> Self {
        Self { credential, verdict: Mutex::default() }
    }

    fn take_verdict(&self) -> Option<Verdict> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[async_trait]
impl Step for PublishCredentialStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        let credential = &self.credential;
        if credential.is_unused() {
            return credential.plan_unused(context).await;
        }
        if let Some(minter) = credential.source.minter() {
            let verdict = credential.judge(context).await?;
            let plan = credential.plan_minted(context, minter, &verdict).await?;
            *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
            return Ok(plan);
        }
        let proved = credential.prove(context).await?;
        let value = proved.credential.to_secret_string();
        let mut plan = credential.store.plan(context, &credential.secret, &value).await?;
        proved.pulls.tell(&mut plan);
        if plan.action == Action::Update {
            plan.notes.extend(credential.minted_before(context).await);
        }
        Ok(plan)
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        let credential = &self.credential;
        let (arn, pulls) = if let Some(minter) = credential.source.minter() {
            let verdict = match self.take_verdict() {
                Some(verdict) => verdict,
                None => credential.judge(context).await?,
            };
            credential.apply_minted(context, minter, verdict).await?
        } else {
            let proved = credential.prove(context).await?;
            if plan.action != Action::Create
                && let Some(warning) = credential.minted_before(context).await
            {
                context.warn(warning);
            }
            let value = proved.credential.to_secret_string();
            (credential.store.apply(context, &credential.secret, &value).await?, proved.pulls)
        };
        Ok(pulls.digests.into_iter().chain([(<dyn SecretStore>::ARN.to_owned(), arn)]).collect())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        let mut plan = self.credential.store.plan_removal(context, &self.credential.secret).await?;
        self.credential.plan_revocation(context, &mut plan).await?;
        Ok(plan)
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        self.credential.revoke_all(context).await?;
        self.credential.store.remove(context, &self.credential.secret).await
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        match plan.action {
            // A token that was made for the secret goes with it.
            Action::Create => self.remove(context).await,
            // The token before is revoked: its value would not pull any more.
            Action::Update if self.credential.source.minter().is_some() => {
                Err(stuck(plan.action, &plan.resource))
            }
            _ => self.credential.store.undo(context, &self.credential.secret, plan).await,
        }
    }
}
