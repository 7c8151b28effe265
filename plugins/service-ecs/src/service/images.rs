//! Compares the images that a service runs with those that their tags name now.
//!
//! ECS resolves a tag once for each deployment, so that all its tasks run the same image. A tag that is pushed again
//! reaches them with the next deployment only. The service revision tells which digests run, and the steps that prove
//! pulls which ones the tags name.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{Service as EcsService, ServiceRevision};
use longshore_aws::{Freshness, Listed};
use longshore_model::{FieldChange, ImageReference, Inputs, Known, Name, Shown};
use longshore_plugin::Result;

use super::ServiceStep;
use crate::declaration::{Container, ImageUpdates};
use crate::render::digests_input;

/// The images of a service, compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Images {
    /// The images that were pushed again.
    pub(super) moved: Vec<Moved>,
    /// The images that could not be compared, with the reasons.
    pub(super) notes: Vec<String>,
}

/// An image whose tag names another digest than the one that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    container: Name,
    image: ImageReference,
    runs: String,
    now: String,
    /// True if the tag names an index now that lists the manifest which runs.
    lists_what_runs: bool,
}

impl Moved {
    pub(super) fn change(&self) -> FieldChange {
        FieldChange::new(
            field(self.container.as_str()),
            Some(Shown::text(&self.runs)),
            Some(Shown::text(&self.now)),
        )
    }
}

/// Returns why tasks are replaced although nothing in their definition changes.
pub(super) fn reason(moved: &[Moved]) -> String {
    let mut images: Vec<_> = moved.iter().map(|moved| moved.image.as_str()).collect();
    images.dedup();
    let was = if images.len() == 1 { "was" } else { "were" };
    let images = images.join(", ");
    if moved.iter().all(|moved| moved.lists_what_runs) {
        return format!(
            "{images} {was} pushed again, as an index that lists what runs: a new deployment takes it"
        );
    }
    format!("{images} {was} pushed again: a new deployment takes the new image")
}

pub(super) fn field(container: &str) -> String {
    format!("containerImages.{container}.imageDigest")
}

/// Returns whether a change is that of an image.
pub(super) fn is_of_image(change: &FieldChange) -> bool {
    change.field.starts_with("containerImages.")
}

/// Returns whether a plan has the change of a container's image.
pub(super) fn is_planned(changes: &[FieldChange], moved: &Moved) -> bool {
    let field = field(moved.container.as_str());
    changes.iter().any(|change| change.field == field)
}

/// Returns the digest that runs in a container, if it runs `image`.
fn running<'a>(revision: &'a ServiceRevision, container: &Name, image: &ImageReference) -> Option<&'a str> {
    let runs =
        revision.container_images().iter().find(|one| one.container_name() == Some(container.as_str()))?;
    let is_same = |text: &str| text.parse::<ImageReference>().is_ok_and(|runs| runs.is_same_as(image));
    runs.image_digest().filter(|digest| !digest.is_empty() && runs.image().is_none_or(is_same))
}

/// Compares the images that `revision` runs with the digests that their tags name.
fn compare(revision: &ServiceRevision, tags: &BTreeMap<&Name, (&Container, &str)>) -> Vec<Moved> {
    let moved = tags.iter().filter_map(|(name, (container, digests))| {
        let runs = running(revision, name, &container.image)?;
        // ECS records the digest that the registry gives for the tag: that of an index, if the tag names one (ECS agent,
        // `pullContainerManifest`).
        let mut digests = digests.split(' ');
        let now = digests.next().filter(|now| !now.is_empty() && *now != runs)?;
        Some(Moved {
            container: (*name).clone(),
            image: container.image.clone(),
            runs: runs.to_owned(),
            now: now.to_owned(),
            lists_what_runs: digests.any(|manifest| manifest == runs),
        })
    });
    moved.collect()
}

impl ServiceStep {
    /// Compares the images that the service runs with those that their tags name.
    pub(super) async fn images(
        &self,
        inputs: &Inputs,
        service: &EcsService,
        freshness: Freshness,
    ) -> Result<Images> {
        let mut images = Images::default();
        let mut tags = BTreeMap::new();
        for (name, container) in &self.service.containers {
            if container.image_updates != ImageUpdates::Redeploy || container.image.digest().is_some() {
                continue;
            }
            match inputs.iter().find(|(input, _)| *input == digests_input(name)) {
                Some((_, Known::Value(digests))) => drop(tags.insert(name, (container, digests.as_str()))),
                Some((_, Known::AfterApply)) => images.notes.push(format!(
                    "the next deploy compares {} with its tag: its digest is known after this one",
                    container.image
                )),
                None => {}
            }
        }
        if tags.is_empty() {
            return Ok(images);
        }
        match self.current_revision(service, freshness).await? {
            Listed::Found(revision) => images.moved = compare(&revision, &tags),
            Listed::Absent => {}
            Listed::Unknown => images.notes.push(
                "the images that run are not compared with their tags: `ecs:DescribeServiceRevisions` is refused, or the \
                 endpoint does not know it"
                    .to_owned(),
            ),
        }
        Ok(images)
    }

    /// Reads the service revision that the service runs, or is on its way to: the newest of the current ones.
    pub(super) async fn current_revision(
        &self,
        service: &EcsService,
        freshness: Freshness,
    ) -> Result<Listed<ServiceRevision>> {
        let mut newest: Listed<ServiceRevision> = Listed::Absent;
        for summary in service.current_service_revisions() {
            let Some(arn) = summary.arn() else { continue };
            let read = self.aws.reads().service_revision(arn, freshness).await?;
            newest = match (newest, read) {
                (Listed::Found(one), Listed::Found(other)) => {
                    Listed::Found(if one.created_at > other.created_at { one } else { other })
                }
                (Listed::Found(one), _) => Listed::Found(one),
                (_, read) => read,
            };
        }
        Ok(newest)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::ContainerImage;

    use super::*;
    use crate::tests::bench::seed;

    fn moved(image: &str, runs: Option<&str>, digests: &str) -> bool {
        let image = ContainerImage::builder().container_name("api").image(image);
        let image = image.set_image_digest(runs.map(str::to_owned)).build();
        let revision = ServiceRevision::builder().container_images(image).build();
        let service = seed();
        let tags = service.containers.iter().map(|(name, container)| (name, (container, digests))).collect();
        !compare(&revision, &tags).is_empty()
    }

    #[test]
    fn digest_of_the_tag_is_compared() {
        let image = "ghcr.io/acme/api:1";
        assert!(!moved(image, Some("sha256:a"), "sha256:a sha256:b sha256:c"));
        assert!(moved(image, Some("sha256:b"), "sha256:a sha256:b sha256:c"));
        assert!(moved(image, Some("sha256:d"), "sha256:a sha256:b sha256:c"));
    }

    #[test]
    fn unresolved_or_other_images_are_not_compared() {
        assert!(!moved("ghcr.io/acme/api:1", None, "sha256:a"));
        assert!(!moved("ghcr.io/acme/api:2", Some("sha256:b"), "sha256:a"));
        assert!(!moved("ghcr.io/acme/api:1@sha256:b", Some("sha256:b"), "sha256:a"));
    }
}
