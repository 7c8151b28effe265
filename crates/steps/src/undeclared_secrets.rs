//! Secrets that the stack owns and no longer declares.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use longshore_model::{Action, Inputs, Orphan, Outputs, StepPlan};
use longshore_plugin::{Context, Declared, Result, SecretSpec, SecretStore, Step, UndeclaredSecret};

use crate::{
    MintedCredential, Revokers,
    registry_credential::{Tokens, tokens},
    shared::{as_far_as_allowed, join_failures, orphan, refuse_protected},
};

/// Removes the secrets of a store that carry the stack's tag, but whose step is not in the graph any more: those of a
/// registry or a variable that left the configuration. It comes after everything that may still have used them.
///
/// A token that was made for such a secret is revoked first, by a registry that is marked as removed or by one that has
/// the same issuer. While nothing can revoke it, the secret stays, because it names the token.
pub struct UndeclaredSecretsStep {
    /// The kind of store, as the configuration calls it.
    pub name: String,
    /// The store.
    pub store: Arc<dyn SecretStore>,
    /// The resources that the steps make.
    pub declared: Arc<Declared>,
    /// The credentials that can revoke tokens. The registries that are marked as removed are those of this kind of
    /// store.
    pub revokers: Revokers,
}

/// The credential that revokes a secret's tokens, and the tokens.
type Revocation<'a> = (MintedCredential<'a>, BTreeSet<String>);

/// The secrets and tokens to remove.
#[derive(Default)]
struct Leaving<'a> {
    /// Secrets, each with what revokes its tokens, and those that it names.
    secrets: Vec<(UndeclaredSecret, Option<Revocation<'a>>)>,
    /// Tokens without a secret: earlier runs were killed before they stored them, or after they removed the secret.
    tokens: Vec<Revocation<'a>>,
    notes: Vec<String>,
    /// The steps that made protected secrets.
    protected: Vec<String>,
    /// Secrets that stay, and why.
    stuck: Vec<(UndeclaredSecret, String)>,
}

impl UndeclaredSecretsStep {
    /// Finds out what there is to remove: of the whole stack if `is_all`. Reads only.
    async fn look(&self, context: &Context, is_all: bool) -> Result<Leaving<'_>> {
        let mut leaving = Leaving::default();
        let mut refused = Vec::new();
        let found = self.store.undeclared(context, &self.declared).await;
        for secret in as_far_as_allowed(context, &format!("secrets in {}", self.name), found)? {
            if secret.is_protected {
                let is_replaced = !is_all && self.declared.has_step(&secret.resource);
                let shown = self.shown(&secret.name);
                if is_all || is_replaced {
                    refused.push(refuse_protected(&shown, is_replaced));
                } else {
                    leaving.notes.push(format!("{shown} stays, because it is protected"));
                    leaving.protected.push(secret.resource);
                }
                continue;
            }
            let revocation = match self.revokers.of(context, &secret) {
                Tokens::Gone(note) => {
                    leaving.notes.extend(note.map(|note| format!("{}: {note}", secret.name)));
                    None
                }
                Tokens::Revocable(minted, ids) => {
                    let spec = named(&secret.name);
                    let notes = &mut leaving.notes;
                    let ids = minted.tokens_of(context, &*self.store, &spec, ids, notes).await?;
                    Some((minted, ids))
                }
                Tokens::Stuck(what) => {
                    leaving.stuck.push((secret, what));
                    continue;
                }
            };
            leaving.secrets.push((secret, revocation));
        }
        if let Some(failure) = join_failures(refused) {
            return Err(failure);
        }
        for credential in &self.revokers.removed {
            let found = leaving.secrets.iter().map(|(secret, _)| secret);
            let mut found = found.chain(leaving.stuck.iter().map(|(secret, _)| secret));
            let step = credential.step();
            let is_protected = leaving.protected.iter().any(|protected| protected == step.as_str());
            if is_protected || found.any(|secret| secret.resource == step.as_str()) {
                continue;
            }
            let (secret, mut notes) = (&credential.secret, Vec::new());
            let minted = credential.minted();
            let ids = match minted {
                Some(minted) => {
                    minted.tokens_of(context, &*self.store, secret, BTreeSet::new(), &mut notes).await?
                }
                None => BTreeSet::new(),
            };
            if ids.is_empty() && notes.is_empty() {
                let registry = &credential.registry;
                notes.push(if self.store.capabilities().finds_undeclared {
                    format!("nothing is left of the registry `{registry}`: remove [registries.{registry}]")
                } else {
                    format!(
                        "the secret of the registry `{registry}` stays, if there is one: its store does not find it; remove \
                         it by hand, and then [registries.{registry}]"
                    )
                });
            }
            leaving.tokens.extend(minted.filter(|_| !ids.is_empty()).map(|minted| (minted, ids)));
            leaving.notes.append(&mut notes);
        }
        Ok(leaving)
    }

    /// Returns the plan's name of the secret with this whole name.
    fn shown(&self, name: &str) -> String {
        self.store.resource(&named(name)).unwrap_or_else(|| name.to_owned())
    }

    async fn plan_all(&self, context: &Context, is_all: bool) -> Result<StepPlan> {
        let mut plan = StepPlan::new(Action::NoChange, format!("orphaned {} secrets", self.name));
        let leaving = self.look(context, is_all).await?;
        for (secret, revocation) in leaving.secrets {
            let shown = self.shown(&secret.name);
            let revoked = revocation.filter(|(_, ids)| !ids.is_empty());
            let note = revoked.map(|(_, ids)| format!("{} of {shown} will be revoked", tokens(&ids)));
            plan.orphans.push(Orphan { note, ..orphan(shown, &secret.resource) });
        }
        for (minted, ids) in leaving.tokens {
            let step = minted.credential.step();
            plan.orphans.extend(ids.iter().map(|id| orphan(token(id), step.as_str())));
        }
        plan.resources = plan.orphans.len();
        if plan.resources > 0 {
            plan.action = Action::Delete;
            plan.reason = Some("the stack owns them, and the configuration does not declare them".to_owned());
        }
        plan.notes.extend(leaving.notes);
        leaving.stuck.iter().for_each(|(_, what)| context.warn(what));
        Ok(plan)
    }

    /// Removes what `is_wanted` by what the plan calls it. A failed removal does not prevent the others.
    async fn remove_those(
        &self,
        context: &Context,
        is_all: bool,
        is_wanted: impl Fn(&str) -> bool + Send,
    ) -> Result<()> {
        let leaving = self.look(context, is_all).await?;
        let mut failures = Vec::new();
        let wanted = leaving.secrets.into_iter().filter(|(secret, _)| is_wanted(&self.shown(&secret.name)));
        for (secret, revocation) in wanted {
            failures.extend(self.remove_secret(context, &secret.name, revocation).await.err());
        }
        for (minted, ids) in leaving.tokens {
            let ids: BTreeSet<_> = ids.into_iter().filter(|id| is_wanted(&token(id))).collect();
            if !ids.is_empty() {
                let revoked = minted.revoke_of(context, &*self.store, &minted.credential.secret, ids).await;
                failures.extend(revoked.err());
            }
        }
        join_failures(failures).map_or(Ok(()), Err)
    }

    async fn remove_secret(
        &self,
        context: &Context,
        name: &str,
        revocation: Option<Revocation<'_>>,
    ) -> Result<()> {
        let secret = named(name);
        if let Some((minted, ids)) = revocation {
            minted.revoke_of(context, &*self.store, &secret, ids).await?;
        }
        self.store.remove(context, &secret).await
    }
}

/// The secret with a whole name.
fn named(name: &str) -> SecretSpec {
    SecretSpec { name: Some(name.to_owned()), ..SecretSpec::default() }
}

/// Returns the plan's name of a token that no secret holds.
fn token(id: &str) -> String {
    format!("token {id}")
}

#[async_trait]
impl Step for UndeclaredSecretsStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan> {
        self.plan_all(context, false).await
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, plan: &StepPlan) -> Result<Outputs> {
        // Newer resources belong to a newer configuration, which another process deploys at the same time.
        self.remove_those(context, false, |name| plan.orphans.iter().any(|orphan| orphan.resource == name))
            .await?;
        Ok(Outputs::new())
    }

    async fn plan_removal(&self, context: &Context) -> Result<StepPlan> {
        self.plan_all(context, true).await
    }

    async fn remove(&self, context: &Context) -> Result<()> {
        self.remove_those(context, true, |_| true).await
    }
}
