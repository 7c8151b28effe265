//! Changes that end anywhere, and answers that are lost.

use longshore_model::Action;
use longshore_simcloud::Effect;
use serde_json::json;

use super::harness::{Harness, certificate};

/// More than the SDK's attempts: the call is done, and the run ends as if the process were killed.
const ALL: u32 = longshore_aws::ATTEMPTS;

#[tokio::test(start_paused = true)]
async fn lost_answers_do_no_harm() {
    for (operation, is_first) in [
        ("ec2:CreateSecurityGroup", true),
        ("ec2:AuthorizeSecurityGroupIngress", true),
        ("elasticloadbalancing:CreateLoadBalancer", true),
        ("elasticloadbalancing:CreateListener", true),
        ("ec2:RevokeSecurityGroupIngress", false),
        ("elasticloadbalancing:ModifyListener", false),
    ] {
        let mut harness = Harness::new(json!({})).await;
        if !is_first {
            harness.apply().await.unwrap();
            harness.configure(json!({ "certificate": certificate(1), "ingress": ["10.0.0.0/8"] }));
        }
        harness.fault(operation, 1, Effect::LoseAnswer);
        harness.apply().await.unwrap_or_else(|failure| panic!("{operation}: {failure}"));
        assert_eq!(
            (harness.action().await, harness.groups().await.len()),
            (Action::NoChange, 2),
            "{operation}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn interrupted_replacement_is_completed_by_the_next() {
    for operation in ["elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:CreateLoadBalancer"] {
        let mut harness = Harness::deployed(json!({})).await;
        harness.configure(json!({ "scheme": "internal", "ingress": ["10.0.0.0/8"] }));
        harness.fault(operation, ALL, Effect::LoseAnswer);
        harness.apply().await.unwrap_err();
        harness.apply().await.unwrap();
        assert_eq!(
            (harness.action().await, harness.groups().await.len()),
            (Action::NoChange, 2),
            "{operation}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn interrupted_removal_is_completed_by_the_next() {
    for operation in ["elasticloadbalancing:DeleteLoadBalancer", "ec2:DeleteSecurityGroup"] {
        let harness = Harness::deployed(json!({})).await;
        harness.fault(operation, ALL, Effect::LoseAnswer);
        harness.remove().await.unwrap_err();
        harness.remove().await.unwrap();
        assert!(harness.there().await.is_none() && harness.groups().await.is_empty(), "{operation}");
    }
}
