//! Scaling policies.

use serde_json::{Value, json};

use super::{
    input::{Filter, Resource, limit_exceeded, page, validation},
    state::Policy,
};
use crate::{ApiError, Call, Ids, World, partition};

/// The most policies of a target (user guide, "Quotas for Application Auto Scaling").
const MOST: usize = 50;
/// The most adjustments of a step scaling policy.
const MOST_STEPS: usize = 20;

/// The kinds of policies, and the member that configures each.
const KINDS: [(&str, &str); 3] = [
    ("TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration"),
    ("StepScaling", "StepScalingPolicyConfiguration"),
    ("PredictiveScaling", "PredictiveScalingPolicyConfiguration"),
];

/// The predefined metric that needs a resource label.
const REQUESTS: &str = "ALBRequestCountPerTarget";

fn configured_by(kind: &str) -> &'static str {
    KINDS.iter().find(|(name, _)| *name == kind).map_or("", |(_, member)| member)
}

/// Creates or changes a policy.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html>
pub(super) fn put(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let resource = Resource::of(call)?;
    let name = call.text("PolicyName").unwrap_or_default();
    let (region, account) = (&call.region, world.account.clone());
    let target = world.autoscaling.target(region, resource.id).ok_or_else(|| resource.not_registered())?;
    let before = target.policies.get(name);
    let kind = call.text("PolicyType").or(before.map(|before| before.kind.as_str()));
    let kind = kind.ok_or_else(|| validation("PolicyType must be specified for a new scaling policy"))?;
    if before.is_some_and(|before| before.kind != kind) {
        return Err(validation("The type of a scaling policy cannot be changed"));
    }
    let configuration = configuration(call, kind, before)?;
    let metric = metric_of(&configuration);
    let mut others = target.policies.iter().filter(|(other, _)| *other != name);
    if kind == "TargetTrackingScaling" && others.any(|(_, policy)| metric_of(&policy.configuration) == metric)
    {
        let message = "Only one TargetTrackingScaling policy for a given metric specification is allowed.";
        return Err(validation(message));
    }
    if before.is_none() && target.policies.len() >= MOST {
        return Err(limit_exceeded("The maximum number of scaling policies has been reached"));
    }
    let (arn, alarms, created) = match before {
        Some(before) => (before.arn.clone(), before.alarms.clone(), before.created),
        None => {
            let id = world.ids.uuid();
            let resource = resource.id;
            let path = format!("scalingPolicy:{id}:resource/ecs/{resource}:policyName/{name}");
            let arn = partition::arn("autoscaling", region, &account, path);
            (arn, alarms(&mut world.ids, kind, resource), call.now)
        }
    };
    let answer = json!({ "PolicyARN": arn, "Alarms": shown(&alarms, region, &account) });
    let policy = Policy { arn, kind: kind.to_owned(), configuration, alarms, created };
    target.policies.insert(name.to_owned(), policy);
    Ok(answer)
}

/// The alarms that a target tracking policy makes by itself.
fn alarms(ids: &mut Ids, kind: &str, resource: &str) -> Vec<String> {
    if kind != "TargetTrackingScaling" {
        return Vec::new();
    }
    let name = |level: &str| format!("TargetTracking-{resource}-Alarm{level}-{}", ids.uuid());
    ["High", "Low"].map(name).into()
}

fn shown(alarms: &[String], region: &str, account: &str) -> Value {
    let arn = |name: &str| partition::arn("cloudwatch", region, account, format_args!("alarm:{name}"));
    alarms.iter().map(|name| json!({ "AlarmName": name, "AlarmARN": arn(name) })).collect()
}

/// The metric that a target tracking policy follows.
fn metric_of(configuration: &Value) -> Option<&Value> {
    let of = |member: &str| configuration.get(member);
    of("PredefinedMetricSpecification").or_else(|| of("CustomizedMetricSpecification"))
}

/// Reads the configuration of a policy. A change leaves out what stays: the whole configuration.
fn configuration(call: &Call, kind: &str, before: Option<&Policy>) -> Result<Value, ApiError> {
    let member = configured_by(kind);
    for (_, other) in KINDS.iter().filter(|(name, _)| *name != kind) {
        if call.input.get(*other).is_some() {
            return Err(validation(format!("{other} cannot be specified for a policy of the type {kind}")));
        }
    }
    let Some(given) = call.input.get(member) else {
        let kept = before.map(|before| before.configuration.clone());
        return kept.ok_or_else(|| validation(format!("{member} must be specified for a new policy")));
    };
    let mut configuration = with_doubles(given.clone());
    match kind {
        "TargetTrackingScaling" => {
            check_target_tracking(given)?;
            if given.get("DisableScaleIn").is_none() {
                configuration["DisableScaleIn"] = json!(false);
            }
        }
        "StepScaling" => check_steps(given)?,
        _ => {}
    }
    Ok(configuration)
}

/// Numbers as AWS answers them: those that the model has as doubles with a decimal point.
fn with_doubles(mut value: Value) -> Value {
    let doubles = ["TargetValue", "MetricIntervalLowerBound", "MetricIntervalUpperBound"];
    match &mut value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                *member = match member.as_f64().filter(|_| doubles.contains(&name.as_str())) {
                    Some(number) => json!(number),
                    None => with_doubles(member.take()),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = with_doubles(item.take())),
        _ => {}
    }
    value
}

fn check_target_tracking(given: &Value) -> Result<(), ApiError> {
    let predefined = given.get("PredefinedMetricSpecification");
    if predefined.is_some() == given.get("CustomizedMetricSpecification").is_some() {
        return Err(validation(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified",
        ));
    }
    for cooldown in ["ScaleInCooldown", "ScaleOutCooldown"] {
        check_seconds(given, cooldown)?;
    }
    let Some(predefined) = predefined else { return Ok(()) };
    let kind = predefined["PredefinedMetricType"].as_str().unwrap_or_default();
    if !kind.starts_with("ECSService") && kind != REQUESTS {
        return Err(validation(format!(
            "PredefinedMetricType {kind} is not supported for the scalable dimension ecs:service:DesiredCount"
        )));
    }
    let label = predefined.get("ResourceLabel").and_then(Value::as_str);
    match (kind == REQUESTS, label) {
        (false, Some(_)) => {
            Err(validation(format!("ResourceLabel cannot be specified for the metric type {kind}")))
        }
        (true, None) => {
            Err(validation(format!("ResourceLabel must be specified for the metric type {kind}")))
        }
        (true, Some(label)) if !is_label(label) => Err(validation(format!(
            "{label} is not of the form app/LOAD-BALANCER/ID/targetgroup/TARGET-GROUP/ID"
        ))),
        _ => Ok(()),
    }
}

/// Returns true if it names a load balancer and a target group by the last parts of their ARNs.
fn is_label(label: &str) -> bool {
    let parts: Vec<_> = label.split('/').collect();
    let is_named = parts.iter().all(|part| !part.is_empty());
    is_named && matches!(parts.as_slice(), ["app", _, _, "targetgroup", _, _])
}

fn check_seconds(given: &Value, member: &str) -> Result<(), ApiError> {
    if given.get(member).and_then(Value::as_i64).is_some_and(|seconds| seconds < 0) {
        return Err(validation(format!("{member} must be greater than or equal to 0")));
    }
    Ok(())
}

fn check_steps(given: &Value) -> Result<(), ApiError> {
    let Some(adjustment) = given.get("AdjustmentType").and_then(Value::as_str) else {
        return Err(validation("AdjustmentType must be specified"));
    };
    let steps = given.get("StepAdjustments").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if steps.is_empty() {
        return Err(validation("At least one StepAdjustment must be specified"));
    }
    if steps.len() > MOST_STEPS {
        return Err(limit_exceeded("The maximum number of step adjustments has been reached"));
    }
    check_seconds(given, "Cooldown")?;
    let bound = |step: &Value, member: &str, none: f64| step.get(member).map_or(Some(none), Value::as_f64);
    let mut intervals = Vec::new();
    for step in steps {
        let lower = bound(step, "MetricIntervalLowerBound", f64::NEG_INFINITY);
        let upper = bound(step, "MetricIntervalUpperBound", f64::INFINITY);
        let (Some(lower), Some(upper)) = (lower, upper) else { continue };
        if lower >= upper || (lower.is_infinite() && upper.is_infinite()) {
            return Err(validation(
                "The upper bound of a StepAdjustment must be greater than its lower bound",
            ));
        }
        if adjustment == "ExactCapacity" && step["ScalingAdjustment"].as_i64().is_some_and(|count| count < 0)
        {
            return Err(validation("ScalingAdjustment must not be negative for ExactCapacity"));
        }
        intervals.push((lower, upper));
    }
    intervals.sort_by(|one, other| one.0.total_cmp(&other.0));
    let apart = |pair: &[(f64, f64)]| matches!(pair, [one, other] if one.1 == other.0);
    if intervals.windows(2).all(apart) {
        return Ok(());
    }
    Err(validation("StepAdjustment intervals must neither overlap nor have a gap between them"))
}

pub(super) fn describe(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let filter = Filter::of(call, "PolicyNames")?;
    let account = world.account.clone();
    let mut found = Vec::new();
    for (resource, target) in world.autoscaling.region(&call.region).iter() {
        for (name, policy) in target.policies.iter().filter(|(name, _)| filter.has(resource, name)) {
            let mut json = Resource::json(resource);
            json["PolicyARN"] = json!(policy.arn);
            json["PolicyName"] = json!(name);
            json["PolicyType"] = json!(policy.kind);
            json[configured_by(&policy.kind)] = policy.configuration.clone();
            json["Alarms"] = shown(&policy.alarms, &call.region, &account);
            json["CreationTime"] = json!(policy.created.epoch_seconds());
            found.push(json);
        }
    }
    page(call, "ScalingPolicies", found, 10)
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let resource = Resource::of(call)?;
    let name = call.text("PolicyName").unwrap_or_default();
    let target = world.autoscaling.target(&call.region, resource.id);
    let removed = target.and_then(|target| target.policies.remove(name));
    removed.ok_or_else(|| resource.no("scaling policy", Some(("policy name", name))))?;
    Ok(json!({}))
}
