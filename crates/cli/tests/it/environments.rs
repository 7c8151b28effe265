//! Several environments of one stack in one account.

use std::fs;

use longshore_aws::{Aws, ENVIRONMENT_TAG};
use longshore_cli::Exit;
use serde_json::json;

use crate::{
    hand::by_hand_in,
    project::{LOCAL, Project, Ran, TOKEN},
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
        let (account, own) = (self.path(ACCOUNT), self.path(&format!(".longshore/cloud-{environment}.json")));
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
    let untag = json!({ "resourceArn": group, "tagKeys": [ENVIRONMENT_TAG] });
    logs.call("UntagResource", untag).await.unwrap();
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

#[test]
fn lock_of_another_environment_is_not_released() {
    let project = Project::with_environments();
    assert_eq!(project.run_in("production", &["plan"]).exit, Exit::Done);
    by_hand_in(&project, ACCOUNT, held_by_production);
    let refused = project.run_in("staging", &["lock", "release", "--yes"]);
    assert_eq!(refused.exit, Exit::Failed, "{}", refused.stdout);
    assert!(
        refused
            .stderr
            .contains("a run in the environment `production` holds the lock, and none in `staging`"),
        "{}",
        refused.stderr
    );
    let released = project.run_in("production", &["lock", "release", "--yes"]);
    assert_eq!(released.exit, Exit::Done, "{}", released.stderr);
}

/// Writes the lock as a run in production does.
async fn held_by_production(aws: &Aws) {
    let record = serde_json::json!({
        "version": 1, "released": false, "lease-seconds": 60, "run": "other", "write": 0,
        "holder": {
            "command": "deploy", "environment": "production", "who": "jo@laptop", "job": null, "url": null,
            "since": "2026-11-23T06:27:01Z",
        },
    });
    let put = aws.ssm().await.unwrap().put_parameter().name("/longshore/shop/lock/000001");
    put.value(record.to_string()).r#type("String".into()).send().await.unwrap();
}

#[test]
fn renamed_service_is_created_and_its_orphan_named() {
    let project = Project::new();
    project.write("configs/local.toml", &LOCAL.replace("tags.arm", "tags.bad.exits = 1\ntags.arm"));
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let renamed = ["--set", "service-name={stack}-{service}"];
    let plan = project.run(&[&["plan"], &renamed[..]].concat());
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stderr);
    crate::assert_shown!(plan.stdout);
    let deploy = project.run(&[&["deploy", "--prune"], &renamed[..]].concat());
    assert_eq!(deploy.exit, Exit::Done, "{}", deploy.stderr);
    let status = project.run(&[&["status"], &renamed[..]].concat());
    assert!(status.stdout.contains("in the cluster default as shop-api"), "{}", status.stdout);
    let undone = project.run(
        &[
            &["deploy", "--on-failure", "undo", "--set", "services.api.image=ghcr.io/acme/api:bad"],
            &renamed[..],
        ]
        .concat(),
    );
    assert_eq!(undone.exit, Exit::Failed, "{}", undone.stdout);
    let unchanged = project.run(&[&["plan", "--detailed-exitcode"], &renamed[..]].concat());
    assert_eq!(unchanged.exit, Exit::Done, "{}", unchanged.stdout);
    let destroy = project.run(&[&["destroy", "--yes"], &renamed[..]].concat());
    assert_eq!(destroy.exit, Exit::Done, "{}", destroy.stderr);
}

#[test]
fn services_cannot_share_a_name() {
    let project = Project::new();
    let web = ["--set", "services.web.image=ghcr.io/acme/api:1", "--set", "services.web.memory=512"];
    let shared = project.run(&[&["plan", "--set", "service-name={stack}"], &web[..]].concat());
    assert_eq!(shared.exit, Exit::Failed);
    assert!(
        shared
            .stderr
            .contains("`shop` is the name of `services.api` and of `services.web` in the cluster `default`"),
        "{}",
        shared.stderr
    );
    let unknown = project.run(&["plan", "--set", "services.api.cluster={env}"]);
    assert!(
        unknown.stderr.contains("\"{env}\" has the unknown placeholder {env}")
            && unknown.stderr.contains("help: known here: {environment}, {region}, {service}, {stack}"),
        "{}",
        unknown.stderr
    );
    let long = project.run(&["plan", "--set", &format!("stack={}-{{environment}}", "s".repeat(60))]);
    assert!(long.stderr.contains("at most 63 letters"), "{}", long.stderr);
}

/// A recipe below `examples/environments`, with the simulated cloud in place of AWS.
fn recipe(name: &str) -> Project {
    let project = Project::new().variable("GHCR_TOKEN", TOKEN);
    let directory = format!("../../examples/environments/{name}");
    for file in fs::read_dir(directory).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let mut text = fs::read_to_string(file.path()).unwrap();
        if name == "base.toml" {
            text.push_str(CLOUD);
        }
        project.write(&format!("configs/{name}"), &text);
    }
    project
}

/// The simulated cloud of the recipes.
const CLOUD: &str = r#"
[cloud]
embedded = true

[cloud.registries."ghcr.io"]
users.acme-bot.password = { file = "right-token" }

[cloud.registries."ghcr.io".repositories."acme/api"]
readers = ["acme-bot"]
tags = { 1 = {}, 2 = {}, pr-42 = {}, pr-43 = {} }

[cloud.registries."ghcr.io".repositories."acme/worker"]
readers = ["acme-bot"]
tags = { 1 = {} }
"#;

/// Deploys both sides of a recipe, each with its environment and flags, and destroys one of them.
fn assert_apart(recipe: &str, sides: [(&str, &[&str]); 2]) {
    let project = self::recipe(recipe);
    let run = |(environment, flags): (&str, &[&str]), command: &[&str]| {
        let ran = project.run_in(environment, &[command, flags].concat());
        assert_eq!(ran.exit, Exit::Done, "{recipe} {environment} {command:?}: {}{}", ran.stdout, ran.stderr);
        ran
    };
    let unchanged = ["plan", "--detailed-exitcode"];
    run(sides[0], &["deploy"]);
    run(sides[1], &["deploy"]);
    for side in sides {
        run(side, &unchanged);
    }
    run(sides[0], &["destroy", "--yes"]);
    run(sides[1], &unchanged);
    let gone = run(sides[0], &["status"]);
    assert!(gone.stdout.contains("api: not there"), "{}", gone.stdout);
    run(sides[0], &["deploy"]);
    run(sides[1], &["destroy", "--yes"]);
    run(sides[0], &unchanged);
}

#[test]
fn staging_and_production_share_an_account() {
    assert_apart("one-account", [("staging", &[]), ("production", &[])]);
}

#[test]
fn two_regions_share_an_account() {
    assert_apart("two-regions", [("eu", &[]), ("us", &[])]);
}

#[test]
fn pull_requests_have_previews_beside_production() {
    let preview = ["--set", "stack=shop-pr-42", "--set", "services.api.image=ghcr.io/acme/api:pr-42"];
    assert_apart("pull-requests", [("preview", &preview), ("production", &[])]);
    let other = ["--set", "stack=shop-pr-43", "--set", "services.api.image=ghcr.io/acme/api:pr-43"];
    assert_apart("pull-requests", [("preview", &preview), ("preview", &other)]);
}
