//! Proxies that the environment names.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    process::{Command, Output},
    thread,
};

use crate::project::Project;

/// An invalid URL with a password in it.
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

/// Answers each request as a proxy that refuses the credential and repeats it. Returns its address.
fn echoing_proxy() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let echo = head.join(" ");
            let length = echo.len();
            let answer = format!(
                "HTTP/1.1 407 {echo}\r\nproxy-authenticate: Basic realm=\"{echo}\"\r\ncontent-length: {length}\r\n\r\n{echo}"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn proxy_passwords_stay_out_of_errors_and_logs() {
    let project = Project::new();
    let proxy = format!("http://user:correct-horse-battery-staple@{}", echoing_proxy());
    let mut plan = Command::new(env!("CARGO_BIN_EXE_longshore"));
    plan.args(["plan", "-vvv", "--set", "cloud.embedded=false", "--config-dir"]).arg(project.path("configs"));
    plan.env_remove("AWS_ENDPOINT_URL").env("GHCR_TOKEN", "ghp_simulatedSimulatedSimulatedSimulated00");
    plan.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI");
    let ended = plan.env("HTTPS_PROXY", &proxy).env("NO_PROXY", "").output().unwrap();
    let shown = [ended.stdout, ended.stderr].concat();
    let shown = String::from_utf8(shown).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{shown}");
    assert!(shown.contains("407") || shown.contains("tunnel") || shown.contains("proxy"), "{shown}");
    // As it is, and as the header has it, whose end depends on the user's name.
    for secret in ["correct-horse", "dXNlcjpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
