//! `deploy --on-failure undo`: what a run did that did not succeed is taken back.

use longshore_cli::{Exit, Interrupts};
use tokio::sync::mpsc::unbounded_channel;

use crate::{assert_shown, project::Project};

/// The repository has an image whose container ends at once.
fn project() -> Project {
    let project = Project::new();
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    project.write(
        "configs/local.toml",
        &local.replace("tags.1 = {}\ntags.arm", "tags.1 = {}\ntags.bad.exits = 1\ntags.arm"),
    );
    project
}

const BAD: [&str; 4] =
    ["--set", "services.api.image=ghcr.io/acme/api:bad", "--set", "services.api.logs.retention-days=7"];

fn deploy(project: &Project, more: &[&str]) -> crate::project::Ran {
    project.run(&[&["deploy", "--on-failure", "undo"], more].concat())
}

#[test]
fn of_a_first_deploy_nothing_is_left() {
    let project = project();
    let failed = deploy(&project, &BAD);
    assert_eq!(failed.exit, Exit::Failed);
    assert_shown!(failed.stdout);
    let gone = "`aws logs tail /longshore/shop/api`; the log group /longshore/shop/api was taken back with the rest: \
                deploy without `--on-failure undo` to look at it";
    assert!(failed.stderr.contains(gone), "{}", failed.stderr);
    let left = project.run(&["destroy", "--yes"]);
    assert_eq!(left.stdout, "There is nothing to remove.\n", "{}", left.stderr);
}

#[test]
fn a_stack_that_ran_runs_as_before() {
    let project = project();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    project.write("configs/token", crate::project::TOKEN);
    let failed = deploy(&project, &BAD);
    assert_eq!(failed.exit, Exit::Failed);
    assert_shown!(failed.stdout);
    assert!(
        failed.stderr.contains("`aws logs tail /longshore/shop/api`\n"),
        "it is there: {}",
        failed.stderr
    );
    let plan = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Done, "{}{}", plan.stdout, plan.stderr);
    let status = project.run(&["status"]);
    assert!(status.stdout.contains("api: 2 of 2 tasks running"), "{}", status.stdout);
}

#[test]
fn without_it_the_next_deploy_goes_on_from_there() {
    let project = project();
    let failed = project.run(&[&["deploy"], &BAD[..]].concat());
    assert_eq!(failed.exit, Exit::Failed);
    assert!(failed.stdout.contains("then run `longshore deploy` again"), "{}", failed.stdout);
    let plan = project.run(&["plan"]);
    assert!(plan.stdout.contains("Plan: 0 to create"), "{}", plan.stdout);
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
}

#[test]
fn an_interrupt_is_the_same_case() {
    let project = project();
    let (asks, receiver) = unbounded_channel();
    asks.send(()).unwrap();
    let interrupted = project.run_with(&["deploy", "--on-failure", "undo"], move |io| {
        io.interrupts = Interrupts::Channel(receiver);
    });
    drop(asks);
    assert_eq!(interrupted.exit, Exit::Interrupted, "{}{}", interrupted.stdout, interrupted.stderr);
    let left = project.run(&["destroy", "--yes"]);
    assert_eq!(left.stdout, "There is nothing to remove.\n", "{}", left.stderr);
}

#[test]
fn a_deadline_that_was_too_short_is_not_the_deadline_of_the_way_back() {
    let project = project();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let failed = deploy(
        &project,
        &["--set", "services.api.memory=901", "--set", "services.api.deployment.timeout=1s"],
    );
    assert_eq!(failed.exit, Exit::Failed);
    assert!(!failed.stdout.contains("stuck"), "{}{}", failed.stdout, failed.stderr);
    let plan = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Done, "{}{}", plan.stdout, plan.stderr);
}
