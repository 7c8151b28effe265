//! Changes by hand.

use longshore_model::Action;
use serde_json::json;

use super::harness::{Harness, certificate};

#[tokio::test(start_paused = true)]
async fn undeclared_settings_stay() {
    let harness = Harness::deployed(json!({ "certificate": certificate(1) })).await;
    let (arn, listener) = (harness.arn().await, harness.listener_on("443").await);
    let attributes = json!([{ "Key": "idle_timeout.timeout_seconds", "Value": "90" }]);
    let input = json!({ "LoadBalancerArn": arn, "Attributes": attributes });
    harness.elb("ModifyLoadBalancerAttributes", input).await;
    let input = json!({ "ListenerArn": listener, "SslPolicy": "ELBSecurityPolicy-TLS13-1-3-2021-06" });
    harness.elb("ModifyListener", input).await;
    let input = json!({ "ResourceArns": [arn], "Tags": [{ "Key": "cost-centre", "Value": "7" }] });
    harness.elb("AddTags", input).await;
    assert_eq!(harness.action().await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn forwarding_listener_answers_404_again() {
    let mut harness = Harness::deployed(json!({})).await;
    // Another run.
    harness.configure(json!({}));
    let input = json!({
        "Name": "others", "Protocol": "HTTP", "Port": 80, "TargetType": "ip", "VpcId": harness.vpc,
    });
    let group = harness.elb("CreateTargetGroup", input).await;
    let group = group.items("TargetGroups").next().unwrap().text_of("TargetGroupArn").unwrap().to_owned();
    let listener = harness.listener_on("80").await;
    let forward = json!([{ "Type": "forward", "TargetGroupArn": group }]);
    harness.elb("ModifyListener", json!({ "ListenerArn": listener, "DefaultActions": forward })).await;
    let plan = harness.plan().await.unwrap();
    assert_eq!(plan.changes[0].old.as_ref().unwrap().to_string(), format!("forward to {group}"));
    harness.apply().await.unwrap();
    assert_eq!(harness.listeners().await, ["HTTP 80 fixed-response"]);
    harness.undo(&plan).await.unwrap();
    assert_eq!(harness.listeners().await, ["HTTP 80 forward"], "as it was before this run");
}

#[tokio::test(start_paused = true)]
async fn deleted_redirect_is_made_again() {
    let harness = Harness::deployed(json!({ "certificate": certificate(1) })).await;
    let listener = harness.listener_on("80").await;
    harness.elb("DeleteListener", json!({ "ListenerArn": listener })).await;
    assert_eq!(
        harness.fields().await,
        ["listener.80.Port", "listener.80.Protocol", "listener.80.DefaultActions"]
    );
    harness.apply().await.unwrap();
    assert_eq!(harness.listeners().await, ["HTTP 80 redirect", "HTTPS 443 fixed-response"]);
}

#[tokio::test(start_paused = true)]
async fn unfinished_load_balancer_is_waited_for() {
    let harness = Harness::new(json!({})).await;
    harness.fault(
        "elasticloadbalancing:CreateListener",
        longshore_aws::ATTEMPTS,
        longshore_simcloud::Effect::LoseAnswer,
    );
    harness.apply().await.unwrap_err();
    assert_eq!(harness.fields().await, ["State"]);
    harness.apply().await.unwrap();
    assert_eq!(harness.action().await, Action::NoChange);
}
