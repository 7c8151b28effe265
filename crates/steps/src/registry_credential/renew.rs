//! Rotation: a new credential is staged, proved as it is stored, and only then promoted.

use longshore_model::{Action, Failure, FailureKind, FieldChange, Secret, Shown, StepPlan};
use longshore_plugin::{Context, Credential, Minted, Result, SecretSpec, SecretStore, Stored};

use super::{
    MintedCredential, RegistryCredential,
    labels::TokenLabels,
    minted::intent,
    revoke::{not_stored, unrevocable},
};

/// A credential that was rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The secret's full ARN: the same as before, so nothing needs to be deployed.
    pub arn: String,
    /// The version that tasks read from now on.
    pub version: String,
    /// True if tokens were replaced that are still to be revoked, with
    /// [`RegistryCredential::revoke_replaced`]: tasks that are being launched may have read them already.
    pub has_replaced: bool,
}

impl RegistryCredential {
    /// Finds out what a rotation would do. Reads only. A credential that a source yields is proved already here; one
    /// that is the stored one changes nothing, nor does one that no image needs.
    ///
    /// # Errors
    /// When nothing is stored yet, when the source yields nothing, or when what it yields does not pull.
    pub async fn plan_renewal(&self, context: &Context) -> Result<StepPlan> {
        if self.is_unused() {
            return self.plan_unused(context).await;
        }
        let stored = self.require_stored(context).await?;
        let plan = |action| {
            StepPlan::new(action, format!("secret {}", stored.name))
                .output(<dyn SecretStore>::ARN, &stored.arn)
        };
        let mut change = plan(Action::Update);
        change.changes.push(FieldChange::new("SecretString", Some(Shown::Secret), Some(Shown::Secret)));
        if !self.can_rotate() {
            let mut stays = plan(Action::NoChange);
            stays.notes.push("its store cannot rotate: a deploy replaces the credential".to_owned());
            return Ok(stays);
        }
        if let Some(minted) = self.minted() {
            let what = minted.minter.check(context, &minted.full_scope(context).await?).await?;
            change.notes.push(format!("a token will be made: {what}"));
            return Ok(change);
        }
        let proved = self.prove(context).await?;
        let current = Credential::from_secret_string(&stored.value);
        let is_same = current.as_ref().is_some_and(|current| {
            current.username == proved.credential.username && current.password == proved.credential.password
        });
        if is_same && !self.is_half_promoted(context, &stored).await? {
            let mut same = plan(Action::NoChange);
            same.notes.push(format!("unchanged: {} still yields what is stored", self.source.describe()));
            return Ok(same);
        }
        if let Some(current) = current.filter(|current| current.username != proved.credential.username) {
            let (old, new) = (Shown::text(current.username), Shown::text(&proved.credential.username));
            change.changes.push(FieldChange::new("username", Some(old), Some(new)));
        }
        change.notes.extend(proved.pulls.notes);
        Ok(change)
    }

    /// Rotates: stages the new credential, reads it back, proves that what is stored pulls every image, and promotes it.
    /// One that does not pull is never promoted: it is discarded, and revoked if it was minted.
    ///
    /// # Errors
    /// When there is no new credential, or when it does not pull, or when the store refuses. The value that tasks read
    /// is then unchanged.
    pub async fn renew(&self, context: &Context) -> Result<Renewed> {
        self.require_images()?;
        let stored = self.require_stored(context).await?;
        match self.minted() {
            Some(minted) => minted.renew(context, stored).await,
            None => self.renew_given(context, stored).await,
        }
    }

    async fn renew_given(&self, context: &Context, stored: Stored) -> Result<Renewed> {
        let proved = self.prove(context).await?;
        let version = self.stage_and_promote(context, &proved.credential.to_secret_string()).await?;
        let ids = TokenLabels::read(&stored.labels).ids();
        if let Some(labels) = self.store.labels().filter(|_| !ids.is_empty()) {
            context.warn(unrevocable(&ids));
            labels.label(context, &self.secret).await?;
        }
        Ok(Renewed { arn: stored.arn, version, has_replaced: false })
    }

    /// Returns true if an earlier rotation ended between its two changes of stages: rotating again finishes it.
    async fn is_half_promoted(&self, context: &Context, stored: &Stored) -> Result<bool> {
        let secret = SecretSpec { labels: stored.labels.clone(), ..self.secret.clone() };
        let plan = self.store.plan(context, &secret, &stored.value).await?;
        Ok(plan.changes.iter().any(|change| change.field.starts_with("VersionIdsToStages")))
    }

    async fn require_stored(&self, context: &Context) -> Result<Stored> {
        self.stored(context).await?.ok_or_else(|| not_stored(&self.location()))
    }

    async fn stage_and_promote(&self, context: &Context, value: &Secret<String>) -> Result<String> {
        context.progress("staging the new credential");
        let rotation = self.rotation()?;
        let version = rotation.stage(context, &self.secret, value).await?;
        if let Err(failure) = self.prove_staged(context, &version).await {
            return Err(match rotation.discard(context, &self.secret, &version).await {
                Ok(()) => failure,
                Err(other) => {
                    context.warn(format!("the staged version {version} could not be discarded: {other}"));
                    failure
                }
            });
        }
        context.progress("promoting the new credential");
        rotation.promote(context, &self.secret, &version).await?;
        Ok(version)
    }

    /// Pulls with what the store answers, which need not be what it was given.
    async fn prove_staged(&self, context: &Context, version: &str) -> Result<()> {
        let staged = self.rotation()?.read_version(context, &self.secret, version).await?;
        let Some(credential) = Credential::from_secret_string(&staged) else {
            let message = "what the store answers for the new version is no credential; it was not promoted";
            return Err(Failure::new(FailureKind::Internal, message));
        };
        match self.check_pulls(context, &credential).await {
            Ok(_) => Ok(()),
            Err(mut failure) => {
                failure.message.push_str("; the new credential was not promoted");
                Err(failure)
            }
        }
    }
}

impl MintedCredential<'_> {
    async fn renew(self, context: &Context, stored: Stored) -> Result<Renewed> {
        let before = TokenLabels::read(&stored.labels);
        let minted = self.mint(context).await?;
        match self.promote(context, &before, &minted).await {
            Ok(version) => {
                let labels = self.labels_of(&minted, &before);
                self.label(context, &labels).await?;
                Ok(Renewed { arn: stored.arn, version, has_replaced: !labels.replaced.is_empty() })
            }
            Err(failure) => Err(self.give_up(context, &before, &minted, failure).await),
        }
    }

    async fn promote(self, context: &Context, before: &TokenLabels, minted: &Minted) -> Result<String> {
        self.label(context, &intent(before, &minted.id)).await?;
        self.credential.stage_and_promote(context, &minted.credential.to_secret_string()).await
    }

    /// Revokes and forgets a minted token that did not become the current one, unless it may be stored.
    async fn give_up(
        self,
        context: &Context,
        before: &TokenLabels,
        minted: &Minted,
        mut failure: Failure,
    ) -> Failure {
        let value = minted.credential.to_secret_string();
        match self.credential.stored(context).await {
            Ok(stored) if stored.as_ref().is_none_or(|stored| stored.value != value) => {
                let failure = self.take_back(context, &minted.id, failure).await;
                self.relabel(context, before).await;
                failure
            }
            _ => {
                let what = "; nobody knows which token is stored: deploy or rotate again to find out";
                failure.message.push_str(what);
                failure
            }
        }
    }
}
