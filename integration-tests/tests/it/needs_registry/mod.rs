//! Against the distribution project's registry as a program on this machine.

mod server;

use crate::registry::{deploy, pull_check};
use server::Running;

#[tokio::test]
async fn pull_check_with_a_password_file() {
    let running = Running::with_htpasswd("checks").await;
    pull_check::with_a_password_file(&running.registry).await;
}

#[tokio::test]
async fn pull_check_with_a_token_server() {
    let running = Running::with_tokens("checks").await;
    pull_check::with_a_token_server(&running.registry).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_with_a_password_file() {
    let running = Running::with_htpasswd("deploy").await;
    deploy::with_a_password_file(&running.registry);
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_with_a_token_server() {
    let running = Running::with_tokens("deploy").await;
    deploy::with_a_token_server(&running.registry).await;
}
