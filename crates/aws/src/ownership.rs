//! Ownership of resources, by tags.
//!
//! Longshore changes nothing that it does not own. Its resources carry the names of the stack, of the environment and
//! of the step that made it.

use std::{collections::BTreeMap, fmt::Display};

use longshore_model::{AFTER_APPLY, Action, Failure, FailureKind, FieldChange, Shown};
use longshore_plugin::Context;

use crate::name::bounded;

/// The tag that names the stack which owns a resource.
pub const STACK_TAG: &str = "longshore:stack";

/// The tag that names the environment of the stack which owns a resource.
pub const ENVIRONMENT_TAG: &str = "longshore:environment";

/// The tag that names the step which made a resource.
pub const RESOURCE_TAG: &str = "longshore:resource";

/// The tag that names the region of the stack which owns a resource that has none itself.
pub const REGION_TAG: &str = "longshore:region";

/// The tag that keeps a resource from being removed, pruned and replaced while its value is `true`.
pub const PROTECTED_TAG: &str = "longshore:protected";

/// The tag with the value `true` of a resource that was adopted: its undeclared settings are those of its former owner.
pub const ADOPTED_TAG: &str = "longshore:adopted";

/// The longest value of a tag, in IAM, Secrets Manager, ECS and EC2 alike.
const VALUE_LIMIT: usize = 256;

/// Returns whether `key` is a tag that names the owner of a resource.
#[must_use]
pub fn is_ownership_tag(key: &str) -> bool {
    [STACK_TAG, ENVIRONMENT_TAG, RESOURCE_TAG, REGION_TAG, PROTECTED_TAG, ADOPTED_TAG].contains(&key)
}

/// The ownership of what a step makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    stack: String,
    environment: String,
    resource: String,
    adopts: bool,
    undoes: bool,
    marks: Vec<Mark>,
    /// Tags beside those that name the owner.
    tags: BTreeMap<String, String>,
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
    /// True if the setting is on.
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

/// The owner of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This stack in this environment. Resources of the stack without a tag for the environment count as well: earlier
    /// versions made them.
    Ours,
    /// Another environment of this stack: its name.
    OtherEnvironment(String),
    /// Another stack: its name.
    OtherStack(String),
    /// No stack: the resource carries no tag of Longshore's.
    Nobody,
}

impl Ownership {
    /// Returns the ownership of what the step of `context` makes.
    #[must_use]
    pub fn of(context: &Context) -> Self {
        let Context { step, adopts, protects, undoes, tags, .. } = context;
        let ownership = Self::new(context.stack.as_str(), context.environment.as_str(), step.as_str());
        let tags = tags.as_deref().cloned().unwrap_or_default();
        Self { adopts: *adopts, undoes: *undoes, tags, ..ownership.mark(Mark::protection(*protects)) }
    }

    /// Returns the ownership of `stack` in `environment` and, within it, of `resource`.
    #[must_use]
    pub fn new(stack: &str, environment: &str, resource: &str) -> Self {
        Self {
            stack: tag_value(stack),
            environment: tag_value(environment),
            resource: tag_value(resource),
            adopts: false,
            undoes: false,
            marks: Vec::new(),
            tags: BTreeMap::new(),
        }
    }

    /// The same ownership without the tags that have one of these keys: a plugin sets them itself.
    #[must_use]
    pub fn except(mut self, keys: &BTreeMap<String, String>) -> Self {
        self.tags.retain(|key, _| !keys.contains_key(key));
        self
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
    pub fn tags(&self) -> Vec<(&str, &str)> {
        self.tags_beside(&[])
    }

    /// The tags of a resource that has the tags `present`.
    fn tags_beside(&self, present: &[(&str, &str)]) -> Vec<(&str, &str)> {
        let names = [
            (STACK_TAG, &*self.stack),
            (ENVIRONMENT_TAG, &*self.environment),
            (RESOURCE_TAG, &*self.resource),
        ];
        let marks = self.marks.iter().filter_map(|mark| mark.wanted(present));
        let others = self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        names.into_iter().chain(marks).chain(others).collect()
    }

    /// Returns the owner of a resource with `tags`.
    pub fn owner<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Owner {
        let (mut stack, mut environment) = (None, None);
        for (key, value) in tags {
            match key {
                STACK_TAG => stack = Some(value),
                ENVIRONMENT_TAG => environment = Some(value),
                _ => {}
            }
        }
        match (stack, environment) {
            (None, _) => Owner::Nobody,
            (Some(stack), _) if stack != self.stack => Owner::OtherStack(stack.to_owned()),
            (Some(_), Some(other)) if other != self.environment => Owner::OtherEnvironment(other.to_owned()),
            (Some(_), _) => Owner::Ours,
        }
    }

    /// The tags that a resource with `tags` lacks, or that have another value there.
    pub fn missing<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<(&str, &str)> {
        let present: Vec<_> = tags.into_iter().collect();
        self.tags_beside(&present).into_iter().filter(|tag| !present.contains(tag)).collect()
    }

    /// Returns the fields for the tags that a resource with `tags` lacks, or that have another value there.
    pub fn changes<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<FieldChange> {
        let present: Vec<_> = tags.into_iter().collect();
        tag_changes("tags.", self.missing(present.iter().copied()), present)
    }

    /// Returns the action for a resource with `tags` that would otherwise see `action`: a resource without an owner is
    /// adopted, if that is allowed.
    pub fn action<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>, action: Action) -> Action {
        if self.adopts && self.owner(tags) == Owner::Nobody { Action::Adopt } else { action }
    }

    /// Returns whether a resource with `tags` is this stack's in this environment, or about to be.
    pub fn is_ours_or_adopted<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
        match self.owner(tags) {
            Owner::Ours => true,
            Owner::Nobody => self.adopts,
            Owner::OtherEnvironment(_) | Owner::OtherStack(_) => false,
        }
    }

    /// Checks that a resource is this stack's in this environment, or has no owner and may be adopted. `what` names it
    /// for people: ``role `shop-api` ``. `rename` says how to get out of its way: ``set `execution-role.name` ``.
    ///
    /// # Errors
    /// If it belongs to another stack or to another environment of this stack, or if it has no owner and may not be
    /// adopted.
    pub fn require<'a>(
        &self,
        what: impl Display,
        rename: &str,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Failure> {
        const NOT_OWNED: &str = "Longshore does not change what it does not own";
        let conflict = |message: String| Failure::new(FailureKind::Conflict, message);
        Err(match self.owner(tags) {
            Owner::Ours => return Ok(()),
            Owner::Nobody if self.adopts => return Ok(()),
            Owner::OtherEnvironment(other) => {
                let stack = &self.stack;
                conflict(format!(
                    "the {what} exists and belongs to the environment `{other}` of the Longshore stack `{stack}`"
                ))
                .owned_by(format!("{stack} in the environment {other}"))
                .help(format!(
                    "{NOT_OWNED}: give the environment `{}` a stack of its own, such as stack = \
                     \"{stack}-{{environment}}\", or {rename}",
                    self.environment
                ))
            }
            Owner::OtherStack(other) => {
                conflict(format!("the {what} exists and belongs to the Longshore stack `{other}`"))
                    .owned_by(other)
                    .help(format!("{NOT_OWNED}: {rename}"))
            }
            Owner::Nobody => {
                let step = &self.resource;
                conflict(format!("the {what} exists and carries no tag `{STACK_TAG}`")).help(format!(
                    "{NOT_OWNED}: {rename}, remove it, or take it over: `longshore adopt {step}`, or `\"{step}\" = \
                     true` below [adopt]"
                ))
            }
        })
    }
}

impl Ownership {
    /// Makes sure that a resource with `tags` may be removed or replaced. `what` is how people know it.
    ///
    /// # Errors
    /// When it is protected, by its tag or by its declaration, unless the run takes back what it made itself.
    pub fn require_unprotected<'a>(
        &self,
        what: impl Display,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Failure> {
        let is_declared = self.marks.iter().any(|mark| mark.key == PROTECTED_TAG && mark.is_on);
        if self.undoes || !is_declared && !is_protected(tags) {
            return Ok(());
        }
        let message = format!("the {what} is protected, and so is neither removed nor replaced");
        Err(Failure::new(FailureKind::Protected, message).help(
            "set `protect = false` in the configuration of the service, registry or store that protects it, deploy, and \
             run this again",
        ))
    }
}

impl Owner {
    /// Says who owns a resource that is not this stack's: `belongs to the stack blog`. `None` if it is this stack's.
    #[must_use]
    pub fn not_ours(&self) -> Option<String> {
        match self {
            Self::Ours => None,
            Self::OtherEnvironment(other) => {
                Some(format!("belongs to the environment {other} of the same stack"))
            }
            Self::OtherStack(other) => Some(format!("belongs to the stack {other}")),
            Self::Nobody => Some("is not Longshore's".to_owned()),
        }
    }
}

/// Returns the fields that setting the tags `new` changes, each named by `prefix` and its key. `actual` are the tags that the
/// resource has.
#[must_use]
pub fn tag_changes<'a>(
    prefix: &str,
    new: impl IntoIterator<Item = (&'a str, &'a str)>,
    actual: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<FieldChange> {
    let actual: BTreeMap<_, _> = actual.into_iter().collect();
    let change = |(key, value): (&'a str, &'a str)| {
        let new = if value == AFTER_APPLY { Shown::AfterApply } else { Shown::text(value) };
        FieldChange::new(format!("{prefix}{key}"), actual.get(key).map(Shown::text), Some(new))
    };
    new.into_iter().map(change).collect()
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

    fn ours() -> Ownership {
        Ownership::new("shop", "staging", "role.api")
    }

    #[test]
    fn stack_and_environment_decide_the_owner() {
        let ours = ours();
        assert_eq!(ours.owner(ours.tags()), Owner::Ours);
        let (shop, other) = ((STACK_TAG, "shop"), (ENVIRONMENT_TAG, "production"));
        assert_eq!(ours.owner([other, shop]), Owner::OtherEnvironment("production".to_owned()));
        assert_eq!(ours.owner([(STACK_TAG, "other"), other]), Owner::OtherStack("other".to_owned()));
        assert_eq!(ours.owner([("Name", "shop"), (RESOURCE_TAG, "role.api"), other]), Owner::Nobody);
    }

    #[test]
    fn resources_without_environment_are_ours_and_lack_it() {
        let (ours, made_before) = (ours(), [(STACK_TAG, "shop"), (RESOURCE_TAG, "role.api")]);
        assert_eq!(ours.owner(made_before), Owner::Ours);
        assert_eq!(ours.missing(made_before), [(ENVIRONMENT_TAG, "staging")]);
    }

    #[test]
    fn conflicts_name_owner_and_remedy() {
        let rename = "set `execution-role.name`";
        let refused = |tags: &[(&str, &str)]| {
            ours().require("role `shop-api`", rename, tags.iter().copied()).unwrap_err().to_string()
        };
        let of_nobody = refused(&[]);
        let of_stack = refused(&[(STACK_TAG, "blog")]);
        let of_environment = refused(&[(STACK_TAG, "shop"), (ENVIRONMENT_TAG, "production")]);
        insta::assert_snapshot!(format!("{of_nobody}\n{of_stack}\n{of_environment}"));
    }

    #[test]
    fn missing_tags_are_those_that_differ() {
        let ours = ours();
        let there = [(STACK_TAG, "shop"), (ENVIRONMENT_TAG, "staging"), (RESOURCE_TAG, "role.web")];
        assert_eq!(ours.missing(there), [(RESOURCE_TAG, "role.api")]);
        assert!(ours.missing(ours.tags()).is_empty());
    }

    #[test]
    fn declared_tags_are_missing_like_others() {
        let (owner, keys) =
            (("owner".to_owned(), "shop".to_owned()), BTreeMap::from([("owner".to_owned(), String::new())]));
        let tagged = Ownership { tags: [owner].into(), ..ours() };
        assert_eq!(tagged.missing(ours().tags()), [("owner", "shop")]);
        assert!(tagged.clone().except(&keys).missing(ours().tags()).is_empty());
        assert_eq!(tagged.owner([("owner", "shop")]), Owner::Nobody);
    }

    #[test]
    fn values_are_what_every_service_allows() {
        assert_eq!(Ownership::new("shop", "staging", "role.ä*{b}").tags()[2].1, "role.___b_");
        assert_eq!(Ownership::new("shop", "staging", &"a".repeat(300)).tags()[2].1.len(), 256);
    }

    #[test]
    fn protection_is_a_tag_that_changes_its_value() {
        let role = |protects| Ownership::new("shop", "staging", "role.api").mark(Mark::protection(protects));
        let (on, off) = (role(true), role(false));
        assert_eq!(on.missing(off.tags()), [(PROTECTED_TAG, "true")]);
        assert_eq!(off.missing(on.tags()), [(PROTECTED_TAG, "false")]);
        assert!(off.missing(off.tags()).is_empty(), "it was never protected");
        let let_go = [off.tags(), vec![(PROTECTED_TAG, "false")]].concat();
        assert!(off.missing(let_go.iter().copied()).is_empty());
        assert!(off.require_unprotected("role", let_go).is_ok());
        assert!(on.require_unprotected("role", off.tags()).is_err(), "it is declared");
        let undone = Ownership { undoes: true, ..on.clone() };
        assert!(undone.require_unprotected("role", on.tags()).is_ok(), "this run has made it");
        assert!(off.require_unprotected("role", on.tags()).is_err(), "its tag says so");
    }
}
