//! Failures, and that nothing was created then.

use longshore_cli::Exit;

use crate::{
    assert_shown,
    project::{Project, WRONG_TOKEN},
};

/// A deploy that must fail before it creates anything: what it says.
fn refused(project: &Project, set: &[&str]) -> String {
    let mut arguments = vec!["deploy"];
    set.iter().for_each(|set| arguments.extend(["--set", set]));
    let deploy = project.run(&arguments);
    assert_eq!(deploy.exit, Exit::Failed);
    assert_eq!(deploy.stdout, "The deploy failed: nothing was created or changed.\n", "{}", deploy.stderr);
    let left = project.run(&["destroy", "--yes"]);
    assert_eq!(left.stdout, "There is nothing to remove.\n", "{}", left.stderr);
    deploy.errors()
}

#[test]
fn a_wrong_token() {
    let project = Project::new();
    project.write("configs/token", WRONG_TOKEN);
    assert_shown!(refused(&project, &[]));
}

#[test]
fn a_token_without_access() {
    assert_shown!(refused(&Project::new(), &["services.api.image=ghcr.io/acme/internal:1"]));
}

#[test]
fn an_image_that_is_not_there() {
    assert_shown!(refused(&Project::new(), &["services.api.image=ghcr.io/acme/api:2"]));
}

#[test]
fn an_image_for_another_platform() {
    assert_shown!(refused(&Project::new(), &["services.api.image=ghcr.io/acme/api:arm"]));
}

#[test]
fn a_registry_that_does_not_answer() {
    assert_shown!(refused(&Project::new(), &["cloud.registries.\"ghcr.io\".fault=unreachable"]));
}

#[test]
fn a_token_that_is_not_there() {
    assert_shown!(refused(&Project::new(), &["registries.ghcr.token={env=\"NOT_SET\"}"]));
}

#[test]
fn a_password_of_the_simulated_cloud_that_is_not_there() {
    let project = Project::new();
    std::fs::remove_file(project.path("configs/right-token")).unwrap();
    let plan = project.run(&["plan"]);
    assert_eq!((plan.exit, plan.stdout.as_str()), (Exit::Failed, ""));
    assert_shown!(plan.stderr);
}

#[test]
fn another_account() {
    let project = Project::new();
    // If only the stack names an account, the simulated cloud plays it.
    let plan = project.run(&["plan", "--set", "aws.account=\"111122223333\""]);
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stderr);
    let project = Project::new();
    let guarded = ["--set", "aws.account=\"111122223333\"", "--set", "cloud.account=\"444455556666\""];
    for command in [&["plan"][..], &["deploy"], &["status"], &["destroy", "--yes"]] {
        let ran = project.run(&[command, &guarded].concat());
        assert_eq!((ran.exit, ran.stdout.as_str()), (Exit::Failed, ""), "{command:?}");
        if command == ["deploy"] {
            assert_shown!(ran.stderr);
        }
    }
}

#[test]
fn many_problems_of_the_configuration_at_once() {
    let project = Project::new();
    project.write(
        "configs/local.toml",
        r#"
cloud.embedded = "yes"
registries.ghcr.token = "ghp_Wr0ng0123456789abcdefghijklmnopqrstuv"
stores.default.use = "secretmanager"
[services.api]
memroy = 1024
desired-count = "two"
[services.web]
image = "not an image"
"#,
    );
    for command in ["plan", "deploy", "config", "graph", "status"] {
        let ran = project.run(&[command]);
        assert_eq!((ran.exit, ran.stdout.as_str()), (Exit::Failed, ""), "{command}");
        assert!(!ran.stderr.contains("0123456789abcdef"), "{}", ran.stderr);
        if command == "deploy" {
            assert_shown!(ran.stderr);
        }
    }
}

#[test]
fn an_environment_that_is_not_there() {
    let ran = Project::new().run(&["deploy", "--env", "prod"]);
    assert_eq!(ran.exit, Exit::Failed);
    assert_shown!(ran.stderr);
}

#[test]
fn tasks_that_cannot_start_end_the_deploy_with_their_reason() {
    // The image is pulled as soon as it is proved; what fails is the container.
    let project = Project::new();
    let exits = "cloud.registries.\"ghcr.io\".repositories.\"acme/api\".tags.1={ exits = 3 }";
    let deploy = project.run(&["deploy", "--set", exits]);
    assert_eq!(deploy.exit, Exit::Failed, "{}", deploy.stdout);
    assert_shown!(deploy.errors());
    assert_shown!(deploy.stdout.split_once("Plan: ").unwrap().1);
}
