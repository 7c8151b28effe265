//! The suite that every store passes, against moto's server: what the simulated cloud is told of Secrets Manager and
//! Parameter Store, somebody else was told, too.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use longshore_aws::Aws;
use longshore_model::Name;
use longshore_plugin::{SecretSpec, SecretStore};
use longshore_testkit::{
    Report,
    store::{self, Abilities, Harness},
};

use super::{account, tool};
use crate::longshore::{Project, Server, free_port};

/// What a server from outside cannot be asked for.
const LEFT_OUT: [&str; 3] =
    ["completes_a_creation_that_died", "completes_a_change_that_died", "completes_a_removal_that_died"];

/// A stack of its own for each case.
fn next_stack() -> Name {
    static STACKS: AtomicU32 = AtomicU32::new(0);
    Name::new(format!("suite-{}", STACKS.fetch_add(1, Ordering::Relaxed))).unwrap()
}

fn moto(project: &Project) -> Server {
    let port = free_port();
    let mut command = project.command(tool("moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    Server::start(command, port)
}

#[track_caller]
fn expect(report: &Report) {
    let left_out: Vec<_> = report.left_out.iter().map(|(name, _)| *name).collect();
    assert_eq!(left_out, LEFT_OUT);
}

struct Secrets {
    aws: Aws,
    stack: Name,
}

impl Secrets {
    async fn client(&self) -> &aws_sdk_secretsmanager::Client {
        self.aws.secretsmanager().await.unwrap()
    }
}

#[async_trait]
impl Harness for Secrets {
    fn store(&self) -> Arc<dyn SecretStore> {
        account::store(&self.aws, "secretsmanager")
    }

    fn abilities(&self) -> Abilities {
        Abilities { restores: true, reads: true, labels: true, lists: true, rotates: true }
    }

    async fn stored(&self, secret: &SecretSpec) -> Option<String> {
        let name = format!("longshore/{}", secret.path);
        let read = self.client().await.get_secret_value().secret_id(name);
        // AWS takes this stage when none is named; moto takes the version that was put last.
        read.version_stage("AWSCURRENT").send().await.ok()?.secret_string
    }

    async fn put_foreign(&self, secret: &SecretSpec, value: &str) {
        let name = format!("longshore/{}", secret.path);
        self.client().await.create_secret().name(name).secret_string(value).send().await.unwrap();
    }

    async fn writes(&self) -> String {
        let all = self.client().await.list_secrets().include_planned_deletion(true).send().await.unwrap();
        let mut lines = Vec::new();
        for secret in all.secret_list() {
            let mut versions: Vec<_> = secret.secret_versions_to_stages().into_iter().flatten().collect();
            versions.sort();
            let changed = (secret.last_changed_date(), secret.deleted_date());
            lines.push(format!("{:?} {changed:?} {versions:?} {:?}", secret.name(), secret.tags()));
        }
        lines.join("\n")
    }

    async fn cut_off_after(&self, _: u32) -> bool {
        false
    }

    fn stack(&self) -> Name {
        self.stack.clone()
    }
}

#[tokio::test]
async fn secrets_manager_of_moto() {
    let server = moto(&Project::empty());
    let aws = account::connect(&server.url);
    account::ready(&aws).await;
    expect(&store::suite(async || Secrets { aws: aws.clone(), stack: next_stack() }).await);
}

struct Parameters {
    aws: Aws,
    stack: Name,
}

impl Parameters {
    async fn client(&self) -> &aws_sdk_ssm::Client {
        self.aws.ssm().await.unwrap()
    }
}

#[async_trait]
impl Harness for Parameters {
    fn store(&self) -> Arc<dyn SecretStore> {
        account::store(&self.aws, "ssm")
    }

    fn abilities(&self) -> Abilities {
        Abilities { lists: true, ..Abilities::default() }
    }

    async fn stored(&self, secret: &SecretSpec) -> Option<String> {
        let name = format!("/longshore/{}", secret.path);
        let read = self.client().await.get_parameter().name(name).with_decryption(true).send().await;
        read.ok()?.parameter?.value
    }

    async fn put_foreign(&self, secret: &SecretSpec, value: &str) {
        let put =
            self.client().await.put_parameter().name(format!("/longshore/{}", secret.path)).value(value);
        put.r#type(ParameterType::SecureString).send().await.unwrap();
    }

    async fn writes(&self) -> String {
        let all = self.client().await.describe_parameters().send().await.unwrap();
        all.parameters().iter().map(|parameter| format!("{parameter:?}\n")).collect()
    }

    async fn cut_off_after(&self, _: u32) -> bool {
        false
    }

    fn stack(&self) -> Name {
        self.stack.clone()
    }
}

#[tokio::test]
async fn parameter_store_of_moto() {
    let server = moto(&Project::empty());
    let aws = account::connect(&server.url);
    account::ready(&aws).await;
    expect(&store::suite(async || Parameters { aws: aws.clone(), stack: next_stack() }).await);
}
