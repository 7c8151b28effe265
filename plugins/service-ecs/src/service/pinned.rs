//! Revisions of a task definition that pin the images which ran: a tag that was pushed again cannot bring them back.

use aws_sdk_ecs::types::{Tag, TaskDefinition, TaskDefinitionField};
use longshore_aws::{JsonAnswer, Ownership, failure};
use longshore_model::{Failure, FailureKind, ImageReference};
use longshore_plugin::{Context, Result};
use serde_json::Value;

use super::{
    ServiceStep,
    target::{Replaced, Target},
};
use crate::{
    fields::shape, refused, render::registration, revisions::number_of, tags, task_definition::revision_of,
};

/// The tag of a pinning revision: the number of the revision that it pins, and the id of the service revision whose images
/// it names.
const TAG: &str = "longshore:pins";

/// The origin of a pinning revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// The number of the revision that it pins.
    pub(super) number: u32,
    /// The id of the service revision whose images it names.
    service_revision: String,
}

impl Pinned {
    /// Reads the tags of a revision. Returns `None` if it pins no other one.
    pub(crate) fn of(tags: &[Tag]) -> Option<Self> {
        let (_, value) = tags::pairs(tags).find(|(key, _)| *key == TAG)?;
        let (number, service_revision) = value.split_once(':')?;
        Some(Self { number: number.parse().ok()?, service_revision: service_revision.to_owned() })
    }

    fn tag(&self) -> Tag {
        Tag::builder().key(TAG).value(format!("{}:{}", self.number, self.service_revision)).build()
    }

    /// Returns true if its images are those of the service revision `arn`.
    pub(super) fn is_of(&self, arn: &str) -> bool {
        arn.rsplit('/').next() == Some(self.service_revision.as_str())
    }
}

/// Replaces the images of the containers of `definition` by their digests, and takes out of it what ECS adds by itself.
fn pin(definition: &mut Value, replaced: &Replaced) {
    let containers = definition.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let text = |field: &str| container.get(field).and_then(Value::as_str);
        let image = text("name").and_then(|name| replaced.get(name));
        let reference = text("image").and_then(|image| image.parse::<ImageReference>().ok());
        if let Some((image, reference)) = image.zip(reference) {
            container["image"] = reference.by_digest(&image.ran).into();
        }
    }
    if let Some(members) = definition.as_object_mut() {
        members.retain(|name, _| shape().member(name).is_some());
    }
}

impl ServiceStep {
    /// Reads a task definition with its tags.
    pub(super) async fn task_definition(&self, revision: &str) -> Result<(TaskDefinition, Vec<Tag>)> {
        let (definition, _, tags) = self.described(revision).await?;
        Ok((definition, tags))
    }

    /// Reads a task definition, the same as JSON with the members that the SDK does not know, and its tags.
    async fn described(&self, revision: &str) -> Result<(TaskDefinition, Value, Vec<Tag>)> {
        let json = JsonAnswer::default();
        let call = self.aws.ecs().await?.describe_task_definition().task_definition(revision);
        let call = call.include(TaskDefinitionField::Tags).customize().interceptor(json.clone());
        let answer = call.send().await;
        let answer = answer.map_err(|error| failure(&error, self.at("DescribeTaskDefinition")))?;
        let missing = || Failure::new(FailureKind::Internal, "ECS answers without the task definition");
        let json = json.take("taskDefinition").ok_or_else(missing)?;
        Ok((answer.task_definition.ok_or_else(missing)?, json, answer.tags.unwrap_or_default()))
    }

    /// Returns the origin of a revision, or `None` if it pins no other one.
    pub(super) async fn pinned(&self, revision: &str) -> Result<Option<Pinned>> {
        let (_, tags) = self.task_definition(revision).await?;
        Ok(Pinned::of(&tags))
    }

    /// Registers the target's task definition with the digests of its replaced images, and returns the new revision's ARN.
    pub(super) async fn register_pinned(
        &self,
        context: &Context,
        to: &Target,
        replaced: &Replaced,
    ) -> Result<String> {
        let revision = to.state.task_definition().unwrap_or_default();
        let (described, mut definition, tags) = self.described(revision).await?;
        self.require_role(revision, described.execution_role_arn()).await?;
        pin(&mut definition, replaced);
        let number = Pinned::of(&tags).map_or_else(|| number_of(revision), |pinned| Some(pinned.number));
        let id = to.revision_arn().and_then(|arn| arn.rsplit('/').next());
        let origin = number.zip(id).map(|(number, id)| Pinned { number, service_revision: id.to_owned() });
        let ownership = Ownership::of(context).unmarked();
        let tags: Vec<_> = tags::of(&ownership).into_iter().chain(origin.as_ref().map(Pinned::tag)).collect();
        let call = self.aws.ecs().await?.register_task_definition();
        let call = call.family("").set_container_definitions(Some(Vec::new())).customize();
        let call = call.interceptor(registration(&definition, &tags));
        let answer = call.send().await.map_err(|error| {
            let failed = failure(&error, self.at("RegisterTaskDefinition"));
            refused::explained(failed, &self.name, &definition)
        })?;
        let arn = answer.task_definition.and_then(|definition| definition.task_definition_arn);
        let arn = arn.ok_or_else(|| Failure::new(FailureKind::Internal, "ECS answers without an ARN"))?;
        context.progress(format!(
            "registered {}: {} with the images that ran, by their digests",
            revision_of(&arn),
            revision_of(revision)
        ));
        Ok(arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinning_tag_round_trips() {
        let arn = "arn:aws:ecs:eu-central-1:123456789012:service-revision/main/api/1234567890123456789";
        let pinned = Pinned { number: 7, service_revision: "1234567890123456789".to_owned() };
        assert_eq!(Pinned::of(&[pinned.tag()]), Some(pinned.clone()));
        assert!(pinned.is_of(arn));
        assert!(!pinned.is_of(&arn.replace("/123", "/223")));
        let other = Tag::builder().key("longshore:stack").value("shop").build();
        assert_eq!(Pinned::of(&[other]), None);
    }
}
