//! Terraform's AWS provider, over HTTP, makes, keeps, changes and removes a stack in the simulated cloud as it is by default:
//! in real time, with changes of IAM that take two seconds to arrive.

use std::{fs, path::Path};

use crate::longshore::{Ended, Project, Server, TOKEN};

struct Terraform {
    project: Project,
    server: Server,
}

impl Terraform {
    fn run(&self, arguments: &[&str], memory: u32) -> Ended {
        let mut command = self.project.command("terraform");
        command.args(arguments).args(["-no-color", "-input=false"]);
        command.env("TF_VAR_endpoint", &self.server.url).env("TF_VAR_password", TOKEN.trim());
        command.env("TF_VAR_memory", memory.to_string()).env("CHECKPOINT_DISABLE", "1");
        Ended::new(command.output().unwrap())
    }

    /// Plans, and expects that there is nothing to do: the cloud has kept all that it was told.
    fn expect_nothing_to_do(&self, memory: u32) {
        // 2 would mean changes.
        let plan = self.run(&["plan", "-detailed-exitcode"], memory).code(0);
        assert!(plan.stdout.contains("No changes."), "{}", plan.stdout);
    }
}

#[test]
fn a_stack_is_made_kept_changed_and_removed() {
    let project = Project::new();
    let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/needs_terraform/stack/main.tf");
    fs::copy(stack, project.path().join("main.tf")).unwrap();
    let server = Server::simulated_cloud_at_speed(&project, 1);
    let terraform = Terraform { project, server };
    let plugins = std::env::var("XTASK_TERRAFORM_PLUGINS")
        .expect("XTASK_TERRAFORM_PLUGINS is not set: `cargo xtask test` looks for the AWS provider");
    terraform.run(&["init", &format!("-plugin-dir={plugins}")], 512).code(0);

    // Done only when the service is steady: its tasks were pulled with the secret, by the role.
    let applied = terraform.run(&["apply", "-auto-approve"], 512).code(0);
    assert!(applied.stdout.contains("Resources: 29 added, 0 changed, 0 destroyed."), "{}", applied.stdout);
    terraform.expect_nothing_to_do(512);
    // A revision is replaced, the service takes the next one, and a rule of the security group is changed.
    let applied = terraform.run(&["apply", "-auto-approve"], 1024).code(0);
    assert!(applied.stdout.contains("Resources: 1 added, 2 changed, 1 destroyed."), "{}", applied.stdout);
    terraform.expect_nothing_to_do(1024);
    let destroyed = terraform.run(&["destroy", "-auto-approve"], 1024).code(0);
    assert!(destroyed.stdout.contains("Resources: 29 destroyed."), "{}", destroyed.stdout);
}
