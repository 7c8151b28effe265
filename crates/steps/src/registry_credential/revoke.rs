//! Revoking tokens that are no longer needed.

use std::collections::BTreeSet;

use longshore_model::{Action, Failure, FailureKind, StepPlan};
use longshore_plugin::{Context, Result, SecretSpec, SecretStore, TokenMinter};

use super::{MintedCredential, RegistryCredential, labels::TokenLabels, minted::tokens};
use crate::shared::join_failures;

impl RegistryCredential {
    /// Revokes the tokens that were replaced, and takes them out of the labels; and then those that an earlier run made
    /// and was killed before it could note them. A credential that is given has none.
    ///
    /// # Errors
    /// If the store cannot be read or written, or if a token cannot be revoked: it stays noted, and the next call tries
    /// again.
    pub async fn revoke_replaced(&self, context: &Context) -> Result<()> {
        match self.minted() {
            Some(minted) => minted.revoke_replaced(context).await,
            None => Ok(()),
        }
    }

    /// Returns the warning about tokens that were made for the secret by another source than the present one: nothing is
    /// configured that could revoke them.
    pub(crate) async fn minted_before(&self, context: &Context) -> Option<String> {
        let stored = self.stored(context).await.ok()??;
        let ids = TokenLabels::read(&stored.labels).ids();
        (!ids.is_empty()).then(|| unrevocable(&ids))
    }
}

impl MintedCredential<'_> {
    pub(super) async fn revoke_replaced(self, context: &Context) -> Result<()> {
        let Some(stored) = self.credential.stored(context).await? else { return Ok(()) };
        let mut labels = TokenLabels::read(&stored.labels);
        let known = labels.ids();
        let replaced = std::mem::take(&mut labels.replaced);
        let (left, mut failures) = revoke_all(context, self.minter, replaced).await;
        labels.replaced = left;
        if labels.ids() != known {
            self.label(context, &labels).await?;
        }
        match self.minter.list(context, &self.full_scope(context).await?).await {
            Ok(found) => {
                let leftovers = found.into_iter().filter(|id| !known.contains(id)).collect();
                failures.extend(revoke_all(context, self.minter, leftovers).await.1);
            }
            Err(failure) => failures.push(failure),
        }
        join_failures(failures).map_or(Ok(()), Err)
    }

    /// Adds to `plan` the tokens that are revoked when the registry is no longer needed. Reads only.
    pub(crate) async fn plan_revocation(self, context: &Context, plan: &mut StepPlan) -> Result<()> {
        let RegistryCredential { store, secret, .. } = self.credential;
        let mut ids = BTreeSet::new();
        if plan.is_change()
            && let Some(stored) = self.credential.stored(context).await?
        {
            ids = TokenLabels::read(&stored.labels).ids();
        }
        let mut notes = Vec::new();
        let ids = self.tokens_of(context, &**store, secret, ids, &mut notes).await?;
        plan.notes.extend(notes);
        if !ids.is_empty() {
            plan.action = Action::Delete;
            plan.notes.push(format!("{} will be revoked", tokens(&ids)));
        }
        Ok(())
    }

    /// Revokes every token that was made for the secret. The secret, which names them, must not go before this is done.
    pub(crate) async fn revoke_all(self, context: &Context) -> Result<()> {
        let RegistryCredential { store, secret, .. } = self.credential;
        let stored = self.credential.stored(context).await?;
        let ids = stored.map(|stored| TokenLabels::read(&stored.labels).ids()).unwrap_or_default();
        self.revoke_of(context, &**store, secret, ids).await
    }

    /// Revokes the tokens `ids`, and all others that the registry has made for the secret in `store` that holds them;
    /// those for a secret of another owner stay.
    pub(crate) async fn revoke_of(
        self,
        context: &Context,
        store: &dyn SecretStore,
        secret: &SecretSpec,
        mut ids: BTreeSet<String>,
    ) -> Result<()> {
        // A store without labels holds no tokens.
        let Some(labels) = store.labels() else { return Ok(()) };
        if labels.belongs_to_others(context, secret).await? {
            return Ok(());
        }
        // A secret that is protected by now stays, and its token with it.
        store.plan_removal(context, secret).await?;
        let mut failures = Vec::new();
        match self.minter.list(context, &self.scope_of(labels.address(context, secret).await?)).await {
            Ok(found) => ids.extend(found),
            Err(failure) => failures.push(failure),
        }
        failures.extend(revoke_all(context, self.minter, ids).await.1);
        match join_failures(failures) {
            Some(failure) => Err(Failure {
                help: Some(failure.help.unwrap_or_else(|| {
                    "the secret stays, because it names the token: repeat this when the registry's API answers"
                        .to_owned()
                })),
                ..failure
            }),
            None => Ok(()),
        }
    }
}

/// Revokes tokens. Answers with those that could not be revoked, and why.
async fn revoke_all(
    context: &Context,
    minter: &dyn TokenMinter,
    ids: BTreeSet<String>,
) -> (BTreeSet<String>, Vec<Failure>) {
    let (mut left, mut failures) = (BTreeSet::new(), Vec::new());
    for id in ids {
        context.progress(format!("revoking the token {id}"));
        if let Err(mut failure) = minter.revoke(context, &id).await {
            failure.message = format!("the token {id} could not be revoked: {}", failure.message);
            failures.push(failure);
            left.insert(id);
        }
    }
    (left, failures)
}

/// Returns the message about tokens if nothing is configured that could revoke them.
pub(super) fn unrevocable(ids: &BTreeSet<String>) -> String {
    format!(
        "{} cannot be revoked, because the registry's source makes no tokens any more: revoke by hand at the registry",
        tokens(ids)
    )
}

/// A rotation that finds nothing stored.
pub(super) fn not_stored(registry: &str) -> Failure {
    Failure::new(FailureKind::NotFound, format!("the credential of {registry} is not stored yet"))
        .help("deploy the stack first")
}
