//! The suite of stores, for Parameter Store.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use longshore_model::Name;
use longshore_plugin::{SecretSpec, SecretStore};
use longshore_testkit::{
    Report,
    store::{self, Harness},
};

use super::Account;
use crate::account;

struct Parameters(Account);

impl Parameters {
    async fn client(&self) -> &aws_sdk_ssm::Client {
        self.0.aws.ssm().await.unwrap()
    }
}

fn name(secret: &SecretSpec) -> String {
    format!("/longshore/{}", secret.path)
}

#[async_trait]
impl Harness for Parameters {
    fn store(&self) -> Arc<dyn SecretStore> {
        account::store(&self.0.aws, "ssm")
    }

    async fn stored(&self, secret: &SecretSpec) -> Option<String> {
        let read = self.client().await.get_parameter().name(name(secret)).with_decryption(true).send().await;
        read.ok()?.parameter?.value
    }

    async fn put_foreign(&self, secret: &SecretSpec, value: &str) {
        let put = self.client().await.put_parameter().name(name(secret)).value(value);
        put.r#type(ParameterType::SecureString).send().await.unwrap();
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
pub(crate) async fn parameters(url: &str) -> Report {
    store::suite(async || Parameters(Account::at(url))).await
}
