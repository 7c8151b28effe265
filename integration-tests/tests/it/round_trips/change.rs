//! The changes that plans make, so that two of them can be compared.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{Action, FieldChange, Shown, StepPlan};

/// The changes of a deploy, by resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Changes {
    pub(super) created: BTreeSet<String>,
    pub(super) deleted: BTreeSet<String>,
    pub(super) updated: BTreeMap<String, Vec<FieldChange>>,
}

impl Changes {
    pub(super) fn of<'a>(plans: impl IntoIterator<Item = &'a StepPlan>) -> Self {
        let mut changes = Self::default();
        for plan in plans {
            match plan.action {
                Action::NoChange => assert!(plan.changes.is_empty(), "{plan:?}"),
                Action::Create => {
                    changes.created.insert(plan.resource.clone());
                }
                Action::Update | Action::Replace => {
                    changes.updated.insert(plan.resource.clone(), plan.changes.to_vec());
                }
                Action::Delete => {
                    changes.deleted.extend(plan.orphans.iter().map(|orphan| orphan.resource.clone()));
                }
                Action::Adopt => panic!("nothing is to be adopted: {plan:?}"),
            }
        }
        changes
    }

    /// Returns the changes that take these back.
    fn reversed(&self) -> Self {
        let reversed = |changes: &Vec<FieldChange>| {
            let swapped =
                |FieldChange { field, old, new }: FieldChange| FieldChange { field, old: new, new: old };
            changes.iter().cloned().map(swapped).collect()
        };
        Self {
            created: self.deleted.clone(),
            deleted: self.created.clone(),
            updated: self.updated.iter().map(|(name, changes)| (name.clone(), reversed(changes))).collect(),
        }
    }

    /// Without what cannot be reversed, each for a reason of its own.
    fn reversible(mut self) -> Self {
        for changes in self.updated.values_mut() {
            changes.retain(|change| !is_kept(change));
            changes.iter_mut().for_each(normalise);
        }
        // An update without fields is a new deployment for a value that was written anew; it is in both directions.
        self
    }
}

/// Parts of a secret or a role that the configuration does not name stay, as the documentation says: boundaries, tags
/// of one's own, and replicas.
fn is_kept(change: &FieldChange) -> bool {
    let is_sticky = change.field == "PermissionsBoundary"
        || change.field.starts_with("ReplicationStatus.")
        || change.field == "Tags.team";
    is_sticky && (change.old.is_none() || change.new.is_none())
}

/// Numbers that only grow: revisions of a family, and versions of a parameter.
fn normalise(change: &mut FieldChange) {
    if ["taskDefinition", "Version"].contains(&change.field.as_str()) {
        change.old = Some(Shown::AfterApply);
        change.new = Some(Shown::AfterApply);
    }
}

/// Returns true if a value may be the other: one that is known only after apply may be any.
fn fits(one: Option<&Shown>, other: Option<&Shown>) -> bool {
    match (one, other) {
        (Some(Shown::AfterApply), Some(_)) | (Some(_), Some(Shown::AfterApply)) => true,
        (one, other) => one == other,
    }
}

/// Checks that `back` takes back what `there` did, and does nothing else.
#[track_caller]
pub(super) fn expect_reversed(there: &Changes, back: &Changes) {
    let expected = there.clone().reversible().reversed();
    let found = back.clone().reversible();
    assert_eq!(found.created, expected.created, "created; there: {there:#?}; back: {back:#?}");
    assert_eq!(found.deleted, expected.deleted, "deleted; there: {there:#?}; back: {back:#?}");
    let names: BTreeSet<_> = expected.updated.keys().chain(found.updated.keys()).collect();
    for name in names {
        let mut left = found.updated.get(name).cloned().unwrap_or_default();
        let mut missing = Vec::new();
        for change in expected.updated.get(name).into_iter().flatten() {
            let is_same = |other: &FieldChange| {
                other.field == change.field
                    && fits(other.old.as_ref(), change.old.as_ref())
                    && fits(other.new.as_ref(), change.new.as_ref())
            };
            match left.iter().position(is_same) {
                Some(index) => drop(left.remove(index)),
                None => missing.push(change),
            }
        }
        assert!(
            left.is_empty() && missing.is_empty(),
            "{name}: missing {missing:#?}; too much {left:#?}; there: {there:#?}; back: {back:#?}"
        );
    }
}
