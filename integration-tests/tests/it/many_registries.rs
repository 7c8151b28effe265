//! One stack that pulls from four registries, each with a credential of another kind.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::longshore::Project;

const BASE: &str = r#"
stack = "shop"
aws.region = "eu-central-1"

[registries.ghcr]
use = "ghcr"
username = "acme-ci"
token = { file = "ghcr" }

[registries.hub]
use = "dockerhub"
username = "acme"
token = { file = "hub" }

[registries.gitlab]
use = "gitlab"
host = "git.example.com:5050"
username = "gitlab+deploy-token-7"
token = { file = "gitlab" }

[services.web]
logs.removal = "delete"
[services.web.containers.app]
image = "ghcr.io/acme/web:1"
memory = 512
[services.web.containers.sidecar]
image = "git.example.com:5050/acme/tools/proxy:2"
memory = 128

[services.api.containers.app]
image = "acme/api:3"
memory = 512
[services.worker]
image = "ghcr.io/acme/worker:4"
memory = 512

[cloud]
embedded = true
[cloud.registries."ghcr.io"]
users.acme-ci.password = { file = "ghcr" }
repositories."acme/web" = { readers = ["acme-ci"], tags.1 = {} }
repositories."acme/worker" = { readers = ["acme-ci"], tags.4 = {} }
[cloud.registries."docker.io"]
users.acme.password = { file = "hub" }
repositories."acme/api" = { readers = ["acme"], tags.3 = {} }
[cloud.registries."git.example.com:5050"]
users."gitlab+deploy-token-7".password = { file = "gitlab" }
repositories."acme/tools/proxy" = { readers = ["gitlab+deploy-token-7"], tags.2 = {} }
[cloud.registries."registry.example.com"]
users.robot.password = { file = "plain" }
repositories."metrics/agent" = { readers = ["robot"], tags.5 = {} }
"#;

/// The registry that a Docker credential helper knows, and the container that needs it.
const PLAIN: &str = r#"
[registries.plain]
use = "docker-config"
host = "registry.example.com"
file = "docker.json"

[services.api.containers.metrics]
image = "registry.example.com/metrics/agent:5"
memory = 128
"#;

const TOKENS: [(&str, &str); 4] = [
    ("ghcr", "ghp_simulatedGhcrSimulatedGhcrSimulated0000"),
    ("hub", "dckr_pat_simulatedHubSimulatedHub"),
    ("gitlab", "gldt-simulatedGitLab0000"),
    ("plain", "simulated-robot-password-of-a-plain-registry"),
];

fn project() -> Project {
    let project = Project::empty();
    let configs = project.path().join("configs");
    fs::write(configs.join("local.toml"), "").unwrap();
    for (name, token) in TOKENS {
        fs::write(configs.join(name), token).unwrap();
    }
    fs::write(configs.join("docker.json"), r#"{"credHelpers": {"registry.example.com": "test"}}"#).unwrap();
    let bin = project.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let helper = bin.join("docker-credential-test");
    let answer = r#"{"ServerURL":"registry.example.com","Username":"robot","Secret":"%s"}"#;
    let script = format!("#!/bin/sh\nread -r server\nprintf '{answer}\\n' \"$(cat configs/plain)\"\n");
    fs::write(&helper, script).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    project.variable("PATH", &path)
}

fn declare(project: &Project, text: &str) {
    fs::write(project.path().join("configs/base.toml"), text).unwrap();
}

/// The plans of a command's steps, by step.
fn plans(stdout: &str) -> BTreeMap<String, Value> {
    let events = stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let planned = events.filter(|event| event["event"]["type"] == "step-planned");
    planned
        .map(|event| (event["event"]["step"].as_str().unwrap().to_owned(), event["event"]["plan"].clone()))
        .collect()
}

#[test]
fn all_tasks_run_and_a_registry_that_leaves_takes_its_secret_and_its_statement_along() {
    let project = project();
    declare(&project, &format!("{BASE}{PLAIN}"));
    let deployed = project.longshore(&["deploy"]).code(0);
    for service in ["api", "web", "worker"] {
        assert!(deployed.stdout.contains(&format!("{service}: 1 of 1 task running")), "{}", deployed.stdout);
    }
    for (_, token) in TOKENS {
        assert!(!deployed.printed().contains(token));
    }
    let again = project.longshore(&["plan", "--detailed-exitcode"]).code(0);
    assert!(again.stdout.contains("nothing to change"), "{}", again.stdout);

    declare(&project, BASE);
    let plan = project.longshore(&["plan", "--output", "json", "--detailed-exitcode"]).code(2);
    let plans = plans(&plan.stdout);
    let changes: BTreeMap<_, _> = plans
        .iter()
        .filter(|(_, plan)| plan["action"] != "no-change")
        .map(|(step, plan)| (step.as_str(), plan["action"].as_str().unwrap()))
        .collect();
    let expected = [
        ("role.api", "update"),
        ("service.api", "update"),
        ("task-definition.api", "update"),
        ("undeclared-secrets.secretsmanager", "delete"),
    ];
    assert_eq!(changes, expected.into());
    let removed: Vec<_> = plans["undeclared-secrets.secretsmanager"]["orphans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|orphan| orphan["resource"].as_str().unwrap())
        .collect();
    assert_eq!(removed, ["secret longshore/shop/plain/pull"]);
    let policy = &plans["role.api"]["changes"];
    assert_eq!(policy.as_array().unwrap().len(), 1, "{policy}");
    let (old, new) = (policy[0]["old"].to_string(), policy[0]["new"].to_string());
    assert!(old.contains("shop/plain/pull") && old.contains("shop/hub/pull"), "{old}");
    assert!(!new.contains("shop/plain/pull") && new.contains("shop/hub/pull"), "{new}");

    project.longshore(&["deploy", "--prune"]).code(0);
    let again = project.longshore(&["plan", "--detailed-exitcode"]).code(0);
    assert!(again.stdout.contains("nothing to change"), "{}", again.stdout);
    project.longshore(&["destroy", "--yes"]).code(0);
}

#[test]
fn a_service_that_leaves_with_its_registry_is_removed_with_everything_of_its_own() {
    let project = project();
    declare(&project, BASE);
    project.longshore(&["deploy"]).code(0);
    let is_of_web = |block: &&str| !block.contains("services.web");
    let blocks: Vec<_> = BASE.split("\n\n").filter(is_of_web).collect();
    let without: Vec<_> = blocks.into_iter().filter(|block| !block.contains("[registries.gitlab]")).collect();
    declare(&project, &without.join("\n\n"));

    let plan = project.longshore(&["plan", "--output", "json", "--detailed-exitcode"]).code(2);
    let plans = plans(&plan.stdout);
    let removed = |step: &str| -> Vec<String> {
        let orphans = plans[step]["orphans"].as_array().unwrap().iter();
        orphans.map(|orphan| orphan["resource"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(removed("undeclared.services"), ["service default/web", "task definition shop-web"]);
    assert_eq!(removed("undeclared.roles"), ["role shop-web-execution"]);
    assert_eq!(removed("undeclared.log-groups"), ["log group /longshore/shop/web"]);
    assert_eq!(removed("undeclared-secrets.secretsmanager"), ["secret longshore/shop/gitlab/pull"]);
    assert_eq!(removed("undeclared.clusters"), Vec::<String>::new(), "the others run on it");
    let others = ["role.api", "service.api", "role.worker", "service.worker"];
    assert!(others.iter().all(|step| plans[*step]["action"] == "no-change"), "nothing else is touched");

    project.longshore(&["deploy", "--prune"]).code(0);
    let again = project.longshore(&["plan", "--detailed-exitcode"]).code(0);
    assert!(again.stdout.contains("nothing to change"), "{}", again.stdout);
    // A registry that left the configuration before anything was deployed without it is found as well.
    declare(&project, BASE);
    project.longshore(&["deploy"]).code(0);
    declare(&project, &without.join("\n\n"));
    project.longshore(&["destroy", "--yes"]).code(0);
    declare(&project, BASE);
    let plan = project.longshore(&["plan", "--output", "json"]).code(0);
    let there: Vec<_> = self::plans(&plan.stdout)
        .into_iter()
        .filter(|(step, _)| !["undeclared", "images", "log-group"].iter().any(|kind| step.starts_with(kind)))
        .filter(|(_, plan)| plan["action"] == "no-change")
        .collect();
    assert!(there.is_empty(), "{there:?}");
}
