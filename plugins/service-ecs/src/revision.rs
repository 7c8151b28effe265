//! Which revision of a task definition a service runs and what stands in it, as the service tells itself: in a tag.
//!
//! A revision never changes. If the tag says that the service's revision has the declared content, the revision need
//! not be read. The tag is written before the service is updated: a run that ends in between leaves a tag that does not
//! fit the service, and then the revisions are looked at.

use aws_sdk_ecs::types::{Service, Tag};
use longshore_model::Inputs;
use longshore_plugin::Result;

use crate::{
    reads::primary,
    tags,
    task_definition::{CONTENT, TASK_DEFINITION_ARN, revision_of},
};

/// The tag of a service: the number of a revision and the digest of its content.
const TAG: &str = "longshore:task-definition";

/// A revision that a service is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revision<'a> {
    /// Its ARN.
    pub(crate) arn: &'a str,
    /// The digest of its content, where it is known.
    pub(crate) content: Option<&'a str>,
}

impl<'a> Revision<'a> {
    /// The revision that flows into a service.
    ///
    /// # Errors
    /// When it is not known yet.
    pub(crate) fn of(inputs: &'a Inputs) -> Result<Self> {
        Ok(Self { arn: inputs.require(TASK_DEFINITION_ARN)?, content: inputs.get(CONTENT).value() })
    }

    /// The tag that notes it.
    pub(crate) fn tag(&self) -> Option<Tag> {
        let (_, number) = self.arn.rsplit_once(':')?;
        Some(Tag::builder().key(TAG).value(format!("{number}:{}", self.content?)).build())
    }

    /// The tag that notes it, unless it is among `tags`.
    pub(crate) fn missing_tag(&self, tags: &[Tag]) -> Option<Tag> {
        self.tag().filter(|tag| !tags.contains(tag))
    }
}

/// The tags with the note of `noted` instead of their own.
pub(crate) fn with_note_of(tags: &[Tag], noted: &[Tag]) -> Vec<Tag> {
    let is_note = |tag: &&Tag| tag.key() == Some(TAG);
    let others = tags.iter().filter(|tag| !is_note(tag));
    others.chain(noted.iter().filter(is_note)).cloned().collect()
}

/// `FAMILY:NUMBER` of the revision of `family` that `service` notes, if that has this content.
pub(crate) fn noted(service: &Service, family: &str, content: &str) -> Option<String> {
    let (_, noted) = tags::pairs(service.tags()).find(|(key, _)| *key == TAG)?;
    let (number, of) = noted.split_once(':')?;
    (of == content).then(|| format!("{family}:{number}"))
}

/// The ARN of the revision that `service` runs: after a rollback, that of its primary deployment.
pub(crate) fn running(service: &Service) -> Option<&str> {
    primary(service).and_then(|primary| primary.task_definition()).or(service.task_definition())
}

/// Returns true if `service` runs the revision `FAMILY:NUMBER`.
pub(crate) fn runs<'a>(service: &'a Service, revision: &str) -> Option<&'a str> {
    running(service).filter(|arn| revision_of(arn) == revision)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::Deployment;

    use super::*;

    const ARN: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/shop-api:7";

    fn service(arn: &str, tag: Option<Tag>) -> Service {
        Service::builder().task_definition(arn).set_tags(tag.map(|tag| vec![tag])).build()
    }

    #[test]
    fn what_is_noted_counts_for_its_content_and_revision_only() {
        let revision = Revision { arn: ARN, content: Some("abc") };
        let service = service(ARN, revision.tag());
        assert_eq!(noted(&service, "shop-api", "abc").as_deref(), Some("shop-api:7"));
        assert_eq!(noted(&service, "shop-api", "other"), None);
        assert_eq!(runs(&service, "shop-api:7"), Some(ARN));
        assert_eq!(runs(&service, "shop-api:8"), None);
        assert_eq!(revision.missing_tag(service.tags()), None);
        assert!(Revision { content: Some("other"), ..revision }.missing_tag(service.tags()).is_some());
        assert_eq!(Revision { content: None, ..revision }.tag(), None);
    }

    #[test]
    fn what_was_swapped_or_rolled_back_is_noticed() {
        let revision = Revision { arn: ARN, content: Some("abc") };
        let other = ARN.replace(":7", ":8");
        assert_eq!(runs(&service(&other, revision.tag()), "shop-api:7"), None);
        let primary = Deployment::builder().status("PRIMARY").task_definition(&other).build();
        let rolled_back = Service::builder().task_definition(ARN).deployments(primary).build();
        assert_eq!(runs(&rolled_back, "shop-api:7"), None);
    }
}
