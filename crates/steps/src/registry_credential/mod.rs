//! The credential of one container registry, from where it comes from to where ECS reads it.

mod labels;
mod leave;
mod minted;
mod renew;
mod revoke;
#[cfg(test)]
mod tests;
mod unused;

use std::sync::Arc;

use futures_util::future::join_all;
use longshore_model::{Failure, FailureKind, ImageReference, Name, Outputs, Platform, StepId, StepPlan};
use longshore_plugin::{
    Context, Credential, CredentialSource, PullCheck, PullScope, Result, Rotation, SecretSpec, SecretStore,
    Step, Stored,
};

pub use labels::TokenLabels;
pub use leave::Revokers;
pub(crate) use leave::Tokens;
pub use minted::MintedCredential;
pub(crate) use minted::{Verdict, tokens};
pub use renew::Renewed;

use crate::{MintCredentialStep, PublishCredentialStep, shared::join_failures};

/// The credential of one container registry: where it comes from, where it is stored, and what it must be able to pull.
/// The commands that publish, rotate and inspect credentials share it.
pub struct RegistryCredential {
    /// The registry's name in the configuration.
    pub registry: Name,
    /// The source of the credential.
    pub source: Arc<dyn CredentialSource>,
    /// The store of the credential.
    pub store: Arc<dyn SecretStore>,
    /// The secret that holds it, without labels: these are added when a token that has some is stored.
    pub secret: SecretSpec,
    /// The images that it must pull, with the platforms that they run on.
    pub images: Vec<(ImageReference, Platform)>,
    /// The proof.
    pub pull_check: Arc<dyn PullCheck>,
    /// Another URL at which the registry is reached.
    pub endpoint: Option<String>,
    /// The path of the part of the registry that it is for; empty for a whole one.
    pub path: String,
    /// The images that a token made for the registry has to be able to pull. [`PullScope::holder`] is empty here: only
    /// the store knows it.
    pub scope: PullScope,
}

/// A credential that was fetched in this run, and the proof that it pulls every image. A source may answer differently each
/// time: the credential that is stored must be the one that was proved.
#[derive(Clone)]
pub(crate) struct Proved {
    pub(crate) credential: Credential,
    pub(crate) pulls: Pulls,
}

/// The proof that a credential pulls every image of its registry.
#[derive(Clone, Debug, Default)]
pub struct Pulls {
    /// A note for each image and platform.
    pub notes: Vec<String>,
    /// The digests of the images, by the names of their outputs.
    pub(crate) digests: Outputs,
}

impl Pulls {
    /// Adds what was proved to a plan.
    pub(crate) fn tell(&self, plan: &mut StepPlan) {
        plan.notes.extend(self.notes.iter().cloned());
        let digests = self.digests.iter();
        plan.outputs.extend(digests.map(|(name, digests)| (name.clone(), digests.clone().into())));
    }
}

impl RegistryCredential {
    /// The credential of `registry`, which pulls no image yet.
    pub fn new(
        registry: Name,
        source: Arc<dyn CredentialSource>,
        store: Arc<dyn SecretStore>,
        secret: SecretSpec,
        pull_check: Arc<dyn PullCheck>,
    ) -> Self {
        Self {
            registry,
            source,
            store,
            secret,
            images: Vec::new(),
            pull_check,
            endpoint: None,
            path: String::new(),
            scope: PullScope::default(),
        }
    }

    /// The registry as people call it: `ghcr.io`, or `quay.io/acme` for a part of one.
    #[must_use]
    pub fn location(&self) -> String {
        let Self { scope, path, .. } = self;
        if path.is_empty() { scope.host.clone() } else { format!("{}/{path}", scope.host) }
    }

    /// The step that publishes it.
    #[must_use]
    pub fn step(&self) -> StepId {
        StepId::new("credential", &self.registry)
    }

    /// Returns the credential as one whose tokens are made for the stack, if the configuration wants that and the store
    /// keeps labels.
    #[must_use]
    pub fn minted(&self) -> Option<MintedCredential<'_>> {
        let (minter, labels) = self.source.minter().zip(self.store.labels())?;
        Some(MintedCredential { credential: self, minter, labels })
    }

    /// Returns the step that publishes it.
    #[must_use]
    pub fn publishing(self: Arc<Self>) -> Arc<dyn Step> {
        if self.minted().is_some() {
            Arc::new(MintCredentialStep { credential: self })
        } else {
            Arc::new(PublishCredentialStep { credential: self })
        }
    }

    /// The secret with the labels of a token.
    pub(crate) fn labelled(&self, labels: &TokenLabels) -> SecretSpec {
        SecretSpec { labels: labels.write(), ..self.secret.clone() }
    }

    /// Returns true if the store can rotate.
    #[must_use]
    pub fn can_rotate(&self) -> bool {
        self.store.rotation().is_some()
    }

    /// Returns the store's means to rotate.
    ///
    /// # Errors
    /// If it has none.
    fn rotation(&self) -> Result<&dyn Rotation> {
        self.store.rotation().ok_or_else(|| {
            let message = format!("the store of the registry `{}` cannot rotate", self.registry);
            Failure::new(FailureKind::Invalid, message)
        })
    }

    /// Reads the secret as tasks read it now. Nothing when it is not stored, or is not the stack's.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn stored(&self, context: &Context) -> Result<Option<Stored>> {
        self.store.read(context, &self.secret).await
    }

    /// Proves that `credential` pulls every image on every platform, all at the same time.
    ///
    /// # Errors
    /// Every refusal, in one failure.
    pub async fn check_pulls(&self, context: &Context, credential: &Credential) -> Result<Pulls> {
        let endpoint = self.endpoint.as_deref();
        let checks = self.images.iter().map(|(image, platform)| async move {
            context.progress(format!("checking the pull of {image} for {platform}"));
            let proof =
                self.pull_check.check_within(context, image, *platform, Some(credential), endpoint).await?;
            let note = format!("{image} can be pulled for {platform} ({})", proof.shown());
            Ok::<_, Failure>((note, (<dyn PullCheck>::digests_output(image), proof.digests())))
        });
        let (mut pulls, mut failures) = (Pulls::default(), Vec::new());
        for check in join_all(checks).await {
            match check {
                Ok((note, (output, digests))) => {
                    pulls.notes.push(note);
                    pulls.digests.insert(output, digests);
                }
                Err(failure) => failures.push(failure),
            }
        }
        join_failures(failures).map_or(Ok(pulls), Err)
    }

    /// Fetches the credential from a source that does not mint, and proves that it pulls every image; once in a run.
    pub(crate) async fn prove(&self, context: &Context) -> Result<Proved> {
        if let Some(proved) = context.kept() {
            return Ok(proved);
        }
        context.progress(format!("fetching the credential from {}", self.source.describe()));
        let credential = self.source.fetch(context).await?;
        let pulls = self.check_pulls(context, &credential).await?;
        let proved = Proved { credential, pulls };
        context.keep(proved.clone());
        Ok(proved)
    }
}

impl std::fmt::Debug for RegistryCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryCredential")
            .field("registry", &self.registry)
            .field("secret", &self.secret)
            .field("images", &self.images)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
