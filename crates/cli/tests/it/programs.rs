//! Programs as plugins.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use longshore_cli::{Exit, Interrupts};
use longshore_model::{EventKind, Phase};

use crate::{
    assert_shown,
    project::{Project, TOKEN},
};

/// The stack, with a program as its credential source.
pub(crate) fn project(program: &str, options: &str) -> Project {
    let project = Project::new().variable("PATH", &std::env::var("PATH").unwrap());
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    let (before, after) = base.split_once("use = \"ghcr\"").unwrap();
    let after = after.split_once("token = { file = \"token\" }").unwrap().1;
    let source = format!("use = \"process\"\nhost = \"ghcr.io\"\nprogram = {program}\n{options}");
    project.write("configs/base.toml", &format!("{before}{source}{after}"));
    project.write("configs/pair", &format!("acme-bot:{TOKEN}"));
    project
}

/// The path of an example.
pub(crate) fn example_path(name: &str) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/plugins");
    examples.join(name).canonicalize().unwrap().display().to_string()
}

fn example() -> String {
    format!("['{}']", example_path("longshore-credential-file"))
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
    assert_shown!(plan.stderr);
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

#[test]
fn interrupt_ends_a_silent_program() {
    let project = project("[\"sh\", \"program\"]", "");
    project.write("configs/program", "sleep 60");
    let (asks, receiver) = tokio::sync::mpsc::unbounded_channel();
    asks.send(()).unwrap();
    let started = Instant::now();
    let deploy = project.run_with(&["deploy"], |io| io.interrupts = Interrupts::Channel(receiver));
    assert_eq!(deploy.exit, Exit::Interrupted, "{}{}", deploy.stdout, deploy.stderr);
    assert!(started.elapsed() < Duration::from_secs(8), "it is not waited for");
}

/// The lines of `plugin-test` on a program.
pub(crate) fn tested(project: &Project, exit: Exit, arguments: &[&str]) -> String {
    let ran = project.run(&[&["plugin-test"], arguments].concat());
    assert_eq!(ran.exit, exit, "{}{}", ran.stdout, ran.stderr);
    ran.stdout
}

#[test]
fn plugin_test_passes_the_shell_example() {
    let project = project(&example(), "");
    let file = format!("file={}", project.path("configs/pair").display());
    let program = &example_path("longshore-credential-file");
    let lines =
        tested(&project, Exit::Done, &["--option", &file, "--absent", "file={dir}/none", "--", program]);
    insta::assert_snapshot!(lines);
    let json =
        tested(&project, Exit::Failed, &["--output", "json", "--option", "file={dir}/none", "--", program]);
    let last: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!(last["check"], "tells_no_secret");
}

#[test]
fn plugin_test_names_each_fault() {
    let mut told = Vec::new();
    for (name, script) in BROKEN {
        let project = project(&example(), "");
        project.write("configs/program", &script.replace("GREET", GREET));
        let path = project.path("configs/program").display().to_string();
        let lines = tested(&project, Exit::Failed, &["--timeout", "1s", "--", "sh", &path]);
        let failed: Vec<_> = lines.lines().filter(|line| line.starts_with("failed")).collect();
        told.push(format!("{name}\n{}", failed.join("\n")));
    }
    let told = told.join("\n\n");
    assert!(!told.contains("Wr0ng"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn interrupted_plugin_test_leaves_nothing() {
    let project = project(&example(), "");
    let (home, pid) = (project.path("configs/home"), project.path("configs/pid"));
    let script = format!(
        "{GREET}; case $line in *shutdown*) exit ;; esac; echo \"$HOME\" > '{}'; echo $$ > '{}.new'; mv '{1}.new' '{1}'; sleep 60",
        home.display(),
        pid.display()
    );
    project.write("configs/program", &script);
    let program = project.path("configs/program").display().to_string();
    let (asks, receiver) = tokio::sync::mpsc::unbounded_channel();
    let awaited = pid.clone();
    std::thread::spawn(move || {
        while !awaited.exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        asks.send(()).unwrap();
    });
    let arguments = ["plugin-test", "--pass", "HOME", "--", "sh", &program];
    let ran = project.run_with(&arguments, |io| io.interrupts = Interrupts::Channel(receiver));
    assert_eq!(ran.exit, Exit::Interrupted, "{}{}", ran.stdout, ran.stderr);
    let home = std::fs::read_to_string(home).unwrap();
    assert!(!Path::new(home.trim()).exists(), "{home}");
    let pid = std::fs::read_to_string(pid).unwrap();
    let alive = std::process::Command::new("kill").args(["-0", pid.trim()]).output().unwrap();
    assert!(!alive.status.success(), "{pid} goes on");
}

#[test]
fn plugin_test_finds_an_unknown_parameter_taken() {
    let project = project(&example(), "");
    let source = std::fs::read_to_string(example_path("longshore-credential-file")).unwrap();
    // The host is needed, and more is let through.
    let lax = source.replace("\"host\":\"[^\"\\\\]*\"}", "\"host\":\"[^\"\\\\]*\".*}");
    assert_ne!(lax, source);
    project.write("configs/program", &lax);
    let file = format!("file={}", project.path("configs/pair").display());
    let program = project.path("configs/program").display().to_string();
    let lines = tested(&project, Exit::Failed, &["--option", &file, "--", "sh", &program]);
    let failed: Vec<_> = lines.lines().filter(|line| line.starts_with("failed")).collect();
    let taken =
        "failed    credential-source  refuses_an_unknown_parameter: the program answers with a result";
    assert_eq!(failed, [taken], "{lines}");
}

/// A step whose state is a file.
const RECORD: &str = r#"
hello='{"hello":{"protocol":1,"name":"record","version":"1","kinds":{"step":{"capabilities":["plan","removal","undo"],"options":{"properties":{"file":{"type":"string"},"target":{"type":"string"}}}}}}}'
known='^{"id":[0-9]*,"method":"step\.[a-z-]*","params":{"context":{.*},"options":{[^{}]*},"secrets":{}\(,"action":"[a-z-]*","resource":"[^"]*"\)*},"deadline_ms":[0-9]*}$'
answer() { printf '{"id":%s,%s}\n' "$id" "$1"; }
while IFS= read -r line; do
case $line in
'{"hello":'*) echo "$hello"; continue ;;
'{"shutdown":'*) exit ;;
esac
id=${line#*:}; id=${id%%,*}
file=${line#*\"file\":\"}; file=${file%%\"*}
target=${line#*\"target\":\"}; target=${target%%\"*}
if ! printf '%s\n' "$line" | grep -q "$known"; then
    answer '"error":{"kind":"invalid","message":"this is no request for a step"}'; continue
fi
case $line in
*'"step.plan"'*)
    if [ "$(cat "$file" 2>/dev/null)" = "$target" ]; then answer '"result":{"action":"no-change"}'
    else answer "\"result\":{\"action\":\"update\",\"changes\":[{\"field\":\"target\",\"new\":\"$target\"}]}"; fi ;;
*'"step.apply"'*)
    [ "$(cat "$file" 2>/dev/null)" = "$target" ] || { cp "$file" "$file.old" 2>/dev/null; printf %s "$target" > "$file"; }
    answer '"result":{}' ;;
*'"step.plan-removal"'*)
    if [ -e "$file" ]; then answer '"result":{"action":"delete"}'; else answer '"result":{"action":"no-change"}'; fi ;;
*'"step.remove"'*) rm -f "$file" "$file.old"; answer '"result":{}' ;;
*'"step.undo"'*) rm -f "$file"; mv "$file.old" "$file" 2>/dev/null; answer '"result":{}' ;;
*) answer '"error":{"kind":"invalid","message":"there is no such method"}' ;;
esac
done
"#;

#[test]
fn plugin_test_runs_the_suite_of_stores() {
    let project = project(&example(), "");
    const STORE: &str = include_str!("../../../../plugins/process/src/tests/store.sh");
    project.write("configs/store", STORE);
    let path = project.path("configs/store").display().to_string();
    let options = ["--option", "dir={dir}", "--", "sh", &path];
    insta::assert_snapshot!(tested(&project, Exit::Done, &options));
    // One that does not know owners is told.
    project.write("configs/store", &STORE.replace("\"$owner\" != \"$stack\"", "x = y"));
    let lines = tested(&project, Exit::Failed, &options);
    assert!(lines.contains("failed    secret-store  leaves_alone_what_another_stack_owns"), "{lines}");
}

#[test]
fn program_keeps_the_secrets_of_a_stack() {
    let project = project(&example(), "file = \"pair\"");
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    let store = "\n[stores.default]\nuse = \"process\"\nprogram = [\"sh\", \"store\"]\n";
    let directory = format!("dir = \"{}\"\n", project.path("configs").display());
    project.write("configs/base.toml", &format!("{base}{store}{directory}"));
    project.write("configs/store", include_str!("../../../../plugins/process/src/tests/store.sh"));
    let plan = project.run(&["plan"]);
    assert_eq!(plan.exit, Exit::Done, "{}{}", plan.stdout, plan.stderr);
    assert!(plan.stdout.contains("entry shop/ghcr/pull"), "{}", plan.stdout);
    assert!(!project.path("configs/shop_ghcr_pull").exists(), "a plan writes nothing");
}

#[test]
fn plugin_test_runs_the_suite_of_steps() {
    let project = project(&example(), "");
    project.write("configs/record", RECORD);
    let path = project.path("configs/record").display().to_string();
    let options =
        ["--option", "file={dir}/record", "--option", "target=a", "--change", "target=b", "--", "sh", &path];
    insta::assert_snapshot!(tested(&project, Exit::Done, &options));
    // One that forgets its state is told.
    project.write("configs/record", &RECORD.replace("printf %s \"$target\" > \"$file\"", "true"));
    let lines = tested(&project, Exit::Failed, &options);
    assert!(lines.contains("failed    step  makes_what_is_not_there"), "{lines}");
}
