//! Images in private registries of Amazon ECR: the execution role pulls them, and no credential is stored.

use std::fs;

use longshore_cli::Exit;

use crate::{assert_shown, hand::by_hand, project::Project};

/// The host of the account's registry in the stack's region.
const HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

/// A stack whose only image lies at `host`, without any registry.
pub(crate) fn project(host: &str) -> Project {
    let project = Project::new();
    project.write(
        "configs/base.toml",
        &format!(
            "stack = \"shop\"\n[aws]\nregion = \"eu-central-1\"\n[services.api]\nimage = \"{host}/acme/api:1\"\n\
             memory = 512\nexecution-role.managed-policies = {{}}\n"
        ),
    );
    project.write("configs/local.toml", "[cloud]\nembedded = true\n");
    for token in ["configs/token", "configs/right-token"] {
        fs::remove_file(project.path(token)).unwrap();
    }
    project
}

#[test]
fn ecr_is_known_by_all_its_names() {
    for (host, repository) in [
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "arn:aws:ecr:eu-central-1:123456789012"),
        ("123456789012.dkr-ecr.eu-central-1.on.aws", "arn:aws:ecr:eu-central-1:123456789012"),
        ("210987654321.dkr.ecr-fips.us-east-1.amazonaws.com", "arn:aws:ecr:us-east-1:210987654321"),
        ("210987654321.dkr-ecr-fips.us-east-1.on.aws", "arn:aws:ecr:us-east-1:210987654321"),
        ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "arn:aws-eusc:ecr:eusc-de-east-1:123456789012"),
    ] {
        let plan = project(host).run(&["plan"]);
        assert_eq!(plan.exit, Exit::Done, "{host}: {}", plan.stderr);
        for part in ["the execution role pulls it", "ecr:BatchGetImage", repository] {
            assert!(plan.stdout.contains(part), "{host} lacks {part}: {}", plan.stdout);
        }
    }
}

#[test]
fn stacks_without_registries_deploy_from_ecr() {
    let project = project("123456789012.dkr.ecr.eu-central-1.amazonaws.com");
    let plan = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Changes, "{}", plan.stderr);
    assert!(!plan.stdout.contains("secret"), "{}", plan.stdout);
    let deployed = project.run(&["deploy"]);
    assert_eq!(deployed.exit, Exit::Done, "{}{}", deployed.stdout, deployed.stderr);
    assert!(!deployed.stderr.contains("warning"), "{}", deployed.stderr);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
}

#[test]
fn public_ecr_is_an_ordinary_registry() {
    let plan = project("public.ecr.aws").run(&["plan"]);
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stderr);
    assert!(plan.stdout.contains("public.ecr.aws/acme/api:1 is public"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("ecr:"), "{}", plan.stdout);
}

/// A stack whose image lies in a declared registry with these `tags`, and whose service has `more` in its table.
fn declared(tags: &str, more: &str) -> Project {
    let project = project(HOST);
    let base = fs::read_to_string(project.path("configs/base.toml")).unwrap();
    project.write("configs/base.toml", &format!("{base}{more}\n"));
    push(&project, tags);
    project
}

/// Declares the images of the repository.
fn push(project: &Project, tags: &str) {
    let repository = format!("[cloud.registries.\"{HOST}\".repositories.\"acme/api\"]");
    project.write("configs/local.toml", &format!("[cloud]\nembedded = true\n{repository}\n{tags}\n"));
}

const PUSHED: &str = "tags.1 = {}";
const PUSHED_AGAIN: &str = "tags.1.needs-memory-mib = 64";

/// The digests that tasks run.
fn running(project: &Project) -> Vec<String> {
    let status = project.run(&["status"]).stdout;
    let image = format!("{HOST}/acme/api:1@");
    status.lines().filter_map(|line| line.trim().strip_prefix(&image)).map(str::to_owned).collect()
}

#[test]
fn ecr_tag_pushed_again_is_redeployed() {
    let project = declared(PUSHED, "");
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let before = running(&project);
    push(&project, PUSHED_AGAIN);
    let plan = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Changes, "{}{}", plan.stdout, plan.stderr);
    assert_shown!(plan.stdout);
    assert!(plan.stdout.contains(&before[0]), "{}", plan.stdout);
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert_ne!(running(&project)[0], before[0]);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
}

#[test]
fn ignored_ecr_tag_stays() {
    let project = declared(PUSHED, "image-updates = \"ignore\"");
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    push(&project, PUSHED_AGAIN);
    let plan = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stdout);
}

#[test]
fn pinned_ecr_tag_becomes_a_new_revision() {
    let project = declared(PUSHED, "pin = true");
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
    push(&project, PUSHED_AGAIN);
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let image = by_hand(&project, async |aws| {
        let ecs = aws.ecs().await.unwrap();
        let described = ecs.describe_task_definition().task_definition("shop-api:2").send().await.unwrap();
        described.task_definition.unwrap().container_definitions()[0].image().unwrap().to_owned()
    });
    assert!(image.starts_with(&format!("{HOST}/acme/api@sha256:")), "{image}");
}

#[test]
fn missing_ecr_images_are_found_when_planning() {
    for (tags, set, said) in [
        ("tags.2 = {}", "", "its repository in Amazon ECR has no such image"),
        (PUSHED, "services.api.image=HOST/acme/web:1", "The repository with name 'acme/web' does not exist"),
        (r#"tags.1.platforms = ["linux/arm64", "windows/amd64"]"#, "", "the task runs on linux/amd64"),
    ] {
        let project = declared(tags, "");
        let set = set.replace("HOST", HOST);
        let mut arguments = vec!["plan"];
        if !set.is_empty() {
            arguments.extend(["--set", &set]);
        }
        let plan = project.run(&arguments);
        assert_eq!(plan.exit, Exit::Failed, "{}", plan.stdout);
        assert!(plan.stderr.contains(said) && plan.stderr.contains("ecr:BatchGetImage"), "{}", plan.stderr);
    }
}
