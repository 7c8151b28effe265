//! A source and a minter of tokens in memory, and the flaws that their suites have to name.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use longshore_model::{Failure, FailureKind, Secret};
use longshore_plugin::{Context, Credential, CredentialSource, Minted, PullScope, Result, TokenMinter};
use longshore_testkit::{
    minter,
    source::{self, Given},
};

const PASSWORD: &str = "vault-token-7f3a9c51e2";

/// A vault that knows some passwords.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    DescribesThePassword,
    LeavesALineBreak,
    IsSilentAboutHelp,
    StoresTheTokenOfAJob,
}

struct Vault {
    found: Option<&'static str>,
    flaw: Flaw,
}

#[async_trait]
impl CredentialSource for Vault {
    fn describe(&self) -> String {
        match (self.flaw, self.found) {
            (Flaw::DescribesThePassword, Some(password)) => format!("the vault's {password}"),
            _ => "the vault".to_owned(),
        }
    }

    async fn fetch(&self, _: &Context) -> Result<Credential> {
        let failure = Failure::new(FailureKind::NotFound, "the vault has no credential of the registry");
        let failure =
            if self.flaw == Flaw::IsSilentAboutHelp { failure } else { failure.help("put one into it") };
        let mut password = self.found.ok_or(failure)?.to_owned();
        if password.starts_with("job-") && self.flaw != Flaw::StoresTheTokenOfAJob {
            let failure = Failure::new(FailureKind::Invalid, "the token ends with its job");
            return Err(failure.help("put one into the vault that stays"));
        }
        if self.flaw == Flaw::LeavesALineBreak {
            password.push('\n');
        }
        Ok(Credential { username: "acme".into(), password: Secret::new(password) })
    }
}

struct Vaults(Flaw);

impl Vaults {
    fn of(&self, found: Option<&'static str>) -> Arc<dyn CredentialSource> {
        Arc::new(Vault { found, flaw: self.0 })
    }

    fn given(&self, password: &'static str) -> Given {
        Given { source: self.of(Some(password)), username: "acme".into(), password: password.into() }
    }
}

#[async_trait]
impl source::Harness for Vaults {
    async fn good(&self) -> Given {
        self.given(PASSWORD)
    }

    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>> {
        vec![self.of(None)]
    }

    async fn unstorable(&self) -> Vec<Given> {
        vec![self.given("job-token-of-one-hour")]
    }
}

#[tokio::test]
async fn a_source_in_memory_passes_the_suite_of_sources() {
    assert_eq!(source::suite(async || Vaults(Flaw::None)).await.left_out, []);
    for (flaw, case) in [
        (Flaw::DescribesThePassword, "says_where_it_looks_and_not_what_it_finds"),
        (Flaw::LeavesALineBreak, "yields_user_and_password"),
        (Flaw::IsSilentAboutHelp, "says_what_to_do_when_there_is_none"),
        (Flaw::StoresTheTokenOfAJob, "refuses_what_must_not_be_stored"),
    ] {
        let report = source::run(async || Vaults(flaw)).await;
        assert!(report.failed.iter().any(|(name, _)| *name == case), "{flaw:?}: {report}");
    }
}

/// A registry that makes tokens.
#[derive(Clone, Default)]
struct Mint(Arc<Mutex<Made>>);

#[derive(Default)]
struct Made {
    next: u32,
    /// The holder of each token, by its id.
    tokens: BTreeMap<String, String>,
    losing: bool,
    forgetful: bool,
}

impl Mint {
    fn password(id: &str) -> String {
        format!("minted-secret-of-{id}-4c1d")
    }
}

#[async_trait]
impl CredentialSource for Mint {
    fn describe(&self) -> String {
        "the mint".to_owned()
    }

    async fn fetch(&self, _: &Context) -> Result<Credential> {
        Err(Failure::new(FailureKind::Internal, "the mint fetches nothing"))
    }

    fn minter(&self) -> Option<&dyn TokenMinter> {
        Some(self)
    }
}

#[async_trait]
impl TokenMinter for Mint {
    fn issuer(&self) -> String {
        "mint mint.example.com shop".to_owned()
    }

    async fn check(&self, _: &Context, scope: &PullScope) -> Result<String> {
        if scope.repositories.len() > 3 {
            let failure = Failure::new(FailureKind::Invalid, "a token is for three repositories at most");
            return Err(failure.help("pull fewer"));
        }
        Ok(format!("a token for {} repositories", scope.repositories.len()))
    }

    async fn mint(&self, context: &Context, scope: &PullScope) -> Result<Minted> {
        self.check(context, scope).await?;
        let mut made = self.0.lock().unwrap();
        made.next += 1;
        let id = format!("t-{}", made.next);
        made.tokens.insert(id.clone(), scope.holder.clone());
        if std::mem::take(&mut made.losing) {
            return Err(Failure::new(FailureKind::Unavailable, "the connection broke"));
        }
        let password = Secret::new(Self::password(&id));
        Ok(Minted { credential: Credential { username: "acme".into(), password }, id, expires_at: None })
    }

    async fn list(&self, _: &Context, scope: &PullScope) -> Result<Vec<String>> {
        let made = self.0.lock().unwrap();
        let is_theirs = |holder: &str| holder == scope.holder || made.forgetful;
        Ok(made.tokens.iter().filter(|(_, holder)| is_theirs(holder)).map(|(id, _)| id.clone()).collect())
    }

    async fn revoke(&self, _: &Context, id: &str) -> Result<()> {
        self.0.lock().unwrap().tokens.remove(id);
        Ok(())
    }
}

#[async_trait]
impl minter::Harness for Mint {
    fn source(&self) -> Arc<dyn CredentialSource> {
        Arc::new(self.clone())
    }

    fn scope(&self, holder: &str) -> PullScope {
        let repositories = ["acme/api", "acme/web"].map(str::to_owned).into();
        PullScope { stack: "suite".into(), host: "mint.example".into(), repositories, holder: holder.into() }
    }

    fn impossible(&self) -> Vec<PullScope> {
        let repositories = (0..4).map(|number| format!("acme/{number}")).collect();
        vec![PullScope { repositories, ..self.scope("nobody") }]
    }

    async fn accepts(&self, minted: &Minted) -> bool {
        let made = self.0.lock().unwrap();
        made.tokens.keys().any(|id| Self::password(id) == *minted.credential.password.expose())
    }

    async fn tokens(&self) -> usize {
        self.0.lock().unwrap().tokens.len()
    }

    async fn lose_answer(&self) -> bool {
        self.0.lock().unwrap().losing = true;
        true
    }
}

#[tokio::test]
async fn a_minter_in_memory_passes_the_suite_of_minters() {
    assert_eq!(minter::suite(async || Mint::default()).await.left_out, []);
    let report = minter::run(async || {
        let mint = Mint::default();
        mint.0.lock().unwrap().forgetful = true;
        mint
    })
    .await;
    let failed: Vec<_> = report.failed.iter().map(|(name, _)| *name).collect();
    assert_eq!(failed, ["lists_the_tokens_of_one_holder"]);
}
