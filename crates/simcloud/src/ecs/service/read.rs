//! `DescribeServices` and `ListServices`.

use serde::Deserialize;
use serde_json::json;

use super::{
    super::{
        ServiceKey,
        arn::Arns,
        cluster,
        wire::{Answer, input, invalid, missing, page, pruned},
    },
    Scheduling, ServiceStatus,
};
use crate::{Call, World};

#[derive(Deserialize)]
struct Describe {
    cluster: Option<String>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

pub(in crate::ecs) fn describe(world: &mut World, call: &Call) -> Answer {
    let request: Describe = input(call)?;
    if request.services.is_empty() {
        return Err(invalid("Services cannot be empty."));
    }
    if request.services.len() > 10 {
        return Err(invalid("Services cannot have more than 10 elements."));
    }
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?.name.clone();
    let with_tags = request.include.iter().any(|part| part == "TAGS");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for given in &request.services {
        let key = arns.service_name(&cluster, given).map(|name| ServiceKey {
            region: call.region.clone(),
            cluster: cluster.clone(),
            service: name.to_owned(),
        });
        let described = key.as_ref().and_then(|key| {
            let tasks: Vec<_> = world.ecs.tasks_of(key).collect();
            Some(world.ecs.service(key)?.json(&arns, with_tags, tasks.iter().copied()))
        });
        match described {
            Some(json) => found.push(json),
            None if given.starts_with("arn:") => failures.push(missing(given)),
            None => failures.push(missing(&arns.service(&cluster, given))),
        }
    }
    Ok(json!({ "services": found, "failures": failures }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    cluster: Option<String>,
    launch_type: Option<String>,
    scheduling_strategy: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

pub(in crate::ecs) fn list(world: &mut World, call: &Call) -> Answer {
    let request: List = input(call)?;
    let given = request.scheduling_strategy.as_deref();
    let scheduling = given.map(|given| Scheduling::given(Some(given))).transpose()?;
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let names = cluster
        .services
        .values()
        // One that drains is described, and listed no more (API reference, DeleteService).
        .filter(|service| service.status == ServiceStatus::Active)
        .filter(|service| {
            request.launch_type.as_ref().is_none_or(|kind| service.launch.launch_type.as_ref() == Some(kind))
        })
        .filter(|service| scheduling.is_none_or(|scheduling| service.scheduling == scheduling))
        .map(|service| arns.service(&cluster.name, &service.name))
        .collect();
    // Ten a page unless asked otherwise, as AWS documents it.
    let size = request.max_results.or(Some(10));
    let (names, next) = page(names, size, request.next_token.as_deref(), 100)?;
    Ok(pruned(json!({ "serviceArns": names, "nextToken": next })))
}
