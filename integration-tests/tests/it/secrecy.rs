//! The token is seen by the registry and the secret store, and by no one else.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::longshore::{Project, TOKEN};

/// The token as it may be written: as it is, or hidden in an encoding that anybody can undo.
fn forms() -> Vec<String> {
    let token = TOKEN.trim();
    let hex = token.bytes().map(|byte| format!("{byte:02x}")).collect();
    // Base64 looks different after zero, one or two other bytes; whole groups of three look the same.
    let base64 = (0..3).map(|skipped| BASE64_STANDARD.encode(&token[skipped..skipped + 27]));
    [token[4..].to_owned(), hex].into_iter().chain(base64).collect()
}

#[track_caller]
fn assert_unseen(place: &str, text: &str) {
    for form in forms() {
        assert!(!text.contains(&form), "the token is seen in {place}: {}", around(text, &form));
    }
}

fn around<'a>(text: &'a str, form: &str) -> &'a str {
    let at = text.find(form).unwrap();
    text.get(at.saturating_sub(200)..(at + 60).min(text.len())).unwrap_or(text)
}

#[test]
fn nothing_that_is_printed_at_any_level_holds_the_token() {
    let project = Project::new();
    for arguments in [
        &["plan", "-vvv"][..],
        &["deploy", "-vvv"],
        &["deploy", "-vvv", "--output", "json", "--set", "services.microservice-api-spring-boot.memory=1024"],
        &["plan", "-vvv", "--output", "json"],
        &["status", "-vvv"],
        &["config", "-vvv", "--output", "json"],
        &["config"],
        &["graph", "-vvv"],
        &["destroy", "-vvv", "--yes"],
    ] {
        let ended = project.longshore(arguments).code(0);
        assert_unseen(&arguments.join(" "), &ended.printed());
    }
    let loud = Project::new().variable("LONGSHORE_LOG", "trace").variable("RUST_LOG", "trace");
    assert_unseen("LONGSHORE_LOG=trace", &loud.longshore(&["deploy", "-vvv"]).code(0).printed());
}

#[test]
fn the_state_file_holds_it_as_the_value_of_the_secret_only_and_is_for_its_owner_only() {
    let project = Project::new();
    project.longshore(&["deploy"]).code(0);
    let files: Vec<_> =
        fs::read_dir(project.path().join(".longshore")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let holding: Vec<_> =
        files.iter().filter(|file| fs::read_to_string(file).unwrap().contains(TOKEN.trim())).collect();
    let [state] = holding[..] else { panic!("the token is in {holding:?}") };
    assert_eq!(fs::metadata(state).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(state).unwrap();
    assert_eq!(text.matches(TOKEN.trim()).count(), 1, "once, as the value of the secret");
    let value = serde_json::json!({"username": "jonashackt", "password": TOKEN.trim()}).to_string();
    let (before, after) = text.split_at(text.find(TOKEN.trim()).unwrap());
    assert!(before.contains("username") && value.len() < text.len());
    assert_unseen("the rest of the state file", &format!("{}{}", before, &after[TOKEN.trim().len()..]));
}

#[test]
fn a_token_in_the_configuration_is_refused_and_not_repeated() {
    let project = Project::new();
    let literal = format!("registries.ghcr.token={}", TOKEN.trim());
    let ended = project.longshore(&["plan", "--set", &literal]).code(1);
    assert_unseen("the refusal", &ended.printed());
    assert!(ended.stderr.contains("registries.ghcr.token"), "{}", ended.stderr);
    let project = Project::new().variable("LONGSHORE_REGISTRIES__GHCR__TOKEN", TOKEN.trim());
    for command in ["plan", "config"] {
        assert_unseen(command, &project.longshore(&[command]).printed());
    }
}

#[test]
fn no_child_process_sees_it_in_its_arguments_or_environment() {
    // The token is also in a variable: that of another registry, which the program has no use for.
    let project = Project::new().variable("HUB_TOKEN", TOKEN.trim());
    let script = project.path().join("print-token.sh");
    let record = project.path().join("seen-by-the-child");
    let text = format!(
        "#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/cmdline > {record}\ntr '\\0' '\\n' < /proc/$PPID/cmdline >> {record}\n\
         env >> {record}\ncat configs/local/ghcr-token\n",
        record = record.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let command = format!("registries.ghcr.token={{ command = [\"{}\"] }}", script.display());
    let hub = "registries.hub={ use = \"dockerhub\", username = \"acme\", token = { env = \"HUB_TOKEN\" } }";
    project.longshore(&["deploy", "--set", &command, "--set", hub]).code(0);
    let seen = fs::read_to_string(Path::new(&record)).unwrap();
    assert!(seen.contains("print-token.sh"), "{seen}");
    assert_unseen("a child's arguments and environment, and the command's own arguments", &seen);
}
