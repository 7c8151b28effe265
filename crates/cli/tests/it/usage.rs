//! The command line itself.

use longshore_cli::Exit;

use crate::project::{Project, Ran};

fn shown(arguments: &[&str]) -> Ran {
    Project::new().run(arguments)
}

#[test]
fn help_teaches() {
    let help = shown(&["--help"]);
    assert_eq!((help.exit, help.stderr.as_str()), (Exit::Done, ""));
    insta::assert_snapshot!(help.stdout);
    insta::assert_snapshot!(shown(&["deploy", "--help"]).stdout);
    for command in
        ["plan", "deploy", "status", "destroy", "config", "validate", "show", "graph", "cloud", "completions"]
    {
        let help = shown(&[command, "-h"]).stdout;
        let has_example =
            ["Example:", "Examples:"].iter().any(|title| help.contains(&format!("{title}\n  longshore")));
        assert!(has_example, "{command}");
    }
}

#[test]
fn a_wrong_command_line_has_an_exit_code_of_its_own() {
    for arguments in [&["frob"][..], &["plan", "--concurrency", "0"], &["graph", "--format", "png"], &[]] {
        let ran = shown(arguments);
        assert_eq!((ran.exit, ran.stdout.as_str()), (Exit::Usage, ""), "{arguments:?}");
        assert!(!ran.stderr.is_empty());
    }
    let variable = Project::new().variable("LONGSHORE_OUTPUT", "xml").run(&["plan"]);
    assert_eq!(variable.exit, Exit::Usage);
    insta::assert_snapshot!(variable.stderr);
    let filter = Project::new().variable("LONGSHORE_LOG", "a=b=c").run(&["plugins"]);
    assert_eq!(filter.exit, Exit::Usage, "{}", filter.stderr);
}

#[test]
fn the_variables_of_the_command_are_no_keys_of_the_configuration() {
    let mut project = Project::new();
    for (name, value) in [
        ("LONGSHORE_COLOR", "never"),
        ("LONGSHORE_CONCURRENCY", "3"),
        ("LONGSHORE_LOG", "info"),
        ("LONGSHORE_OUTPUT", "text"),
        ("LONGSHORE_SHOW_HELPER_ERRORS", "true"),
        ("LONGSHORE_VERBOSE", "1"),
    ] {
        project = project.variable(name, value);
    }
    let ran = project.run(&["config"]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.stderr);
}

#[test]
fn colours_are_as_they_are_wanted() {
    let colored = |arguments: &[&str], terminal: bool| {
        let ran = Project::new().run_with(arguments, |io| io.stderr_is_terminal = terminal);
        ran.stderr.contains('\u{1b}')
    };
    assert!(!colored(&["frob"], false));
    assert!(colored(&["frob"], true));
    assert!(!colored(&["frob", "--color=never"], true));
    assert!(colored(&["frob", "--color", "always"], false));
}

#[test]
fn graphs_are_drawn() {
    insta::assert_snapshot!(shown(&["graph"]).stdout);
    insta::assert_snapshot!(shown(&["graph", "--format", "mermaid"]).stdout);
    assert!(shown(&["graph", "--format", "dot"]).stdout.starts_with("digraph longshore {"));
}

#[test]
fn plugins_are_listed() {
    insta::assert_snapshot!(shown(&["plugins"]).stdout);
}

#[test]
fn plugin_is_described_with_its_options() {
    insta::assert_snapshot!(shown(&["plugins", "ghcr"]).stdout);
    let described = shown(&["plugins", "ghcr", "--output", "json"]).stdout;
    assert!(described.contains(r#""host":"ghcr.io""#), "{described}");
    let unknown = Project::new().run(&["plugins", "gcr"]);
    assert_eq!(unknown.exit, Exit::Failed);
    assert!(unknown.stderr.contains("did you mean `ghcr`?"), "{}", unknown.stderr);
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = shown(&["completions", shell]).stdout;
        assert!(script.contains("destroy") && script.contains("detailed-exitcode"), "{shell}");
    }
}

#[test]
fn a_class_of_calls_that_is_not_there_is_refused_where_it_was_set() {
    let ran = shown(&["plan", "--set", "aws.rates.iam-raed.burst=3"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (Exit::Failed, ""), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("aws.rates.iam-raed: there is no such class of calls; did you mean `iam-read`?"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--set aws.rates.iam-raed.burst"), "{}", ran.stderr);
}
