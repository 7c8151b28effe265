//! Tokens whose registry has left the configuration.

use std::{collections::BTreeSet, sync::Arc};

use longshore_plugin::{Context, Result, SecretSpec, SecretStore, UndeclaredSecret};

use super::{
    MintedCredential, RegistryCredential,
    labels::{TokenLabels, clipped, shown},
    minted::tokens,
};

/// The credentials that can revoke the tokens in secrets that nothing declares: registries of the configuration whose
/// sources make tokens.
///
/// A secret's tags choose among them and say nothing more. They do not say where the management credential is found, nor
/// where it is sent: who may tag a secret could otherwise have any variable of the run sent to any address.
#[derive(Clone, Debug, Default)]
pub struct Revokers {
    /// The registries that stay.
    pub declared: Vec<Arc<RegistryCredential>>,
    /// Those that stay in the configuration only until what was made for them is gone.
    pub removed: Vec<Arc<RegistryCredential>>,
}

/// The state of the tokens that an undeclared secret names.
pub(crate) enum Tokens<'a> {
    /// There are none, or they have expired: then what to say of it.
    Gone(Option<String>),
    /// They will be revoked.
    Revocable(MintedCredential<'a>, BTreeSet<String>),
    /// Nothing in the configuration can revoke them. The text tells the user how to revoke them.
    Stuck(String),
}

impl Revokers {
    /// Returns the state of the tokens that `secret` names.
    pub(crate) fn of(&self, context: &Context, secret: &UndeclaredSecret) -> Tokens<'_> {
        let labels = TokenLabels::read(&secret.labels);
        let ids = labels.ids();
        if ids.is_empty() {
            // A run may have been killed before it could note the token that it made.
            return match self.removed_as(&secret.resource) {
                Some(credential) => Tokens::Revocable(credential, ids),
                None => Tokens::Gone(None),
            };
        }
        let of_issuer = || {
            let mut minted = self.removed.iter().chain(&self.declared).filter_map(|known| known.minted());
            let issuer = labels.issuer.as_ref()?;
            minted.find(|minted| clipped(&minted.minter.issuer()) == *issuer)
        };
        if let Some(credential) = self.removed_as(&secret.resource).or_else(of_issuer) {
            return Tokens::Revocable(credential, ids);
        }
        if labels.have_expired(context.now()) {
            return Tokens::Gone(Some(format!("{}, which it names, has expired", tokens(&ids))));
        }
        let registries = self.removed.iter().chain(&self.declared);
        let is_there = registries.into_iter().any(|credential| credential.step().as_str() == secret.resource);
        Tokens::Stuck(how_to_revoke(secret, &labels, is_there))
    }

    /// The registry that is leaving and was published by the step `resource`.
    fn removed_as(&self, resource: &str) -> Option<MintedCredential<'_>> {
        let mut leaving = self.removed.iter().filter_map(|credential| credential.minted());
        leaving.find(|minted| minted.credential.step().as_str() == resource)
    }
}

/// Returns instructions for tokens that nothing in the configuration can revoke. Their registry `is_there`, but makes
/// none.
fn how_to_revoke(secret: &UndeclaredSecret, labels: &TokenLabels, is_there: bool) -> String {
    let ids = labels.ids();
    let (it, was) = if ids.len() == 1 { ("it", "was") } else { ("them", "were") };
    let issuer = labels.issuer.as_ref().map(|issuer| format!(" (issued by {issuer})")).unwrap_or_default();
    let registry = secret.resource.strip_prefix("credential.").unwrap_or("NAME");
    let (why, what) = if is_there {
        (
            format!("its registry's source makes no tokens that could revoke {it}"),
            format!("give [registries.{registry}] the `mint` back that it had"),
        )
    } else {
        (
            format!("the registry that could revoke {it} has left the configuration"),
            format!("bring [registries.{registry}] back with `removed = true`"),
        )
    };
    let expiry = match labels.expires_at.filter(|_| ids.len() == 1).and_then(shown) {
        Some(at) => format!(", or wait until it expires at {at}"),
        None => String::new(),
    };
    format!(
        "{} stays, because {}{issuer} {was} made for the stack, and {why}: {what} and deploy once; or revoke {it} at the \
         registry and delete the secret{expiry}",
        secret.name,
        tokens(&ids)
    )
}

impl MintedCredential<'_> {
    /// Returns the tokens `ids`, and all others that the registry has made for the secret in `store` that holds them. A
    /// failure to look for the others is noted. Tokens for a secret of another owner are not looked for. Reads only.
    pub(crate) async fn tokens_of(
        self,
        context: &Context,
        store: &dyn SecretStore,
        secret: &SecretSpec,
        mut ids: BTreeSet<String>,
        notes: &mut Vec<String>,
    ) -> Result<BTreeSet<String>> {
        let Some(labels) = store.labels() else { return Ok(ids) };
        if labels.belongs_to_others(context, secret).await? {
            return Ok(ids);
        }
        let scope = self.scope_of(labels.address(context, secret).await?);
        match self.minter.list(context, &scope).await {
            Ok(found) => ids.extend(found),
            Err(failure) => notes.push(format!("its tokens could not be looked for: {failure}")),
        }
        Ok(ids)
    }
}
