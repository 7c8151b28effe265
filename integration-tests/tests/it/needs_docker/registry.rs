//! Against the distribution project's registry, in containers with either kind of login.

use longshore_integration_tests::containers::{REGISTRY_HTPASSWD, REGISTRY_TOKENS, TOKEN_SERVER};

use super::container;
use crate::registry::{Registry, Tokens, deploy, pull_check};

async fn with_htpasswd(prefix: &'static str) -> Registry {
    Registry::fill(container(REGISTRY_HTPASSWD), None, prefix).await
}

async fn with_tokens(prefix: &'static str) -> Registry {
    let tokens = Tokens::new(&container(TOKEN_SERVER));
    Registry::fill(container(REGISTRY_TOKENS), Some(tokens), prefix).await
}

#[tokio::test]
async fn pull_check_with_a_password_file() {
    pull_check::with_a_password_file(&with_htpasswd("checks").await).await;
}

#[tokio::test]
async fn pull_check_with_a_token_server() {
    pull_check::with_a_token_server(&with_tokens("checks").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_with_a_password_file() {
    deploy::with_a_password_file(&with_htpasswd("deploy").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_with_a_token_server() {
    deploy::with_a_token_server(&with_tokens("deploy").await).await;
}
