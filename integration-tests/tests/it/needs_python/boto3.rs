//! boto3, over HTTP, makes and removes a stack in the simulated cloud; Longshore has no part in it.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::tool;
use crate::longshore::{Ended, Project, Server, TOKEN};

const IMAGE: &str = "ghcr.io/jonashackt/microservice-api-spring-boot-private:latest";

fn run(mut command: Command, input: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ended::new(child.wait_with_output().unwrap())
}

#[test]
fn a_stack_lives_from_its_secret_to_its_last_task() {
    let project = Project::new();
    let server = Server::simulated_cloud(&project);
    let mut command = project.command(tool("python"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/needs_python/boto3_life.py");
    command.arg(script).args([IMAGE, "jonashackt"]).env("AWS_ENDPOINT_URL", &server.url);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    let ended = run(command, TOKEN).code(0);
    let mut seen: Value = serde_json::from_str(&ended.stdout).unwrap();

    let stopped = seen["stopped_with_wrong_password"].take();
    assert!(stopped.as_str().unwrap().starts_with("CannotPullContainerError: "), "{stopped}");
    let expected = json!({
        "account": "123456789012",
        "secret_twice": "ResourceExistsException",
        "stopped_with_wrong_password": null,
        "running": ["1", "1"],
        "running_after_update": ["2", "2", "2"],
        "cluster_in_use": "ClusterContainsServicesException",
        "role_in_use": "DeleteConflict",
        "left": {
            "clusters": [],
            "task_definitions": [],
            "log_groups": [],
            "role": "NoSuchEntity",
            "secret": "ResourceNotFoundException",
        },
    });
    assert_eq!(seen, expected);
}
