//! The command on a terminal, which Python's `pty` makes.

use std::fs;

use super::tool;
use crate::longshore::{Project, program};

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
    let output = project
        .command(tool("python"))
        .args(["-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"])
        .arg(program())
        .arg("plan")
        .env("TERM", "xterm-256color")
        .env("LANG", "C.UTF-8")
        .output()
        .unwrap();
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
