//! The environment has to be named where a pipeline runs the command.

use longshore_cli::Exit;

use crate::project::Project;

/// The commands that change something.
const CHANGES: [&[&str]; 5] =
    [&["deploy"], &["destroy", "--yes"], &["rotate"], &["adopt", "role.api"], &["lock", "release", "--yes"]];

#[test]
fn pipelines_must_name_the_environment_to_change_something() {
    let project = Project::new().variable("CI", "true");
    project.write("configs/production.toml", "");
    for arguments in CHANGES {
        let refused = project.run(arguments);
        assert_eq!(refused.exit, Exit::Usage, "{arguments:?}");
        assert!(
            refused.stderr.contains("name it with --env or LONGSHORE_ENV; there are: local, production"),
            "{arguments:?}: {}",
            refused.stderr
        );
        assert_eq!(refused.stdout, "", "{arguments:?}");
    }
    assert!(!project.path(".longshore").exists(), "nothing was begun");
    for arguments in [&["plan"][..], &["status"], &["drift"], &["lock", "show"]] {
        assert_ne!(project.run(arguments).exit, Exit::Usage, "{arguments:?}");
    }
    assert_eq!(project.run(&["deploy", "--env", "local"]).exit, Exit::Done);
    let by_variable = Project::new().variable("CI", "true").variable("LONGSHORE_ENV", "local");
    assert_eq!(by_variable.run(&["deploy"]).exit, Exit::Done);
}

#[test]
fn environment_is_local_outside_of_pipelines() {
    for ci in ["", "false", "0"] {
        let project = Project::new().variable("CI", ci);
        assert_eq!(project.run(&["lock", "release", "--yes"]).exit, Exit::Done, "CI={ci}");
    }
}
