//! The suite that every step plugin passes.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_plugin::{Node, Undeclared};
use longshore_testkit::step::{self, Abilities};
use serde_json::{Value, json};

use super::harness::{Harness, NAME, certificate, plugin};
use crate::{api::Api, network::Network};

fn declared() -> Value {
    json!({
        "certificate": certificate(1),
        "ingress": ["10.0.0.0/8"],
        "idle-timeout": 30,
        "tags": { "team": "web" },
    })
}

#[async_trait]
impl step::Harness for Harness {
    fn node(&self) -> Node {
        self.node_with(&json!({}))
    }

    fn changed(&self) -> Node {
        self.node_with(&json!({
            "certificate": certificate(2),
            "ingress": ["10.0.0.0/8", "192.168.0.0/16"],
            "idle-timeout": 40,
            "port": 8443,
            "subnets": self.subnets,
            "tags": { "team": "shop" },
        }))
    }

    fn changed_fields(&self) -> Vec<String> {
        [
            "Subnets",
            "attributes.idle_timeout.timeout_seconds",
            "group.tags.team",
            "ingress.tcp 443",
            "ingress.tcp 80",
            "ingress.tcp 8443",
            "listener.80.DefaultActions",
            "listener.80.tags.team",
            "listener.8443.CertificateArn",
            "listener.8443.Port",
            "listener.8443.tags.team",
            "tags.team",
            "targets.group.tags.team",
        ]
        .map(str::to_owned)
        .into()
    }

    fn abilities(&self) -> Abilities {
        Abilities::RESOURCE
    }

    async fn there(&self) -> Option<String> {
        let (api, network) = (Api(&self.aws), Network(&self.aws));
        let balancer = api.balancer(NAME).await.unwrap();
        let listeners = match &balancer {
            Some(balancer) => api.listeners(&balancer.arn).await.unwrap(),
            None => Vec::new(),
        };
        let mut groups = network.groups("group-name", &[NAME, "shop-front-targets"]).await.unwrap();
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        // A load balancer is set up in the meantime.
        let balancer = balancer.map(|mut balancer| {
            balancer.state.clear();
            balancer
        });
        let is_there = balancer.is_some() || !groups.is_empty();
        is_there.then(|| format!("{balancer:?} {listeners:?} {groups:?}"))
    }

    async fn drift(&self) -> Vec<String> {
        let (balancer, group, default) =
            (self.arn().await, self.group().await, self.others_group("others").await);
        let attribute = json!([{ "Key": "idle_timeout.timeout_seconds", "Value": "60" }]);
        let answer = json!([{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "503" } }]);
        for (operation, input) in [
            ("ModifyLoadBalancerAttributes", json!({ "LoadBalancerArn": balancer, "Attributes": attribute })),
            ("SetSecurityGroups", json!({ "LoadBalancerArn": balancer, "SecurityGroups": [default] })),
            ("SetSubnets", json!({ "LoadBalancerArn": balancer, "Subnets": self.subnets })),
            (
                "ModifyListener",
                json!({ "ListenerArn": self.listener_on("443").await, "DefaultActions": answer }),
            ),
            ("RemoveTags", json!({ "ResourceArns": [balancer], "TagKeys": ["longshore:environment"] })),
        ] {
            self.elb(operation, input).await;
        }
        let ssh = json!([{ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }]);
        let https = json!([{ "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{ "CidrIp": "10.0.0.0/8" }] }]);
        let permissions = |permissions| json!({ "GroupId": group, "IpPermissions": permissions });
        self.ec2("AuthorizeSecurityGroupIngress", permissions(ssh)).await;
        self.ec2("RevokeSecurityGroupIngress", permissions(https)).await;
        let tags = json!({ "ResourceId": [group], "Tag": [{ "Key": "team" }] });
        self.ec2("DeleteTags", tags).await;
        [
            "SecurityGroups",
            "Subnets",
            "attributes.idle_timeout.timeout_seconds",
            "group.tags.team",
            "ingress.tcp 22",
            "ingress.tcp 443",
            "listener.443.DefaultActions",
            "tags.longshore:environment",
        ]
        .map(str::to_owned)
        .into()
    }

    async fn put_foreign(&self) {
        self.others_balancer().await;
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
