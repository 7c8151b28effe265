//! The calls about load balancers and their listeners.

use std::collections::{BTreeMap, BTreeSet};

use longshore_aws::{code, is_unsupported, untyped::Element};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use serde_json::{Map, Value, json};

use crate::api::{Api, Tags, failed, no_answer, pairs_json, text};

/// The number of reads until no load balancer was deleted meanwhile.
const READS: usize = 3;

/// A load balancer as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Balancer {
    pub(crate) arn: String,
    /// `application`, `network` or `gateway`.
    pub(crate) kind: String,
    pub(crate) dns_name: String,
    pub(crate) hosted_zone: String,
    pub(crate) scheme: String,
    pub(crate) vpc: String,
    /// `active`, `active_impaired`, `provisioning` or `failed`.
    pub(crate) state: String,
    /// The reason for the state.
    pub(crate) reason: Option<String>,
    pub(crate) subnets: BTreeSet<String>,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: Tags,
}

/// A listener as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) arn: String,
    pub(crate) port: u32,
    pub(crate) protocol: String,
    pub(crate) certificate: Option<String>,
    pub(crate) ssl_policy: Option<String>,
    /// The default actions, as a call has them.
    pub(crate) actions: Value,
    pub(crate) tags: Tags,
}

impl Balancer {
    fn of(element: &Element) -> Self {
        let state = element.child("State");
        let of_state = |name: &str| state.and_then(|state| state.text_of(name));
        Self {
            arn: text(element, "LoadBalancerArn"),
            kind: text(element, "Type"),
            dns_name: text(element, "DNSName"),
            hosted_zone: text(element, "CanonicalHostedZoneId"),
            scheme: text(element, "Scheme"),
            vpc: text(element, "VpcId"),
            state: of_state("Code").unwrap_or_default().to_owned(),
            reason: of_state("Reason").map(str::to_owned),
            subnets: element.items("AvailabilityZones").map(|zone| text(zone, "SubnetId")).collect(),
            groups: element.items("SecurityGroups").map(|group| group.text().to_owned()).collect(),
            attributes: BTreeMap::new(),
            tags: Tags::new(),
        }
    }

    /// Returns true if it is set up.
    pub(crate) fn is_active(&self) -> bool {
        // Some emulators name no state.
        self.state.is_empty() || self.state.starts_with("active")
    }
}

impl Listener {
    fn of(element: &Element) -> Self {
        let actions = element.items("DefaultActions").map(json_of).collect();
        let certificate = element.items("Certificates").next();
        Self {
            arn: text(element, "ListenerArn"),
            port: element.text_of("Port").and_then(|port| port.parse().ok()).unwrap_or_default(),
            protocol: text(element, "Protocol"),
            certificate: certificate.map(|certificate| text(certificate, "CertificateArn")),
            ssl_policy: element.text_of("SslPolicy").filter(|policy| !policy.is_empty()).map(str::to_owned),
            actions,
            tags: Tags::new(),
        }
    }
}

/// Returns what an answer has as a call takes it.
fn json_of(element: &Element) -> Value {
    let children = element.children();
    if children.is_empty() {
        return json!(element.text());
    }
    if children.iter().all(|child| child.name() == "member") {
        return children.iter().map(json_of).collect();
    }
    let members = children.iter().map(|child| (child.name().to_owned(), json_of(child)));
    // An empty list looks like an empty text.
    Value::Object(members.filter(|(_, value)| value != "").collect::<Map<_, _>>())
}

/// The action that answers 404.
pub(crate) fn not_found() -> Value {
    let answer = json!({ "StatusCode": "404", "ContentType": "text/plain" });
    json!([{ "Type": "fixed-response", "FixedResponseConfig": answer }])
}

/// The action that redirects to the same address with TLS.
pub(crate) fn redirect_to(port: u32) -> Value {
    let redirect = json!({ "Protocol": "HTTPS", "Port": port.to_string(), "StatusCode": "HTTP_301" });
    json!([{ "Type": "redirect", "RedirectConfig": redirect }])
}

/// Returns actions as a plan shows them. Those that are shown in the same way do the same.
pub(crate) fn shown(actions: &Value) -> String {
    let of_one = |action: &Value| {
        let text = |value: &Value, name: &str, default: &str| {
            value.get(name).and_then(Value::as_str).unwrap_or(default).to_owned()
        };
        let kind = text(action, "Type", "");
        match kind.as_str() {
            "fixed-response" => {
                format!("fixed-response {}", text(&action["FixedResponseConfig"], "StatusCode", ""))
            }
            "redirect" => {
                let config = &action["RedirectConfig"];
                format!(
                    "redirect to {}://{}:{}{}?{} {}",
                    text(config, "Protocol", "#{protocol}"),
                    text(config, "Host", "#{host}"),
                    text(config, "Port", "#{port}"),
                    text(config, "Path", "/#{path}"),
                    text(config, "Query", "#{query}"),
                    text(config, "StatusCode", "")
                )
            }
            "forward" => {
                let groups = action["ForwardConfig"]["TargetGroups"].as_array();
                let groups = groups.into_iter().flatten().map(|group| text(group, "TargetGroupArn", ""));
                format!("forward to {}", groups.collect::<Vec<_>>().join(", "))
            }
            _ => kind,
        }
    };
    actions.as_array().into_iter().flatten().map(of_one).collect::<Vec<_>>().join(", ")
}

impl Api<'_> {
    /// The load balancer with a name, with its attributes and tags.
    pub(crate) async fn balancer(&self, name: &str) -> Result<Option<Balancer>> {
        self.first_balancer(name, json!({ "Names": [name] })).await
    }

    /// The load balancer with an ARN, with its attributes and tags.
    pub(crate) async fn balancer_at(&self, arn: &str) -> Result<Option<Balancer>> {
        self.first_balancer(arn, json!({ "LoadBalancerArns": [arn] })).await
    }

    /// The load balancer with an ARN, without attributes and tags.
    pub(crate) async fn bare_balancer(&self, arn: &str) -> Result<Option<Balancer>> {
        let input = json!({ "LoadBalancerArns": [arn] });
        let answer = self.unless("DescribeLoadBalancers", arn, input, "LoadBalancerNotFound").await?;
        Ok(answer.and_then(|answer| answer.items("LoadBalancers").next().map(Balancer::of)))
    }

    async fn first_balancer(&self, what: &str, input: Value) -> Result<Option<Balancer>> {
        const ABSENT: &str = "LoadBalancerNotFound";
        let answer = self.unless("DescribeLoadBalancers", what, input, ABSENT).await?;
        let Some(element) = answer.and_then(|answer| answer.items("LoadBalancers").next().cloned()) else {
            return Ok(None);
        };
        let mut balancer = Balancer::of(&element);
        let input = json!({ "LoadBalancerArn": balancer.arn });
        let attributes = self.unless("DescribeLoadBalancerAttributes", what, input, ABSENT).await?;
        let Some(attributes) = attributes else { return Ok(None) };
        let attributes = attributes.items("Attributes").map(|one| (text(one, "Key"), text(one, "Value")));
        balancer.attributes = attributes.collect();
        let Some(tags) = self.tags(&[&balancer.arn], ABSENT).await? else { return Ok(None) };
        balancer.tags = tags.into_values().next().unwrap_or_default();
        Ok(Some(balancer))
    }

    pub(crate) async fn create_balancer(&self, name: &str, input: Value) -> Result<Balancer> {
        let answer = self.done("CreateLoadBalancer", name, input).await?;
        let balancer = answer.items("LoadBalancers").next().map(Balancer::of);
        balancer.ok_or_else(|| no_answer("CreateLoadBalancer", name))
    }

    pub(crate) async fn set_subnets(&self, arn: &str, subnets: &BTreeSet<String>) -> Result<()> {
        let input = json!({ "LoadBalancerArn": arn, "Subnets": subnets });
        self.done("SetSubnets", arn, input).await.map(drop)
    }

    pub(crate) async fn set_security_groups(&self, arn: &str, groups: &BTreeSet<String>) -> Result<()> {
        let input = json!({ "LoadBalancerArn": arn, "SecurityGroups": groups });
        self.done("SetSecurityGroups", arn, input).await.map(drop)
    }

    pub(crate) async fn modify_balancer(&self, arn: &str, attributes: &[(&str, &str)]) -> Result<()> {
        if attributes.is_empty() {
            return Ok(());
        }
        let attributes = pairs_json(attributes.iter().copied());
        let input = json!({ "LoadBalancerArn": arn, "Attributes": attributes });
        self.done("ModifyLoadBalancerAttributes", arn, input).await.map(drop)
    }

    pub(crate) async fn delete_balancer(&self, arn: &str) -> Result<()> {
        let input = json!({ "LoadBalancerArn": arn });
        self.unless("DeleteLoadBalancer", arn, input, "LoadBalancerNotFound").await.map(drop)
    }

    /// The listeners of a load balancer, with their tags. None of one that is not there.
    pub(crate) async fn listeners(&self, balancer: &str) -> Result<Vec<Listener>> {
        // A listener may be deleted between the two calls.
        for _ in 0..READS {
            let input = json!({ "LoadBalancerArn": balancer });
            let pages = match self.0.elbv2().await?.pages("DescribeListeners", input).await {
                Ok(pages) => pages,
                Err(error) if code(&error) == Some("LoadBalancerNotFound") => return Ok(Vec::new()),
                Err(error) => return Err(failed(&error, "DescribeListeners", balancer)),
            };
            let elements = pages.iter().flat_map(|page| page.items("Listeners"));
            let mut listeners: Vec<Listener> = elements.map(Listener::of).collect();
            let arns: Vec<&str> = listeners.iter().map(|listener| listener.arn.as_str()).collect();
            let Some(mut tags) = self.tags(&arns, "ListenerNotFound").await? else { continue };
            for listener in &mut listeners {
                listener.tags = tags.remove(&listener.arn).unwrap_or_default();
            }
            listeners.sort_by_key(|listener| listener.port);
            return Ok(listeners);
        }
        Err(changes_too_fast("listeners", balancer))
    }

    /// Creates a listener, and returns its ARN.
    pub(crate) async fn create_listener(&self, balancer: &str, mut input: Value) -> Result<String> {
        input["LoadBalancerArn"] = json!(balancer);
        let answer = self.done("CreateListener", balancer, input).await?;
        let arn = answer.items("Listeners").next().map(|listener| text(listener, "ListenerArn"));
        arn.ok_or_else(|| no_answer("CreateListener", balancer))
    }

    pub(crate) async fn modify_listener(&self, arn: &str, mut input: Value) -> Result<()> {
        input["ListenerArn"] = json!(arn);
        self.done("ModifyListener", arn, input).await.map(drop)
    }

    pub(crate) async fn delete_listener(&self, arn: &str) -> Result<()> {
        self.unless("DeleteListener", arn, json!({ "ListenerArn": arn }), "ListenerNotFound").await.map(drop)
    }

    /// All load balancers of the region, with their tags: for endpoints without an index of tags. None where the endpoint
    /// has no Elastic Load Balancing either.
    pub(crate) async fn all_balancers(&self) -> Result<Vec<(String, Tags)>> {
        for _ in 0..READS {
            let pages = match self.0.elbv2().await?.pages("DescribeLoadBalancers", json!({})).await {
                Ok(pages) => pages,
                Err(error) if is_unsupported(&error) => return Ok(Vec::new()),
                Err(error) => return Err(failed(&error, "DescribeLoadBalancers", "")),
            };
            let elements = pages.iter().flat_map(|page| page.items("LoadBalancers"));
            let arns: Vec<String> = elements.map(|balancer| text(balancer, "LoadBalancerArn")).collect();
            let arns: Vec<&str> = arns.iter().map(String::as_str).collect();
            if let Some(tags) = self.tags(&arns, "LoadBalancerNotFound").await? {
                return Ok(tags.into_iter().collect());
            }
        }
        Err(changes_too_fast("load balancers", ""))
    }
}

fn changes_too_fast(what: &str, of: &str) -> Failure {
    Failure::new(FailureKind::Conflict, format!("{what} are deleted faster than they can be read"))
        .at(format!("elasticloadbalancing:DescribeTags {of}"))
        .help("run this again once nothing else changes them")
}
