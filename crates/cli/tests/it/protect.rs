//! `protect = true`: what it protects is neither removed nor replaced, whatever a command is told.

use longshore_aws::Aws;
use longshore_cli::Exit;

use crate::{
    hand::by_hand,
    project::{Project, Ran},
};

const BILLING: &str = r#"
[services.billing]
image = "ghcr.io/acme/api:1"
"#;

/// A project whose services `api` and `billing` run with `protect` set; `billing` has left the configuration since.
fn without_billing(protect: &str) -> Project {
    let project = Project::new();
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    project.write("configs/base.toml", &format!("{base}{BILLING}"));
    let deploy = project.run(&["deploy", "--set", protect]);
    assert_eq!(deploy.exit, Exit::Done, "{}", deploy.stderr);
    project.write("configs/base.toml", &base);
    project
}

/// The stack's services, roles and secrets that are there.
fn there(project: &Project) -> String {
    by_hand(project, async |aws: &Aws| {
        let services = aws.ecs().await.unwrap().describe_services().services("api").services("billing");
        // The cluster may be gone.
        let services = services.send().await.ok().and_then(|answer| answer.services).unwrap_or_default();
        let active = services.iter().filter(|service| service.status() == Some("ACTIVE"));
        let mut there: Vec<_> = active.map(|service| service.service_name().unwrap().to_owned()).collect();
        let roles = aws.iam().await.unwrap().list_roles().send().await.unwrap();
        let names = roles.roles().iter().map(|role| role.role_name().to_owned());
        there.extend(names.filter(|name| name.starts_with("shop-")));
        let secrets = aws.secretsmanager().await.unwrap().list_secrets().send().await.unwrap();
        there.extend(secrets.secret_list().iter().map(|secret| secret.name().unwrap().to_owned()));
        there.join(" ")
    })
}

const EVERYTHING: &str = "api billing shop-api-execution shop-billing-execution longshore/shop/ghcr/pull";

fn refused(ran: &Ran, what: &str) {
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.stdout);
    assert!(ran.stderr.contains(&format!("the {what} is protected")), "{}", ran.stderr);
}

#[test]
fn protected_service_survives_prune_and_destroy() {
    let project = without_billing("services.billing.protect=true");
    let pruned = project.run(&["deploy", "--prune", "--yes"]);
    assert_eq!(pruned.exit, Exit::Done, "{}{}", pruned.stdout, pruned.stderr);
    assert_eq!(there(&project), EVERYTHING, "its role stays, too");
    let plan = project.run(&["plan"]);
    for stays in ["service default/billing", "role shop-billing-execution"] {
        let note = format!("{stays} stays, because it is protected");
        assert!(plan.stdout.contains(&note), "{}", plan.stdout);
    }
    let destroy = project.run(&["destroy", "--yes"]);
    refused(&destroy, "service default/billing");
    assert!(destroy.stdout.ends_with("The destroy failed: nothing was removed.\n"), "{}", destroy.stdout);
    assert_eq!(there(&project), EVERYTHING);

    // Once it is let go, it is pruned.
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    project.write("configs/base.toml", &format!("{base}{BILLING}protect = false\n"));
    let let_go = project.run(&["deploy"]);
    assert_eq!(let_go.exit, Exit::Done, "{}{}", let_go.stdout, let_go.stderr);
    assert!(let_go.stdout.contains("longshore:protected"), "{}", let_go.stdout);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
    project.write("configs/base.toml", &base);
    let pruned = project.run(&["deploy", "--prune"]);
    assert_eq!(pruned.exit, Exit::Done, "{}{}", pruned.stdout, pruned.stderr);
    assert_eq!(there(&project), "api shop-api-execution longshore/shop/ghcr/pull");
    assert_eq!(project.run(&["destroy", "--yes"]).exit, Exit::Done);
}

#[test]
fn protected_registry_survives_prune_and_destroy() {
    let project = Project::new();
    let protect = ["--set", "registries.ghcr.protect=true"];
    assert_eq!(project.run(&[&["deploy"], &protect[..]].concat()).exit, Exit::Done);
    refused(&project.run(&[&["destroy", "--yes"], &protect[..]].concat()), "secret longshore/shop/ghcr/pull");
    refused(&project.run(&["destroy", "--yes"]), "secret longshore/shop/ghcr/pull");

    // The registry and the service that used it have left the configuration.
    project.write("configs/base.toml", "stack = \"shop\"\naws.region = \"eu-central-1\"\n");
    let pruned = project.run(&["deploy", "--prune"]);
    assert_eq!(pruned.exit, Exit::Done, "{}{}", pruned.stdout, pruned.stderr);
    assert_eq!(there(&project), "longshore/shop/ghcr/pull");
    refused(&project.run(&["destroy", "--yes"]), "secret longshore/shop/ghcr/pull");
}

#[test]
fn protected_stores_keep_their_secrets() {
    let project = Project::new().variable("KEY", "value-of-the-key");
    let secrets = "services.api.secrets.KEY={value={env=\"KEY\"},store=\"parameters\"}";
    let stores = ["--set", "stores.parameters={use=\"ssm\",protect=true}", "--set", secrets];
    let deploy = project.run(&[&["deploy"], &stores[..]].concat());
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    refused(
        &project.run(&[&["destroy", "--yes"], &stores[..]].concat()),
        "parameter /longshore/shop/api/api/KEY",
    );
    // Neither the variable nor the store is declared any more.
    let pruned = project.run(&["deploy", "--prune"]);
    assert_eq!(pruned.exit, Exit::Done, "{}{}", pruned.stdout, pruned.stderr);
    assert!(project.run(&["plan"]).stdout.contains("KEY stays, because it is protected"));
    refused(&project.run(&["destroy", "--yes"]), "parameter /longshore/shop/api/api/KEY");
}

#[test]
fn protected_service_is_not_replaced() {
    let project = Project::new();
    let protect = ["--set", "services.api.protect=true"];
    assert_eq!(project.run(&[&["deploy"], &protect[..]].concat()).exit, Exit::Done);
    for (change, what) in [
        ("services.api.launch-type=ec2", "service default/api"),
        ("services.api.execution-role.path=/team/", "role shop-api-execution"),
        ("services.api.cluster=other", "service default/api"),
        ("services.api.execution-role.name=other", "role shop-api-execution"),
    ] {
        for protect in [&protect[..], &[]] {
            let deploy = project.run(&[&["deploy", "--yes", "--set", change], protect].concat());
            refused(&deploy, what);
        }
    }
    assert_eq!(project.run(&[&["plan", "--detailed-exitcode"], &protect[..]].concat()).exit, Exit::Done);
    // Changes in place are still allowed.
    let changed = project.run(&[&["deploy", "--set", "services.api.memory=1024"], &protect[..]].concat());
    assert_eq!(changed.exit, Exit::Done, "{}{}", changed.stdout, changed.stderr);
}

#[test]
fn first_deploy_that_fails_is_taken_back() {
    let project = Project::new();
    let local = std::fs::read_to_string(project.path("configs/local.toml")).unwrap();
    project.write(
        "configs/local.toml",
        &local.replace("tags.1 = {}\ntags.arm", "tags.1 = {}\ntags.bad.exits = 1\ntags.arm"),
    );
    let bad = ["--set", "services.api.image=ghcr.io/acme/api:bad", "--set", "services.api.protect=true"];
    let failed = project.run(&[&["deploy", "--on-failure", "undo"], &bad[..]].concat());
    assert_eq!(failed.exit, Exit::Failed);
    assert!(failed.stdout.contains("What it had done was taken back."), "{}", failed.stdout);
}
