//! The suite that every step plugin passes.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_plugin::{Node, Undeclared};
use longshore_testkit::step::{self, Abilities};
use serde_json::{Value, json};

use super::harness::{Harness, NAME, plugin};
use crate::api::Api;

fn declared() -> Value {
    json!({
        "priority": 3,
        "health-check": { "path": "/up", "interval": 10 },
        "attributes": { "deregistration_delay.timeout_seconds": 15 },
    })
}

#[async_trait]
impl step::Harness for Harness {
    fn node(&self) -> Node {
        self.node_with(&json!({}))
    }

    fn changed(&self) -> Node {
        self.node_with(&json!({
            "host": "other.example",
            "priority": 9,
            "health-check": { "path": "/health", "interval": 10 },
            "attributes": { "deregistration_delay.timeout_seconds": 30 },
        }))
    }

    fn changed_fields(&self) -> Vec<String> {
        [
            "HealthCheckPath",
            "attributes.deregistration_delay.timeout_seconds",
            "rule.host-header",
            "rule.priority",
        ]
        .map(str::to_owned)
        .into()
    }

    fn abilities(&self) -> Abilities {
        Abilities::RESOURCE
    }

    async fn there(&self) -> Option<String> {
        let api = Api(&self.aws);
        let (group, rules) = (api.group(NAME).await.unwrap(), api.rules(&self.listener).await.unwrap());
        (group.is_some() || !rules.is_empty()).then(|| format!("{group:?} {rules:?}"))
    }

    async fn drift(&self) -> Vec<String> {
        let (group, rule) = (self.group().await, self.rule().await);
        let changes = [
            ("ModifyTargetGroup", json!({ "TargetGroupArn": group, "HealthCheckIntervalSeconds": 60 })),
            (
                "ModifyRule",
                json!({ "RuleArn": rule, "Conditions": [{ "Field": "path-pattern", "Values": ["/a"] }] }),
            ),
            ("SetRulePriorities", json!({ "RulePriorities": [{ "RuleArn": rule, "Priority": 8 }] })),
            ("RemoveTags", json!({ "ResourceArns": [group], "TagKeys": ["longshore:environment"] })),
        ];
        for (operation, input) in changes {
            self.call(operation, input).await;
        }
        [
            "HealthCheckIntervalSeconds",
            "rule.host-header",
            "rule.path-pattern",
            "rule.priority",
            "tags.longshore:environment",
        ]
        .map(str::to_owned)
        .into()
    }

    async fn put_foreign(&self) {
        self.others_group(NAME).await;
    }

    fn undeclared(&self) -> Vec<Arc<dyn Undeclared>> {
        plugin(&self.aws).undeclared()
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
async fn step_passes_the_suite() {
    let report = step::suite(async || Harness::new(declared()).await).await;
    assert_eq!(report.left_out, []);
}
