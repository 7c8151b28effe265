//! The suites that every source and every minter passes.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_plugin::{CredentialSource, Minted, PullScope};
use longshore_testkit::{
    minter,
    source::{self, Given},
};
use serde_json::json;

use super::{BODY, Hub, MINTED, acme, build, extensions, minting, options, scope};

/// Sources, and the Docker Hub that they ask about what they find.
struct Tokens(Hub);

#[async_trait]
impl source::Harness for Tokens {
    async fn good(&self) -> Given {
        let password = format!("dckr_pat_{BODY}");
        let source = build("docker.io", options(None), &extensions(&password, Some(&self.0))).unwrap();
        Given { source, username: "acmebot".into(), password }
    }

    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>> {
        let elsewhere = json!({ "username": "acmebot", "token": { "env": "NOWHERE" } });
        vec![
            build("docker.io", options(None), &extensions("", None)).unwrap(),
            build("docker.io", elsewhere, &extensions("", None)).unwrap(),
        ]
    }

    async fn unstorable(&self) -> Vec<Given> {
        let password = format!("dckr_pat_{BODY} {BODY}");
        let source = build("docker.io", options(None), &extensions(&password, Some(&self.0))).unwrap();
        vec![Given { source, username: "acmebot".into(), password }]
    }
}

#[tokio::test]
async fn it_is_a_source_as_others_are() {
    assert_eq!(source::suite(async || Tokens(Hub::start())).await.left_out, []);
}

#[async_trait]
impl minter::Harness for Hub {
    fn source(&self) -> Arc<dyn CredentialSource> {
        minting(self, acme())
    }

    fn scope(&self, holder: &str) -> PullScope {
        PullScope { holder: holder.to_owned(), ..scope(&["acme/api", "acme/web"]) }
    }

    fn impossible(&self) -> Vec<PullScope> {
        let many: Vec<_> = (0..51).map(|number| format!("acme/{number}")).collect();
        let many = scope(&many.iter().map(String::as_str).collect::<Vec<_>>());
        vec![many, PullScope { host: "mirror.example.com".into(), ..scope(&["acme/api"]) }]
    }

    async fn accepts(&self, minted: &Minted) -> bool {
        let id = minted.id.rsplit('/').next().unwrap();
        Hub::tokens(self).contains_key(id) && minted.credential.password.expose() == MINTED
    }

    async fn tokens(&self) -> usize {
        Hub::tokens(self).len()
    }

    async fn lose_answer(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn it_is_a_minter_as_others_are() {
    let report = minter::suite(async || Hub::start()).await;
    assert_eq!(report.left_out.len(), 1, "{report}");
}
