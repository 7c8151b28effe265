//! The suite that every step plugin passes.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::Inputs;
use longshore_plugin::{Node, Undeclared};
use longshore_testkit::step::{self, Abilities};
use serde_json::{Value, json};

use super::harness::{Harness, plugin};

fn declared() -> Value {
    json!({
        "cpu": 60,
        "memory": 70,
        "aws": { "scheduled-actions": { "night": {
            "Schedule": "cron(0 22 * * ? *)", "ScalableTargetAction": { "MinCapacity": 0, "MaxCapacity": 2 },
        } } },
    })
}

/// Another maximum and value, one policy less and one more, and an action that sets one bound.
fn otherwise() -> Value {
    json!({
        "max": 6,
        "cpu": 50,
        "memory": null,
        "aws": {
            "policies": { "queue": { "StepScalingPolicyConfiguration": {
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [{ "MetricIntervalLowerBound": 0, "ScalingAdjustment": 1 }],
            } } },
            "scheduled-actions": { "night": {
                "Schedule": "cron(0 23 * * ? *)", "ScalableTargetAction": { "MinCapacity": 0 },
            } },
        },
    })
}

/// The members of an item that do not depend on when it was made.
fn lasting(items: &Value) -> Value {
    let drawn = ["Alarms", "CreationTime", "PolicyARN", "ScalableTargetARN", "ScheduledActionARN"];
    let mut items = items.as_array().unwrap().clone();
    for item in &mut items {
        item.as_object_mut().unwrap().retain(|member, _| !drawn.contains(&member.as_str()));
    }
    items.into()
}

#[async_trait]
impl step::Harness for Harness {
    fn node(&self) -> Node {
        Self::node(self)
    }

    fn changed(&self) -> Node {
        self.node_with(&otherwise())
    }

    fn changed_fields(&self) -> Vec<String> {
        [
            "MaxCapacity",
            "policies.cpu.TargetTrackingScalingPolicyConfiguration.TargetValue",
            "policies.longshore-memory",
            "policies.queue.PolicyType",
            "policies.queue.StepScalingPolicyConfiguration.AdjustmentType",
            "policies.queue.StepScalingPolicyConfiguration.StepAdjustments.0.MetricIntervalLowerBound",
            "policies.queue.StepScalingPolicyConfiguration.StepAdjustments.0.ScalingAdjustment",
            "scheduled-actions.night.ScalableTargetAction.MaxCapacity",
            "scheduled-actions.night.Schedule",
        ]
        .map(str::to_owned)
        .into()
    }

    fn abilities(&self) -> Abilities {
        Abilities::RESOURCE
    }

    fn inputs(&self) -> Inputs {
        Self::inputs(self)
    }

    async fn there(&self) -> Option<String> {
        let target = self.target().await?;
        let tags = self.tags(&target).await;
        let policies = self.call("DescribeScalingPolicies", json!({})).await;
        let actions = self.call("DescribeScheduledActions", json!({})).await;
        let items =
            [json!([target]), policies["ScalingPolicies"].clone(), actions["ScheduledActions"].clone()];
        Some(format!("{tags} {:?}", items.map(|items| lasting(&items))))
    }

    async fn drift(&self) -> Vec<String> {
        self.call("RegisterScalableTarget", json!({ "MaxCapacity": 9 })).await;
        let metric = json!({ "PredefinedMetricType": "ECSServiceAverageCPUUtilization" });
        let tracking =
            json!({ "TargetValue": 90, "PredefinedMetricSpecification": metric, "ScaleInCooldown": 5 });
        let policy =
            json!({ "PolicyName": "longshore-cpu", "TargetTrackingScalingPolicyConfiguration": tracking });
        self.call("PutScalingPolicy", policy).await;
        self.call("DeleteScalingPolicy", json!({ "PolicyName": "longshore-memory" })).await;
        let schedule = json!({ "ScheduledActionName": "longshore-night", "Schedule": "rate(1 day)" });
        self.call("PutScheduledAction", schedule).await;
        let arn = self.target().await.unwrap()["ScalableTargetARN"].clone();
        let untag = json!({ "ResourceARN": arn, "TagKeys": ["longshore:environment"] });
        self.aws.autoscaling().await.unwrap().call("UntagResource", untag).await.unwrap();
        let tracking = |policy: &str, field: &str| {
            format!("policies.{policy}.TargetTrackingScalingPolicyConfiguration.{field}")
        };
        vec![
            "MaxCapacity".to_owned(),
            tracking("cpu", "ScaleInCooldown"),
            tracking("cpu", "TargetValue"),
            "policies.memory.PolicyType".to_owned(),
            tracking("memory", "PredefinedMetricSpecification.PredefinedMetricType"),
            tracking("memory", "TargetValue"),
            "scheduled-actions.night.Schedule".to_owned(),
            "tags.longshore:environment".to_owned(),
        ]
    }

    async fn put_foreign(&self) {
        self.call("RegisterScalableTarget", json!({ "MinCapacity": 1, "MaxCapacity": 4 })).await;
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
