//! Capacity providers and account settings.

use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::{Answer, input, missing};
use crate::{Call, World};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeProviders {
    capacity_providers: Option<Vec<String>>,
}

pub(super) fn describe_capacity_providers(call: &Call) -> Answer {
    let request: DescribeProviders = input(call)?;
    let known = ["FARGATE", "FARGATE_SPOT"];
    let wanted = request.capacity_providers.unwrap_or_else(|| known.map(str::to_owned).to_vec());
    let (found, failed): (Vec<_>, Vec<_>) = wanted.iter().partition(|name| known.contains(&name.as_str()));
    let providers: Vec<Value> =
        found.iter().map(|name| json!({ "name": name, "status": "ACTIVE", "tags": [] })).collect();
    let failures: Vec<Value> = failed.iter().map(|name| missing(name)).collect();
    Ok(json!({ "capacityProviders": providers, "failures": failures }))
}

#[derive(Deserialize)]
struct ListSettings {
    name: Option<String>,
}

/// The settings of an account that has changed none, all of which are in force here.
pub(super) fn list_account_settings(world: &World, call: &Call) -> Answer {
    let request: ListSettings = input(call)?;
    let settings = [
        ("awsvpcTrunking", "disabled"),
        ("containerInsights", "disabled"),
        ("containerInstanceLongArnFormat", "enabled"),
        ("serviceLongArnFormat", "enabled"),
        ("tagResourceAuthorization", "on"),
        ("taskLongArnFormat", "enabled"),
    ];
    let principal = world.global_arn("iam", "root");
    let settings: Vec<Value> = settings
        .iter()
        .filter(|(name, _)| request.name.as_deref().is_none_or(|wanted| wanted == *name))
        .map(|(name, value)| json!({ "name": name, "value": value, "principalArn": principal, "type": "user" }))
        .collect();
    Ok(json!({ "settings": settings }))
}
