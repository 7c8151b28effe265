//! The suite that every store passes.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_plugin::{SecretSpec, SecretStore};
use longshore_testkit::store;
use serde_json::json;

use super::harness::{Harness, REGION};

#[async_trait]
impl store::Harness for Harness {
    fn store(&self) -> Arc<dyn SecretStore> {
        self.store.clone()
    }

    async fn stored(&self, secret: &SecretSpec) -> Option<String> {
        let name = format!("longshore/{}", secret.path);
        self.cloud
            .inspect(|world| {
                let secret = world.secrets.find(REGION, &name).filter(|secret| secret.deleted.is_none())?;
                let (_, version) = secret.staged("AWSCURRENT")?;
                Some(version.string.as_ref()?.expose().to_owned())
            })
            .await
    }

    async fn put_foreign(&self, secret: &SecretSpec, value: &str) {
        let name = format!("longshore/{}", secret.path);
        self.client().await.create_secret().name(name).secret_string(value).send().await.unwrap();
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
