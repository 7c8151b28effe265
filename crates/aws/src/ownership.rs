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

/// The tag that keeps a resource from being removed, pruned and replaced while its value is `true`.
pub const PROTECTED_TAG: &str = "longshore:protected";

/// The longest value of a tag, in IAM, Secrets Manager, ECS and EC2 alike.
const VALUE_LIMIT: usize = 256;

/// The ownership of what a step makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    stack: String,
    resource: String,
    adopts: bool,
    marks: Vec<Mark>,
}

/// A setting of a resource that outlives its declaration: a tag records it. Once the setting is off, the tag gets its other
/// value instead of being removed, so that it is written as all tags of the ownership are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The tag.
    pub key: &'static str,
    /// Its value while the setting is on.
    pub on: &'static str,
    /// Its value once the setting is off.
    pub off: &'static str,
    /// Whether the setting is on.
    pub is_on: bool,
}

impl Mark {
    const fn protection(is_on: bool) -> Self {
        Self { key: PROTECTED_TAG, on: "true", off: "false", is_on }
    }

    /// The tag that a resource with the tags `present` should have. `None` where the setting was never on.
    fn wanted(self, present: &[(&str, &str)]) -> Option<(&'static str, &'static str)> {
        if self.is_on {
            return Some((self.key, self.on));
        }
        present.iter().any(|(key, _)| *key == self.key).then_some((self.key, self.off))
    }
}

/// Returns whether `tags` protect a resource.
pub fn is_protected<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
    tags.into_iter().any(|tag| tag == (PROTECTED_TAG, "true"))
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
        let ownership = Self::new(context.stack.as_str(), context.step.as_str());
        Self { adopts: context.adopts, ..ownership.mark(Mark::protection(context.protects)) }
    }

    /// The ownership of `stack` and, within it, of `resource`.
    #[must_use]
    pub fn new(stack: &str, resource: &str) -> Self {
        Self { stack: tag_value(stack), resource: tag_value(resource), adopts: false, marks: Vec::new() }
    }

    /// Adds a setting that the tags record.
    #[must_use]
    pub fn mark(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// The same ownership without its settings, for what is immutable.
    #[must_use]
    pub fn unmarked(mut self) -> Self {
        self.marks.clear();
        self
    }

    /// The stack: the value of the tag [`STACK_TAG`].
    #[must_use]
    pub fn stack(&self) -> &str {
        &self.stack
    }

    /// The tags of a new resource: key and value.
    #[must_use]
    pub fn tags(&self) -> Vec<(&'static str, &str)> {
        self.tags_beside(&[])
    }

    /// The tags of a resource that has the tags `present`.
    fn tags_beside(&self, present: &[(&str, &str)]) -> Vec<(&'static str, &str)> {
        let marks = self.marks.iter().filter_map(|mark| mark.wanted(present));
        [(STACK_TAG, &*self.stack), (RESOURCE_TAG, &*self.resource)].into_iter().chain(marks).collect()
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
        self.tags_beside(&present).into_iter().filter(|tag| !present.contains(tag)).collect()
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
    /// Makes sure that a resource with `tags` may be removed or replaced. `what` is how people know it.
    ///
    /// # Errors
    /// When it is protected, by its tag or by its declaration.
    pub fn require_unprotected<'a>(
        &self,
        what: impl Display,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Failure> {
        let is_declared = self.marks.iter().any(|mark| mark.key == PROTECTED_TAG && mark.is_on);
        if !is_declared && !is_protected(tags) {
            return Ok(());
        }
        let message = format!("the {what} is protected, and so is neither removed nor replaced");
        Err(Failure::new(FailureKind::Protected, message).help(
            "set `protect = false` in the configuration of the service, registry or store that protects it, deploy, and \
             run this again",
        ))
    }

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

    #[test]
    fn protection_is_a_tag_that_changes_its_value() {
        let role = |protects| Ownership::new("shop", "role.api").mark(Mark::protection(protects));
        let (on, off) = (role(true), role(false));
        assert_eq!(on.missing(off.tags()), [(PROTECTED_TAG, "true")]);
        assert_eq!(off.missing(on.tags()), [(PROTECTED_TAG, "false")]);
        assert!(off.missing(off.tags()).is_empty(), "it was never protected");
        let let_go = [off.tags(), vec![(PROTECTED_TAG, "false")]].concat();
        assert!(off.missing(let_go.iter().copied()).is_empty());
        assert!(off.require_unprotected("role", let_go).is_ok());
        assert!(on.require_unprotected("role", off.tags()).is_err(), "it is declared");
        assert!(off.require_unprotected("role", on.tags()).is_err(), "its tag says so");
    }
}
