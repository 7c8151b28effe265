//! The token is seen nowhere.

use std::{fs, process::Command};

use longshore_cli::Exit;
use serde_json::Value;

use crate::project::{Project, Ran, TOKEN};

/// The token as it stands, and as the password of Basic authentication and of Docker's configuration: the part of the
/// Base64 that does not depend on what is before it, for each of the three alignments.
fn spellings() -> Vec<String> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let aligned = |skip: usize| {
        let encoded = BASE64_STANDARD.encode(&TOKEN.as_bytes()[skip..]);
        encoded[..32].to_owned()
    };
    vec![TOKEN.to_owned(), aligned(0), aligned(1), aligned(2)]
}

fn assert_unseen(what: &str, text: &str) {
    for spelling in spellings() {
        assert!(!text.contains(&spelling), "the token is in {what}");
    }
}

fn assert_silent(ran: &Ran) {
    assert_unseen("standard output", &ran.stdout);
    assert_unseen("standard error", &ran.stderr);
}

#[test]
fn the_token_is_in_no_output_at_any_level() {
    let project = Project::new();
    let commands = [
        &["plan"][..],
        &["deploy"],
        &["deploy", "--output", "json", "--set", "services.api.memory=1024"],
        &["status"],
        &["config"],
        &["destroy", "--yes"],
    ];
    for command in commands {
        let ran = project.run(&[command, &["-vvv"]].concat());
        assert_eq!(ran.exit, Exit::Done, "{command:?}");
        assert_silent(&ran);
        if command == ["deploy"] {
            // The log is really there, the SDK's included.
            assert!(ran.stderr.contains("longshore_simcloud"), "{}", ran.stderr);
            assert!(ran.stderr.contains("aws_smithy_runtime"), "{}", ran.stderr);
        }
    }
}

#[test]
fn no_filter_lets_the_sdks_bodies_through() {
    let project = Project::new().variable("LONGSHORE_LOG", "trace");
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done);
    assert_silent(&deploy);
    assert!(deploy.stderr.contains("TRACE longshore"), "Longshore's own traces are there");
    assert!(!deploy.stderr.contains("TRACE aws_"), "nobody else's are");
}

#[test]
fn the_whole_process_keeps_the_token_to_itself() {
    let project = Project::new();
    let output = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .args(["deploy", "--env", "local", "-vvv", "--config-dir"])
        .arg(project.path("configs"))
        .env_remove("AWS_ENDPOINT_URL")
        .output()
        .unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("aws_smithy_runtime"), "{stderr}");
    assert_unseen("standard output", &stdout);
    assert_unseen("standard error", &stderr);
}

#[test]
fn password_of_an_endpoint_is_in_no_log() {
    let project = Project::new();
    let output = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .args(["plan", "--env", "local", "-vvv", "--set", "cloud.embedded=false", "--config-dir"])
        .arg(project.path("configs"))
        .env("AWS_ENDPOINT_URL", "http://me:hunter2@127.0.0.1:1")
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "example")
        .output()
        .unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(stderr.contains("127.0.0.1:1"), "{stderr}");
    assert!(!stderr.contains("hunter2") && !stdout.contains("hunter2"), "{stderr}");
}

#[test]
fn the_state_file_has_the_token_in_the_secrets_value_only() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let path = project.path(".longshore/cloud-local.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut places = Vec::new();
    find(&serde_json::from_str(&text).unwrap(), "", &mut places);
    assert_eq!(places.len(), 1, "{places:?}");
    assert!(places[0].starts_with("/world/secrets/"), "{places:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let ignored = fs::read_to_string(project.path(".longshore/.gitignore")).unwrap();
    assert_eq!(ignored, "*\n");
}

/// The places of all texts in which the token stands.
fn find(value: &Value, place: &str, places: &mut Vec<String>) {
    match value {
        Value::String(text) if spellings().iter().any(|spelling| text.contains(spelling)) => {
            places.push(place.to_owned());
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| find(item, &format!("{place}/{index}"), places));
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                assert_unseen("a key of the state file", key);
                find(value, &format!("{place}/{key}"), places);
            }
        }
        _ => {}
    }
}

#[cfg(unix)]
#[test]
fn a_program_that_prints_a_simulated_users_password_does_not_inherit_the_token() {
    let project = Project::new();
    let record = project.path("seen-by-the-program");
    let script = format!("env > '{}'; cat '{}'", record.display(), project.path("configs/token").display());
    let local = fs::read_to_string(project.path("configs/local.toml")).unwrap();
    let local =
        local.replace("{ file = \"right-token\" }", &format!("{{ command = ['sh', '-c', \"{script}\"] }}"));
    project.write("configs/local.toml", &local);
    for arguments in [&["plan"][..], &["cloud", "--registry", "nowhere=127.0.0.1:0"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_longshore"))
            .args(arguments)
            .args(["--set", "registries.ghcr.token={ env = \"GHCR_TOKEN\" }", "--config-dir"])
            .arg(project.path("configs"))
            .env_remove("AWS_ENDPOINT_URL")
            .env("GHCR_TOKEN", TOKEN)
            .env("NOT_A_SECRET", "is inherited")
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let seen = fs::read_to_string(&record).expect(&stderr);
        assert!(seen.contains("NOT_A_SECRET=is inherited"), "{seen}");
        assert_unseen("the program's environment", &seen);
        fs::remove_file(&record).unwrap();
    }
}
