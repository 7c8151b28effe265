//! Images in private registries of Amazon ECR: the execution role pulls them, and no credential is stored.

use std::fs;

use longshore_cli::Exit;

use crate::project::Project;

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
