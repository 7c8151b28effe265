//! `longshore deploy` into the simulated cloud, whose tasks are pulled from the registry.

use std::fs;

use super::{PASSWORD, USER, server::Registry};
use crate::longshore::Project;

/// A stack with one service, whose image is in `registry`.
fn project(registry: &Registry, image: &str, password: &str) -> Project {
    let host = &registry.host;
    let project = Project::empty().variable("REGISTRY_PASSWORD", password);
    let base = format!(
        r#"
        stack = "shop"

        [aws]
        region = "eu-central-1"

        [registries.own]
        use = "static"
        host = "{host}"
        username = "{USER}"
        password = {{ env = "REGISTRY_PASSWORD" }}

        [services.api]
        image = "{host}/{image}"
        memory = 512

        [cloud]
        embedded = true
        "#
    );
    let configs = project.path().join("configs");
    fs::write(configs.join("base.toml"), base).unwrap();
    fs::write(configs.join("local.toml"), "").unwrap();
    project
}

fn expect_running(registry: &Registry) {
    let project = project(registry, "acme/api:1", PASSWORD);
    let deploy = project.longshore(&["deploy", "-vvv"]).code(0);
    assert!(deploy.stdout.contains("api: 1 of 1 task running"), "{}", deploy.stdout);
    assert!(!deploy.printed().contains(PASSWORD));
    let status = project.longshore(&["status", "--output", "json"]).code(0).stdout;
    assert!(status.contains(&format!("{}/acme/api:1@{}", registry.host, registry.index)), "{status}");
    let plan = project.longshore(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}", plan.printed());
}

fn expect_refusal(registry: &Registry, image: &str, password: &str) {
    let project = project(registry, image, password);
    let deploy = project.longshore(&["deploy"]).code(1);
    assert!(deploy.stderr.contains(&registry.host), "{}", deploy.stderr);
    assert!(!deploy.printed().contains(password));
    let status = project.longshore(&["status"]).code(0).stdout;
    assert!(status.contains("api: not there"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_registry_with_a_password_file() {
    let registry = Registry::with_htpasswd().await;
    expect_running(&registry);
    expect_refusal(&registry, "acme/api:1", "wrong-horse");
    expect_refusal(&registry, "acme/api:2", PASSWORD);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_registry_with_a_token_server() {
    let registry = Registry::with_tokens().await;
    expect_running(&registry);
    // Both the pull check and the agent that starts the task: as the user, and to pull only.
    let asked = registry.tokens().asked();
    assert!(asked.len() >= 2, "{asked:?}");
    for one in asked {
        assert_eq!(one.user.as_deref(), Some(USER), "{one:?}");
        assert_eq!((one.scope.as_str(), one.granted), ("repository:acme/api:pull", Ok(vec!["pull"])));
    }
    expect_refusal(&registry, "other/api:1", PASSWORD);
}
