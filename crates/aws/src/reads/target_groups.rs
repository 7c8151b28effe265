//! The target groups of services: where requests for them arrive, and how their targets are.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::try_join_all;
use longshore_plugin::Result;
use serde_json::{Value, json};

use super::{Clients, Freshness, Reads, loader::Loader};
use crate::{
    Aws,
    changes::Changes,
    code, failure,
    load_balancing::{address, forwards, is_host},
    untyped::Element,
};

/// The most resources that a call describes (API reference, DescribeLoadBalancers).
const AT_ONCE: usize = 20;

/// A target group as people want to know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its name.
    pub name: String,
    /// The addresses at which listeners take requests for it.
    pub addresses: Vec<String>,
    /// Its targets.
    pub targets: Vec<Target>,
}

/// A target of a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address, or the id of an instance, and its port.
    pub id: String,
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining` …
    pub state: String,
    /// The reason for a state that is not `healthy`, in Elastic Load Balancing's words.
    pub reason: Option<String>,
}

/// Target groups, by ARN.
pub(super) type TargetGroups = Loader<(), String, Arc<TargetGroup>>;

pub(super) fn loader(clients: Clients, changes: Arc<Changes>) -> TargetGroups {
    Loader::new(usize::MAX, changes, move |(), arns: Vec<String>| {
        let clients = clients.clone();
        async move { read(&clients.get()?, &arns).await }
    })
}

/// Reads those of the groups `arns` that exist.
async fn read(aws: &Aws, arns: &[String]) -> Result<BTreeMap<String, Result<Arc<TargetGroup>>>> {
    let mut groups = BTreeMap::new();
    for (arn, targets) in try_join_all(arns.iter().map(|arn| targets(aws, arn))).await? {
        groups.extend(targets.map(|targets| (arn, TargetGroup { targets, ..TargetGroup::default() })));
    }
    let of_groups: Vec<_> = groups.keys().cloned().collect();
    let described =
        describe(aws, "DescribeTargetGroups", "TargetGroupArns", "TargetGroups", &of_groups).await?;
    let mut balancers = Vec::new();
    for element in &described {
        let Some(group) = element.text_of("TargetGroupArn").and_then(|arn| groups.get_mut(arn)) else {
            continue;
        };
        group.name = element.text_of("TargetGroupName").unwrap_or_default().to_owned();
        balancers.extend(element.items("LoadBalancerArns").map(|arn| arn.text().to_owned()));
    }
    balancers.sort_unstable();
    balancers.dedup();
    let balancers =
        describe(aws, "DescribeLoadBalancers", "LoadBalancerArns", "LoadBalancers", &balancers).await?;
    for (group, address) in
        try_join_all(balancers.iter().map(|balancer| addresses(aws, balancer))).await?.concat()
    {
        if let Some(group) = groups.get_mut(&group) {
            group.addresses.push(address);
        }
    }
    Ok(groups.into_iter().map(|(arn, group)| (arn, Ok(Arc::new(group)))).collect())
}

/// The targets of a group; `None` if it does not exist.
async fn targets(aws: &Aws, arn: &str) -> Result<(String, Option<Vec<Target>>)> {
    let operation = "DescribeTargetHealth";
    let answer = aws.elbv2().await?.call(operation, json!({ "TargetGroupArn": arn })).await;
    let answer = match answer {
        Err(error) if code(&error) == Some("TargetGroupNotFound") => return Ok((arn.to_owned(), None)),
        answer => {
            answer.map_err(|error| failure(&error, format!("elasticloadbalancing:{operation} {arn}")))?
        }
    };
    let target = |description: &Element| {
        let target = description.child("Target")?;
        let health = description.child("TargetHealth")?;
        let id = target.text_of("Id")?;
        let reason = health.text_of("Description").or_else(|| health.text_of("Reason"));
        Some(Target {
            id: target.text_of("Port").map_or_else(|| id.to_owned(), |port| format!("{id}:{port}")),
            state: health.text_of("State")?.to_owned(),
            reason: reason.map(str::to_owned),
        })
    };
    let mut targets: Vec<_> = answer.items("TargetHealthDescriptions").filter_map(target).collect();
    targets.sort_by(|one, other| one.id.cmp(&other.id));
    Ok((arn.to_owned(), Some(targets)))
}

/// Describes the resources with these ARNs, a few at a time.
async fn describe(
    aws: &Aws,
    operation: &'static str,
    member: &str,
    list: &str,
    arns: &[String],
) -> Result<Vec<Element>> {
    let client = aws.elbv2().await?;
    let mut described = Vec::new();
    for arns in arns.chunks(AT_ONCE) {
        let input = Value::Object([(member.to_owned(), json!(arns))].into_iter().collect());
        let answer = client.call(operation, input).await;
        let answer = answer.map_err(|error| failure(&error, format!("elasticloadbalancing:{operation}")))?;
        described.extend(answer.items(list).cloned());
    }
    Ok(described)
}

/// The target groups that the listeners of a load balancer forward to, each with the address of these requests.
async fn addresses(aws: &Aws, balancer: &Element) -> Result<Vec<(String, String)>> {
    let client = aws.elbv2().await?;
    let pages = |operation, input: Value| async move {
        let pages = client.pages(operation, input).await;
        pages.map_err(|error| failure(&error, format!("elasticloadbalancing:{operation}")))
    };
    let balancer_arn = json!({ "LoadBalancerArn": balancer.text_of("LoadBalancerArn") });
    let dns_name = balancer.text_of("DNSName").unwrap_or_default();
    let mut found = Vec::new();
    for listener in
        pages("DescribeListeners", balancer_arn).await?.iter().flat_map(|page| page.items("Listeners"))
    {
        let text = |member| listener.text_of(member).unwrap_or_default();
        let (protocol, port) = (text("Protocol"), text("Port"));
        let mut add = |groups: Vec<String>, host: Option<&str>, path: Option<&str>| {
            let address =
                address(protocol, port, host.filter(|host| is_host(host)).unwrap_or(dns_name), path);
            found.extend(groups.into_iter().map(|group| (group, address.clone())));
        };
        if !protocol.starts_with("HTTP") {
            add(forwards(listener.items("DefaultActions")), None, None);
            continue;
        }
        let listener_arn = json!({ "ListenerArn": text("ListenerArn") });
        for rule in pages("DescribeRules", listener_arn).await?.iter().flat_map(|page| page.items("Rules")) {
            add(
                forwards(rule.items("Actions")),
                condition(rule, "host-header"),
                condition(rule, "path-pattern"),
            );
        }
    }
    Ok(found)
}

/// The first value of a rule's condition.
fn condition<'a>(rule: &'a Element, field: &str) -> Option<&'a str> {
    let mut conditions = rule.items("Conditions");
    let condition = conditions.find(|condition| condition.text_of("Field") == Some(field))?;
    let config = if field == "host-header" { "HostHeaderConfig" } else { "PathPatternConfig" };
    condition.child(config).unwrap_or(condition).items("Values").next().map(Element::text)
}

impl Reads {
    /// Returns a target group by its ARN, with the addresses of its load balancers and the health of its targets. `None` if it
    /// does not exist.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn target_group(&self, arn: &str) -> Result<Option<Arc<TargetGroup>>> {
        self.target_groups.load((), arn.to_owned(), Freshness::Now).await
    }
}
