//! The suites that every source and every minter passes.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_plugin::{CredentialSource, Minted, PullScope};
use longshore_testkit::{
    minter,
    source::{self, Given},
};
use serde_json::json;

use super::{BODY, GitLab, HOST, MAINTAINER, MINTED, build, given, minting, scope};

struct Tokens;

fn token(prefix: &str) -> Given {
    let password = format!("{prefix}{BODY}");
    let source = build(HOST, given(), &password).unwrap();
    Given { source, username: "gitlab+deploy-token-42".into(), password }
}

#[async_trait]
impl source::Harness for Tokens {
    async fn good(&self) -> Given {
        token("gldt-")
    }

    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>> {
        let elsewhere = json!({ "username": "gitlab+deploy-token-42", "token": { "env": "NOWHERE" } });
        vec![build(HOST, given(), "").unwrap(), build(HOST, elsewhere, "").unwrap()]
    }

    async fn unstorable(&self) -> Vec<Given> {
        ["glcbt-", "glrt-", "gloas-"].map(token).into()
    }
}

#[tokio::test]
async fn it_is_a_source_as_others_are() {
    assert_eq!(source::suite(async || Tokens).await.left_out, []);
}

#[async_trait]
impl minter::Harness for GitLab {
    fn source(&self) -> Arc<dyn CredentialSource> {
        minting(self, json!({ "project": "acme/api" }), MAINTAINER)
    }

    fn scope(&self, holder: &str) -> PullScope {
        PullScope { holder: holder.to_owned(), ..scope(&["acme/api", "acme/api/worker"]) }
    }

    fn impossible(&self) -> Vec<PullScope> {
        vec![scope(&["acme/api", "acme/web"])]
    }

    async fn accepts(&self, minted: &Minted) -> bool {
        let number = minted.id.rsplit('/').next().unwrap().parse().unwrap();
        self.has(number) && minted.credential.password.expose() == MINTED
    }

    async fn tokens(&self) -> usize {
        GitLab::tokens(self).len()
    }

    async fn lose_answer(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn it_is_a_minter_as_others_are() {
    let report = minter::suite(async || GitLab::start()).await;
    assert_eq!(report.left_out.len(), 1, "{report}");
}
