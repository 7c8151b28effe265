//! The calls.

use std::{collections::BTreeMap, time::Duration};

use longshore_aws::{
    Aws, code, failure, is_unsupported,
    untyped::CallError,
    wait::{Patience, Probe, until, until_deleted},
};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Result};
use serde_json::{Map, Value, json};

use crate::options::shape;

/// The most resources of one `DescribeScalableTargets`.
const TARGETS_AT_ONCE: usize = 50;

/// For how long a new service or target may not be seen yet, and another change be under way.
const SETTLING: Patience = Patience::of(Duration::from_secs(30));

pub(crate) type Tags = BTreeMap<String, String>;

/// A kind of what belongs to a scalable target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Its table in the configuration, below `aws`.
    pub(crate) table: &'static str,
    /// One of them, as people know it.
    pub(crate) title: &'static str,
    pub(crate) put: &'static str,
    delete: &'static str,
    describe: &'static str,
    list: &'static str,
    /// The member with its name.
    pub(crate) name: &'static str,
}

pub(crate) const POLICIES: Kind = Kind {
    table: "policies",
    title: "scaling policy",
    put: "PutScalingPolicy",
    delete: "DeleteScalingPolicy",
    describe: "DescribeScalingPolicies",
    list: "ScalingPolicies",
    name: "PolicyName",
};

pub(crate) const ACTIONS: Kind = Kind {
    table: "scheduled-actions",
    title: "scheduled action",
    put: "PutScheduledAction",
    delete: "DeleteScheduledAction",
    describe: "DescribeScheduledActions",
    list: "ScheduledActions",
    name: "ScheduledActionName",
};

impl Kind {
    pub(crate) fn name_of<'a>(&self, item: &'a Value) -> &'a str {
        text(item, self.name)
    }

    /// AWS's answer as a call takes it, without the members that name the target.
    pub(crate) fn input_of(&self, answer: &Value) -> Value {
        let members = shape(self.put).members().filter(|member| !IDENTITY.contains(&member.name));
        let members =
            members.filter_map(|member| Some((member.name.to_owned(), answer.get(member.name)?.clone())));
        Value::Object(members.collect())
    }
}

/// The members that name a target.
const IDENTITY: [&str; 3] = ["ResourceId", "ScalableDimension", "ServiceNamespace"];

/// A scalable target as it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) json: Value,
    pub(crate) tags: Tags,
}

impl Target {
    pub(crate) fn arn(&self) -> &str {
        text(&self.json, "ScalableTargetARN")
    }

    pub(crate) fn resource(&self) -> &str {
        text(&self.json, "ResourceId")
    }
}

pub(crate) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// The pairs of a map of tags.
pub(crate) fn pairs(tags: &Tags) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// Application Auto Scaling.
#[derive(Clone, Copy)]
pub(crate) struct Api<'a>(pub(crate) &'a Aws);

impl Api<'_> {
    async fn call(
        &self,
        operation: &'static str,
        input: Value,
    ) -> Result<std::result::Result<Value, CallError>> {
        Ok(self.0.autoscaling().await?.call(operation, input).await)
    }

    /// Calls an operation that changes `resource`. A service or a target that was just made may not be seen everywhere yet,
    /// and AWS takes one change of a target at a time.
    async fn change(
        &self,
        context: &Context,
        operation: &'static str,
        resource: &str,
        input: &Value,
    ) -> Result<Option<Value>> {
        let unseen = match operation {
            "RegisterScalableTarget" => "ValidationException",
            "TagResource" | "UntagResource" => "ResourceNotFoundException",
            _ => "ObjectNotFoundException",
        };
        let removes = operation.starts_with("De");
        until(context, SETTLING, |_| async {
            let error = match self.call(operation, input.clone()).await? {
                Ok(answer) => return Ok(Probe::Done(Some(answer))),
                Err(error) => error,
            };
            match code(&error) {
                Some(code) if code == unseen && removes => Ok(Probe::Done(None)),
                Some(code) if code == unseen || code == "ConcurrentUpdateException" => {
                    Ok(Probe::Again(failed(&error, operation, resource)))
                }
                _ => Err(failed(&error, operation, resource)),
            }
        })
        .await
    }

    /// The targets of services, without their tags. `None` stands for all services. None where the endpoint has no
    /// Application Auto Scaling.
    pub(crate) async fn targets(&self, resources: Option<&[String]>) -> Result<Vec<Target>> {
        let inputs = match resources {
            None => vec![json!({ "ServiceNamespace": "ecs" })],
            Some(resources) => {
                let chunks = resources.chunks(TARGETS_AT_ONCE);
                chunks.map(|chunk| json!({ "ServiceNamespace": "ecs", "ResourceIds": chunk })).collect()
            }
        };
        let mut found = Vec::new();
        for input in inputs {
            let pages = match self.0.autoscaling().await?.pages("DescribeScalableTargets", input).await {
                Ok(pages) => pages,
                Err(error) if is_unsupported(&error) => return Ok(Vec::new()),
                Err(error) => return Err(failed(&error, "DescribeScalableTargets", "")),
            };
            found.extend(items(pages, "ScalableTargets").map(|json| Target { json, tags: Tags::new() }));
        }
        Ok(found)
    }

    /// The target of a service, with its tags.
    pub(crate) async fn target(&self, resource: &str) -> Result<Option<Target>> {
        match self.targets(Some(&[resource.to_owned()])).await?.pop() {
            Some(target) => self.with_tags(target).await,
            None => Ok(None),
        }
    }

    /// A target with its tags. `None` if it is not there any more.
    pub(crate) async fn with_tags(&self, mut target: Target) -> Result<Option<Target>> {
        let answer = self.call("ListTagsForResource", json!({ "ResourceARN": target.arn() })).await?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if code(&error) == Some("ResourceNotFoundException") => return Ok(None),
            Err(error) => return Err(failed(&error, "ListTagsForResource", target.resource())),
        };
        let tags = answer.get("Tags").and_then(Value::as_object).into_iter().flatten();
        let tags = tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        target.tags = tags.collect();
        Ok(Some(target))
    }

    /// The items of a kind that belong to the target of a service.
    pub(crate) async fn items(&self, kind: Kind, resource: &str) -> Result<Vec<Value>> {
        let pages = self.0.autoscaling().await?.pages(kind.describe, identity(resource)).await;
        let pages = pages.map_err(|error| failed(&error, kind.describe, resource))?;
        Ok(items(pages, kind.list).collect())
    }

    /// Registers or changes a target. Returns its ARN. Tags are for new targets alone.
    pub(crate) async fn register(
        &self,
        context: &Context,
        resource: &str,
        members: Map<String, Value>,
        tags: Option<&[(&str, &str)]>,
    ) -> Result<String> {
        let mut input = named(resource, &Value::Object(members));
        if let Some(tags) = tags {
            input["Tags"] = tags_json(tags.iter().copied());
        }
        let answer = self.change(context, "RegisterScalableTarget", resource, &input).await?;
        Ok(text(&answer.unwrap_or_default(), "ScalableTargetARN").to_owned())
    }

    /// Deregisters a target with all that belongs to it.
    pub(crate) async fn deregister(&self, context: &Context, resource: &str) -> Result<()> {
        let delete = || async {
            self.change(context, "DeregisterScalableTarget", resource, &identity(resource)).await?;
            Ok(self.targets(Some(&[resource.to_owned()])).await?.is_empty())
        };
        until_deleted(context, &format!("scalable target of {resource}"), delete).await
    }

    /// Makes or changes an item. Returns the answer.
    pub(crate) async fn put(
        &self,
        context: &Context,
        kind: Kind,
        resource: &str,
        input: &Value,
    ) -> Result<Value> {
        let answer = self.change(context, kind.put, resource, &named(resource, input)).await?;
        Ok(answer.unwrap_or_default())
    }

    pub(crate) async fn delete(
        &self,
        context: &Context,
        kind: Kind,
        resource: &str,
        name: &str,
    ) -> Result<()> {
        let input = named(resource, &json!({ kind.name: name }));
        self.change(context, kind.delete, resource, &input).await.map(drop)
    }

    pub(crate) async fn add_tags<'t>(
        &self,
        context: &Context,
        target: &Target,
        tags: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<()> {
        let input = json!({ "ResourceARN": target.arn(), "Tags": tags_json(tags) });
        if input["Tags"].as_object().is_some_and(Map::is_empty) {
            return Ok(());
        }
        self.change(context, "TagResource", target.resource(), &input).await.map(drop)
    }

    pub(crate) async fn remove_tags(&self, context: &Context, target: &Target, keys: &[&str]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let input = json!({ "ResourceARN": target.arn(), "TagKeys": keys });
        self.change(context, "UntagResource", target.resource(), &input).await.map(drop)
    }

    /// The label by which a policy names a target group: the last parts of the ARNs of its load balancer and of itself.
    pub(crate) async fn label(&self, target_group: &str) -> Result<String> {
        let operation = "elasticloadbalancing:DescribeTargetGroups";
        let input = json!({ "TargetGroupArns": [target_group] });
        let answer = self.0.elbv2().await?.call("DescribeTargetGroups", input).await;
        let answer = answer.map_err(|error| failure(&error, format!("{operation} {target_group}")))?;
        let group = answer.items("TargetGroups").next();
        let balancer = group.and_then(|group| group.items("LoadBalancerArns").next());
        let balancer = balancer.and_then(|arn| arn.text().split_once(":loadbalancer/"));
        let (_, balancer) = balancer.ok_or_else(|| {
            let message = format!("no load balancer forwards to the target group {target_group}");
            Failure::new(FailureKind::NotFound, message)
                .at(operation)
                .help("refer to a target group with a rule on the listener of an Application Load Balancer")
        })?;
        let group = target_group.rsplit(':').next().unwrap_or_default();
        Ok(format!("{balancer}/{group}"))
    }
}

/// The members that name the target of a service.
fn identity(resource: &str) -> Value {
    json!({ "ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": "ecs:service:DesiredCount" })
}

fn named(resource: &str, input: &Value) -> Value {
    let mut named = identity(resource);
    if let (Some(named), Some(input)) = (named.as_object_mut(), input.as_object()) {
        named.extend(input.clone());
    }
    named
}

fn tags_json<'t>(tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> Value {
    tags.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

fn items(pages: Vec<Value>, list: &'static str) -> impl Iterator<Item = Value> {
    pages.into_iter().flat_map(move |mut page| match page.get_mut(list).map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    })
}

fn failed(error: &CallError, operation: &str, resource: &str) -> Failure {
    failure(error, format!("application-autoscaling:{operation} {resource}"))
}
