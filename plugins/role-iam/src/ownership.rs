//! The ownership of roles.
//!
//! IAM has no regions, but a stack has one: the same stack in two regions would give two roles one name. So a role also
//! carries its stack's region, and a role of another region has another owner.

use longshore_aws::{Ownership, REGION_TAG};
use longshore_model::{Action, Failure, FailureKind};
use longshore_plugin::{Context, Result};

/// The hint for avoiding another owner's role.
const RENAME: &str = "set another `execution-role.name`";

/// The ownership of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleOwnership {
    ownership: Ownership,
    region: String,
}

impl RoleOwnership {
    pub(crate) fn of(context: &Context, region: &str) -> Self {
        Self { ownership: Ownership::of(context), region: region.to_owned() }
    }

    /// The tags of a role: key and value.
    pub(crate) fn tags(&self) -> Vec<(&str, &str)> {
        self.ownership.tags().into_iter().chain([(REGION_TAG, &*self.region)]).collect()
    }

    /// The tags that a role with `tags` lacks, or that have another value there.
    pub(crate) fn missing(&self, tags: &[(String, String)]) -> Vec<(&str, &str)> {
        let region = (REGION_TAG, &*self.region);
        let is_there = pairs(tags).any(|present| present == region);
        self.ownership.missing(pairs(tags)).into_iter().chain((!is_there).then_some(region)).collect()
    }

    /// Makes sure that a role with `tags` is the stack's.
    pub(crate) fn require(&self, role: &str, tags: &[(String, String)]) -> Result<()> {
        let at = format!("iam:GetRole {role}");
        let what = format!("role `{role}`");
        self.ownership.require(&what, RENAME, pairs(tags)).map_err(|failure| failure.at(&at))?;
        match self.other_region(tags) {
            None => Ok(()),
            Some(other) => {
                let message =
                    format!("the {what} exists and belongs to the same stack in the region {other}");
                let help =
                    format!("Longshore does not change what it does not own: {RENAME} for this region");
                let failure = Failure::new(FailureKind::Conflict, message).at(at).help(help);
                Err(failure.owned_by(self.ownership.stack()))
            }
        }
    }

    /// Makes sure that a role with `tags` may be removed or replaced.
    pub(crate) fn require_unprotected(&self, role: &str, tags: &[(String, String)]) -> Result<()> {
        let checked = self.ownership.require_unprotected(format!("role {role}"), pairs(tags));
        checked.map_err(|failure| failure.at(format!("iam:GetRole {role}")))
    }

    /// Returns the action for a role with `tags` that would otherwise see `action`.
    pub(crate) fn action(&self, tags: &[(String, String)], action: Action) -> Action {
        self.ownership.action(pairs(tags), action)
    }

    /// Returns the reason against removing a role with `tags`, or `None` if it is the stack's.
    pub(crate) fn foreign(&self, tags: &[(String, String)]) -> Option<String> {
        let of_region = |other| format!("belongs to the same stack in the region {other}");
        self.ownership.owner(pairs(tags)).not_ours().or_else(|| self.other_region(tags).map(of_region))
    }

    fn other_region<'a>(&self, tags: &'a [(String, String)]) -> Option<&'a str> {
        let region = pairs(tags).find(|(key, _)| *key == REGION_TAG).map(|(_, region)| region);
        region.filter(|region| *region != self.region)
    }
}

/// Returns the tags as keys and values.
pub(crate) fn pairs(tags: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}
