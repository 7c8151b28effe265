//! Who owns a resource: two tags say it.
//!
//! Longshore changes nothing that it does not own. What it makes carries the stack's name and the step that made it.

use std::fmt::Display;

use longshore_model::{Action, Failure, FailureKind};
use longshore_plugin::Context;

use crate::name::bounded;

/// The tag that names the stack which owns a resource.
pub const STACK_TAG: &str = "longshore:stack";

/// The tag that names the step which made a resource.
pub const RESOURCE_TAG: &str = "longshore:resource";

/// The tag that names the region of the stack which owns a resource that has none itself.
pub const REGION_TAG: &str = "longshore:region";

/// The longest value of a tag, in IAM, Secrets Manager, ECS and EC2 alike.
const VALUE_LIMIT: usize = 256;

/// The ownership of what a step makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    stack: String,
    resource: String,
    adopts: bool,
}

/// Whom a resource belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This stack.
    Ours,
    /// Another stack: its name.
    OtherStack(String),
    /// No stack: it carries no tag of Longshore's.
    Nobody,
}

impl Ownership {
    /// The ownership of what the step of `context` makes.
    #[must_use]
    pub fn of(context: &Context) -> Self {
        Self { adopts: context.adopts, ..Self::new(context.stack.as_str(), context.step.as_str()) }
    }

    /// The ownership of `stack` and, within it, of `resource`.
    #[must_use]
    pub fn new(stack: &str, resource: &str) -> Self {
        Self { stack: tag_value(stack), resource: tag_value(resource), adopts: false }
    }

    /// The stack: the value of the tag [`STACK_TAG`].
    #[must_use]
    pub fn stack(&self) -> &str {
        &self.stack
    }

    /// The tags: key and value.
    #[must_use]
    pub fn tags(&self) -> [(&'static str, &str); 2] {
        [(STACK_TAG, &self.stack), (RESOURCE_TAG, &self.resource)]
    }

    /// Whom a resource with `tags` belongs to.
    pub fn owner<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Owner {
        match tags.into_iter().find(|(key, _)| *key == STACK_TAG) {
            Some((_, stack)) if stack == self.stack => Owner::Ours,
            Some((_, stack)) => Owner::OtherStack(stack.to_owned()),
            None => Owner::Nobody,
        }
    }

    /// The tags that a resource with `tags` lacks, or that have another value there.
    pub fn missing<'a>(
        &self,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Vec<(&'static str, &str)> {
        let present: Vec<_> = tags.into_iter().collect();
        self.tags().into_iter().filter(|tag| !present.contains(tag)).collect()
    }

    /// What is going to happen to a resource with `tags` that would otherwise see `action`: what belongs to nobody is
    /// adopted, where that is allowed.
    pub fn action<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>, action: Action) -> Action {
        if self.adopts && self.owner(tags) == Owner::Nobody { Action::Adopt } else { action }
    }

    /// Whether a resource with `tags` is this stack's, or about to be.
    pub fn is_ours_or_adopted<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
        match self.owner(tags) {
            Owner::Ours => true,
            Owner::Nobody => self.adopts,
            Owner::OtherStack(_) => false,
        }
    }

    /// Makes sure that a resource is this stack's, or belongs to nobody and may be adopted. `what` is how people know it: ``role `shop-api` ``. `rename` says how
    /// to get out of the way: ``set `execution-role.name` ``.
    ///
    /// # Errors
    /// When it belongs to another stack or to nobody.
    pub fn require<'a>(
        &self,
        what: impl Display,
        rename: &str,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Failure> {
        let owner = self.owner(tags);
        let message = match &owner {
            Owner::Ours => return Ok(()),
            Owner::Nobody if self.adopts => return Ok(()),
            Owner::OtherStack(other) => {
                format!("the {what} exists and belongs to the Longshore stack `{other}`")
            }
            Owner::Nobody => format!("the {what} exists and carries no tag `{STACK_TAG}`"),
        };
        let failure = Failure::new(FailureKind::Conflict, message).help(format!(
            "Longshore does not change what it does not own: {rename}, remove it, or take it over{}",
            self.how_to_take_over(&owner)
        ));
        Err(match owner {
            Owner::OtherStack(other) => failure.owned_by(other),
            Owner::Ours | Owner::Nobody => failure,
        })
    }
}

impl Ownership {
    /// What makes a resource of `owner` this stack's.
    fn how_to_take_over(&self, owner: &Owner) -> String {
        match owner {
            Owner::OtherStack(_) => format!(" by giving it the tag {STACK_TAG}={}", self.stack),
            _ => format!(
                ": `longshore adopt {}`, or `\"{}\" = true` below [adopt]",
                self.resource, self.resource
            ),
        }
    }
}

/// What of a text may stand in a tag's value everywhere: IAM and ECS allow letters, digits, spaces and `_.:/=+-@`.
/// Other characters become underscores.
fn tag_value(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c);
    let text: String = text.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    bounded(&text, VALUE_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_tag_decides_who_owns() {
        let ours = Ownership::new("shop", "role.api");
        assert_eq!(ours.owner(ours.tags()), Owner::Ours);
        assert_eq!(ours.owner([(STACK_TAG, "other")]), Owner::OtherStack("other".to_owned()));
        assert_eq!(ours.owner([("Name", "shop"), (RESOURCE_TAG, "role.api")]), Owner::Nobody);
    }

    #[test]
    fn a_conflict_says_who_owns_it_and_what_to_do() {
        let ours = Ownership::new("shop", "role.api");
        let rename = "set `execution-role.name`";
        let nobody = ours.require("role `shop-api`", rename, []).unwrap_err();
        let other = ours.require("role `shop-api`", rename, [(STACK_TAG, "blog")]).unwrap_err();
        insta::assert_snapshot!(format!("{nobody}\n{other}"));
    }

    #[test]
    fn missing_tags_are_those_that_differ() {
        let ours = Ownership::new("shop", "role.api");
        assert_eq!(
            ours.missing([(STACK_TAG, "shop"), (RESOURCE_TAG, "role.web")]),
            [(RESOURCE_TAG, "role.api")]
        );
        assert!(ours.missing(ours.tags()).is_empty());
    }

    #[test]
    fn values_are_what_every_service_allows() {
        assert_eq!(Ownership::new("shop", "role.ä*{b}").tags()[1].1, "role.___b_");
        assert_eq!(Ownership::new("shop", &"a".repeat(300)).tags()[1].1.len(), 256);
    }
}
