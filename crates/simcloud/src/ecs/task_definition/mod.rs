//! Task definitions: families of numbered, immutable revisions.

mod consistency;
mod fargate_size;
mod normal_form;
mod operations;
mod spec;
mod validate;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use operations::{delete, deregister, describe, list, list_families, register};
pub(super) use spec::{ContainerSpec, PortMapping, TaskSpec};

use super::{
    arn::Arns,
    tags::Tags,
    wire::{client, maybe_time, pruned, time},
};
use crate::{ApiError, Moment};

/// All families of a region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Families(BTreeMap<String, Family>);

/// The revisions of a family. Numbers are never used twice.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Family {
    latest: u32,
    revisions: BTreeMap<u32, TaskDefinition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum DefinitionStatus {
    Active,
    Inactive,
    DeleteInProgress,
}

impl DefinitionStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::DeleteInProgress => "DELETE_IN_PROGRESS",
        }
    }
}

/// One revision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TaskDefinition {
    pub(super) arn: String,
    revision: u32,
    pub(super) status: DefinitionStatus,
    registered: Moment,
    registered_by: String,
    deregistered: Option<Moment>,
    delete_requested: Option<Moment>,
    pub(super) tags: Tags,
    /// The registered definition, with ECS's defaults filled in.
    body: Value,
    pub(super) spec: TaskSpec,
}

impl TaskDefinition {
    /// The names of the attributes that a container instance must have.
    pub(super) fn required_attributes(&self) -> impl Iterator<Item = &str> {
        let required = self.body.get("requiresAttributes").and_then(Value::as_array).into_iter().flatten();
        required.filter_map(|attribute| attribute["name"].as_str())
    }

    fn json(&self) -> Value {
        let mut json = self.body.clone();
        json["taskDefinitionArn"] = json!(self.arn);
        json["revision"] = json!(self.revision);
        json["status"] = json!(self.status.name());
        json["registeredAt"] = time(self.registered);
        json["registeredBy"] = json!(self.registered_by);
        json["deregisteredAt"] = maybe_time(self.deregistered);
        json["deleteRequestedAt"] = maybe_time(self.delete_requested);
        pruned(json)
    }
}

impl Families {
    /// A definition by `family`, `family:revision` or ARN; without a revision the latest active one.
    pub(super) fn definition(&self, arns: &Arns, given: &str) -> Option<&TaskDefinition> {
        let (family, revision) = self.locate(arns, given)?;
        self.0.get(&family)?.revisions.get(&revision)
    }

    pub(super) fn definition_mut(&mut self, arns: &Arns, given: &str) -> Option<&mut TaskDefinition> {
        let (family, revision) = self.locate(arns, given)?;
        self.0.get_mut(&family)?.revisions.get_mut(&revision)
    }

    /// The definitions that are not being deleted, with their tags.
    pub(super) fn tagged(&self) -> impl Iterator<Item = (String, &Tags)> {
        self.0
            .values()
            .flat_map(|family| family.revisions.values())
            .filter(|definition| definition.status != DefinitionStatus::DeleteInProgress)
            .map(|definition| (definition.arn.clone(), &definition.tags))
    }

    fn locate(&self, arns: &Arns, given: &str) -> Option<(String, u32)> {
        let name = if given.starts_with("arn:") { arns.path("task-definition", given)? } else { given };
        match name.split_once(':') {
            Some((family, revision)) => Some((family.to_owned(), revision.parse().ok()?)),
            None => {
                let revisions = &self.0.get(name)?.revisions;
                let active =
                    |(_, definition): &(&u32, &TaskDefinition)| definition.status == DefinitionStatus::Active;
                let (revision, _) = revisions.iter().rev().find(active)?;
                Some((name.to_owned(), *revision))
            }
        }
    }

    /// The definition for a new deployment or task, which must be active.
    pub(super) fn startable(&self, arns: &Arns, given: &str) -> Result<&TaskDefinition, ApiError> {
        let definition = self.definition(arns, given).ok_or_else(|| client("TaskDefinition not found."))?;
        if definition.status == DefinitionStatus::Active {
            Ok(definition)
        } else {
            Err(client("TaskDefinition is inactive"))
        }
    }
}
