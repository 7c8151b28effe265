//! Differences between the actual and the declared role. Pure.

use longshore_aws::tag_changes;
use longshore_model::{FieldChange, Shown};

use crate::{
    compare,
    desired::{Desired, Inline, MAX_SESSION},
    observed::Observed,
    ownership::pairs,
};

/// The parts that have to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) description: bool,
    pub(crate) max_session: bool,
    pub(crate) trust: bool,
    pub(crate) boundary: bool,
    /// Inline policies to be written.
    pub(crate) inline: Vec<&'static str>,
    /// Inline policies that are not declared.
    pub(crate) obsolete_inline: Vec<String>,
    /// Managed policies to be attached.
    pub(crate) attach: Vec<String>,
    /// Managed policies that are not declared.
    pub(crate) detach: Vec<String>,
    /// Tags to be set.
    pub(crate) tags: Vec<(String, String)>,
}

impl Difference {
    pub(crate) fn between(observed: &Observed, desired: &Desired) -> Self {
        let is_there = |name: &str, document: &String| {
            observed.inline.get(name).is_some_and(|there| compare::same(there, document))
        };
        let inline = desired.inline.iter().filter(|(name, policy)| match policy {
            Inline::AfterApply => true,
            Inline::Document(document) => !is_there(name, document),
        });
        let declared = |policy: &str| desired.inline.contains_key(policy);
        let missing = desired.ownership.missing(&observed.tags);
        Self {
            // Unknown settings are not compared.
            description: observed.description.as_ref().is_some_and(|there| *there != desired.description),
            max_session: observed.max_session.is_some_and(|there| there != MAX_SESSION),
            trust: !compare::same(&observed.trust, &desired.trust),
            boundary: desired.boundary.is_some() && desired.boundary != observed.boundary,
            inline: inline.map(|(name, _)| *name).collect(),
            obsolete_inline: observed.inline.keys().filter(|policy| !declared(policy)).cloned().collect(),
            attach: desired.managed.difference(&observed.managed).cloned().collect(),
            detach: observed.managed.difference(&desired.managed).cloned().collect(),
            tags: missing.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The changes as a plan shows them. `observed` is nothing for a role that is to be made.
    pub(crate) fn changes(&self, observed: Option<&Observed>, desired: &Desired) -> Vec<FieldChange> {
        let mut changes = Vec::new();
        let mut change = |field: String, old: Option<Shown>, new: Option<Shown>| {
            changes.push(FieldChange::new(field, old, new));
        };
        let document = |text: &String| Shown::text(compare::shown(text));
        if observed.is_none() {
            change("RoleName".to_owned(), None, Some(Shown::text(&desired.name)));
            change("Path".to_owned(), None, Some(Shown::text(&desired.path)));
        }
        if self.description || observed.is_none() {
            let old = observed.and_then(|role| role.description.as_ref()).filter(|text| !text.is_empty());
            change("Description".to_owned(), old.map(Shown::text), Some(Shown::text(&desired.description)));
        }
        if self.max_session || observed.is_none() {
            let old = observed.and_then(|role| role.max_session).map(Shown::text);
            change("MaxSessionDuration".to_owned(), old, Some(Shown::text(MAX_SESSION)));
        }
        if self.trust {
            let old = observed.map(|role| document(&role.trust));
            change("AssumeRolePolicyDocument".to_owned(), old, Some(document(&desired.trust)));
        }
        if self.boundary {
            let old = observed.and_then(|role| role.boundary.as_ref()).map(Shown::text);
            change("PermissionsBoundary".to_owned(), old, desired.boundary.as_ref().map(Shown::text));
        }
        let inline = |policy: &str| observed.and_then(|role| role.inline.get(policy)).map(document);
        for policy in &self.inline {
            let new = match desired.inline.get(policy) {
                Some(Inline::Document(text)) => document(text),
                Some(Inline::AfterApply) | None => Shown::AfterApply,
            };
            change(format!("Policies.{policy}"), inline(policy), Some(new));
        }
        for policy in &self.obsolete_inline {
            change(format!("Policies.{policy}"), inline(policy), None);
        }
        for policy in &self.attach {
            change("ManagedPolicyArns".to_owned(), None, Some(Shown::text(policy)));
        }
        for policy in &self.detach {
            change("ManagedPolicyArns".to_owned(), Some(Shown::text(policy)), None);
        }
        let actual = observed.map(|role| pairs(&role.tags));
        changes.extend(tag_changes("Tags.", pairs(&self.tags), actual.into_iter().flatten()));
        changes
    }
}
