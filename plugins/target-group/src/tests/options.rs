//! Options that cannot work, and surroundings that are not there.

use longshore_model::{Action, FailureKind};
use serde_json::{Value, json};

use super::harness::{Harness, node};

const LISTENER: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2";

#[tokio::test(start_paused = true)]
async fn wrong_options_are_reported_at_once() {
    let harness = Harness::new(json!({})).await;
    let refused = |options: Value| {
        let problems = node(&harness.aws, &options).map(drop).unwrap_err();
        problems.iter().map(|problem| format!("{problem}\n")).collect::<String>()
    };
    let all = [
        refused(json!({})),
        refused(json!({ "listener": "arn:aws:ecs:x", "host": [], "name": "a_b", "priority": 0 })),
        refused(json!({ "listener": LISTENER, "host": "a", "name": "a".repeat(33) })),
        refused(json!({ "listener": LISTENER, "host": ["a", "b", "c"], "path": ["/d", "/e", "/f"] })),
        refused(json!({
            "listener": LISTENER,
            "header": { "name": "x-canary" },
            "target-type": "lambda",
            "health-check": { "path": "up", "interval": 5, "timeout": 5, "healthy-threshold": 1, "mathcer": "1" },
        })),
    ];
    insta::assert_snapshot!(all.concat());
}

#[tokio::test(start_paused = true)]
async fn missing_surroundings_are_found_when_planning() {
    let mut harness = Harness::new(json!({ "vpc": "vpc-0123456789abcdef0" })).await;
    let failure = harness.plan().await.unwrap_err();
    assert_eq!((failure.kind, failure.at.as_deref()), (FailureKind::NotFound, Some("ec2:DescribeVpcs")));
    harness.configure(json!({ "vpc": null, "listener": LISTENER }));
    let failure = harness.plan().await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.message),
        (FailureKind::NotFound, format!("there is no listener {LISTENER}"))
    );
}

#[tokio::test(start_paused = true)]
async fn referred_listener_is_known_after_apply() {
    let mut harness = Harness::new(json!({})).await;
    harness.configure(json!({ "listener": { "from": "steps.edge", "output": "listener-arn" } }));
    let plan = harness.plan().await.unwrap();
    assert_eq!((plan.action, plan.outputs.get("url")), (Action::Create, None));
    let listener = harness.listener.clone();
    let plan = harness.plan_with(&[("steps.edge.listener-arn", &listener)]).await.unwrap();
    assert!(plan.outputs.get("url").is_some());
}
