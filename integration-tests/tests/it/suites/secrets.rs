//! The suite of stores, for Secrets Manager.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::Name;
use longshore_plugin::{SecretSpec, SecretStore};
use longshore_testkit::{
    Report,
    store::{self, Harness},
};

use super::Account;
use crate::account;

struct Secrets(Account);

impl Secrets {
    async fn client(&self) -> &aws_sdk_secretsmanager::Client {
        self.0.aws.secretsmanager().await.unwrap()
    }
}

fn name(secret: &SecretSpec) -> String {
    format!("longshore/{}", secret.path)
}

#[async_trait]
impl Harness for Secrets {
    fn store(&self) -> Arc<dyn SecretStore> {
        account::store(&self.0.aws, "secretsmanager")
    }

    async fn stored(&self, secret: &SecretSpec) -> Option<String> {
        let read = self.client().await.get_secret_value().secret_id(name(secret));
        // AWS takes this stage when none is named; moto takes the version that was put last.
        read.version_stage("AWSCURRENT").send().await.ok()?.secret_string
    }

    async fn put_foreign(&self, secret: &SecretSpec, value: &str) {
        self.client().await.create_secret().name(name(secret)).secret_string(value).send().await.unwrap();
    }

    async fn writes(&self) -> String {
        self.0.wire.changes()
    }

    async fn cut_off_after(&self, calls: u32) -> bool {
        self.0.wire.break_after(calls);
        true
    }

    async fn reconnect(&self) {
        self.0.wire.mend();
    }

    fn stack(&self) -> Name {
        self.0.stack.clone()
    }
}

/// Runs the suite against the server at a URL.
pub(crate) async fn secrets(url: &str) -> Report {
    store::suite(async || Secrets(Account::at(url))).await
}
