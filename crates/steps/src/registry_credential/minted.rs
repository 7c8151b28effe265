//! Tokens that are made for the stack: the proof that the stored one serves, and making another one.

use longshore_model::{Action, Failure, FailureKind, FieldChange, Secret, Shown, StepPlan};
use longshore_plugin::{
    Context, Credential, Labels, Minted, PullScope, Result, SecretSpec, Stored, TokenMinter,
};

use super::{
    Pulls, RegistryCredential,
    labels::{TokenLabels, clipped, repositories_label, shown},
};

/// Within which time of its end a token is replaced, in seconds: a week, so that a weekly run is often enough.
const MARGIN: u64 = 7 * 86_400;

/// The action that the stored token calls for.
#[derive(Clone)]
pub(crate) enum Verdict {
    /// It serves, as was proved.
    Keep(Stored, Pulls),
    /// Another one has to be made, for this reason.
    Mint(Option<Stored>, String),
}

/// The credential of a registry that is a token made for the stack.
#[derive(Clone, Copy)]
pub struct MintedCredential<'a> {
    pub(crate) credential: &'a RegistryCredential,
    /// The maker of the tokens.
    pub(super) minter: &'a dyn TokenMinter,
    /// The place where the secret's token is noted.
    pub(super) labels: &'a dyn Labels,
}

impl MintedCredential<'_> {
    /// The scope of a token for the credential's own secret.
    pub(super) async fn full_scope(self, context: &Context) -> Result<PullScope> {
        Ok(self.scope_of(self.labels.address(context, &self.credential.secret).await?))
    }

    /// The scope of a token for the secret at the address `holder`.
    pub(super) fn scope_of(self, holder: String) -> PullScope {
        PullScope { holder, ..self.credential.scope.clone() }
    }

    /// Notes `labels` beside the secret.
    pub(super) async fn label(self, context: &Context, labels: &TokenLabels) -> Result<()> {
        self.labels.label(context, &self.credential.labelled(labels)).await
    }

    /// Finds out whether the stored token serves: it is known, does not expire soon, was made for all the repositories,
    /// and pulls every image. Reads only.
    pub(crate) async fn judge(self, context: &Context) -> Result<Verdict> {
        let mint = |stored, reason: &str| Ok(Verdict::Mint(stored, reason.to_owned()));
        let Some(stored) = self.credential.stored(context).await? else {
            return mint(None, "no token is stored");
        };
        let labels = TokenLabels::read(&stored.labels);
        if labels.next.is_some() {
            return mint(Some(stored), "an earlier run ended before its token was stored for certain");
        }
        if labels.id.is_none() {
            return mint(Some(stored), "the stored credential was not made for this stack");
        }
        let Some(credential) = Credential::from_secret_string(&stored.value) else {
            return mint(Some(stored), "what is stored is no credential");
        };
        if let Some(expires) = labels.expires_at.filter(|expires| is_near(context.now(), *expires, &stored)) {
            let when = shown(expires).unwrap_or_default();
            let tense = if expires <= context.now() { "expired" } else { "expires" };
            return mint(Some(stored), &format!("the stored token {tense} at {when}"));
        }
        if !labels.covers(&self.credential.scope.repositories) {
            return mint(Some(stored), "the stored token was made for other repositories");
        }
        match self.credential.check_pulls(context, &credential).await {
            Ok(pulls) => Ok(Verdict::Keep(stored, pulls)),
            Err(failure) if failure.kind == FailureKind::Denied => {
                mint(Some(stored), &format!("the stored token is refused: {}", failure.message))
            }
            // It was made for the repository, so what is not there is the image.
            Err(failure) => Err(failure),
        }
    }

    /// Plans the secret's change. Reads only.
    pub(crate) async fn plan(self, context: &Context, verdict: &Verdict) -> Result<StepPlan> {
        match verdict {
            Verdict::Keep(stored, pulls) => {
                let labels = TokenLabels::read(&stored.labels);
                let secret = SecretSpec { labels: stored.labels.clone(), ..self.credential.secret.clone() };
                let mut plan = self.credential.store.plan(context, &secret, &stored.value).await?;
                pulls.tell(&mut plan);
                if !labels.replaced.is_empty() {
                    if !plan.is_change() {
                        plan.action = Action::Update;
                    }
                    plan.reason = Some(format!("{} will be revoked", tokens(&labels.replaced)));
                }
                Ok(plan)
            }
            Verdict::Mint(stored, reason) => {
                let what = self.minter.check(context, &self.full_scope(context).await?).await?;
                let labels = stored.as_ref().map(|stored| stored.labels.clone()).unwrap_or_default();
                let secret = SecretSpec { labels, ..self.credential.secret.clone() };
                // The token is not known yet, so a value that no secret has stands for it.
                let unknown = Secret::new("{\"username\":null,\"password\":null}".to_owned());
                let mut plan = self.credential.store.plan(context, &secret, &unknown).await?;
                if !plan.is_change() {
                    plan.action = Action::Update;
                    plan.changes.push(FieldChange::new(
                        "SecretString",
                        Some(Shown::Secret),
                        Some(Shown::Secret),
                    ));
                }
                plan.reason = Some(match plan.reason.take() {
                    Some(other) => format!("{other}; {reason}"),
                    None => reason.clone(),
                });
                plan.notes.push(format!("a token will be made: {what}"));
                Ok(plan)
            }
        }
    }

    /// Does what `verdict` says. Answers with the secret's full ARN, and with what was proved.
    pub(crate) async fn apply(self, context: &Context, verdict: Verdict) -> Result<(String, Pulls)> {
        // Another process may have rotated since the plan was made.
        let now = self.credential.stored(context).await?;
        let (arn, pulls) = match verdict {
            Verdict::Keep(planned, pulls) => {
                let stored = now.unwrap_or(planned);
                let secret = SecretSpec { labels: stored.labels.clone(), ..self.credential.secret.clone() };
                (self.credential.store.apply(context, &secret, &stored.value).await?, pulls)
            }
            Verdict::Mint(..) => {
                let (minted, pulls) = self.mint_and_prove(context).await?;
                (self.store_minted(context, now, minted).await?, pulls)
            }
        };
        if let Err(failure) = self.revoke_replaced(context).await {
            // The labels keep the ids, so the next run tries again.
            context.warn(failure.to_string());
        }
        Ok((arn, pulls))
    }

    /// Makes a token and proves that it pulls every image. One that does not is revoked.
    async fn mint_and_prove(self, context: &Context) -> Result<(Minted, Pulls)> {
        let minted = self.mint(context).await?;
        match self.credential.check_pulls(context, &minted.credential).await {
            Ok(pulls) => Ok((minted, pulls)),
            Err(failure) => Err(self.take_back(context, &minted.id, failure).await),
        }
    }

    pub(super) async fn mint(self, context: &Context) -> Result<Minted> {
        context.progress(format!("making a token for {}", self.credential.location()));
        self.minter.mint(context, &self.full_scope(context).await?).await
    }

    /// Revokes a token that is of no use because of `failure`, and says so in it.
    pub(super) async fn take_back(self, context: &Context, id: &str, mut failure: Failure) -> Failure {
        let what = match self.minter.revoke(context, id).await {
            Ok(()) => format!("; the new token {id} was revoked"),
            Err(error) => format!("; the new token {id} could not be revoked: {error}"),
        };
        failure.message.push_str(&what);
        failure
    }

    /// Stores a token that was proved. Killed anywhere, the next run finds out by the labels what is to be done.
    async fn store_minted(self, context: &Context, stored: Option<Stored>, minted: Minted) -> Result<String> {
        let value = minted.credential.to_secret_string();
        let Some(stored) = stored else {
            let secret = self.credential.labelled(&self.labels_of(&minted, &TokenLabels::default()));
            return match self.credential.store.apply(context, &secret, &value).await {
                Ok(arn) => Ok(arn),
                Err(failure) => Err(self.not_stored(context, None, &minted, failure).await),
            };
        };
        let before = TokenLabels::read(&stored.labels);
        let intent = intent(&before, &minted.id);
        match self.credential.store.apply(context, &self.credential.labelled(&intent), &value).await {
            Ok(arn) => {
                self.label(context, &self.labels_of(&minted, &before)).await?;
                Ok(arn)
            }
            Err(failure) => Err(self.not_stored(context, Some(&before), &minted, failure).await),
        }
    }

    /// The labels of a secret that holds `minted` and had the labels `before`.
    pub(super) fn labels_of(self, minted: &Minted, before: &TokenLabels) -> TokenLabels {
        let mut replaced = before.ids();
        replaced.remove(&minted.id);
        TokenLabels {
            id: Some(minted.id.clone()),
            issuer: Some(clipped(&self.minter.issuer())),
            expires_at: minted.expires_at,
            repositories: Some(repositories_label(&self.credential.scope.repositories)),
            next: None,
            replaced,
        }
    }

    /// A token could not be stored. It is revoked, except if it was stored after all, or if that cannot be determined.
    async fn not_stored(
        self,
        context: &Context,
        before: Option<&TokenLabels>,
        minted: &Minted,
        mut failure: Failure,
    ) -> Failure {
        let value = minted.credential.to_secret_string();
        match self.credential.stored(context).await {
            Ok(Some(stored)) if stored.value == value => failure,
            Ok(stored) => {
                let failure = self.take_back(context, &minted.id, failure).await;
                if let (Some(_), Some(before)) = (stored, before) {
                    self.relabel(context, before).await;
                }
                failure
            }
            Err(_) => {
                let what = "; nobody knows whether the new token was stored: the next run finds out";
                failure.message.push_str(what);
                failure
            }
        }
    }

    /// Puts labels back after a failure. A failure here is only a warning: there is a failure already.
    pub(super) async fn relabel(self, context: &Context, labels: &TokenLabels) {
        if let Err(failure) = self.label(context, labels).await {
            context.warn(format!("the labels of the secret could not be put back: {failure}"));
        }
    }
}

/// The labels of a secret that may or may not hold the token `id` yet.
pub(super) fn intent(before: &TokenLabels, id: &str) -> TokenLabels {
    let mut intent = before.clone();
    intent.replaced.extend(intent.next.replace(id.to_owned()));
    intent
}

/// Returns true if a token that expires then is to be replaced now. Tokens that live shorter than four weeks are replaced in the
/// last quarter of their life.
fn is_near(now: u64, expires: u64, stored: &Stored) -> bool {
    let life = stored.changed_at.map_or(u64::MAX, |made| expires.saturating_sub(made));
    expires.saturating_sub(now) <= MARGIN.min(life / 4)
}

/// Tokens by their ids, as people read them.
pub(crate) fn tokens<'a>(ids: impl IntoIterator<Item = &'a String>) -> String {
    let ids: Vec<_> = ids.into_iter().map(String::as_str).collect();
    let plural = if ids.len() == 1 { "the token" } else { "the tokens" };
    format!("{plural} {}", ids.join(", "))
}
