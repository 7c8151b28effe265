//! Text that terminals and CI runners would obey is shown, wherever it comes from.

use longshore_cli::Exit;

use crate::project::{Project, Ran};

/// Erases the line above, and sets an output of the step in a runner of Azure Pipelines or GitHub Actions.
const HOSTILE: &str = "a\u{1b}[1A\u{1b}[2K\u{202e}##[set-output name=x]##vso[task.complete]\n::add-mask::a";

/// The same in TOML.
const IN_TOML: &str =
    r#""a\u001b[1A\u001b[2K\u202e##[set-output name=x]##vso[task.complete]\n::add-mask::a""#;

fn require_shown(ran: &Ran) {
    let printed = format!("{}{}", ran.stdout, ran.stderr);
    let unpainted = ["0m", "1m", "2m", "4m", "31m", "32m", "33m"]
        .iter()
        .fold(printed.clone(), |text, paint| text.replace(&format!("\u{1b}[{paint}"), ""));
    let is_shown = |c: char| c == '\n' || longshore_model::is_printable(c);
    assert!(unpainted.chars().all(is_shown), "{printed:?}");
    assert!(!printed.contains("##[") && !printed.contains("##vso["), "{printed}");
    assert!(!printed.lines().any(|line| line.trim().starts_with("::")), "{printed}");
}

fn project() -> Project {
    let project = Project::new();
    let service = format!("[services.api.environment]\nMOTD = {IN_TOML}\n");
    project.write("configs/local.toml", &format!("{}\n{service}", crate::project::LOCAL));
    project
}

#[test]
fn configured_values_are_escaped_by_every_command() {
    let project = project();
    for command in ["config", "validate", "graph", "plan", "deploy", "drift", "status", "destroy --yes"] {
        for arguments in ["", "--color always", "--output json", "-vvv"] {
            let arguments: Vec<_> = command.split(' ').chain(arguments.split_whitespace()).collect();
            let ran = project.run(&arguments);
            assert_eq!(ran.exit, Exit::Done, "{arguments:?}: {}", ran.stderr);
            require_shown(&ran);
        }
    }
    let plan = project.run(&["plan"]);
    assert!(
        plan.stdout.contains("MOTD=a\\u001b[1A\\u001b[2K\\u202e#\\u0023[set-output name=x]"),
        "{}",
        plan.stdout
    );
}

#[test]
fn plan_file_is_escaped_and_keeps_its_values() {
    let project = project();
    let file = project.path("plan.json");
    let file = file.to_str().unwrap();
    assert_eq!(project.run(&["plan", "--out", file]).exit, Exit::Done);
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.chars().all(|c| c == '\n' || longshore_model::is_printable(c)), "{text}");
    assert!(text.contains("\\u202e#\\u0023[set-output"), "{text}");
    let hostile = text.replace("\"environment\": \"local\"", "\"environment\": \"\\u001b[2K::error::\"");
    assert_ne!(hostile, text);
    std::fs::write(project.path("hostile.json"), hostile).unwrap();
    for arguments in [&[][..], &["--output", "json"]] {
        let hostile = project.path("hostile.json");
        let ran = project.run(&[&["show", hostile.to_str().unwrap()], arguments].concat());
        assert_eq!(ran.exit, Exit::Done, "{}", ran.stderr);
        require_shown(&ran);
    }
    let deploy = project.run(&["deploy", "--plan", file]);
    assert_eq!(deploy.exit, Exit::Done, "{}", deploy.stderr);
    require_shown(&deploy);
    // A plan file of others: each of its texts may show up in the refusal.
    project.write("plan.json", &text.replace("\"shop\"", &serde_json::to_string(HOSTILE).unwrap()));
    let refused = project.run(&["deploy", "--plan", file]);
    assert_eq!(refused.exit, Exit::Failed);
    assert!(refused.stderr.contains("\\u001b[2K"), "{}", refused.stderr);
    require_shown(&refused);
}

#[test]
fn command_line_and_variables_are_escaped() {
    let project = Project::new();
    let set = format!("services.api.{HOSTILE}=1");
    for arguments in [
        &["plan", "--output", HOSTILE][..],
        &["--color", "always", HOSTILE],
        &["plan", "--color", "always", "--set", HOSTILE],
        &["plan", "--set", &set],
        &["plan", "--env", HOSTILE],
        &["adopt", HOSTILE, "--yes"],
        &["deploy", "--plan", HOSTILE],
        &["config", "--config-dir", HOSTILE],
    ] {
        let ran = project.run(arguments);
        assert!(ran.exit != Exit::Done, "{arguments:?}");
        require_shown(&ran);
    }
    for name in ["LONGSHORE_LOG", "LONGSHORE_OUTPUT", "LONGSHORE_STACK", "LONGSHORE_ENV"] {
        let ran = Project::new().variable(name, HOSTILE).run(&["plan"]);
        assert!(ran.exit != Exit::Done, "{name}");
        require_shown(&ran);
    }
}

#[test]
fn lock_holder_is_escaped() {
    let project = Project::new().variable("USER", HOSTILE).variable("HOSTNAME", "laptop");
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let shown = project.run(&["lock", "show"]);
    assert!(shown.stdout.contains("a\\u001b[1A\\u001b[2K"), "{}", shown.stdout);
    require_shown(&shown);
}
