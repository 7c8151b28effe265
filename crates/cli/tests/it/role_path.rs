//! An execution role whose path changes.

use longshore_cli::Exit;

use crate::{assert_shown, hand::by_hand, project::Project};

const MOVED: [&str; 2] = ["--set", "services.api.execution-role.path=/team/"];

fn run(project: &Project, command: &[&str]) -> crate::project::Ran {
    project.run(&[command, &MOVED].concat())
}

/// The execution role of the service's revision.
fn role(project: &Project) -> String {
    by_hand(project, async |aws: &longshore_aws::Aws| {
        let ecs = aws.ecs().await.unwrap();
        let services = ecs.describe_services().services("api").send().await.unwrap().services.unwrap();
        let revision = services[0].task_definition().unwrap();
        let revision = ecs.describe_task_definition().task_definition(revision).send().await.unwrap();
        revision.task_definition.unwrap().execution_role_arn.unwrap()
    })
}

#[test]
fn another_path_replaces_it_and_the_tasks_use_the_new_one() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let plan = run(&project, &["plan"]);
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stderr);
    assert_shown!(plan.stdout);
    let deploy = run(&project, &["deploy", "--yes"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert_eq!(role(&project), "arn:aws:iam::123456789012:role/team/shop-api-execution");
    let again = run(&project, &["plan", "--detailed-exitcode"]);
    assert_eq!(again.exit, Exit::Done, "{}", again.stdout);
    let status = project.run(&["status"]);
    assert!(status.stdout.contains("api: 2 of 2 tasks running"), "{}", status.stdout);
}

#[test]
fn a_service_does_not_go_back_to_a_role_that_is_gone() {
    let project = Project::new();
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    project.write(
        "configs/local.toml",
        &local.replace("tags.1 = {}\ntags.arm", "tags.1 = {}\ntags.bad.exits = 1\ntags.arm"),
    );
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let bad = "services.api.image=ghcr.io/acme/api:bad";
    let failed = run(&project, &["deploy", "--yes", "--on-failure", "undo", "--set", bad]);
    assert_eq!(failed.exit, Exit::Failed);
    assert_shown!(failed.stdout);
    // Nothing is half done: the next deploy goes on from there.
    let deploy = run(&project, &["deploy", "--yes"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
}
