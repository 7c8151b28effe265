//! Options that cannot work, and surroundings that are not there.

use longshore_model::{Action, FailureKind};
use serde_json::{Value, json};

use super::harness::{Harness, node_of};

#[tokio::test(start_paused = true)]
async fn wrong_options_are_reported_at_once() {
    let harness = Harness::new(json!({})).await;
    let refused_in = |stack: &str, options: Value| {
        let problems = node_of(&harness.aws, stack, &options).map(drop).unwrap_err();
        problems.iter().map(|problem| format!("{problem}\n")).collect::<String>()
    };
    let refused = |options: Value| refused_in("shop", options);
    let two = json!(["subnet-1", "subnet-2"]);
    let all = [
        refused(json!({})),
        refused(
            json!({ "subnets": ["subnet-1", "subnet-1"], "scheme": "public", "port": 0, "name": "internal-a" }),
        ),
        refused(json!({ "subnets": two, "scheme": "internal", "ssl-policy": "x", "certificate_arn": "y" })),
        refused(json!({
            "subnets": two,
            "certificate": "arn:aws:ecs:x",
            "ingress": ["10.1.2.3/8", "everywhere"],
            "security-groups": [],
            "idle-timeout": 5,
            "attributes": { "idle_timeout.timeout_seconds": 6 },
            "tags": { "aws:x": "y" },
        })),
        refused_in("sg-shop", json!({ "subnets": two })),
    ];
    insta::assert_snapshot!(all.concat());
}

#[tokio::test(start_paused = true)]
async fn missing_network_is_found_when_planning() {
    let mut harness = Harness::new(json!({})).await;
    let subnets = json!([harness.subnets[0], "subnet-0123456789abcdef0"]);
    harness.configure(json!({ "subnets": subnets }));
    let failure = harness.plan().await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (FailureKind::NotFound, "there is no subnet subnet-0123456789abcdef0")
    );
    let subnets = json!(harness.subnets[..2]);
    harness.configure(json!({ "subnets": subnets, "security-groups": ["sg-0123456789abcdef0"] }));
    let failure = harness.plan().await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (FailureKind::NotFound, "there is no security group sg-0123456789abcdef0")
    );
    let group = harness.others_group("others").await;
    let vpc = harness.ec2("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" })).await;
    let vpc = vpc.child("vpc").unwrap().text_of("vpcId").unwrap().to_owned();
    let mut elsewhere = Vec::new();
    for (zone, block) in [("a", "10.0.0.0/24"), ("b", "10.0.1.0/24"), ("a", "10.0.2.0/24")] {
        let zone = format!("eu-central-1{zone}");
        let input = json!({ "VpcId": vpc, "CidrBlock": block, "AvailabilityZone": zone });
        let subnet = harness.ec2("CreateSubnet", input).await;
        elsewhere.push(subnet.child("subnet").unwrap().text_of("subnetId").unwrap().to_owned());
    }
    for (options, part) in [
        (json!({ "subnets": elsewhere[..2], "security-groups": [group] }), "and the subnets are in vpc-"),
        (
            json!({ "subnets": [elsewhere[0], elsewhere[2]], "security-groups": null }),
            "the same availability zone",
        ),
        (json!({ "subnets": [elsewhere[0], harness.subnets[1]] }), "in different VPCs"),
    ] {
        harness.configure(options);
        let failure = harness.plan().await.unwrap_err();
        assert!(failure.kind == FailureKind::Invalid && failure.message.contains(part), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn referred_subnets_are_known_after_apply() {
    let mut harness = Harness::new(json!({})).await;
    let reference = json!({ "from": "steps.network", "output": "subnet-a" });
    let (first, second) = (harness.subnets[0].clone(), harness.subnets[1].clone());
    harness.configure(json!({ "subnets": [reference, second] }));
    assert_eq!(harness.action().await, Action::Create);
    let plan = harness.plan_with(&[("steps.network.subnet-a", &first)]).await.unwrap();
    let subnets = plan.changes.iter().find(|change| change.field == "Subnets").unwrap();
    assert!(subnets.new.as_ref().unwrap().to_string().contains(&first));
}
