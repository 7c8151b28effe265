//! Plans that take resources away: orphans are pruned, and declared resources are replaced and stopped, only when approved.

use std::io::Cursor;

use longshore_aws::Aws;
use longshore_cli::Exit;
use longshore_model::{Answer, EventKind, Loss, LossKind, StepId};
use serde_json::json;

use crate::{
    hand::by_hand,
    project::{Project, Ran},
};

const BILLING: &str = r#"
[services.billing]
image = "ghcr.io/acme/api:1"
"#;

/// The configuration of the old branch, which has no service `billing`, and a change of its own.
const OLD_BRANCH: [&str; 2] = ["--set", "services.api.memory=1024"];

/// A project whose services `api` and `billing` run, and whose configuration is that of an old branch now.
fn old_branch() -> Project {
    let project = Project::new();
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    project.write("configs/base.toml", &format!("{base}{BILLING}"));
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}", deploy.stderr);
    project.write("configs/base.toml", &base);
    project
}

fn deploy(project: &Project, more: &[&str]) -> Ran {
    project.run(&[&["deploy"], &OLD_BRANCH[..], more].concat())
}

fn typing(project: &Project, command: &[&str], text: &'static str) -> Ran {
    project.run_with(command, |io| {
        io.stdin = Box::new(Cursor::new(text));
        io.stdin_is_terminal = true;
    })
}

/// The memory of the task that `api` runs, and whether `billing` runs.
fn what_runs(project: &Project) -> (i32, bool) {
    by_hand(project, async |aws: &Aws| {
        let ecs = aws.ecs().await.unwrap();
        let answer = ecs.describe_services().services("api").services("billing").send().await.unwrap();
        let services = answer.services();
        let billing = services.iter().find(|service| service.service_name() == Some("billing"));
        let billing = billing.is_some_and(|service| service.status() == Some("ACTIVE"));
        let api = services.iter().find(|service| service.service_name() == Some("api")).unwrap();
        let revision = api.task_definition().unwrap();
        let revision = ecs.describe_task_definition().task_definition(revision).send().await.unwrap();
        let containers = revision.task_definition.unwrap().container_definitions.unwrap();
        (containers[0].memory.unwrap(), billing)
    })
}

const UNTOUCHED: (i32, bool) = (768, true);

#[test]
fn old_branch_without_prune_changes_nothing() {
    let project = old_branch();
    let refused = deploy(&project, &[]);
    assert_eq!(refused.exit, Exit::Failed);
    insta::assert_snapshot!(refused.errors());
    assert!(
        refused.stdout.ends_with("The deploy failed: nothing was created or changed.\n"),
        "{}",
        refused.stdout
    );
    assert_eq!(what_runs(&project), UNTOUCHED);
}

#[test]
fn old_branch_with_prune_removes_orphans() {
    let project = old_branch();
    let pruned = deploy(&project, &["--prune"]);
    assert_eq!(pruned.exit, Exit::Done, "{}{}", pruned.stdout, pruned.stderr);
    assert!(
        pruned.stdout.contains("service default/billing       made by service.billing"),
        "{}",
        pruned.stdout
    );
    assert_eq!(what_runs(&project), (1024, false));
}

#[test]
fn old_branch_with_no_prune_leaves_orphans() {
    let project = old_branch();
    let deployed = deploy(&project, &["--no-prune"]);
    assert_eq!(deployed.exit, Exit::Done, "{}{}", deployed.stdout, deployed.stderr);
    assert!(deployed.stdout.contains("service default/billing stays"), "{}", deployed.stdout);
    assert_eq!(what_runs(&project), (1024, true));
    // The orphan still is one.
    let drift = project.run(&[&["drift"], &OLD_BRANCH[..]].concat());
    assert!(drift.stdout.contains("`longshore deploy --prune` puts that right"), "{}", drift.stdout);
}

#[test]
fn no_prune_shows_what_stays_anyway() {
    let project = Project::new();
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    let safe = BILLING.replace("billing", "safe");
    project.write("configs/base.toml", &format!("{base}{BILLING}{safe}protect = true\n"));
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    project.write("configs/base.toml", &base);
    for arguments in [&["plan", "--no-prune"][..], &["deploy", "--no-prune"]] {
        let ran = project.run(arguments);
        assert_eq!(ran.exit, Exit::Done, "{}{}", ran.stdout, ran.stderr);
        for note in [
            "service default/billing stays\n",
            "service default/safe stays, because it is protected",
            "log group /longshore/shop/billing stays\n",
        ] {
            assert!(ran.stdout.contains(note), "{note}: {}", ran.stdout);
        }
    }
}

#[test]
fn terminal_asks_before_pruning() {
    let project = old_branch();
    let command = [&["deploy"], &OLD_BRANCH[..]].concat();
    for answer in ["no\n", "\n", "", "shop\n"] {
        let refused = typing(&project, &command, answer);
        assert_eq!(refused.exit, Exit::Failed, "{answer:?}");
        assert!(refused.stderr.contains("Type `yes` to prune 3 orphans: "), "{}", refused.stderr);
        assert!(refused.stderr.contains("something else than `yes` was typed"), "{}", refused.stderr);
    }
    assert_eq!(what_runs(&project), UNTOUCHED);
    let pruned = typing(&project, &command, "yes\n");
    assert_eq!(pruned.exit, Exit::Done, "{}{}", pruned.stdout, pruned.stderr);
    assert_eq!(what_runs(&project), (1024, false));
}

#[test]
fn plan_file_approves_what_it_shows() {
    let project = old_branch();
    let file = project.path("plan.json");
    let file = file.to_str().unwrap();
    let keep = project.run(&[&["plan", "--no-prune", "--out", file], &OLD_BRANCH[..]].concat());
    assert_eq!(keep.exit, Exit::Done, "{}", keep.stderr);
    let kept = deploy(&project, &["--plan", file]);
    assert_eq!(kept.exit, Exit::Done, "{}{}", kept.stdout, kept.stderr);
    assert_eq!(what_runs(&project), (1024, true));

    let plan = project.run(&[&["plan", "--out", file], &OLD_BRANCH[..]].concat());
    assert!(plan.stdout.contains("service default/billing"), "{}", plan.stdout);
    let pruned = deploy(&project, &["--plan", file]);
    assert_eq!(pruned.exit, Exit::Done, "{}{}", pruned.stdout, pruned.stderr);
    assert_eq!(what_runs(&project), (1024, false));
}

#[test]
fn plan_file_approves_nothing_that_came_since() {
    let project = Project::new();
    let file = project.path("plan.json");
    let file = file.to_str().unwrap();
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    assert_eq!(project.run(&["plan", "--out", file]).exit, Exit::Done);
    project.write("configs/base.toml", &format!("{base}{BILLING}"));
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    project.write("configs/base.toml", &base);
    let refused = project.run(&["deploy", "--plan", file]);
    assert_eq!(refused.exit, Exit::Failed);
    let moved = "undeclared.services is not as it was planned any more";
    assert!(refused.stderr.contains(moved), "{}", refused.stderr);
    assert_eq!(what_runs(&project), UNTOUCHED);
}

#[test]
fn replaced_role_needs_approval() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let moved = ["--set", "services.api.execution-role.path=/team/"];
    let command = |more: &[&'static str]| [&["deploy"], &moved[..], more].concat();
    for more in [&[][..], &["--prune"], &["--no-prune"]] {
        let refused = project.run(&command(more));
        assert_eq!(refused.exit, Exit::Failed, "{more:?}");
        assert!(refused.stderr.contains("- replace role shop-api-execution"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("--prune"), "nothing is pruned: {}", refused.stderr);
    }
    let asked = typing(&project, &command(&[]), "no\n");
    assert!(asked.stderr.contains("Type `yes` to replace or stop 1 declared resource: "), "{}", asked.stderr);
    let approved = project.run(&command(&["--yes"]));
    assert_eq!(approved.exit, Exit::Done, "{}{}", approved.stdout, approved.stderr);
}

#[test]
fn stopped_service_needs_approval() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let stopped = ["deploy", "--set", "services.api.desired-count=0"];
    let refused = project.run(&stopped);
    assert_eq!(refused.exit, Exit::Failed);
    assert!(refused.stderr.contains("- stop service default/api"), "{}", refused.stderr);
    let approved = project.run(&[&stopped[..], &["--yes"]].concat());
    assert_eq!(approved.exit, Exit::Done, "{}{}", approved.stdout, approved.stderr);
    // One task instead of two stops none for good.
    let started = project.run(&["deploy"]);
    assert_eq!(started.exit, Exit::Done, "{}", started.stderr);
    let fewer = project.run(&["deploy", "--set", "services.api.desired-count=1"]);
    assert_eq!(fewer.exit, Exit::Done, "{}", fewer.stderr);
}

#[test]
fn adopted_service_that_stops_needs_approval() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    by_hand(&project, async |aws: &Aws| {
        let ecs = aws.ecs().await.unwrap();
        let described = ecs.describe_services().services("api").send().await.unwrap();
        let arn = described.services()[0].service_arn().unwrap().to_owned();
        ecs.untag_resource().resource_arn(arn).tag_keys("longshore:stack").send().await.unwrap();
    });
    let adopt = ["adopt", "service.api", "--set", "services.api.desired-count=0"];
    let refused = project.run(&adopt);
    assert_eq!(refused.exit, Exit::Failed);
    assert!(refused.stderr.contains("- stop service default/api"), "{}", refused.stderr);
    let approved = project.run(&[&adopt[..], &["--yes"]].concat());
    assert_eq!(approved.exit, Exit::Done, "{}{}", approved.stdout, approved.stderr);
}

#[test]
fn json_stream_has_question_and_answer() {
    let project = old_branch();
    let refused = deploy(&project, &["--output", "json"]);
    let approval = |ran: &Ran| {
        ran.events().into_iter().find_map(|event| match event.event {
            EventKind::Approval { losses, answer } => Some((losses, answer)),
            _ => None,
        })
    };
    let (losses, answer) = approval(&refused).unwrap();
    assert_eq!(answer, Answer::NotAsked);
    let service = Loss {
        step: StepId::new("undeclared", "services"),
        resource: "service default/billing".to_owned(),
        kind: LossKind::Prune,
    };
    assert!(losses.contains(&service), "{losses:?}");
    let command = [&["deploy"], &OLD_BRANCH[..], &["--output", "json"]].concat();
    let approved = typing(&project, &command, "yes\n");
    assert_eq!(approval(&approved).map(|(_, answer)| answer), Some(Answer::Yes));
}

#[test]
fn logs_stay_unless_configured_otherwise() {
    let project = old_branch();
    let groups = |project: &Project| {
        by_hand(project, async |aws: &Aws| {
            let logs = aws.cloudwatchlogs().await.unwrap();
            let answer = logs.call("DescribeLogGroups", json!({})).await.unwrap();
            let groups = answer["logGroups"].as_array().unwrap().iter();
            groups.map(|group| group["logGroupName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        })
    };
    let pruned = deploy(&project, &["--prune"]);
    assert_eq!(pruned.exit, Exit::Done, "{}{}", pruned.stdout, pruned.stderr);
    assert!(pruned.stdout.contains("log group /longshore/shop/billing stays"), "{}", pruned.stdout);
    assert_eq!(groups(&project), ["/longshore/shop/api", "/longshore/shop/billing"]);
    let settled = project.run(&[&["plan", "--detailed-exitcode"], &OLD_BRANCH[..]].concat());
    assert_eq!(settled.exit, Exit::Done, "what stays is no change: {}", settled.stdout);
    let drift = project.run(&[&["drift"], &OLD_BRANCH[..]].concat());
    assert_eq!(drift.exit, Exit::Done, "what stays is no drift: {}", drift.stdout);

    let destroyed = project.run(&["destroy", "--yes"]);
    assert_eq!(destroyed.exit, Exit::Done, "{}{}", destroyed.stdout, destroyed.stderr);
    assert_eq!(groups(&project), ["/longshore/shop/api", "/longshore/shop/billing"]);
    assert_eq!(project.run(&["destroy", "--yes"]).exit, Exit::Done);

    // Declared again, the log group is used again; and now it goes with its service.
    let removal = "services.billing.logs.removal=delete";
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    project.write("configs/base.toml", &format!("{base}{BILLING}"));
    let again = project.run(&["deploy", "--set", removal]);
    assert_eq!(again.exit, Exit::Done, "{}{}", again.stdout, again.stderr);
    project.write("configs/base.toml", &base);
    assert_eq!(project.run(&["deploy", "--prune"]).exit, Exit::Done);
    assert_eq!(groups(&project), ["/longshore/shop/api"]);
    let removal = "services.api.logs.removal=delete";
    assert_eq!(project.run(&["destroy", "--yes", "--set", removal]).exit, Exit::Done);
    assert!(groups(&project).is_empty());
}
