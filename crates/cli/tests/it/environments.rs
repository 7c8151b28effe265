//! Several environments of one stack in one account.

use std::fs;

use longshore_aws::{Aws, ENVIRONMENT_TAG};
use longshore_cli::Exit;

use crate::{
    hand::by_hand_in,
    project::{LOCAL, Project, Ran},
};

/// The file of the simulated account that the environments share.
const ACCOUNT: &str = ".longshore/account.json";

impl Project {
    /// A project with the environments `production` and `staging`, which differ in nothing but their names.
    fn with_environments() -> Self {
        let project = Self::new();
        project.write("configs/production.toml", LOCAL);
        project.write("configs/staging.toml", LOCAL);
        project
    }

    /// Runs the command in an environment, in the account that all of them share.
    fn run_in(&self, environment: &str, arguments: &[&str]) -> Ran {
        let (account, own) =
            (self.path(ACCOUNT), self.path(&format!(".longshore/cloud-{environment}.json")));
        if account.exists() {
            fs::rename(&account, &own).unwrap();
        }
        let ran = self.run(&[&["--env", environment], arguments].concat());
        fs::rename(own, account).unwrap();
        ran
    }

    fn assert_unchanged(&self, environment: &str) {
        let plan = self.run_in(environment, &["plan", "--detailed-exitcode"]);
        assert_eq!(plan.exit, Exit::Done, "{environment}: {}{}", plan.stdout, plan.stderr);
    }
}

/// Takes the environment from every resource of the stack: earlier versions did not name it.
async fn without_environment(aws: &Aws) {
    let iam = aws.iam().await.unwrap().untag_role().role_name("shop-api-execution");
    iam.tag_keys(ENVIRONMENT_TAG).send().await.unwrap();
    let secrets = aws.secretsmanager().await.unwrap();
    let secret = secrets.untag_resource().secret_id("longshore/shop/ghcr/pull");
    secret.tag_keys(ENVIRONMENT_TAG).send().await.unwrap();
    let logs = aws.cloudwatchlogs().await.unwrap();
    let group = "arn:aws:logs:eu-central-1:123456789012:log-group:/longshore/shop/api";
    logs.untag_resource().resource_arn(group).tag_keys(ENVIRONMENT_TAG).send().await.unwrap();
    let ecs = aws.ecs().await.unwrap();
    for of_ecs in ["cluster/default", "service/default/api", "task-definition/shop-api:1"] {
        let arn = format!("arn:aws:ecs:eu-central-1:123456789012:{of_ecs}");
        ecs.untag_resource().resource_arn(arn).tag_keys(ENVIRONMENT_TAG).send().await.unwrap();
    }
}

#[test]
fn second_environment_of_a_stack_changes_nothing() {
    let project = Project::with_environments();
    assert_eq!(project.run_in("production", &["deploy"]).exit, Exit::Done);
    let staging = project.run_in("staging", &["deploy"]);
    assert_eq!(staging.exit, Exit::Failed);
    crate::assert_shown!(format!("{}{}", staging.stdout, staging.errors()));
    let drift = project.run_in("staging", &["drift"]);
    assert_eq!(drift.exit, Exit::Changes, "{}", drift.stderr);
    assert!(drift.stdout.contains("owner: stack shop in the environment production"), "{}", drift.stdout);
    let status = project.run_in("staging", &["status"]);
    assert_eq!(status.stdout, "api: not there\n");
    assert!(
        status.stderr.contains(
            "the service default/api belongs to the environment production of the same stack and is not shown"
        ),
        "{}",
        status.stderr
    );
    for command in [&["rotate"][..], &["adopt", "role.api"], &["credentials", "--fail-within", "1d"]] {
        let refused = project.run_in("staging", command);
        assert_eq!(refused.exit, Exit::Failed, "{command:?}: {}", refused.stdout);
    }
    project.assert_unchanged("production");
}

#[test]
fn destroying_an_environment_leaves_the_others() {
    let project = Project::with_environments();
    assert_eq!(project.run_in("production", &["deploy"]).exit, Exit::Done);
    let nothing = project.run_in("staging", &["destroy", "--yes"]);
    assert_eq!(nothing.exit, Exit::Done, "{}", nothing.stderr);
    crate::assert_shown!(format!("{}{}", nothing.stdout, nothing.errors()));
    project.assert_unchanged("production");

    let own = ["--set", "stack=shop-staging", "--set", "services.api.cluster=staging"];
    let deploy = project.run_in("staging", &[&["deploy"], &own[..]].concat());
    assert_eq!(deploy.exit, Exit::Done, "{}", deploy.stderr);
    project.assert_unchanged("production");
    let destroy = project.run_in("staging", &[&["destroy", "--yes"], &own[..]].concat());
    assert_eq!(destroy.exit, Exit::Done, "{}", destroy.stderr);
    project.assert_unchanged("production");
}

#[test]
fn resources_without_environment_are_ours_and_get_it() {
    let project = Project::with_environments();
    assert_eq!(project.run_in("production", &["deploy"]).exit, Exit::Done);
    by_hand_in(&project, ACCOUNT, without_environment);
    let drift = project.run_in("production", &["drift"]);
    assert!(drift.stdout.contains("tags.longshore:environment"), "{}", drift.stdout);
    let plan = project.run_in("production", &["plan"]);
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stderr);
    crate::assert_shown!(plan.stdout);
    let deploy = project.run_in("production", &["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}", deploy.stderr);
    project.assert_unchanged("production");
    assert_eq!(project.run_in("staging", &["deploy"]).exit, Exit::Failed);
    assert_eq!(project.run_in("staging", &["destroy", "--yes"]).exit, Exit::Done);
    project.assert_unchanged("production");
}
