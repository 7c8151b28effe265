//! Longshore's container image, which `cargo xtask test` builds: what is in it, and a pipeline that deploys with it. The
//! container is on the network of LocalStack, moto and the registry, and reaches them by their names there; it has no file
//! system that it could write to.

use std::{
    collections::BTreeSet,
    io::Read,
    process::Command,
    time::{Duration, Instant},
};

use longshore_integration_tests::{
    containers::{LOCALSTACK, MOTO, NETWORK, REGISTRY_HTPASSWD},
    registry::{PULLER, PUSHER},
};
use serde_json::{Value, json};

use super::{
    account::Account,
    container,
    stack::{Host, Stack, WEB, WITHOUT_TASKS},
    start::expect_start,
};
use crate::{
    longshore::{Ended, Project, SERVICE},
    registry::pull::Login,
};

/// Returns the image's name from `cargo xtask test`.
fn image() -> String {
    std::env::var("XTASK_IMAGE").expect("XTASK_IMAGE is not set: `cargo xtask test` builds the image")
}

/// The engine's command, with the engine that the test run has, and otherwise the variables of `project`.
fn docker(project: &Project, arguments: &[&str]) -> Command {
    let mut docker = project.command("docker");
    docker
        .args(arguments)
        .envs(std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DOCKER_")));
    docker
}

fn succeed(mut docker: Command) -> Vec<u8> {
    let output = docker.output().unwrap();
    assert!(output.status.success(), "{docker:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn text(docker: Command) -> String {
    String::from_utf8(succeed(docker)).unwrap().trim().to_owned()
}

/// A container, which is removed with whatever it does when the test ends.
struct Container<'a> {
    project: &'a Project,
    id: String,
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = docker(self.project, &["rm", "--force", &self.id]).output();
    }
}

#[test]
fn it_says_whose_it_is_and_runs_as_nobody() {
    let inspected = text(docker(&Project::empty(), &["image", "inspect", &image()]));
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    let config = &inspected[0]["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], json!(["/usr/local/bin/longshore"]));
    assert_eq!(config["WorkingDir"], "/work");
    assert_eq!(config["Healthcheck"]["Test"], json!(["CMD", "/usr/local/bin/longshore", "--version"]));
    let labels = config["Labels"].as_object().unwrap();
    for (name, value) in [
        ("title", "longshore"),
        ("description", "Ships private container images to Amazon ECS"),
        ("licenses", "Apache-2.0"),
        ("version", env!("CARGO_PKG_VERSION")),
    ] {
        assert_eq!(labels[&format!("org.opencontainers.image.{name}")], value);
    }
    // Without git, the revision is unknown.
    let revision =
        Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(["rev-parse", "HEAD"]).output();
    if let Some(revision) = revision.ok().filter(|output| output.status.success()) {
        let revision = String::from_utf8(revision.stdout).unwrap();
        assert_eq!(labels["org.opencontainers.image.revision"], revision.trim());
    }
    let version = text(docker(&Project::empty(), &["run", "--rm", &image(), "--version"]));
    assert_eq!(version, format!("longshore {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn it_holds_one_program_which_needs_no_library() {
    let project = Project::empty();
    let made = Container { id: text(docker(&project, &["create", &image()])), project: &project };
    let exported = succeed(docker(&project, &["export", &made.id]));
    let mut files = BTreeSet::new();
    for entry in tar::Archive::new(exported.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let (path, kind) = (entry.path().unwrap().display().to_string(), entry.header().entry_type());
        // Of the engine, which lays them over what every container has there.
        let is_engines = kind.is_symlink() || entry.size() == 0;
        if kind.is_dir() || is_engines {
            continue;
        }
        if path == "usr/local/bin/longshore" {
            let mut program = Vec::new();
            entry.read_to_end(&mut program).unwrap();
            assert!(!asks_for_an_interpreter(&program), "it is linked dynamically");
            assert_eq!(entry.header().mode().unwrap() & 0o777, 0o755);
        }
        files.insert(path);
    }
    let own = ["etc/ssl/certs/ca-certificates.crt", "usr/local/bin/longshore"];
    assert_eq!(files, own.map(str::to_owned).into());
}

/// Returns true if a program (ELF, of 64 bits, the least significant byte first) asks the system for what loads libraries.
fn asks_for_an_interpreter(program: &[u8]) -> bool {
    const INTERPRETER: u32 = 3;
    assert_eq!(&program[..6], b"\x7fELF\x02\x01");
    let number = |at: usize, length: usize| {
        program[at..at + length].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let (headers, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    assert!(count > 0);
    (0..count).any(|header| number(headers + header * size, 4) == INTERPRETER as usize)
}

#[test]
fn the_engine_finds_a_container_that_serves_a_cloud_healthy() {
    let project = Project::new();
    let configs = format!("{}:/work/configs:ro", project.path().join("configs").display());
    let mut run = docker(&project, &["run", "--detach", "--health-interval", "1s", "--read-only"]);
    run.args(["--volume", &configs, "--tmpfs", "/state:mode=0700,uid=65532", &image()]);
    run.args(["cloud", "--listen", "0.0.0.0:4566", "--state", "/state/cloud.json"]);
    let serving = Container { id: text(run), project: &project };
    let started = Instant::now();
    loop {
        let health = text(docker(
            &project,
            &["inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", &serving.id],
        ));
        if health == "running healthy" {
            break;
        }
        if !health.starts_with("running ") || started.elapsed() > Duration::from_secs(60) {
            let log = Ended::new(docker(&project, &["logs", &serving.id]).output().unwrap());
            panic!("{health}: {}", log.printed());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Runs the image as a pipeline does: the configuration and a secret are mounted, other secrets are variables.
fn in_container(project: &Project, arguments: &[&str]) -> Ended {
    let network = container(NETWORK);
    let mount = |name: &str| format!("{0}:/work/{1}:ro", project.path().join(name).display(), name);
    let mut run = docker(project, &["run", "--rm", "--network", &network]);
    run.args(["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]);
    run.args(["--volume", &mount("configs"), "--volume", &mount("secrets")]);
    for name in
        ["LONGSHORE_ENV", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GHCR_TOKEN", "DOCKERHUB_TOKEN"]
    {
        run.args(["--env", name]);
    }
    let (localstack, moto) =
        (format!("http://{network}-localstack:4566"), format!("http://{network}-moto:5000"));
    for (name, url) in
        [("AWS_ENDPOINT_URL", &localstack), ("AWS_ENDPOINT_URL_ECS", &moto), ("AWS_ENDPOINT_URL_EC2", &moto)]
    {
        run.args(["--env", &format!("{name}={url}")]);
    }
    Ended::new(run.arg(image()).args(arguments).output().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_deploys_with_it() {
    let registry = || Host {
        name: format!("{}-registry-htpasswd:5000", container(NETWORK)),
        here: container(REGISTRY_HTPASSWD),
    };
    let stack = Stack {
        name: "pipeline",
        mirror: registry(),
        gitlab: registry(),
        ghcr_login: Login::new(PULLER.name, PULLER.password),
        hub_login: Login::new(PUSHER.name, PUSHER.password),
        gitlab_login: Login::new(PULLER.name, PULLER.password),
    };
    let index = stack.fill(None).await;
    let project = stack.project();
    let longshore =
        |arguments: &[&str]| in_container(&project, &[arguments, &WITHOUT_TASKS].concat()).code(0);

    let plan = in_container(&project, &["plan", "--detailed-exitcode"]).code(2);
    assert!(plan.stdout.contains("Plan: 12 to create, 0 to update, 0 to delete."), "{}", plan.stdout);
    let deploy = longshore(&["deploy", "-vvv"]);
    stack.expect_secrecy(&deploy.printed());
    let again = longshore(&["plan", "--detailed-exitcode"]);
    assert!(again.stdout.contains("There is nothing to change"), "{}", again.stdout);

    let account = Account::at(&container(LOCALSTACK), &container(MOTO));
    expect_start(&account, &stack, SERVICE, &[&stack.ghcr_login], &index).await;
    expect_start(&account, &stack, WEB, &[&stack.hub_login, &stack.gitlab_login], &index).await;

    let wrong = project.variable("GHCR_TOKEN", "wrong-horse");
    let denied = in_container(&wrong, &["deploy"]).code(1);
    assert!(denied.stderr.contains("error in credential.ghcr (denied)"), "{}", denied.stderr);
    in_container(&wrong, &["destroy", "--yes"]).code(0);
    assert_eq!(account.left_of(stack.name).await, Vec::<String>::new());
}
