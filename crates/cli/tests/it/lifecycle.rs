//! From nothing to running tasks, to a change, and back to nothing.

use std::io::Cursor;

use longshore_cli::Exit;

use crate::{assert_shown, project::Project};

#[test]
fn from_nothing_to_running_tasks_and_back() {
    let project = Project::new();

    let plan = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Changes, "{}", plan.stderr);
    assert_shown!(plan.stdout);
    assert_eq!(project.run(&["plan"]).exit, Exit::Done);
    assert_shown!(project.run(&["status"]).stdout);

    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}", deploy.stderr);
    assert_shown!(deploy.stdout);

    let again = project.run(&["deploy"]);
    assert_eq!(again.exit, Exit::Done, "{}", again.stderr);
    assert_shown!(again.stdout);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);

    let more = ["--set", "services.api.memory=1024"];
    let changed = project.run(&[&["plan", "--detailed-exitcode"][..], &more].concat());
    assert_eq!(changed.exit, Exit::Changes, "{}", changed.stderr);
    assert_shown!(changed.stdout);
    let changed = project.run(&[&["deploy"][..], &more].concat());
    assert_eq!(changed.exit, Exit::Done, "{}", changed.stderr);
    assert_shown!(changed.stdout);
    assert_shown!(project.run(&["status"]).stdout);

    let destroy = project.run(&["destroy", "--yes"]);
    assert_eq!(destroy.exit, Exit::Done, "{}", destroy.stderr);
    assert_shown!(destroy.stdout);
    let status = project.run(&["status"]);
    assert_eq!((status.exit, status.stdout.as_str()), (Exit::Done, "api: not there\n"));
    assert_eq!(project.run(&["destroy", "--yes"]).stdout, "There is nothing to remove.\n");
}

#[test]
fn destroy_asks_for_the_stacks_name() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);

    let unasked = project.run(&["destroy"]);
    assert_eq!((unasked.exit, unasked.stdout.as_str()), (Exit::Failed, ""));
    assert_shown!(unasked.stderr);

    let typed = |text: &'static str| {
        project.run_with(&["destroy"], move |io| {
            io.stdin = Box::new(Cursor::new(text));
            io.stdin_is_terminal = true;
        })
    };
    let wrong = typed("shopp\n");
    assert_eq!(wrong.exit, Exit::Failed);
    assert_shown!(wrong.errors());
    assert!(wrong.stdout.ends_with("The destroy failed: nothing was removed.\n"), "{}", wrong.stdout);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done, "all is still there");

    let right = typed("shop\n");
    assert_eq!(right.exit, Exit::Done, "{}", right.stderr);
    assert_eq!(project.run(&["status"]).stdout, "api: not there\n");
}

#[test]
fn a_terminal_shows_a_tree() {
    let project = Project::new().variable("LANG", "C.UTF-8");
    let deploy = project.run_with(&["deploy"], |io| {
        io.stdout_is_terminal = true;
        io.stderr_is_terminal = true;
    });
    assert_eq!(deploy.exit, Exit::Done);
    // The last drawing shows a line for each step, in the tree's order.
    let drawn = deploy.stderr.rsplit("\u{1b}[2K").next().unwrap();
    let (_, drawn) = drawn.split_once('m').unwrap();
    let drawn: Vec<_> = console::strip_ansi_codes(drawn).chars().collect();
    let lines: Vec<_> =
        drawn.chunks(100).map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect();
    assert_shown!(lines.join("\n"));
    assert!(deploy.stdout.contains("\u{1b}[32m2 of 2 tasks running\u{1b}[0m"), "{}", deploy.stdout);
}

#[test]
fn variables_and_flags_change_single_values() {
    let project = Project::new().variable("LONGSHORE_SERVICES__API__DESIRED_COUNT", "1");
    let deploy = project.run(&["deploy", "--set", "services.api.memory=1024"]);
    assert_eq!(deploy.exit, Exit::Done, "{}", deploy.stderr);
    assert!(deploy.stdout.contains("api: 1 of 1 task running"), "{}", deploy.stdout);
    let config = project.run(&["config", "--set", "services.api.memory=1024"]);
    assert_eq!(config.exit, Exit::Done);
    assert_shown!(config.stdout);
}
