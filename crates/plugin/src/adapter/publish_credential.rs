//! From a credential source through the pull check into a secret store.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::join_all;
use longshore_model::{Failure, ImageReference, Inputs, Outputs, Platform, Secret, StepPlan};

use crate::{
    Context, Credential, CredentialSource, PullCheck, Result, SecretSpec, SecretStore, Step,
    pull_check::join_failures,
};

/// Publishes the credential of one container registry: fetches it, proves that it pulls every image which needs it, and
/// stores it. The secret goes from source to store inside this step and nowhere else.
pub struct PublishCredentialStep {
    /// Where the credential comes from.
    pub source: Arc<dyn CredentialSource>,
    /// Where it is stored.
    pub store: Arc<dyn SecretStore>,
    /// The secret that holds it.
    pub secret: SecretSpec,
    /// The images that it must pull, with the platforms that they run on.
    pub images: Vec<(ImageReference, Platform)>,
    /// The proof.
    pub pull_check: Arc<dyn PullCheck>,
    /// Another URL at which the registry is reached.
    pub endpoint: Option<String>,
    /// The credential that was proved in this run, and what to say of it. A source may answer differently each time:
    /// what is stored must be what was proved.
    proved: Mutex<Option<Proved>>,
}

/// A credential that was proved, as it will be stored.
#[derive(Clone)]
struct Proved {
    value: Secret<String>,
    notes: Vec<String>,
}

impl PublishCredentialStep {
    /// A step that publishes what `source` yields as `secret` in `store`.
    pub fn new(
        source: Arc<dyn CredentialSource>,
        store: Arc<dyn SecretStore>,
        secret: SecretSpec,
        pull_check: Arc<dyn PullCheck>,
    ) -> Self {
        Self {
            source,
            store,
            secret,
            images: Vec::new(),
            pull_check,
            endpoint: None,
            proved: Mutex::default(),
        }
    }

    async fn prove(&self, context: &Context) -> Result<Proved> {
        let known = self.proved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(proved) = known {
            return Ok(proved);
        }
        context.progress(format!("fetching the credential from {}", self.source.describe()));
        let credential = self.source.fetch(context).await?;
        let notes = self.check_pulls(context, &credential).await?;
        let proved = Proved { value: credential.to_secret_string(), notes };
        *self.proved.lock().unwrap_or_else(PoisonError::into_inner) = Some(proved.clone());
        Ok(proved)
    }

    async fn check_pulls(&self, context: &Context, credential: &Credential) -> Result<Vec<String>> {
        let checks = self.images.iter().map(|(image, platform)| async move {
            context.progress(format!("checking the pull of {image} for {platform}"));
            let proof =
                self.pull_check.check(image, *platform, Some(credential), self.endpoint.as_deref()).await?;
            Ok::<_, Failure>(format!("{image} can be pulled for {platform} ({})", short(&proof.digest)))
        });
        let (notes, failures): (Vec<_>, Vec<_>) = join_all(checks).await.into_iter().partition(Result::is_ok);
        match join_failures(failures.into_iter().filter_map(Result::err).collect()) {
            Some(failure) => Err(failure),
            None => Ok(notes.into_iter().filter_map(Result::ok).collect()),
        }
    }
}

/// The algorithm and the first digits of a digest, as people compare them.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

#[async_trait]
impl Step for PublishCredentialStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        let proved = self.prove(context).await?;
        let mut plan = self.store.plan(context, &self.secret, &proved.value).await?;
        plan.notes.extend(proved.notes);
        Ok(plan)
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        let proved = self.prove(context).await?;
        let arn = self.store.apply(context, &self.secret, &proved.value).await?;
        Ok([(<dyn SecretStore>::ARN.to_owned(), arn)].into())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        self.store.plan_removal(context, &self.secret).await
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        self.store.remove(context, &self.secret).await
    }
}
