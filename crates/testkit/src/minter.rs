//! The suite of token minters.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use longshore_model::StepId;
use longshore_plugin::{Context, CredentialSource, Minted, PullScope, TokenMinter};

use crate::{
    Report, Told,
    report::cases,
    told::{name, ok, refused},
};

/// A source that mints, and a look at the registry that it mints at. Each harness has a registry of its own.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The source.
    fn source(&self) -> Arc<dyn CredentialSource>;

    /// The scope of a token that can be minted, for [`PullScope::holder`] `holder`.
    fn scope(&self, holder: &str) -> PullScope;

    /// Scopes to which no token can be limited. Empty where all can.
    fn impossible(&self) -> Vec<PullScope>;

    /// Returns true if the registry accepts a token now.
    async fn accepts(&self, minted: &Minted) -> bool;

    /// Returns the number of tokens at the registry that are not revoked.
    async fn tokens(&self) -> usize;

    /// Lets the registry do what the next call asks, and lose the answer. `false` when it cannot do that.
    async fn lose_answer(&self) -> bool;
}

struct Bench<H> {
    harness: H,
    source: Arc<dyn CredentialSource>,
    told: Arc<Told>,
    context: Context,
}

impl<H: Harness> Bench<H> {
    fn minter(&self) -> &dyn TokenMinter {
        let Some(minter) = self.source.minter() else { panic!("the source mints no tokens") };
        minter
    }

    async fn mint(&self, scope: &PullScope) -> Minted {
        let result = self.minter().mint(&self.context, scope).await;
        self.told.result(&result);
        ok(result, "mint")
    }

    async fn list(&self, scope: &PullScope) -> BTreeSet<String> {
        let ids = ok(self.minter().list(&self.context, scope).await, "list");
        let distinct: BTreeSet<String> = ids.iter().cloned().collect();
        assert_eq!(ids.len(), distinct.len(), "a token is listed twice: {ids:?}");
        distinct
    }

    async fn revoke(&self, id: &str) {
        let result = self.minter().revoke(&self.context, id).await;
        self.told.result(&result);
        ok(result, "revoke");
    }
}

/// The secret of the stack under test, and those of others, among them one whose address begins like it.
const HOLDER: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:longshore/shop/hub/pull";
const OTHERS: [&str; 3] = [
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:longshore/shop/hub/pull2",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:longshore/shop/hub/pull",
    "arn:aws:secretsmanager:eu-central-1:210987654321:secret:longshore/shop/hub/pull",
];

/// Runs all cases that apply, and ends the test when one of them fails.
///
/// # Panics
/// With the name and the reason of each case that failed.
pub async fn suite<H: Harness>(make: impl AsyncFn() -> H) -> Report {
    let report = run(make).await;
    report.assert();
    report
}

/// Runs all cases that apply.
pub async fn run<H: Harness>(make: impl AsyncFn() -> H) -> Report {
    let mut report = Report::of("token minter");
    let made = async || {
        let (harness, told) = (make().await, Arc::<Told>::default());
        let context = told.context(&name("suite"), StepId::new("credential", "first"));
        Bench { source: harness.source(), harness, told, context }
    };
    cases! { report, made:
        mints_a_token_that_the_registry_accepts,
        checks_without_minting,
        revokes_and_can_be_asked_again,
        lists_the_tokens_of_one_holder,
        gives_ids_that_a_tag_can_keep,
        names_its_issuer_as_a_tag_can_keep_it,
        tells_nobody_the_token,
    }
    let bench = made().await;
    if bench.harness.lose_answer().await {
        cases! { report, made: finds_a_token_whose_maker_died }
    } else {
        report.leave_out("finds_a_token_whose_maker_died", "the harness cannot lose answers");
    }
    if bench.harness.impossible().is_empty() {
        report.leave_out("refuses_a_scope_that_cannot_be", "a token can be limited to any scope");
    } else {
        cases! { report, made: refuses_a_scope_that_cannot_be }
    }
    report
}

async fn mints_a_token_that_the_registry_accepts<H: Harness>(bench: &Bench<H>) {
    let minted = bench.mint(&bench.harness.scope(HOLDER)).await;
    assert!(bench.harness.accepts(&minted).await, "the registry does not accept the token");
    assert_eq!(bench.harness.tokens().await, 1, "one token is made");
}

async fn checks_without_minting<H: Harness>(bench: &Bench<H>) {
    let scope = bench.harness.scope(HOLDER);
    let said = ok(bench.minter().check(&bench.context, &scope).await, "check");
    assert!(!said.trim().is_empty(), "check does not say what the token will be");
    assert_eq!(bench.harness.tokens().await, 0, "check made a token");
}

async fn revokes_and_can_be_asked_again<H: Harness>(bench: &Bench<H>) {
    let scope = bench.harness.scope(HOLDER);
    let (gone, stays) = (bench.mint(&scope).await, bench.mint(&scope).await);
    assert_ne!(gone.id, stays.id, "two tokens have one id");
    for _ in 0..2 {
        bench.revoke(&gone.id).await;
        assert!(!bench.harness.accepts(&gone).await, "a revoked token is accepted");
        assert!(bench.harness.accepts(&stays).await, "another token was revoked");
    }
}

async fn lists_the_tokens_of_one_holder<H: Harness>(bench: &Bench<H>) {
    let scope = bench.harness.scope(HOLDER);
    assert_eq!(bench.list(&scope).await, BTreeSet::new(), "the tokens before any was made");
    let mut made = BTreeSet::new();
    for _ in 0..2 {
        made.insert(bench.mint(&scope).await.id);
        for other in OTHERS {
            bench.mint(&bench.harness.scope(other)).await;
        }
    }
    assert_eq!(bench.list(&scope).await, made, "the tokens of the holder, and of no other");
    // Whatever they are for: the stack's images change.
    let narrower =
        PullScope { repositories: scope.repositories.iter().take(1).cloned().collect(), ..scope.clone() };
    assert_eq!(bench.list(&narrower).await, made, "the tokens of the holder for other repositories");
    for id in &made {
        bench.revoke(id).await;
    }
    assert_eq!(bench.list(&scope).await, BTreeSet::new(), "the tokens after all were revoked");
    assert_eq!(bench.list(&bench.harness.scope(OTHERS[0])).await.len(), 2, "the tokens of another holder");
}

async fn gives_ids_that_a_tag_can_keep<H: Harness>(bench: &Bench<H>) {
    let minted = bench.mint(&bench.harness.scope(HOLDER)).await;
    let id = &minted.id;
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.:/=+@-".contains(c);
    assert!(!id.is_empty() && id.len() <= 100 && id.chars().all(fits), "no tag can keep the id {id:?}");
    assert!(!id.contains(minted.credential.password.expose().as_str()), "the id holds the token");
    assert!(!minted.credential.username.is_empty(), "the token has no user name");
}

async fn names_its_issuer_as_a_tag_can_keep_it<H: Harness>(bench: &Bench<H>) {
    let issuer = bench.minter().issuer();
    let fits = |c: char| c.is_ascii_alphanumeric() || " _.:/=+@-".contains(c);
    assert!(!issuer.trim().is_empty() && issuer.chars().all(fits), "no tag can keep the issuer {issuer:?}");
    bench.mint(&bench.harness.scope(HOLDER)).await;
    assert_eq!(bench.minter().issuer(), issuer, "the issuer is another one the next time");
}

async fn tells_nobody_the_token<H: Harness>(bench: &Bench<H>) {
    let scope = bench.harness.scope(HOLDER);
    bench.told.result(&bench.minter().check(&bench.context, &scope).await);
    let minted = bench.mint(&scope).await;
    bench.told.result(&bench.minter().list(&bench.context, &scope).await);
    bench.revoke(&minted.id).await;
    bench.told.text(bench.source.describe());
    bench.told.assert_unseen(minted.credential.password.expose());
}

async fn finds_a_token_whose_maker_died<H: Harness>(bench: &Bench<H>) {
    let scope = bench.harness.scope(HOLDER);
    assert!(bench.harness.lose_answer().await, "the harness cannot lose answers any more");
    // A minter that reads before it mints loses that answer: then nothing is made.
    let result = bench.minter().mint(&bench.context, &scope).await;
    bench.told.result(&result);
    assert!(result.is_err(), "an answer that was lost went unnoticed");
    let left = bench.list(&scope).await;
    assert_eq!(left.len(), bench.harness.tokens().await, "a token that nobody knows of is not found");
    for id in &left {
        bench.revoke(id).await;
    }
    assert_eq!(bench.harness.tokens().await, 0, "the token of a run that died stays");
}

async fn refuses_a_scope_that_cannot_be<H: Harness>(bench: &Bench<H>) {
    for scope in bench.harness.impossible() {
        refused(bench.minter().check(&bench.context, &scope).await, "check of a scope that cannot be");
        let minted = bench.minter().mint(&bench.context, &scope).await;
        assert!(minted.is_err(), "a token for {scope:?} was made");
        assert_eq!(bench.harness.tokens().await, 0, "a token was made all the same");
    }
}
