//! moto's server makes everything that a deployment needs, but starts no tasks.

use super::tool;
use crate::longshore::{Project, SERVICE, Server, free_port};

#[test]
fn everything_is_created_and_the_deadline_says_that_no_task_was_started() {
    let project = Project::new();
    let port = free_port();
    let mut command = project.command(tool("moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
    let server = Server::start(command, port);
    let project = project.variable("AWS_ENDPOINT_URL", &server.url);
    let timeout = format!("services.{SERVICE}.deployment.timeout=4s");

    let ended = project.longshore(&["deploy", "--set", &timeout]).code(1);
    insta::with_settings!({filters => vec![
        (r"[0-9a-f]{32}", "[id]"),
        (r"pull-[A-Za-z0-9]{6}", "pull-[suffix]"),
        (r"\d+(\.\d+)?(ms|s)\b", "[time]"),
        // Times stand in a column.
        (r"(?m)^ +\[time\]", "[time]"),
        (r"127\.0\.0\.1:\d+", "[endpoint]"),
    ]}, {
        insta::assert_snapshot!("moto_deadline", failure(&ended.stderr));
    });

    // A second run finds everything but the tasks.
    let ended = project.longshore(&["plan", "--set", &timeout]).code(0);
    for kind in ["secret ", "role ", "task definition ", "log group "] {
        let created =
            ended.stdout.lines().any(|line| line.trim_start().starts_with('+') && line.contains(kind));
        assert!(!created, "{}", ended.stdout);
    }
}

/// The block that tells what failed.
fn failure(stderr: &str) -> String {
    let lines: Vec<_> = stderr.lines().collect();
    let start =
        lines.iter().rposition(|line| line.contains("service.") && line.contains("fail")).unwrap_or(0);
    lines[start..].join("\n")
}
