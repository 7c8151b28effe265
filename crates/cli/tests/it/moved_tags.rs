//! A tag that is pushed again: the next deploy brings it to the tasks, unless the configuration says otherwise.

use longshore_cli::Exit;

use crate::{assert_shown, hand::by_hand, project::Project};

/// Pushes another image under the tag that the service has.
fn push_again(project: &Project) {
    edit(project, "configs/local.toml", "tags.1 = {}\ntags.arm", "tags.1.needs-memory-mib = 64\ntags.arm");
}

fn edit(project: &Project, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(project.path(file)).unwrap();
    assert!(text.contains(from), "{text}");
    project.write(file, &text.replacen(from, to, 1));
}

fn deployed() -> Project {
    let project = Project::new();
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    project
}

/// The digests that tasks run.
fn running(project: &Project) -> Vec<String> {
    let status = project.run(&["status"]).stdout;
    let images = status.lines().filter_map(|line| line.trim().strip_prefix("ghcr.io/acme/api:1@"));
    images.map(str::to_owned).collect()
}

#[test]
fn pushed_tag_is_redeployed() {
    let project = deployed();
    let before = running(&project);
    push_again(&project);
    let plan = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Changes, "{}{}", plan.stdout, plan.stderr);
    assert_shown!(plan.stdout);
    assert!(plan.stdout.contains(&before[0]), "the digest that runs, as `status` shows it: {}", plan.stdout);
    let drift = project.run(&["drift"]);
    assert_eq!(drift.exit, Exit::Changes, "{}{}", drift.stdout, drift.stderr);
    assert_shown!(drift.stdout);

    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    let after = running(&project);
    assert!(after[..2].iter().all(|digest| plan.stdout.contains(digest.as_str())), "{after:?}");
    assert_ne!(before[0], after[0]);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
    let definitions = by_hand(&project, async |aws| {
        let ecs = aws.ecs().await.unwrap();
        ecs.list_task_definitions().send().await.unwrap().task_definition_arns().len()
    });
    assert_eq!(definitions, 1, "a deployment takes no new revision");
}

#[test]
fn tag_that_becomes_an_index_is_redeployed() {
    let project = deployed();
    let platforms = r#"tags.1.platforms = ["linux/amd64", "linux/arm64"]"#;
    edit(&project, "configs/local.toml", "tags.1 = {}\n", &format!("{platforms}\n"));
    let plan = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Changes, "{}{}", plan.stdout, plan.stderr);
    assert!(plan.stdout.contains("as an index that lists what runs"), "{}", plan.stdout);
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    let after = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(after.exit, Exit::Done, "{}", after.stdout);
}

#[test]
fn tag_pushed_between_plan_and_deploy_stops_the_deploy() {
    let project = deployed();
    push_again(&project);
    let file = project.path("plan.json");
    let file = file.to_str().unwrap();
    assert_eq!(project.run(&["plan", "--out", file]).exit, Exit::Done);
    edit(&project, "configs/local.toml", "needs-memory-mib = 64", "needs-memory-mib = 65");
    let deploy = project.run(&["deploy", "--plan", file]);
    assert_eq!(deploy.exit, Exit::Failed, "{}", deploy.stdout);
    assert!(deploy.stderr.contains("containerImages.api.imageDigest was planned as"), "{}", deploy.stderr);
}

#[test]
fn ignored_tag_stays_until_another_deployment() {
    let project = deployed();
    edit(&project, "configs/base.toml", "memory = 768", "memory = 768\nimage-updates = \"ignore\"");
    let before = running(&project);
    push_again(&project);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
    assert_eq!(project.run(&["drift"]).exit, Exit::Done);
    let deploy = project.run(&["deploy", "--set", "services.api.memory=1024"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert_ne!(running(&project)[0], before[0]);
}

#[test]
fn pinned_tag_becomes_a_new_revision() {
    let project = Project::new();
    edit(&project, "configs/base.toml", "memory = 768", "memory = 768\npin = true");
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
    push_again(&project);
    let plan = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Changes, "{}{}", plan.stdout, plan.stderr);
    assert_shown!(plan.stdout);
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    let image = by_hand(&project, async |aws| {
        let ecs = aws.ecs().await.unwrap();
        let described = ecs.describe_task_definition().task_definition("shop-api:2").send().await.unwrap();
        let definition = described.task_definition.unwrap();
        definition.container_definitions()[0].image().unwrap().to_owned()
    });
    assert!(image.starts_with("ghcr.io/acme/api@sha256:"), "{image}");
}

#[test]
fn services_of_one_tag_are_redeployed_together() {
    let project = Project::new();
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    let web = "[services.web]\nimage = \"ghcr.io/acme/api:1\"\nmemory = 768\n";
    project.write("configs/base.toml", &format!("{base}\n{web}"));
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    push_again(&project);
    let plan = project.run(&["plan"]);
    assert_eq!(plan.stdout.matches("was pushed again").count(), 2, "{}", plan.stdout);
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
}

#[test]
fn bad_image_under_same_tag_goes_back() {
    let project = deployed();
    let before = running(&project);
    edit(&project, "configs/local.toml", "tags.1 = {}\ntags.arm", "tags.1.exits = 1\ntags.arm");
    let failed = project.run(&["deploy", "--set", "services.api.deployment.timeout=10s"]);
    assert_eq!(failed.exit, Exit::Failed, "{}{}", failed.stdout, failed.stderr);
    let again = "the service runs shop-api:1 again, 2 of 2 tasks";
    assert!(failed.stderr.contains(again), "{}", failed.stderr);
    assert_eq!(running(&project)[..2], before[..2]);
    // The tag is pushed once more, and the next deploy brings it to the tasks.
    edit(&project, "configs/local.toml", "tags.1.exits = 1", "tags.1.needs-memory-mib = 64");
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert_ne!(running(&project)[0], before[0]);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
}

#[test]
fn way_back_names_an_image_that_is_gone() {
    let project = deployed();
    let before = running(&project);
    edit(&project, "configs/local.toml", "tags.1 = {}\ntags.arm", "tags.1.exits = 1\ntags.arm");
    let failed = project.run(&["deploy"]);
    assert_eq!(failed.exit, Exit::Failed, "{}{}", failed.stdout, failed.stderr);
    let gone = "the service did not come back to the revision before: the tasks of api cannot start";
    assert!(failed.stderr.contains(gone), "{}", failed.stderr);
    assert!(failed.stderr.contains(&format!("{}: not found", before[0])), "{}", failed.stderr);
}
