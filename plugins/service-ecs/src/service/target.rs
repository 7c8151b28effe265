//! States that a service goes back to: what it ran, with the images that it ran.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_ecs::types::{ContainerImage, Service as EcsService, ServiceRevision};
use longshore_aws::{Freshness, Listed};
use longshore_model::{FieldChange, Shown};
use longshore_plugin::Result;

use super::{ServiceStep, images};
use crate::task_definition::revision_of;

/// A state of a service to go back to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The service in that state.
    pub(super) state: EcsService,
    /// The service revision that it ran, or `None` if ECS does not show it.
    pub(super) revision: Option<Arc<ServiceRevision>>,
}

/// The images of a service revision that its tags do not name any more, by container.
pub(super) type Replaced = BTreeMap<String, ReplacedImage>;

/// An image whose tag names another digest since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReplacedImage {
    /// The digest that ran.
    pub(super) ran: String,
    /// The digest that runs, or `None` if ECS could not resolve the tag.
    runs: Option<String>,
}

impl Target {
    /// Describes what the service goes back to.
    pub(super) fn described(&self) -> &str {
        revision_of(self.state.task_definition().unwrap_or_default())
    }

    /// The ARN of the service revision.
    pub(super) fn revision_arn(&self) -> Option<&str> {
        self.revision.as_ref()?.service_revision_arn()
    }
}

/// Returns the image of a container that a service revision runs.
fn image<'a>(revision: &'a ServiceRevision, container: &str) -> Option<&'a ContainerImage> {
    revision.container_images().iter().find(|image| image.container_name() == Some(container))
}

/// Returns the images of `earlier` whose tags a later service revision resolved to other digests.
pub(super) fn replaced(earlier: &ServiceRevision, later: &ServiceRevision) -> Replaced {
    let images = earlier.container_images().iter().filter_map(|ran| {
        let container = ran.container_name()?;
        let digest = ran.image_digest().filter(|_| !is_by_digest(ran))?;
        let runs = image(later, container).filter(|runs| runs.image() == ran.image())?;
        let runs = runs.image_digest().map(str::to_owned);
        let replaced = ReplacedImage { ran: digest.to_owned(), runs };
        (replaced.runs.as_deref() != Some(digest)).then(|| (container.to_owned(), replaced))
    });
    images.collect()
}

/// Returns true if an image names a digest itself.
pub(super) fn is_by_digest(image: &ContainerImage) -> bool {
    image.image().is_some_and(|image| image.contains('@'))
}

/// Returns the changes of the images when the replaced ones come back.
pub(super) fn changes(replaced: &Replaced) -> impl Iterator<Item = FieldChange> {
    replaced.iter().map(|(container, image)| {
        let runs = image.runs.as_ref().map(Shown::text);
        FieldChange::new(images::field(container), runs, Some(Shown::text(&image.ran)))
    })
}

/// Describes the replaced images that run again, a line each.
pub(super) fn images(replaced: &Replaced) -> String {
    let line = |(container, image): (&String, &ReplacedImage)| {
        let tag = match &image.runs {
            Some(digest) => format!("its tag names {digest} by now, which the next deploy rolls out again"),
            None => "ECS could not resolve its tag, which the next deploy rolls out again".to_owned(),
        };
        format!("the container {container} has the image {} that ran before: {tag}\n", image.ran)
    };
    replaced.iter().map(line).collect()
}

impl ServiceStep {
    /// Returns `state` as a state to go back to.
    pub(super) async fn target(&self, state: EcsService) -> Result<Target> {
        let revision = self.runs(&state, Freshness::Now).await?;
        Ok(Target { state, revision })
    }

    /// Returns the service revision that a service runs or is on its way to, or `None` if ECS does not show it.
    pub(super) async fn runs(
        &self,
        service: &EcsService,
        freshness: Freshness,
    ) -> Result<Option<Arc<ServiceRevision>>> {
        Ok(match self.current_revision(service, freshness).await? {
            Listed::Found(revision) => Some(revision),
            Listed::Absent | Listed::Unknown => None,
        })
    }

    /// Returns the images of the target that `service` does not run, because their tags name others by now.
    pub(super) async fn replaced(&self, service: &EcsService, to: &Target) -> Result<Replaced> {
        let Some(ran) = &to.revision else { return Ok(Replaced::new()) };
        let runs = self.runs(service, Freshness::Now).await?;
        Ok(runs.map(|runs| replaced(ran, &runs)).unwrap_or_default())
    }
}
