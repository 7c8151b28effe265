//! Tags, on whatever of ECS has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Ecs,
    arn::Arns,
    cluster::Cluster,
    container_instance::Status,
    service::ServiceStatus,
    wire::{Answer, cluster_not_found, input, invalid},
};
use crate::{ApiError, Call, World};

/// Tags by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tags(pub(super) BTreeMap<String, String>);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

impl Tags {
    /// Checks the tags of a request.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html>
    pub(super) fn checked(tags: &[Tag]) -> Result<Self, ApiError> {
        let mut checked = Self::default();
        checked.merge(tags)?;
        Ok(checked)
    }

    fn merge(&mut self, tags: &[Tag]) -> Result<(), ApiError> {
        for Tag { key, value } in tags {
            if key.is_empty() || key.chars().count() > 128 {
                return Err(invalid("Tag keys must be between 1 and 128 characters long."));
            }
            if value.chars().count() > 256 {
                return Err(invalid("Tag values must not be longer than 256 characters."));
            }
            if key.to_ascii_lowercase().starts_with("aws:") {
                return Err(invalid("aws: prefixed tag key names are not allowed for external use."));
            }
            self.0.insert(key.clone(), value.clone());
        }
        if self.0.len() > 50 {
            return Err(invalid("The maximum number of tags for this resource has been reached."));
        }
        Ok(())
    }

    pub(super) fn json(&self) -> Value {
        self.0.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
    }
}

impl Ecs {
    /// The tags of what there is in a region, by ARN: deregistered task definitions included until they are deleted,
    /// clusters and services container instances only while they are not inactive, tasks only while they are not stopped.
    pub(crate) fn tagged(&self, region: &str, account: &str) -> Vec<(String, &BTreeMap<String, String>)> {
        let Some(found) = self.regions.get(region) else { return Vec::new() };
        let arns = Arns::in_region(region, account);
        let mut tagged: Vec<_> = found.families.tagged().collect();
        for cluster in found.clusters.values() {
            let name = &cluster.name;
            if cluster.active {
                tagged.push((arns.cluster(name), &cluster.tags));
            }
            let services =
                cluster.services.values().filter(|service| service.status != ServiceStatus::Inactive);
            tagged.extend(services.map(|service| (arns.service(name, &service.name), &service.tags)));
            let tasks = cluster.tasks.values().filter(|task| !task.is_stopped());
            tagged.extend(tasks.map(|task| (arns.task(name, &task.id), &task.tags)));
            let instances = cluster.instances.values().filter(|it| it.status != Status::Inactive);
            tagged.extend(instances.map(|it| (arns.container_instance(name, &it.id), &it.tags)));
        }
        tagged.into_iter().map(|(arn, tags)| (arn, &tags.0)).collect()
    }
}

fn find<'a>(world: &'a mut World, call: &Call, arn: &str) -> Result<&'a mut Tags, ApiError> {
    let arns = Arns::of(world, &call.region);
    let region = world.ecs.region_mut(&call.region);
    let not_found =
        || ApiError::new("ResourceNotFoundException", "The specified resource could not be found.");
    let clusters = &mut region.clusters;
    let found = if let Some(name) = arns.path("cluster", arn) {
        Some(&mut active(clusters, name)?.tags)
    } else if let Some((cluster, name)) = arns.path("service", arn).and_then(|path| path.split_once('/')) {
        active(clusters, cluster)?.services.get_mut(name).map(|service| &mut service.tags)
    } else if let Some((cluster, id)) = arns.path("task", arn).and_then(|path| path.split_once('/')) {
        active(clusters, cluster)?.tasks.get_mut(id).map(|task| &mut task.tags)
    } else if let Some((cluster, id)) =
        arns.path("container-instance", arn).and_then(|path| path.split_once('/'))
    {
        active(clusters, cluster)?.instances.get_mut(id).map(|instance| &mut instance.tags)
    } else if arns.path("task-definition", arn).is_some() {
        region.families.definition_mut(&arns, arn).map(|definition| &mut definition.tags)
    } else {
        return Err(invalid(format!("Invalid identifier: Unexpected resource ARN format: {arn}")));
    };
    found.ok_or_else(not_found)
}

/// A cluster that can have tags, or what is in it.
fn active<'a>(clusters: &'a mut BTreeMap<String, Cluster>, name: &str) -> Result<&'a mut Cluster, ApiError> {
    let cluster = clusters.get_mut(name).ok_or_else(cluster_not_found)?;
    if cluster.active {
        return Ok(cluster);
    }
    Err(invalid("The specified cluster is inactive. Specify an active cluster and try again."))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tagging {
    resource_arn: String,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

pub(super) fn tag(world: &mut World, call: &Call) -> Answer {
    let request: Tagging = input(call)?;
    let tags = find(world, call, &request.resource_arn)?;
    let mut merged = tags.clone();
    merged.merge(&request.tags)?;
    *tags = merged;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call) -> Answer {
    let request: Tagging = input(call)?;
    let tags = find(world, call, &request.resource_arn)?;
    tags.0.retain(|key, _| !request.tag_keys.contains(key));
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let request: Tagging = input(call)?;
    Ok(json!({ "tags": find(world, call, &request.resource_arn)?.json() }))
}
