//! The suite that every store passes.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use longshore_plugin::{SecretSpec, SecretStore};
use longshore_testkit::store;
use serde_json::json;

use super::harness::Harness;

fn name(secret: &SecretSpec) -> String {
    format!("/longshore/{}", secret.path)
}

#[async_trait]
impl store::Harness for Harness {
    fn store(&self) -> Arc<dyn SecretStore> {
        self.store.clone()
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
        self.cloud.writes()
    }

    async fn cut_off_after(&self, calls: u32) -> bool {
        self.cloud.cut_off_after(calls);
        true
    }

    async fn reconnect(&self) {
        self.cloud.heal();
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_a_store_as_others_are() {
    let report = store::suite(async || Harness::new(json!({}))).await;
    assert_eq!(report.left_out, []);
}
