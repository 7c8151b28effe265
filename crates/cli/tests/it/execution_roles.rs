//! Execution roles: what the tasks need of them, and what they may do besides.

use std::fs;

use longshore_cli::Exit;

use crate::project::Project;

const POLICIES: &str =
    "execution-role.managed-policies.task = \"service-role/AmazonECSTaskExecutionRolePolicy\"\n";

/// A project whose service has `instead` in the place of its managed policies.
fn project(instead: &str) -> Project {
    let project = Project::new();
    rewrite(&project, POLICIES, instead);
    project
}

fn rewrite(project: &Project, from: &str, to: &str) {
    let base = fs::read_to_string(project.path("configs/base.toml")).unwrap();
    assert!(base.contains(from), "{base}");
    project.write("configs/base.toml", &base.replace(from, to));
}

#[test]
fn without_managed_policies_tasks_write_their_logs_all_the_same() {
    let project = project("[services.api.execution-role.managed-policies]\n");
    let plan = project.run(&["plan"]);
    assert!(plan.stdout.contains("pull-and-log={"), "{}", plan.stdout);
    let deployed = project.run(&["deploy"]);
    assert_eq!(deployed.exit, Exit::Done, "{}", deployed.stderr);
    assert!(deployed.stdout.contains("api: 2 of 2 tasks running"), "{}", deployed.stdout);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
}

#[test]
fn a_role_that_cannot_write_logs_is_refused_before_anything_is_made() {
    let project = project("logs = false\n[services.api.execution-role.managed-policies]\n");
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let base = fs::read_to_string(project.path("configs/base.toml")).unwrap();
    let web = "[services.web]\nimage = \"ghcr.io/acme/api:1\"\nmemory = 768\n\
               execution-role.arn = \"arn:aws:iam::123456789012:role/shop-api-execution\"\n";
    project.write("configs/base.toml", &format!("{base}\n{web}"));
    for command in ["plan", "deploy"] {
        let ran = project.run(&[command]);
        assert_eq!(ran.exit, Exit::Failed, "{}", ran.stdout);
        assert!(ran.stderr.contains("may not perform logs:CreateLogStream"), "{}", ran.stderr);
    }
    let deploy = project.run(&["deploy"]);
    let said = format!("{}{}", deploy.stdout, deploy.stderr);
    assert!(said.contains("nothing was created or changed"), "{said}");
    assert_eq!(project.run(&["plan", "--set", "services.web.logs=false"]).exit, Exit::Done);
}

#[test]
fn a_managed_policy_that_opens_what_others_read_is_warned_of() {
    let project = project("execution-role.managed-policies.all = \"AdministratorAccess\"\n");
    let deployed = project.run(&["deploy"]);
    assert_eq!(deployed.exit, Exit::Done, "{}", deployed.stderr);
    let warning = "warning: the role shop-api-execution may read more than its service needs";
    assert!(deployed.stderr.contains(warning), "{}", deployed.stderr);
    assert!(deployed.stderr.contains("AdministratorAccess allows it"), "{}", deployed.stderr);
}

#[test]
fn role_reads_the_environment_files() {
    let project = Project::new();
    let base = fs::read_to_string(project.path("configs/base.toml")).unwrap();
    let file = r#"{ type = "s3", value = "arn:aws:s3:::acme/api.env" }"#;
    project.write(
        "configs/base.toml",
        &format!("{base}\n[services.api.aws.container]\nenvironmentFiles = [{file}]\n"),
    );
    let deployed = project.run(&["deploy"]);
    assert_eq!(deployed.exit, Exit::Done, "{}", deployed.stderr);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);

    project.write("configs/base.toml", &base);
    let plan = project.run(&["plan"]);
    assert!(plan.stdout.contains("read-files"), "{}", plan.stdout);
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
}
