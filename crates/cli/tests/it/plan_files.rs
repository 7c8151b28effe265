//! `plan --out` and `deploy --plan`: what was planned is what is applied.

use longshore_aws::Aws;
use longshore_cli::Exit;

use crate::{hand::by_hand, project::Project};

#[test]
fn what_was_planned_is_what_is_applied() {
    let project = Project::new();
    let file = project.path("plan.json");
    let file = file.to_str().unwrap();
    let plan = project.run(&["plan", "--out", file]);
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stderr);
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(!kept.contains(crate::project::TOKEN), "a plan holds no secret");
    let deploy = project.run(&["deploy", "--plan", file]);
    assert_eq!(deploy.exit, Exit::Done, "{}", deploy.stderr);
    // The world has moved on: by that very deploy.
    let again = project.run(&["deploy", "--plan", file]);
    assert_eq!(again.exit, Exit::Failed);
    assert!(again.stderr.contains("the plan says create, and now it would be no change"), "{}", again.stderr);
}

#[test]
fn when_the_world_moves_in_between_nothing_is_changed() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let file = project.path("plan.json");
    let file = file.to_str().unwrap();
    let more = ["--set", "services.api.memory=1024"];
    assert_eq!(project.run(&[&["plan", "--out", file], &more[..]].concat()).exit, Exit::Done);
    by_hand(&project, async |aws: &Aws| {
        aws.ecs().await.unwrap().update_service().service("api").desired_count(3).send().await.unwrap();
    });
    let deploy = project.run(&[&["deploy", "--plan", file], &more[..]].concat());
    assert_eq!(deploy.exit, Exit::Failed);
    assert!(deploy.stderr.contains("service.api is not as it was planned any more"), "{}", deploy.stderr);
    assert!(deploy.stderr.contains("desiredCount"), "{}", deploy.stderr);
    let plan = project.run(&[&["plan"], &more[..]].concat());
    assert!(plan.stdout.contains("Plan: 0 to create, 2 to update"), "{}", plan.stdout);
}

#[test]
fn a_plan_for_elsewhere_or_no_plan_at_all_is_refused() {
    let project = Project::new();
    let file = project.path("plan.json");
    let file = file.to_str().unwrap();
    let missing = project.run(&["deploy", "--plan", file]);
    assert_eq!(missing.exit, Exit::Failed);
    assert!(missing.stderr.contains("the plan cannot be read"), "{}", missing.stderr);
    assert_eq!(project.run(&["plan", "--out", file]).exit, Exit::Done);
    let elsewhere = project.run(&["deploy", "--plan", file, "--set", "stack=blog"]);
    assert_eq!(elsewhere.exit, Exit::Failed);
    assert!(elsewhere.stderr.contains("the plan was made for the stack `shop`"), "{}", elsewhere.stderr);
}
