//! The user's own stack in the embedded cloud: no request leaves the machine, and no registry has to be declared.

use std::{
    io::{BufRead as _, BufReader, ErrorKind, Write as _},
    net::TcpListener,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use longshore_cli::Exit;

use crate::project::{Project, TOKEN};

const BASE: &str = r#"
stack = "shop"
aws.region = "eu-central-1"

[registries.ghcr]
use = "ghcr"
username = "acme-bot"
token = { file = "token" }

[registries.quay]
use = "static"
host = "quay.io"
username = "acme+robot"
password = { file = "token" }

[services.web]
image = "nginx:1.29"
memory = 512
architecture = "arm64"

[services.api]
image = "ghcr.io/acme/api:1"
memory = 512

[services.worker]
image = "quay.io/acme/worker@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
memory = 512

[services.jobs]
image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme/jobs:7"
memory = 512
execution-role.managed-policies = {}
"#;

fn project(base: &str, cloud: &str) -> Project {
    let project = Project::new();
    project.write("configs/base.toml", base);
    project.write("configs/local.toml", &format!("[cloud]\nembedded = true\n{cloud}"));
    project
}

/// Requests that leave the machine would go through the proxy that the environment names. None may reach it.
#[test]
fn an_embedded_run_sends_nothing_anywhere() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let project = project(BASE, "");
    for command in ["plan", "deploy", "credentials"] {
        let mut run = Command::new(env!("CARGO_BIN_EXE_longshore"));
        run.arg("--config-dir").arg(project.path("configs")).arg(command).env_clear();
        let ran = run.env("HTTPS_PROXY", &url).env("HTTP_PROXY", &url).output().unwrap();
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    assert!(proxy.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
}

#[test]
fn a_stack_of_many_registries_runs_without_any() {
    let project = project(BASE, "");
    let plan = project.run(&["plan"]);
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stderr);
    for note in [
        "ghcr.io/acme/api:1 can be pulled for linux/amd64",
        "nginx:1.29 is public and can be pulled for linux/arm64",
        "quay.io/acme/worker@sha256:0123456789ab",
        "simulated: ghcr.io is not in `cloud.registries`",
        "simulated: docker.io is not in `cloud.registries`",
        "acme/jobs:7 is in Amazon ECR: the execution role pulls it",
    ] {
        assert!(plan.stdout.contains(note), "no {note}: {}", plan.stdout);
    }
    let deployed = project.run(&["deploy"]);
    assert_eq!(deployed.exit, Exit::Done, "{}{}", deployed.stdout, deployed.stderr);
    let again = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.exit, Exit::Done, "{}{}", again.stdout, again.stderr);
}

#[test]
fn apis_of_registries_are_not_called() {
    let project = project(BASE, "");
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let credentials = project.run(&["credentials"]);
    assert_eq!(credentials.exit, Exit::Done, "{}", credentials.stderr);

    let mint = BASE
        .replace("use = \"static\"\nhost = \"quay.io\"", "use = \"gitlab\"\nhost = \"registry.gitlab.com\"")
        .replace("username = \"acme+robot\"\npassword", "mint = { project = \"acme/worker\" }\ntoken")
        .replace("image = \"quay.io", "image = \"registry.gitlab.com");
    let project = self::project(&mint, "");
    let plan = project.run(&["deploy"]);
    assert_eq!(plan.exit, Exit::Failed, "{}", plan.stdout);
    assert!(plan.stderr.contains("the simulated cloud lets nothing leave this machine"), "{}", plan.stderr);
    assert!(!plan.stderr.contains(TOKEN), "{}", plan.stderr);
}

#[test]
fn real_registries_are_hosts() {
    let plan = project(BASE, "real-registries = [\"https://ghcr.io\"]\n").run(&["plan"]);
    assert_eq!(plan.exit, Exit::Failed, "{}", plan.stdout);
    assert!(plan.stderr.contains("cloud.real-registries"), "{}", plan.stderr);
}

#[test]
fn a_registry_on_this_machine_is_waited_for_in_real_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let answer = |status: &str, headers: &str| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n{headers}\r\n");
            stream.write_all(head.as_bytes()).unwrap();
        };
        answer("429 Too Many Requests", "Retry-After: 1\r\n");
        let asked = Instant::now();
        answer("404 Not Found", "");
        let waited = asked.elapsed();
        answer("404 Not Found", "");
        waited
    });
    let base = format!(
        "stack = \"shop\"\naws.region = \"eu-central-1\"\n[registries.local]\nuse = \"static\"\nhost = \"{host}\"\n\
         insecure = true\nusername = \"acme\"\npassword = {{ file = \"token\" }}\n[services.api]\n\
         image = \"{host}/acme/api:1\"\nmemory = 512\n"
    );
    let project = Project::new();
    project.write("configs/base.toml", &base);
    project.write("configs/local.toml", "[cloud]\nembedded = true\n");
    let plan = project.run(&["plan"]);
    assert_eq!(plan.exit, Exit::Failed, "{}", plan.stdout);
    assert!(server.join().unwrap() >= Duration::from_millis(900), "{}", plan.stderr);
}
