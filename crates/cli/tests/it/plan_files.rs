//! `plan --out` and `deploy --plan`: what was planned is what is applied.

use longshore_aws::Aws;
use longshore_cli::Exit;
use longshore_model::{Action, EventKind, Shown, StepPlan};
use serde_json::json;

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
fn kept_plan_is_shown_as_it_was() {
    let project = Project::new();
    let file = project.path("plan.json");
    let file = file.to_str().unwrap();
    let plan = project.run(&["plan", "--out", file]);
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stderr);
    // Neither the configuration nor AWS is read.
    std::fs::remove_dir_all(project.path("configs")).unwrap();
    let shown = project.run(&["show", file]);
    assert_eq!((shown.exit, shown.stderr.as_str()), (Exit::Done, ""));
    let (heading, shown) = shown.stdout.split_once("\n\n").unwrap();
    assert!(
        heading.starts_with("plan of shop (local) for account 123456789012, eu-central-1, made "),
        "{heading}"
    );
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(lines(shown), lines(&plan.stdout), "in another order");
    let missing = project.run(&["show", "none.json"]);
    assert_eq!(missing.exit, Exit::Failed);
    assert!(missing.stderr.contains("longshore plan --out FILE"), "{}", missing.stderr);
}

#[test]
fn validate_finds_all_faults_without_a_call() {
    let project = Project::new();
    std::fs::remove_file(project.path("configs/token")).unwrap();
    let valid = project.run(&["validate"]);
    assert_eq!((valid.exit, valid.stderr.as_str()), (Exit::Done, ""));
    insta::assert_snapshot!(valid.stdout + &project.run(&["validate", "--output", "json"]).stdout);
    let faults = ["--set", "services.api.memroy=1024", "--set", "services.api.image=\"ghcr.io/Acme/api\""];
    let invalid = project.run(&[&["validate"][..], &faults].concat());
    assert_eq!((invalid.exit, invalid.stdout.as_str()), (Exit::Failed, ""));
    assert!(invalid.stderr.contains("memroy") && invalid.stderr.contains("Acme"), "{}", invalid.stderr);
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
fn of_what_is_not_there_yet_every_field_was_planned() {
    let project = Project::new();
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    let tags = "tags.1 = {}\n";
    project.write("configs/local.toml", &local.replacen(tags, &format!("{tags}tags.next = {{}}\n"), 1));
    let file = project.path("plan.json");
    let file = file.to_str().unwrap();
    assert_eq!(project.run(&["plan", "--out", file]).exit, Exit::Done);
    let container = "task-definition.api is not as it was planned any more: containerDefinitions.api";
    let service = "service.api is not as it was planned any more:";
    let placement = format!("{service} networkConfiguration.awsvpcConfiguration");
    let (subnet, group) = by_hand(&project, async |aws: &Aws| {
        let subnets = aws.reads().default_subnets().await.unwrap();
        let groups = aws.ec2().await.unwrap().call("DescribeSecurityGroups", json!({})).await.unwrap();
        let group = groups.items("securityGroupInfo").next().unwrap().text_of("groupId").unwrap();
        (subnets.first().unwrap().clone(), group.to_owned())
    });
    let subnets = format!("services.api.network.subnets=[\"{subnet}\"]");
    let groups = format!("services.api.network.security-groups=[\"{group}\"]");
    for (set, moved) in [
        (
            "services.api.image=ghcr.io/acme/api:next",
            format!("{container}.image was planned as ghcr.io/acme/api:1, and now is ghcr.io/acme/api:next"),
        ),
        (
            "services.api.size={cpu=512,memory=1024}",
            "task-definition.api is not as it was planned any more: cpu was planned as 256, and now is 512"
                .to_owned(),
        ),
        ("services.api.memory=512", format!("{container}.memory was planned as 768, and now is 512")),
        (
            "services.api.environment.MODE=quick",
            format!("{container}.environment.MODE was planned as not set, and now is quick"),
        ),
        ("services.api.desired-count=3", format!("{service} desiredCount was planned as 2, and now is 3")),
        (
            &subnets,
            format!("{placement}.assignPublicIp was planned as ENABLED, and now is DISABLED; "),
        ),
        (
            &groups,
            format!("{placement}.securityGroups was planned as none, and now is {group}"),
        ),
        (
            "services.api.deployment.maximum-percent=150",
            format!("{service} deploymentConfiguration.maximumPercent was planned as 200, and now is 150"),
        ),
        (
            "services.api.logs.retention-days=7",
            "log-group.api is not as it was planned any more: retentionInDays was planned as 30, and now is 7"
                .to_owned(),
        ),
        (
            "services.api.execution-role.managed-policies.task=service-role/AWSLambdaBasicExecutionRole",
            "role.api is not as it was planned any more: ManagedPolicyArns was planned as arn:aws:iam::".to_owned(),
        ),
        (
            "services.api.cluster=blue",
            format!("{service} the plan is for the service default/api, and now it would be the service blue/api"),
        ),
    ] {
        let deploy = project.run(&["deploy", "--plan", file, "--set", set]);
        assert_eq!(deploy.exit, Exit::Failed, "{set}");
        assert!(deploy.stderr.contains(&moved), "{set}: {}", deploy.stderr);
        assert!(deploy.stderr.contains("nothing was changed"), "{set}: {}", deploy.stderr);
    }
    let plan = project.run(&["plan"]);
    assert!(plan.stdout.contains("Plan: 6 to create, 0 to update"), "{}", plan.stdout);
    assert_eq!(project.run(&["deploy", "--plan", file]).exit, Exit::Done);
}

#[test]
fn whatever_is_created_says_what_it_will_be_and_no_secret() {
    let project = Project::new().variable("DATABASE_URL", "postgres://hunter2");
    let variable = "services.api.secrets.DATABASE_URL={value={env=\"DATABASE_URL\"}}";
    let plan = project.run(&["plan", "--output", "json", "--set", variable]);
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stdout);
    assert!(!plan.stdout.contains("hunter2") && !plan.stdout.contains(crate::project::TOKEN));
    let created: Vec<StepPlan> = plan
        .events()
        .into_iter()
        .filter_map(|event| match event.event {
            EventKind::StepPlanned { plan, .. } if plan.action == Action::Create => Some(plan),
            _ => None,
        })
        .collect();
    assert_eq!(created.len(), 7, "{created:?}");
    for plan in &created {
        assert!(plan.changes.iter().all(|change| change.old.is_none() && change.new.is_some()), "{plan:?}");
        let is_owner = |field: &str| field.eq_ignore_ascii_case("tags.longshore:stack");
        assert!(plan.changes.iter().any(|change| is_owner(&change.field)), "{plan:?}");
    }
    let secrets = created.iter().flat_map(|plan| &plan.changes);
    let secrets: Vec<_> = secrets.filter(|change| change.new == Some(Shown::Secret)).collect();
    assert_eq!(secrets.len(), 2, "{secrets:?}");
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
