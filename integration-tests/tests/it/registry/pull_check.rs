//! The pull check against a registry that knows nothing of it.

use std::sync::Arc;

use longshore_model::{Architecture, FailureKind, Platform, Secret};
use longshore_net::ReqwestTransport;
use longshore_oci::Puller;
use longshore_plugin::{Credential, PullCheck, PullProof, Result};

use longshore_integration_tests::{registry::PULLER, token_server::Asked};

use super::Registry;

const AMD: Platform = Platform::linux(Architecture::Amd64);
const ARM: Platform = Platform::linux(Architecture::Arm64);

fn credential(password: &str) -> Credential {
    Credential { username: PULLER.name.to_owned(), password: Secret::new(password.to_owned()) }
}

/// Compares what was said with its snapshot; ports differ from run to run.
macro_rules! assert_shown {
    ($name:literal, $text:expr) => {
        insta::with_settings!({filters => [(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT")]}, {
            insta::assert_snapshot!($name, $text);
        })
    };
}

struct Checks<'a> {
    registry: &'a Registry,
    puller: Puller,
    shown: String,
}

impl<'a> Checks<'a> {
    fn new(registry: &'a Registry) -> Self {
        let puller = Puller::new(Arc::new(ReqwestTransport::new().unwrap()));
        Self { registry, puller, shown: String::new() }
    }

    async fn check(
        &self,
        image: &str,
        platform: Platform,
        credential: Option<&Credential>,
    ) -> Result<PullProof> {
        let image = self.registry.image(image).parse().unwrap();
        self.puller.check(&image, platform, credential, None).await
    }

    /// Expects a refusal, and keeps its words.
    async fn refused(
        &mut self,
        title: &str,
        image: &str,
        platform: Platform,
        password: Option<&str>,
    ) -> FailureKind {
        let credential = password.map(credential);
        let failure = self.check(image, platform, credential.as_ref()).await.unwrap_err();
        let text = format!("{failure:?} {failure}");
        assert!(!text.contains(PULLER.password) && !text.contains("wrong-horse"), "{title}: {text}");
        self.shown.push_str(&format!("{title}: {failure}\n"));
        failure.kind
    }

    async fn expect_proofs(&self) {
        let (credential, both) = (credential(PULLER.password), ["linux/amd64", "linux/arm64"]);
        for platform in [AMD, ARM] {
            let proof = self.check("acme/api:1", platform, Some(&credential)).await.unwrap();
            assert_eq!(
                (proof.digest.as_str(), &proof.platforms[..]),
                (self.registry.index.as_str(), &both.map(str::to_owned)[..])
            );
        }
        let by_digest = format!("acme/api@{}", self.registry.index);
        self.check(&by_digest, AMD, Some(&credential)).await.unwrap();
        let one = self.check("acme/api:arm64", ARM, Some(&credential)).await.unwrap();
        assert_eq!(one.platforms, ["linux/arm64"]);
    }
}

/// With a registry that has a password file.
pub(crate) async fn with_a_password_file(registry: &Registry) {
    let mut checks = Checks::new(registry);
    checks.expect_proofs().await;
    let (right, wrong) = (Some(PULLER.password), Some("wrong-horse"));
    for (title, image, platform, password, kind) in [
        ("wrong password", "acme/api:1", AMD, wrong, FailureKind::Denied),
        ("anonymous", "acme/api:1", AMD, None, FailureKind::Denied),
        ("no such repository", "acme/nowhere:1", AMD, right, FailureKind::NotFound),
        ("no such tag", "acme/api:2", AMD, right, FailureKind::NotFound),
        ("wrong platform", "acme/api:arm64", AMD, right, FailureKind::Invalid),
    ] {
        assert_eq!(checks.refused(title, image, platform, password).await, kind, "{title}");
    }
    assert_shown!("password_file", checks.shown);
}

/// With a registry that has a token server.
pub(crate) async fn with_a_token_server(registry: &Registry) {
    let mut checks = Checks::new(registry);
    checks.expect_proofs().await;
    let asked = checks.registry.asked().await;
    let right = Asked {
        user: Some(PULLER.name.to_owned()),
        scope: checks.registry.scope("acme/api"),
        granted: Ok(vec!["pull".to_owned()]),
    };
    assert!(!asked.is_empty());
    for one in asked {
        assert_eq!(one, right, "asked for more, less, or as somebody else");
    }
    let (password, wrong) = (Some(PULLER.password), Some("wrong-horse"));
    for (title, image, platform, password, kind) in [
        ("wrong password", "acme/api:1", AMD, wrong, FailureKind::Denied),
        ("anonymous", "acme/api:1", AMD, None, FailureKind::Denied),
        ("somebody else's repository", "other/api:1", AMD, password, FailureKind::Denied),
        ("no such repository", "acme/nowhere:1", AMD, password, FailureKind::NotFound),
        ("no such tag", "acme/api:2", AMD, password, FailureKind::NotFound),
        ("wrong platform", "acme/api:arm64", AMD, password, FailureKind::Invalid),
    ] {
        assert_eq!(checks.refused(title, image, platform, password).await, kind, "{title}");
    }
    assert_shown!("token_server", checks.shown);

    checks.registry.asked().await;
    checks.check("acme/open:1", AMD, None).await.unwrap();
    let anonymous = Asked { user: None, scope: checks.registry.scope("acme/open"), ..right };
    let asked = checks.registry.asked().await;
    assert!(!asked.is_empty() && asked.iter().all(|one| *one == anonymous), "{asked:?}");
}
