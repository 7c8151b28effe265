//! Rollouts that fail over tasks that ran, and `longshore rollback` and `longshore restart`.

use std::io::Cursor;

use longshore_aws::Aws;
use longshore_cli::Exit;

use crate::{
    assert_shown,
    hand::by_hand,
    interrupts::interrupted,
    project::{Project, Ran},
};

const BAD: &str = "services.api.image=ghcr.io/acme/api:bad";
const MORE: &str = "services.api.memory=1024";

/// The repository has an image whose container ends at once.
fn project() -> Project {
    let project = Project::new();
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    let bad = local.replace("tags.1 = {}\ntags.arm", "tags.1 = {}\ntags.bad.exits = 1\ntags.arm");
    project.write("configs/local.toml", &bad);
    project
}

fn set(project: &Project, command: &[&str], values: &[&str]) -> Ran {
    let mut arguments = command.to_vec();
    values.iter().for_each(|value| arguments.extend(["--set", value]));
    project.run(&arguments)
}

/// Returns the standard output of a run that must succeed.
fn done(ran: &Ran) -> &str {
    assert_eq!(ran.exit, Exit::Done, "{}{}", ran.stdout, ran.stderr);
    &ran.stdout
}

/// The ids of the tasks that run, and their revision.
fn tasks(project: &Project) -> (Vec<String>, String) {
    by_hand(project, async |aws: &Aws| {
        let ecs = aws.ecs().await.unwrap();
        let arns = ecs.list_tasks().service_name("api").send().await.unwrap().task_arns.unwrap();
        let tasks = ecs.describe_tasks().set_tasks(Some(arns.clone())).send().await.unwrap().tasks.unwrap();
        assert!(tasks.iter().all(|task| task.last_status() == Some("RUNNING")), "{tasks:?}");
        let revision = tasks[0].task_definition_arn().unwrap();
        assert!(tasks.iter().all(|task| task.task_definition_arn() == Some(revision)), "{tasks:?}");
        (arns, revision.rsplit('/').next().unwrap().to_owned())
    })
}

#[test]
fn failed_deploy_leaves_the_old_revision_running() {
    let project = project();
    done(&project.run(&["deploy"]));
    let failed = set(&project, &["deploy"], &[BAD]);
    assert_eq!(failed.exit, Exit::Failed);
    assert_shown!(failed.errors());
    assert_shown!(failed.stdout.split_once("Plan: ").unwrap().1);
    let (running, revision) = tasks(&project);
    assert_eq!((running.len(), revision.as_str()), (2, "shop-api:1"));
    // The failed declaration is a change again, and the previous one is not.
    let again = set(&project, &["plan", "--detailed-exitcode"], &[BAD]);
    assert!(again.stdout.contains("shop-api:1 -> shop-api:2"), "{}", again.stdout);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
}

#[test]
fn failed_deploy_stays_where_rollback_is_false() {
    let project = project();
    done(&project.run(&["deploy"]));
    let failed = set(&project, &["deploy"], &[BAD, "services.api.deployment.rollback=false"]);
    assert_eq!(failed.exit, Exit::Failed);
    assert!(failed.stderr.contains("its `deployment.rollback` is false"), "{}", failed.stderr);
    assert!(failed.stdout.contains("`longshore rollback` takes a service back"), "{}", failed.stdout);
    // That is the way out.
    let back = project.run(&["rollback", "--yes"]);
    assert!(done(&back).contains("shop-api:2 -> shop-api:1"), "{}", back.stdout);
    assert_eq!(tasks(&project).1, "shop-api:1");
}

#[test]
fn failed_first_deploy_has_nothing_to_go_back_to() {
    let project = project();
    let failed = set(&project, &["deploy"], &[BAD]);
    assert_eq!(failed.exit, Exit::Failed);
    let nothing = "there is nothing to go back to: this run has made the service";
    assert!(failed.stderr.contains(nothing), "{}", failed.stderr);
}

#[test]
fn interrupted_deploy_is_no_failed_rollout() {
    let project = project();
    done(&project.run(&["deploy"]));
    let ran = interrupted(&project, &["deploy", "--set", BAD], "tasks running", 1);
    assert_eq!(ran.exit, Exit::Interrupted, "{}", ran.stderr);
    assert!(!ran.stderr.contains("goes back"), "{}", ran.stderr);
    // The next run finds out that it fails, and goes back to what ran before both.
    let failed = set(&project, &["deploy"], &[BAD]);
    assert!(failed.stderr.contains("runs shop-api:1 again, 2 of 2 tasks"), "{}", failed.stderr);
}

#[test]
fn rollback_returns_to_earlier_revisions() {
    let project = project();
    done(&project.run(&["deploy"]));
    done(&set(&project, &["deploy"], &[MORE]));
    done(&set(&project, &["deploy"], &["services.api.memory=1200"]));
    let back = project.run(&["rollback", "--yes"]);
    assert_shown!(done(&back));
    assert_eq!(tasks(&project).1, "shop-api:2");
    // It goes on backwards, and says when there is nothing before.
    done(&project.run(&["rollback", "api", "--yes"]));
    assert_eq!(tasks(&project).1, "shop-api:1");
    let first = project.run(&["rollback", "--yes"]);
    assert_eq!(first.exit, Exit::Failed);
    assert!(first.stderr.contains("there is no earlier revision of shop-api:1"), "{}", first.stderr);
    // The plan says that something else is declared.
    let plan = set(&project, &["plan"], &["services.api.memory=1200"]);
    assert!(plan.stdout.contains("shop-api:1 -> shop-api:3"), "{}", plan.stdout);
    // Forwards, by each form of a name.
    for (named, revision) in [
        ("2", "shop-api:2"),
        ("shop-api:3", "shop-api:3"),
        ("arn:aws:ecs:eu-central-1:123456789012:task-definition/shop-api:1", "shop-api:1"),
    ] {
        done(&project.run(&["rollback", "--yes", "--to", named]));
        assert_eq!(tasks(&project).1, revision);
    }
    let same = project.run(&["rollback", "--yes", "--to", "1"]);
    assert!(done(&same).contains("There is nothing to roll back."), "{}", same.stdout);
}

#[test]
fn rollback_refuses_revisions_that_cannot_run() {
    let project = project();
    done(&project.run(&["deploy"]));
    done(&set(&project, &["deploy"], &[MORE]));
    by_hand(&project, async |aws: &Aws| {
        crate::hand::register_by_hand(aws).await;
        let ecs = aws.ecs().await.unwrap();
        ecs.deregister_task_definition().task_definition("shop-api:1").send().await.unwrap();
    });
    let before = tasks(&project);
    let mut errors = String::new();
    for named in ["9", "0", "v1", "other:1", "shop-api:1", "3"] {
        let refused = project.run(&["rollback", "--yes", "--to", named]);
        assert_eq!(refused.exit, Exit::Failed, "{named}: {}", refused.stdout);
        errors.push_str(&format!("{}\n", refused.errors()));
    }
    assert_shown!(errors);
    // Of its own accord it passes over them.
    let none = project.run(&["rollback", "--yes"]);
    assert!(none.stderr.contains("there is no earlier revision of shop-api:2"), "{}", none.stderr);
    assert_eq!(tasks(&project), before);
}

#[test]
fn rollback_that_fails_returns_to_what_ran() {
    let project = project();
    done(&project.run(&["deploy"]));
    assert_eq!(set(&project, &["deploy"], &[BAD]).exit, Exit::Failed);
    let failed = project.run(&["rollback", "--yes", "--to", "2"]);
    assert_eq!(failed.exit, Exit::Failed);
    assert!(failed.stderr.contains("runs shop-api:1 again, 2 of 2 tasks"), "{}", failed.stderr);
    assert!(failed.stdout.contains("`longshore status` shows what runs now."), "{}", failed.stdout);
}

#[test]
fn restart_replaces_the_tasks() {
    let project = project();
    done(&project.run(&["deploy"]));
    let (old, revision) = tasks(&project);
    let restarted = project.run(&["restart", "--yes"]);
    assert_shown!(done(&restarted));
    let (new, same) = tasks(&project);
    assert_eq!((new.len(), revision), (2, same));
    assert!(new.iter().all(|task| !old.contains(task)), "{old:?} {new:?}");
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
    let idle = set(&project, &["deploy", "--yes"], &["services.api.desired-count=0"]);
    done(&idle);
    assert!(done(&project.run(&["restart", "--yes"])).contains("There is nothing to restart."));
}

#[test]
fn operations_leave_foreign_services_alone() {
    let project = project();
    for command in ["rollback", "restart"] {
        let absent = project.run(&[command, "--yes"]);
        assert_eq!(absent.exit, Exit::Failed);
        assert!(absent.stderr.contains("the service default/api is not there"), "{}", absent.stderr);
    }
    done(&project.run(&["deploy"]));
    done(&set(&project, &["deploy"], &[MORE]));
    let before = tasks(&project);
    by_hand(&project, async |aws: &Aws| {
        let ecs = aws.ecs().await.unwrap();
        let services = ecs.describe_services().services("api").send().await.unwrap().services.unwrap();
        let arn = services[0].service_arn().unwrap();
        ecs.untag_resource().resource_arn(arn).tag_keys("longshore:stack").send().await.unwrap();
    });
    for command in ["rollback", "restart"] {
        let refused = project.run(&[command, "--yes"]);
        assert_eq!(refused.exit, Exit::Failed);
        assert!(refused.stderr.contains("carries no tag `longshore:stack`"), "{}", refused.stderr);
    }
    assert_eq!(tasks(&project), before);
}

#[test]
fn operations_ask_on_a_terminal_and_nowhere_else() {
    let project = project();
    done(&project.run(&["deploy"]));
    for command in ["rollback", "restart"] {
        let unasked = project.run(&[command]);
        assert_eq!((unasked.exit, unasked.stdout.as_str()), (Exit::Failed, ""));
        assert!(unasked.stderr.contains("pass --yes"), "{}", unasked.stderr);
    }
    let (old, _) = tasks(&project);
    let typed = |text: &'static str| {
        project.run_with(&["restart"], move |io| {
            io.stdin = Box::new(Cursor::new(text));
            io.stdin_is_terminal = true;
        })
    };
    let no = typed("no\n");
    assert_eq!(no.exit, Exit::Failed);
    assert!(no.stdout.ends_with("The restart failed: nothing was created or changed.\n"), "{}", no.stdout);
    assert_eq!(tasks(&project).0, old);
    done(&typed("shop\n"));
    assert_ne!(tasks(&project).0, old);
}

#[test]
fn one_of_several_services_must_be_named() {
    let project = project();
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    let worker = "[services.worker]\nimage = \"ghcr.io/acme/api:1\"\nmemory = 512\n";
    project.write("configs/base.toml", &format!("{base}\n{worker}"));
    done(&project.run(&["deploy"]));
    let mut errors = String::new();
    for arguments in [
        &["restart", "--yes"][..],
        &["restart", "worke", "--yes"],
        &["rollback", "api", "worker", "--to", "1", "--yes"],
    ] {
        let refused = project.run(arguments);
        assert_eq!(refused.exit, Exit::Failed, "{arguments:?}");
        assert!(refused.stdout.ends_with("failed: nothing was created or changed.\n"), "{}", refused.stdout);
        errors.push_str(&format!("{}\n", refused.errors()));
    }
    assert_shown!(errors);
    let (api, _) = tasks(&project);
    let worker = project.run(&["restart", "worker", "--yes"]);
    assert!(done(&worker).contains("service default/worker") && !worker.stdout.contains("default/api"));
    assert_eq!(tasks(&project).0, api);
    done(&project.run(&["restart", "--all", "--yes"]));
    assert_ne!(tasks(&project).0, api);
}
