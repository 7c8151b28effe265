//! The calls.

use std::collections::BTreeMap;

use longshore_aws::{
    Aws, code, failure, is_unsupported,
    untyped::{CallError, Element},
};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use serde_json::{Value, json};

use crate::rule::Rule;

/// The most resources of one `DescribeTags`.
const TAGS_AT_ONCE: usize = 20;

/// The number of reads of rules until none was deleted meanwhile.
const READS: usize = 3;

/// The fields of a target group that are compared.
const FIELDS: [&str; 12] = [
    "HealthCheckIntervalSeconds",
    "HealthCheckPath",
    "HealthCheckPort",
    "HealthCheckProtocol",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "Port",
    "Protocol",
    "ProtocolVersion",
    "TargetType",
    "UnhealthyThresholdCount",
    "VpcId",
];

pub(crate) type Tags = BTreeMap<String, String>;

/// A listener.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) load_balancer: String,
    pub(crate) protocol: String,
    pub(crate) port: String,
}

/// A load balancer.
#[derive(Clone, Debug)]
pub(crate) struct LoadBalancer {
    pub(crate) dns_name: String,
    pub(crate) vpc: String,
}

/// A target group as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) arn: String,
    /// Its fields by AWS's names; `Matcher` has the codes.
    pub(crate) fields: BTreeMap<&'static str, String>,
    pub(crate) load_balancers: Vec<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: Tags,
}

impl Group {
    fn of(element: &Element) -> Self {
        let mut fields: BTreeMap<&'static str, String> =
            FIELDS.iter().filter_map(|name| Some((*name, element.text_of(name)?.to_owned()))).collect();
        let matcher = element.child("Matcher");
        let matcher =
            matcher.and_then(|matcher| matcher.text_of("HttpCode").or_else(|| matcher.text_of("GrpcCode")));
        fields.extend(matcher.map(|codes| ("Matcher", codes.to_owned())));
        Self {
            arn: text(element, "TargetGroupArn"),
            fields,
            load_balancers: element.items("LoadBalancerArns").map(|arn| arn.text().to_owned()).collect(),
            attributes: BTreeMap::new(),
            tags: Tags::new(),
        }
    }
}

pub(crate) fn text(element: &Element, name: &str) -> String {
    element.text_of(name).unwrap_or_default().to_owned()
}

/// The pairs of a map of tags or of attributes.
pub(crate) fn pairs(map: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    map.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

pub(crate) fn pairs_json<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    pairs.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// Elastic Load Balancing.
#[derive(Clone, Copy)]
pub(crate) struct Api<'a>(pub(crate) &'a Aws);

impl Api<'_> {
    pub(crate) async fn call(
        &self,
        operation: &'static str,
        input: Value,
    ) -> Result<std::result::Result<Element, CallError>> {
        Ok(self.0.elbv2().await?.call(operation, input).await)
    }

    /// Calls an operation about `what`.
    pub(crate) async fn done(&self, operation: &'static str, what: &str, input: Value) -> Result<Element> {
        let answer = self.call(operation, input).await?;
        answer.map_err(|error| failed(&error, operation, what))
    }

    /// Calls an operation. `None` if its error has the code `absent`.
    pub(crate) async fn unless(
        &self,
        operation: &'static str,
        what: &str,
        input: Value,
        absent: &str,
    ) -> Result<Option<Element>> {
        match self.call(operation, input).await? {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if code(&error) == Some(absent) => Ok(None),
            Err(error) => Err(failed(&error, operation, what)),
        }
    }

    pub(crate) async fn listener(&self, arn: &str) -> Result<Option<Listener>> {
        let input = json!({ "ListenerArns": [arn] });
        let answer = self.unless("DescribeListeners", arn, input, "ListenerNotFound").await?;
        let first = answer.and_then(|answer| answer.items("Listeners").next().cloned());
        Ok(first.map(|listener| Listener {
            load_balancer: text(&listener, "LoadBalancerArn"),
            protocol: text(&listener, "Protocol"),
            port: text(&listener, "Port"),
        }))
    }

    /// The ARNs of the listeners of a load balancer.
    pub(crate) async fn listeners_of(&self, load_balancer: &str) -> Result<Vec<String>> {
        let input = json!({ "LoadBalancerArn": load_balancer });
        let answer = self.unless("DescribeListeners", load_balancer, input, "LoadBalancerNotFound").await?;
        let listeners = answer.iter().flat_map(|answer| answer.items("Listeners"));
        Ok(listeners.map(|listener| text(listener, "ListenerArn")).collect())
    }

    pub(crate) async fn load_balancer(&self, arn: &str) -> Result<Option<LoadBalancer>> {
        let input = json!({ "LoadBalancerArns": [arn] });
        let answer = self.unless("DescribeLoadBalancers", arn, input, "LoadBalancerNotFound").await?;
        let first = answer.and_then(|answer| answer.items("LoadBalancers").next().cloned());
        Ok(first.map(|balancer| LoadBalancer {
            dns_name: text(&balancer, "DNSName"),
            vpc: text(&balancer, "VpcId"),
        }))
    }

    /// The target group with a name, with its attributes and tags.
    pub(crate) async fn group(&self, name: &str) -> Result<Option<Group>> {
        self.first_group(name, json!({ "Names": [name] })).await
    }

    /// The target group with an ARN.
    pub(crate) async fn group_at(&self, arn: &str) -> Result<Option<Group>> {
        self.first_group(arn, json!({ "TargetGroupArns": [arn] })).await
    }

    async fn first_group(&self, what: &str, input: Value) -> Result<Option<Group>> {
        let answer = self.unless("DescribeTargetGroups", what, input, "TargetGroupNotFound").await?;
        let Some(element) = answer.and_then(|answer| answer.items("TargetGroups").next().cloned()) else {
            return Ok(None);
        };
        let mut group = Group::of(&element);
        let input = json!({ "TargetGroupArn": group.arn });
        let attributes =
            self.unless("DescribeTargetGroupAttributes", what, input, "TargetGroupNotFound").await?;
        let Some(attributes) = attributes else { return Ok(None) };
        let attributes = attributes.items("Attributes").map(|one| (text(one, "Key"), text(one, "Value")));
        group.attributes = attributes.collect();
        let Some(tags) = self.tags(&[&group.arn], "TargetGroupNotFound").await? else { return Ok(None) };
        group.tags = tags.into_values().next().unwrap_or_default();
        Ok(Some(group))
    }

    /// The tags of resources, by ARN. `None` if one of them is not there, which has the code `absent`.
    pub(crate) async fn tags(&self, arns: &[&str], absent: &str) -> Result<Option<BTreeMap<String, Tags>>> {
        let mut found = BTreeMap::new();
        for chunk in arns.chunks(TAGS_AT_ONCE) {
            let input = json!({ "ResourceArns": chunk });
            let what = chunk.first().copied().unwrap_or_default();
            let Some(answer) = self.unless("DescribeTags", what, input, absent).await? else {
                return Ok(None);
            };
            found.extend(answer.items("TagDescriptions").map(|description| {
                let tags = description.items("Tags").map(|tag| (text(tag, "Key"), text(tag, "Value")));
                (text(description, "ResourceArn"), tags.collect())
            }));
        }
        Ok(Some(found))
    }

    /// The rules of a listener with their tags, without the default one. None of a listener that is not there.
    pub(crate) async fn rules(&self, listener: &str) -> Result<Vec<Rule>> {
        // A rule may be deleted between the two calls.
        for _ in 0..READS {
            let input = json!({ "ListenerArn": listener });
            let pages = match self.0.elbv2().await?.pages("DescribeRules", input).await {
                Ok(pages) => pages,
                Err(error) if code(&error) == Some("ListenerNotFound") => return Ok(Vec::new()),
                Err(error) => return Err(failed(&error, "DescribeRules", listener)),
            };
            let elements = pages.iter().flat_map(|page| page.items("Rules"));
            let mut rules: Vec<Rule> =
                elements.map(Rule::of).filter(|rule| rule.priority.is_some()).collect();
            let arns: Vec<&str> = rules.iter().map(|rule| rule.arn.as_str()).collect();
            let Some(mut tags) = self.tags(&arns, "RuleNotFound").await? else { continue };
            for rule in &mut rules {
                rule.tags = tags.remove(&rule.arn).unwrap_or_default();
            }
            return Ok(rules);
        }
        Err(Failure::new(FailureKind::Conflict, "rules are deleted faster than they can be read")
            .at(format!("elasticloadbalancing:DescribeTags {listener}"))
            .help("run this again once nothing else changes the listener"))
    }

    pub(crate) async fn create_group(
        &self,
        name: &str,
        mut input: Value,
        tags: &[(&str, &str)],
    ) -> Result<Group> {
        input["Name"] = json!(name);
        input["Tags"] = pairs_json(tags.iter().copied());
        let answer = self.done("CreateTargetGroup", name, input).await?;
        let group = answer.items("TargetGroups").next().map(Group::of);
        group.ok_or_else(|| no_answer("CreateTargetGroup", name))
    }

    pub(crate) async fn modify_group(&self, arn: &str, mut input: Value) -> Result<()> {
        input["TargetGroupArn"] = json!(arn);
        self.done("ModifyTargetGroup", arn, input).await.map(drop)
    }

    pub(crate) async fn modify_attributes(&self, arn: &str, attributes: &[(&str, &str)]) -> Result<()> {
        let attributes = pairs_json(attributes.iter().copied());
        let input = json!({ "TargetGroupArn": arn, "Attributes": attributes });
        self.done("ModifyTargetGroupAttributes", arn, input).await.map(drop)
    }

    /// Deletes a target group. Returns false if something still forwards to it.
    pub(crate) async fn delete_group(&self, arn: &str) -> Result<bool> {
        let input = json!({ "TargetGroupArn": arn });
        match self.call("DeleteTargetGroup", input).await? {
            Ok(_) => Ok(true),
            Err(error) => match code(&error) {
                Some("TargetGroupNotFound") => Ok(true),
                Some("ResourceInUse") => Ok(false),
                _ => Err(failed(&error, "DeleteTargetGroup", arn)),
            },
        }
    }

    /// Creates a rule. `None` if its priority is taken.
    pub(crate) async fn create_rule(&self, listener: &str, input: Value) -> Result<Option<Rule>> {
        let Some(answer) = self.unless("CreateRule", listener, input, "PriorityInUse").await? else {
            return Ok(None);
        };
        let rule = answer.items("Rules").next().map(Rule::of);
        rule.map(Some).ok_or_else(|| no_answer("CreateRule", listener))
    }

    pub(crate) async fn modify_rule(&self, arn: &str, mut input: Value) -> Result<()> {
        input["RuleArn"] = json!(arn);
        self.done("ModifyRule", arn, input).await.map(drop)
    }

    /// Sets the priority of a rule. Returns false if it is taken.
    pub(crate) async fn set_priority(&self, arn: &str, priority: u32) -> Result<bool> {
        let input = json!({ "RulePriorities": [{ "RuleArn": arn, "Priority": priority }] });
        Ok(self.unless("SetRulePriorities", arn, input, "PriorityInUse").await?.is_some())
    }

    pub(crate) async fn delete_rule(&self, arn: &str) -> Result<()> {
        self.unless("DeleteRule", arn, json!({ "RuleArn": arn }), "RuleNotFound").await.map(drop)
    }

    pub(crate) async fn add_tags<'t>(
        &self,
        arn: &str,
        tags: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<()> {
        let tags = pairs_json(tags);
        if tags.as_array().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        self.done("AddTags", arn, json!({ "ResourceArns": [arn], "Tags": tags })).await.map(drop)
    }

    pub(crate) async fn remove_tags(&self, arn: &str, keys: &[&str]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        self.done("RemoveTags", arn, json!({ "ResourceArns": [arn], "TagKeys": keys })).await.map(drop)
    }

    /// Gives a resource the tags that it had before.
    pub(crate) async fn restore_tags(&self, arn: &str, was: &Tags, now: &Tags) -> Result<()> {
        let lost = pairs(was).filter(|(key, value)| now.get(*key).map(String::as_str) != Some(*value));
        self.add_tags(arn, lost).await?;
        let new: Vec<_> = now.keys().filter(|key| !was.contains_key(*key)).map(String::as_str).collect();
        self.remove_tags(arn, &new).await
    }

    /// All target groups of the region, with their tags: for endpoints without an index of tags. None where the endpoint
    /// has no Elastic Load Balancing either.
    pub(crate) async fn all_groups(&self) -> Result<Vec<(String, Tags)>> {
        let pages = match self.0.elbv2().await?.pages("DescribeTargetGroups", json!({})).await {
            Ok(pages) => pages,
            Err(error) if is_unsupported(&error) => return Ok(Vec::new()),
            Err(error) => return Err(failed(&error, "DescribeTargetGroups", "")),
        };
        let arns: Vec<String> = pages
            .iter()
            .flat_map(|page| page.items("TargetGroups"))
            .map(|group| text(group, "TargetGroupArn"))
            .collect();
        let arns: Vec<&str> = arns.iter().map(String::as_str).collect();
        let tags = self.tags(&arns, "TargetGroupNotFound").await?;
        Ok(tags.unwrap_or_default().into_iter().collect())
    }
}

pub(crate) fn failed(error: &CallError, operation: &str, what: &str) -> Failure {
    failure(error, format!("elasticloadbalancing:{operation} {what}"))
}

pub(crate) fn no_answer(operation: &str, what: &str) -> Failure {
    let message = "Elastic Load Balancing answers without what it has made";
    Failure::new(FailureKind::Internal, message).at(format!("elasticloadbalancing:{operation} {what}"))
}
