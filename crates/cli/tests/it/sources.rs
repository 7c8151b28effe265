//! Credentials from other places than a token of GHCR.

use longshore_cli::Exit;

use crate::{assert_shown, project::Project};

const PASSWORD: &str = "correct-horse-battery-staple";

const BASE: &str = r#"
stack = "shop"

[registries.harbor]
use = "static"
host = "harbor.example.com"
username = { env = "HARBOR_USER" }
password = { env = "HARBOR_PASSWORD" }

[registries.own]
use = "docker-config"
host = "registry.example.com:5050"

[services.api]
size = { cpu = 256, memory = 1024 }
containers.web.image = "harbor.example.com/acme/web:1"
containers.log.image = "registry.example.com:5050/acme/log:1"
"#;

const LOCAL: &str = r#"
[cloud]
embedded = true

[cloud.registries."harbor.example.com"]
users."robot$acme".password = { env = "HARBOR_PASSWORD" }
repositories."acme/web" = { readers = ["robot$acme"], tags.1 = {} }

[cloud.registries."registry.example.com:5050"]
users.acme-bot.password = { env = "HARBOR_PASSWORD" }
repositories."acme/log" = { readers = ["acme-bot"], tags.1 = {} }
"#;

fn project(docker: &str) -> Project {
    let project = Project::new();
    project.write("configs/base.toml", BASE);
    project.write("configs/local.toml", LOCAL);
    project.write("config.json", docker);
    let directory = project.path("").display().to_string();
    project
        .variable("HARBOR_USER", "robot$acme")
        .variable("HARBOR_PASSWORD", PASSWORD)
        .variable("DOCKER_CONFIG", &directory)
        .variable("PATH", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/helpers"))
}

#[cfg(unix)]
#[test]
fn each_container_is_pulled_with_the_credential_of_its_registry() {
    let project = project(r#"{ "credsStore": "fake" }"#);
    let deploy = project.run(&["deploy", "-vvv"]);
    assert_eq!(deploy.exit, Exit::Done, "{}", deploy.stderr);
    assert!(deploy.stdout.contains("api: 1 of 1 task running"), "{}", deploy.stdout);
    assert!(!format!("{}{}", deploy.stdout, deploy.stderr).contains(PASSWORD));
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
    assert_eq!(project.run(&["destroy", "--yes"]).exit, Exit::Done);
}

#[test]
fn without_a_login_nothing_is_created() {
    let project = project("{}");
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Failed);
    assert_shown!(deploy.errors());
    assert_eq!(project.run(&["status"]).stdout, "api: not there\n");
}
