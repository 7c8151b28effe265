//! Proxies that the environment names.

use std::process::{Command, Output};

use crate::project::Project;

/// What is no URL, with a password in it.
const VALUE: &str = "http://user:correct-horse-battery-staple@proxy example.com";

fn plan(project: &Project, variables: &[(&str, &str)]) -> Output {
    let mut plan = Command::new(env!("CARGO_BIN_EXE_longshore"));
    plan.args(["plan", "-vvv", "--config-dir"]).arg(project.path("configs")).env_remove("AWS_ENDPOINT_URL");
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        plan.env_remove(name);
    }
    plan.envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn a_variable_that_names_no_proxy_ends_the_run_before_anything_is_sent() {
    let project = Project::new();
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let ended = plan(&project, &[(name, VALUE)]);
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains(&format!("the environment variable {name} is not the URL of a proxy")),
            "{stderr}"
        );
        assert!(!stderr.contains("correct-horse") && ended.stdout.is_empty(), "{stderr}");
    }
    let ended = plan(&project, &[("HTTPS_PROXY", "http://proxy.example.com:8080")]);
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}
