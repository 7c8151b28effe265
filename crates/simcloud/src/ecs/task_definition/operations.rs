//! The operations on task definitions.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        arn::Arns,
        shapes,
        tags::{Tag, Tags},
        wire::{Answer, client, input, invalid, page, pruned},
    },
    DefinitionStatus, TaskDefinition, TaskSpec, consistency, normal_form, validate,
};
use crate::{Call, World};

#[derive(Deserialize)]
struct Tagged {
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(in crate::ecs) fn register(world: &mut World, call: &Call) -> Answer {
    let Tagged { tags } = input(call)?;
    if call.input.get("family").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(client("Family should not be null or empty."));
    }
    let mut spec: TaskSpec = input(call)?;
    let tags = Tags::checked(&tags)?;
    // The documented maximum size of a task definition.
    if call.input.to_string().len() > 64 * 1024 {
        return Err(client("Actual length of the task definition exceeds the maximum of 65536 bytes."));
    }
    validate::check(world, &spec)?;
    shapes::check("RegisterTaskDefinition", &call.input)?;
    consistency::check(&call.input, spec.requires_fargate())?;

    let arns = Arns::of(world, &call.region);
    let region = world.ecs.region_mut(&call.region);
    let body = normal_form::body(&pruned(call.input.clone()), &spec);
    let sizes = ["cpu", "memory"].map(|member| body.get(member).and_then(Value::as_str).map(str::to_owned));
    [spec.cpu, spec.memory] = sizes;
    let family = region.families.0.entry(spec.family.clone()).or_default();
    family.latest += 1;
    let definition = TaskDefinition {
        arn: arns.task_definition(&spec.family, family.latest),
        revision: family.latest,
        status: DefinitionStatus::Active,
        registered: call.now,
        registered_by: call.caller.clone(),
        deregistered: None,
        delete_requested: None,
        tags,
        body,
        spec,
    };
    let answer = pruned(json!({
        "taskDefinition": definition.json(),
        "tags": (!definition.tags.0.is_empty()).then(|| definition.tags.json()),
    }));
    family.revisions.insert(family.latest, definition);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    task_definition: String,
    #[serde(default)]
    include: Vec<String>,
}

pub(in crate::ecs) fn describe(world: &mut World, call: &Call) -> Answer {
    let request: Describe = input(call)?;
    let arns = Arns::of(world, &call.region);
    let definition = world
        .ecs
        .region_mut(&call.region)
        .families
        .definition(&arns, &request.task_definition)
        .ok_or_else(|| client("Unable to describe task definition."))?;
    let tags = request.include.iter().any(|part| part == "TAGS").then(|| definition.tags.json());
    Ok(pruned(json!({ "taskDefinition": definition.json(), "tags": tags })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    family_prefix: Option<String>,
    status: Option<String>,
    sort: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

pub(in crate::ecs) fn list(world: &mut World, call: &Call) -> Answer {
    let request: List = input(call)?;
    let status = match request.status.as_deref() {
        None | Some("ACTIVE") => DefinitionStatus::Active,
        Some("INACTIVE") => DefinitionStatus::Inactive,
        Some("DELETE_IN_PROGRESS") => DefinitionStatus::DeleteInProgress,
        Some(unknown) => return Err(invalid(format!("Invalid status: {unknown}"))),
    };
    let families = &world.ecs.region_mut(&call.region).families.0;
    // The operation's familyPrefix is the whole name of a family.
    let mut arns: Vec<String> = families
        .iter()
        .filter(|(name, _)| request.family_prefix.as_ref().is_none_or(|family| family == *name))
        .flat_map(|(_, family)| family.revisions.values())
        .filter(|definition| definition.status == status)
        .map(|definition| definition.arn.clone())
        .collect();
    if request.sort.as_deref() == Some("DESC") {
        arns.reverse();
    }
    let (arns, next) = page(arns, request.max_results, request.next_token.as_deref(), 100)?;
    Ok(pruned(json!({ "taskDefinitionArns": arns, "nextToken": next })))
}

pub(in crate::ecs) fn list_families(world: &mut World, call: &Call) -> Answer {
    let request: List = input(call)?;
    let prefix = request.family_prefix.unwrap_or_default();
    let status = request.status.unwrap_or_else(|| "ALL".to_owned());
    let families = &world.ecs.region_mut(&call.region).families.0;
    let names = families
        .iter()
        .filter(|(name, _)| name.starts_with(&prefix))
        .filter(|(_, family)| {
            let active =
                family.revisions.values().any(|definition| definition.status == DefinitionStatus::Active);
            match status.as_str() {
                "ACTIVE" => active,
                "INACTIVE" => !active,
                _ => true,
            }
        })
        .map(|(name, _)| name.clone())
        .collect();
    let (names, next) = page(names, request.max_results, request.next_token.as_deref(), 100)?;
    Ok(pruned(json!({ "families": names, "nextToken": next })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deregister {
    task_definition: String,
}

/// Services that run the revision keep it; no new service or task can be started with it.
pub(in crate::ecs) fn deregister(world: &mut World, call: &Call) -> Answer {
    let request: Deregister = input(call)?;
    let name = request.task_definition.rsplit('/').next().unwrap_or_default();
    if !name.contains(':') {
        return Err(client("Revision is missing."));
    }
    let arns = Arns::of(world, &call.region);
    let definition = world
        .ecs
        .region_mut(&call.region)
        .families
        .definition_mut(&arns, &request.task_definition)
        .filter(|definition| definition.status != DefinitionStatus::DeleteInProgress)
        .ok_or_else(|| client("The specified task definition does not exist."))?;
    if definition.status == DefinitionStatus::Active {
        definition.status = DefinitionStatus::Inactive;
        definition.deregistered = Some(call.now);
    }
    Ok(json!({ "taskDefinition": definition.json() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delete {
    task_definitions: Vec<String>,
}

pub(in crate::ecs) fn delete(world: &mut World, call: &Call) -> Answer {
    let request: Delete = input(call)?;
    if request.task_definitions.len() > 10 {
        return Err(invalid("taskDefinitions cannot have more than 10 elements."));
    }
    let arns = Arns::of(world, &call.region);
    let families = &mut world.ecs.region_mut(&call.region).families;
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for given in &request.task_definitions {
        let failure = |reason: &str| json!({ "arn": given, "reason": reason });
        match families.definition_mut(&arns, given) {
            None => failures.push(failure("The specified task definition does not exist.")),
            Some(definition) if definition.status == DefinitionStatus::Active => failures.push(failure(
                "The specified task definition is still in ACTIVE status. Please deregister the target and try again.",
            )),
            Some(definition) => {
                definition.status = DefinitionStatus::DeleteInProgress;
                definition.delete_requested.get_or_insert(call.now);
                deleted.push(definition.json());
            }
        }
    }
    Ok(json!({ "taskDefinitions": deleted, "failures": failures }))
}
