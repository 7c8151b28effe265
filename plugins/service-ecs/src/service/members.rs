//! The members of a service that are declared in AWS's own words.
//!
//! Only declared members are compared and sent. If ECS takes a member as a whole, its undeclared parts are sent back as
//! they are.

use std::collections::BTreeSet;

use longshore_aws::{
    ServiceJson,
    fields::{field_changes, shown as field_shown},
};
use longshore_aws_shapes::{Extent, Model};
use longshore_model::{FieldChange, Shown};
use serde_json::{Map, Value, json};

use super::create::ecs_rolls_back;
use crate::declaration::Deployment;
use crate::{aws_fields::AwsFields, fields::input};

const PROVIDERS: &str = "capacityProviderStrategy";
const DEPLOYMENT: &str = "deploymentConfiguration";
const LOAD_BALANCERS: &str = "loadBalancers";

/// Returns true if a change of `member` begins a new deployment.
pub(super) fn deploys(member: &str) -> bool {
    input("UpdateService").member(member).is_some_and(|member| member.deploys)
}

/// Returns true if `fields` declare capacity providers, which stand in place of a launch type.
pub(super) fn has_providers(fields: &AwsFields) -> bool {
    fields.service().contains_key(PROVIDERS)
}

/// The declared members of a new service, as plans show them.
pub(super) fn shown(fields: &AwsFields) -> Vec<(String, Shown)> {
    let form = input("CreateService").form(&Value::Object(fields.service().clone()));
    form.significant().map(|(path, text)| (path.join("."), field_shown(text.to_owned()))).collect()
}

/// The members that a request for a new service has beside those of the SDK's own types.
pub(super) fn of_creation(fields: &AwsFields, deployment: &Deployment) -> Map<String, Value> {
    let mut members = fields.service().clone();
    if members.get(PROVIDERS).and_then(Value::as_array).is_some_and(|providers| !providers.is_empty()) {
        members.insert("launchType".to_owned(), Value::Null);
    }
    if fields.is_daemon() {
        members.insert("desiredCount".to_owned(), Value::Null);
    }
    if let Some(declared) = members.get_mut(DEPLOYMENT) {
        set_deployment(declared, deployment);
    }
    members
}

/// Compares the declared members with a service that ECS describes as `json`, and adds what differs to `changes`. Returns
/// the members to send, and true if one of them cannot be changed.
pub(super) fn changed(
    json: &ServiceJson,
    fields: &AwsFields,
    deployment: &Deployment,
    deployment_differs: bool,
    changes: &mut Vec<FieldChange>,
) -> (Map<String, Value>, bool) {
    if fields.service().is_empty() && !deployment_differs {
        return (Map::new(), false);
    }
    let (create, update) = (input("CreateService"), input("UpdateService"));
    let actual = actual(json.parsed());
    let fields = with_actual_roles(fields.service().clone(), &actual);
    let declared = Value::Object(fields.clone());
    let mut differing = BTreeSet::new();
    for change in create.form(&actual).changes_to(&create.form(&declared), Extent::Declared) {
        differing.extend(change.path.first().cloned());
        changes.extend(field_changes("", [change]));
    }
    let is_fixed =
        differing.iter().any(|member| Model::ecs().fixed("CreateService").contains(&member.as_str()));
    if deployment_differs {
        differing.insert(DEPLOYMENT.to_owned());
    }
    let mut members = Map::new();
    for member in differing.into_iter().filter(|member| update.member(member).is_some()) {
        let nothing = if member == DEPLOYMENT { json!({}) } else { Value::Null };
        let value = fields.get(&member).cloned().unwrap_or(nothing);
        members.insert(member, value);
    }
    let mut filled = Value::Object(members);
    let declared: Vec<_> =
        filled.as_object().into_iter().flatten().map(|(member, _)| member.clone()).collect();
    let there: Map<_, _> =
        declared.iter().filter_map(|member| Some((member.clone(), actual.get(member)?.clone()))).collect();
    update.fill(&mut filled, &Value::Object(there));
    if let Some(declared) = filled.get_mut(DEPLOYMENT) {
        set_deployment(declared, deployment);
    }
    match filled {
        Value::Object(members) => (members, is_fixed),
        _ => (Map::new(), is_fixed),
    }
}

/// Gives the target groups of a declared pair the roles that they have: a deployment that shifts traffic swaps them, and
/// which of the two takes it is ECS's to know.
fn with_actual_roles(mut declared: Map<String, Value>, actual: &Value) -> Map<String, Value> {
    let there = actual.get(LOAD_BALANCERS).and_then(Value::as_array).cloned().unwrap_or_default();
    let there: Vec<_> = there.iter().filter_map(pair_of).collect();
    for item in declared.get_mut(LOAD_BALANCERS).and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some((group, alternate)) = pair_of(item)
            && there.contains(&(alternate.clone(), group.clone()))
        {
            item["targetGroupArn"] = json!(alternate);
            item["advancedConfiguration"]["alternateTargetGroupArn"] = json!(group);
        }
    }
    declared
}

/// The target group of a load balancer's entry, and the alternate one.
fn pair_of(item: &Value) -> Option<(String, String)> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let alternate = item.get("advancedConfiguration")?.get("alternateTargetGroupArn");
    Some((text(item.get("targetGroupArn"))?, text(alternate)?))
}

/// Members that short words set, by these words. Those without a word have one value for all services that are not adopted.
const WORDS: [(&str, &str); 13] = [
    ("desiredCount", "desired-count"),
    ("launchType", "launch-type"),
    ("enableExecuteCommand", "execute-command"),
    ("enableECSManagedTags", ""),
    ("propagateTags", ""),
    ("platformVersion", ""),
    ("networkConfiguration.awsvpcConfiguration.subnets", "network.subnets"),
    ("networkConfiguration.awsvpcConfiguration.securityGroups", "network.security-groups"),
    ("networkConfiguration.awsvpcConfiguration.assignPublicIp", "network.assign-public-ip"),
    ("deploymentConfiguration.minimumHealthyPercent", "deployment.minimum-healthy-percent"),
    ("deploymentConfiguration.maximumPercent", "deployment.maximum-percent"),
    ("deploymentConfiguration.deploymentCircuitBreaker.enable", "deployment.circuit-breaker"),
    ("deploymentConfiguration.deploymentCircuitBreaker.rollback", "deployment.rollback"),
];

/// Members that every service has, or that are compared elsewhere.
const OTHERS: [&str; 4] = ["cluster", "serviceName", "tags", "taskDefinition"];

/// The fields of a service that ECS describes as `json` which neither `fields` nor a short word declares, as far as they
/// are not at AWS's defaults.
pub(super) fn left_alone(
    json: &ServiceJson,
    fields: &AwsFields,
    is_compared: impl Fn(&str) -> bool,
) -> Vec<FieldChange> {
    let create = input("CreateService");
    let declared = create.form(&Value::Object(fields.service().clone()));
    let actual = create.form(&actual(json.parsed()));
    let of_words: BTreeSet<_> =
        WORDS.iter().filter(|(_, word)| is_compared(word)).map(|(member, _)| *member).collect();
    let compared: BTreeSet<_> =
        actual.changes_to(&declared, Extent::Declared).into_iter().map(|change| change.path).collect();
    let whole = actual.changes_to(&declared, Extent::Whole).into_iter();
    let undeclared = whole.filter(|change| change.declared.is_none() && !compared.contains(&change.path));
    let undeclared = undeclared.filter_map(|change| {
        let field = change.path.join(".");
        let is_other = change.path.first().is_some_and(|first| OTHERS.contains(&first.as_str()));
        let value = change.actual.filter(|_| !is_other && !of_words.contains(field.as_str()))?;
        Some(FieldChange::new(field, None, Some(field_shown(value))))
    });
    undeclared.collect()
}

/// The members that short words set.
fn set_deployment(configuration: &mut Value, deployment: &Deployment) {
    configuration["minimumHealthyPercent"] = json!(deployment.minimum_healthy_percent);
    configuration["maximumPercent"] = json!(deployment.maximum_percent);
    let breaker = &mut configuration["deploymentCircuitBreaker"];
    breaker["enable"] = json!(deployment.circuit_breaker);
    breaker["rollback"] = json!(ecs_rolls_back(deployment));
}

/// The members of a service. ECS shows some of them with its deployments only: what the primary one has is the service's.
fn actual(mut actual: Value) -> Value {
    let deployments = actual.get_mut("deployments").and_then(Value::as_array_mut);
    let mut deployments = deployments.map(std::mem::take).unwrap_or_default().into_iter();
    let Some(mut primary) = deployments.find(|deployment| deployment["status"] == "PRIMARY") else {
        return actual;
    };
    for member in input("UpdateService").members() {
        let is_absent = actual.get(member.name).is_none_or(Value::is_null);
        if let Some(value) = primary.get_mut(member.name).filter(|_| is_absent) {
            actual[member.name] = value.take();
        }
    }
    actual
}
