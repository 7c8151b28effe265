//! The suite that every role builder passes.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use longshore_plugin::{RoleBuilder, RoleSpec};
use longshore_simcloud::iam::{Context as Keys, Decision};
use longshore_testkit::role;
use serde_json::json;

use super::harness::{Harness, SECRET};

/// The name of the role, which two stacks can declare.
const ROLE: &str = "suite-execution";

#[async_trait]
impl role::Harness for Harness {
    fn builder(&self) -> Arc<dyn RoleBuilder> {
        self.builder.clone()
    }

    fn role(&self) -> RoleSpec {
        RoleSpec { name: Some(ROLE.to_owned()), secrets: Vec::new(), ..self.spec.clone() }
    }

    fn secret(&self, word: &str) -> String {
        SECRET.replace("ghcr", word)
    }

    async fn may_read(&self, arn: &str, secret: &str) -> bool {
        let now = self.cloud.now();
        let (action, keys) = ("secretsmanager:GetSecretValue", Keys::new());
        self.cloud.inspect(|world| world.iam.evaluate(now, arn, action, secret, &keys)).await
            == Decision::Allowed
    }

    async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(5)).await;
    }

    async fn put_foreign(&self, _: &RoleSpec) {
        let allow = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}});
        let trust = json!({"Version": "2012-10-17", "Statement": allow}).to_string();
        let request = self.client().await.create_role().role_name(ROLE).assume_role_policy_document(trust);
        request.send().await.unwrap();
    }

    async fn exists(&self, _: &RoleSpec) -> bool {
        self.cloud.inspect(|world| world.iam.role(ROLE).is_some()).await
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
async fn it_is_a_role_builder_as_others_are() {
    let report = role::suite(async || Harness::new(json!({}))).await;
    assert_eq!(report.left_out, []);
}
