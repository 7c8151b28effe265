//! The suite that every source passes.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_credential::Environment;
use longshore_net::HttpTransport;
use longshore_plugin::{CredentialSource, Extensions};
use longshore_testkit::source::{self, Given};
use serde_json::json;

use super::{BODY, GitHub, build, build_in};

struct Ghcr;

/// A source in an environment where `GHCR_TOKEN` is `token`, and a GitHub that refuses it and repeats it.
fn source(token: &str) -> Arc<dyn CredentialSource> {
    let token = token.to_owned();
    let environment = Environment::new(move |name| (name == "GHCR_TOKEN").then(|| token.clone().into()));
    let github = GitHub::new(401, &[]);
    let extensions = Extensions::default().with(environment).with(HttpTransport(Arc::new(github)));
    let options = json!({ "username": "acme-bot", "token": { "env": "GHCR_TOKEN" } });
    build_in("ghcr.io", options, &extensions).unwrap()
}

fn given(prefix: &str) -> Given {
    let password = format!("{prefix}{BODY}");
    Given { source: source(&password), username: "acme-bot".into(), password }
}

#[async_trait]
impl source::Harness for Ghcr {
    async fn good(&self) -> Given {
        given("ghp_")
    }

    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>> {
        let elsewhere = json!({ "username": "acme-bot", "token": { "env": "NOWHERE" } });
        vec![source(""), build(elsewhere, "").unwrap()]
    }

    async fn unstorable(&self) -> Vec<Given> {
        ["ghs_", "ghu_", "github_pat_", "ghr_"].map(given).into()
    }
}

#[tokio::test]
async fn it_is_a_source_as_others_are() {
    assert_eq!(source::suite(async || Ghcr).await.left_out, []);
}
