//! The command on a terminal, which Python's `pty` makes.

use std::{
    fs,
    process::Output,
    time::{Duration, Instant},
};

use super::tool;
use crate::longshore::{Project, program};

/// Runs `longshore plan` on a terminal.
fn plan_on_terminal(project: &Project) -> Output {
    project
        .command(tool("python"))
        .args(["-c", "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"])
        .arg(program())
        .arg("plan")
        .env("TERM", "xterm-256color")
        .env("LANG", "C.UTF-8")
        .output()
        .unwrap()
}

#[test]
fn program_that_asks_on_terminal_is_stopped() {
    let project = Project::new();
    let local = project.path().join("configs/local.toml");
    let text = fs::read_to_string(&local).unwrap();
    for ask in ["read answer < /dev/tty", "stty -echo < /dev/tty"] {
        let asking = format!(r#"token = {{ command = ["sh", "-c", "{ask}; echo x"] }}"#);
        fs::write(&local, text.replacen(r#"token = { file = "local/ghcr-token" }"#, &asking, 1)).unwrap();
        let began = Instant::now();
        let output = plan_on_terminal(&project);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success(), "{text}");
        assert!(text.contains("was stopped by the terminal, on which it wanted to ask"), "{text}");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}

#[test]
fn terminal_obeys_no_configured_value() {
    let project = Project::new();
    let local = project.path().join("configs/local.toml");
    let text = fs::read_to_string(&local).unwrap();
    let hostile = r#""fine\u001b[1A\u001b[2K\u001b]0;title\u0007\u009b2K""#;
    fs::write(
        &local,
        format!("{text}\n[services.microservice-api-spring-boot.environment]\nMOTD = {hostile}\n"),
    )
    .unwrap();
    let output = plan_on_terminal(&project);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    // A terminal it is: the tree is drawn, and the plan has colours.
    assert!(text.contains("\r\u{1b}[2K") && text.contains("\u{1b}[32m"), "{text:?}");
    assert!(
        text.contains("MOTD=\u{1b}[0mfine\\u001b[1A\\u001b[2K\\u001b]0;title\\u0007\\u009b2K"),
        "{text:?}"
    );
    assert!(!text.contains("fine\u{1b}") && !text.contains("\u{7}") && !text.contains('\u{9b}'), "{text:?}");
}
