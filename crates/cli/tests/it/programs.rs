//! Programs as plugins.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use longshore_cli::Exit;
use longshore_model::{EventKind, Phase};

use crate::{
    assert_shown,
    project::{Project, TOKEN},
};

/// The stack, with a program as its credential source.
fn project(program: &str, options: &str) -> Project {
    let project = Project::new().variable("PATH", &std::env::var("PATH").unwrap());
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    let (before, after) = base.split_once("use = \"ghcr\"").unwrap();
    let after = after.split_once("token = { file = \"token\" }").unwrap().1;
    let source = format!("use = \"process\"\nhost = \"ghcr.io\"\nprogram = {program}\n{options}");
    project.write("configs/base.toml", &format!("{before}{source}{after}"));
    project.write("configs/pair", &format!("acme-bot:{TOKEN}"));
    project
}

fn example() -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/plugins");
    format!("['{}']", examples.join("longshore-credential-file").canonicalize().unwrap().display())
}

#[test]
fn shell_plugin_deploys_a_stack() {
    let project = project(&example(), "file = \"pair\"");
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert!(!format!("{}{}", deploy.stdout, deploy.stderr).contains(TOKEN));
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
    assert_eq!(project.run(&["credentials"]).exit, Exit::Done);
    assert_eq!(project.run(&["destroy", "--yes"]).exit, Exit::Done);
}

#[test]
fn options_are_checked_by_the_schema_of_the_program() {
    let project = project(&example(), "flie = \"pair\"");
    let plan = project.run(&["plan"]);
    assert_eq!(plan.exit, Exit::Failed);
    assert_shown!(plan.stderr.replace(&example()[2..example().len() - 2], "[example]"));
    assert_eq!(project.run(&["graph"]).exit, Exit::Done, "drawing starts no program");
}

#[test]
fn step_and_value_come_from_programs() {
    let project = project(&example(), "file = \"pair\"");
    let hello = |kinds: &str| {
        format!(
            r#"'{{"hello":'*) echo '{{"hello":{{"protocol":1,"name":"x","version":"1","kinds":{kinds}}}}}' ;;"#
        )
    };
    let script = |name: &str, kinds: &str, answers: &str| {
        let begin = "while IFS= read -r line; do\nid=${line#*:}; id=${id%%,*}\ncase $line in\n";
        let end = "'{\"shutdown\":'*) exit ;;\nesac\ndone\n";
        project.write(&format!("configs/{name}"), &format!("{begin}{}\n{answers}\n{end}", hello(kinds)));
    };
    let step = r#"*'"step.apply"'*) printf '%s\n' "$line" > applied; echo "{\"id\":$id,\"result\":{\"outputs\":{\"name\":\"api\"}}}" ;;"#;
    script("record", r#"{"step":{"options":{"properties":{"target":{"type":"string"}}}}}"#, step);
    script(
        "value",
        r#"{"secret-value":{}}"#,
        r#"*'"secret-value.get"'*) echo "{\"id\":$id,\"result\":{\"value\":\"hunter2hunter2\"}}" ;;"#,
    );
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    let added = r#"
[steps.dns]
use = "process"
program = ["sh", "record"]
target = { from = "log-group.api", output = "log-group" }
outputs.name = "text"

[services.api]
environment.NAME = { from = "steps.dns", output = "name" }
secrets.DATABASE_URL.value = { use = "process", program = ["sh", "value"] }
"#;
    project.write("configs/local.toml", &(local + added));
    let deploy = project.run(&["deploy", "--output", "json"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert!(!format!("{}{}", deploy.stdout, deploy.stderr).contains("hunter2"));
    let applied = std::fs::read_to_string(project.path("configs/applied")).unwrap();
    assert!(applied.contains(r#""options":{"target":"/longshore/shop/api"}"#), "{applied}");
    assert_eq!(project.run(&["config"]).stdout.matches("hunter2").count(), 0);
}

/// Programs that break the protocol, each in another way.
const BROKEN: [(&str, &str); 8] = [
    ("wrong version", r#"read -r line; echo '{"hello":{"protocol":2}}'; sleep 60"#),
    ("silence", "sleep 60"),
    ("long line", "GREET; head -c 2097152 /dev/zero | tr '\\0' x; sleep 60"),
    ("crash", "GREET; exit 3"),
    (
        "secret in an error",
        r#"GREET; echo '{"id":1,"error":{"kind":"denied","message":"ghp_Wr0ng0123456789abcdefghijklmnopqrstuv is refused"}}'; sleep 60"#,
    ),
    ("another request", r#"GREET; echo '{"id":9,"result":{"username":"a","password":"b"}}'; sleep 60"#),
    (
        "unknown fields",
        r#"GREET; echo '{"id":1,"result":{"username":"a","password":"b","more":1}}'; sleep 60"#,
    ),
    ("never ending", "GREET; trap '' TERM; sleep 60"),
];

const GREET: &str = r#"read -r line; echo '{"hello":{"protocol":1,"name":"x","version":"1","kinds":{"credential-source":{}}}}'; read -r line"#;

#[test]
fn broken_programs_change_nothing_within_their_deadline() {
    let mut told = Vec::new();
    for (name, script) in BROKEN {
        let project = project("[\"sh\", \"program\"]", "timeout = \"1s\"");
        project.write("configs/program", &script.replace("GREET", GREET));
        let started = Instant::now();
        let deploy = project.run(&["deploy", "--output", "json"]);
        assert!(started.elapsed() < Duration::from_secs(15), "{name}");
        assert_eq!(deploy.exit, Exit::Failed, "{name}: {}{}", deploy.stdout, deploy.stderr);
        assert!(!deploy.stdout.contains("Wr0ng"), "{name}");
        let mut failures = Vec::new();
        for event in deploy.events() {
            match event.event {
                EventKind::PhaseStarted { phase, .. } => assert_eq!(phase, Phase::Plan, "{name}"),
                EventKind::StepFailed { failure, .. } => failures.push(failure),
                EventKind::CommandFailed { failures: all } => failures.extend(all),
                _ => {}
            }
        }
        let [failure] = failures.as_slice() else { panic!("{name}: {}", deploy.stdout) };
        told.push(format!("{name}: {failure}"));
    }
    insta::assert_snapshot!(told.join("\n"));
}
