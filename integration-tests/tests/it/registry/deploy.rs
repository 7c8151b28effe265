//! `longshore deploy` into the simulated cloud, whose tasks are pulled from the registry.

use std::fs;

use longshore_integration_tests::registry::PULLER;

use super::Registry;
use crate::longshore::Project;

/// A stack with one service, whose image is in `registry`.
fn project(registry: &Registry, image: &str, password: &str) -> Project {
    let (host, image, user) = (&registry.host, registry.image(image), PULLER.name);
    let project = Project::empty().variable("REGISTRY_PASSWORD", password);
    let base = format!(
        r#"
        stack = "shop"

        [aws]
        region = "eu-central-1"

        [registries.own]
        use = "static"
        host = "{host}"
        username = "{user}"
        password = {{ env = "REGISTRY_PASSWORD" }}

        [services.api]
        image = "{image}"
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
    let project = project(registry, "acme/api:1", PULLER.password);
    let deploy = project.longshore(&["deploy", "-vvv"]).code(0);
    assert!(deploy.stdout.contains("api: 1 of 1 task running"), "{}", deploy.stdout);
    assert!(!deploy.printed().contains(PULLER.password));
    let status = project.longshore(&["status", "--output", "json"]).code(0).stdout;
    assert!(status.contains(&format!("{}@{}", registry.image("acme/api:1"), registry.index)), "{status}");
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

/// From a registry that has a password file.
pub(crate) fn with_a_password_file(registry: &Registry) {
    expect_running(registry);
    expect_refusal(registry, "acme/api:1", "wrong-horse");
    expect_refusal(registry, "acme/api:2", PULLER.password);
}

/// From a registry that has a token server.
pub(crate) async fn with_a_token_server(registry: &Registry) {
    expect_running(registry);
    // Both the pull check and the agent that starts the task: as the user, and to pull only.
    let asked = registry.asked().await;
    assert!(asked.len() >= 2, "{asked:?}");
    for one in asked {
        assert_eq!(one.user.as_deref(), Some(PULLER.name), "{one:?}");
        assert_eq!((one.scope, one.granted), (registry.scope("acme/api"), Ok(vec!["pull".to_owned()])));
    }
    expect_refusal(registry, "other/api:1", PULLER.password);
}
