//! The differences between declared and actual state.

use longshore_aws::{Ownership, fields::field_changes};
use longshore_aws_shapes::{Change, Extent};
use longshore_model::{FieldChange, Shown};
use serde_json::{Value, json};

use crate::{
    api::{ACTIONS, Kind, POLICIES, pairs, text},
    declared::Declared,
    observed::Observed,
    options::{Options, PREFIX, shape},
};

/// The changes that lead from the actual to the declared state.
#[derive(Default)]
pub(crate) struct Difference {
    /// The fields that differ.
    pub(crate) changes: Vec<FieldChange>,
    /// True if the target itself is to be registered anew.
    pub(crate) registers: bool,
    /// The names of the items that go, each with its kind. Some of them come back.
    pub(crate) deletes: Vec<(Kind, String)>,
    /// The inputs of the items that are put.
    pub(crate) puts: Vec<(Kind, Value)>,
}

impl Difference {
    pub(crate) fn of(declared: &Declared, observed: Option<&Observed>, ownership: &Ownership) -> Self {
        let mut difference = Self::default();
        let target = target_changes(declared, observed);
        difference.registers = !target.is_empty();
        difference.changes.extend(field_changes("", target));
        difference.changes.extend(
            observed.into_iter().flat_map(|observed| ownership.changes(pairs(&observed.target.tags))),
        );
        for kind in [POLICIES, ACTIONS] {
            difference.add_items(kind, declared, observed);
        }
        difference
    }

    fn add_items(&mut self, kind: Kind, declared: &Declared, observed: Option<&Observed>) {
        for item in observed.into_iter().flat_map(|observed| observed.items(kind)) {
            let name = kind.name_of(item);
            if declared.items(kind).values().any(|input| kind.name_of(input) == name) {
                continue;
            }
            if !name.starts_with(PREFIX) {
                continue;
            }
            let (field, content) = (format!("{}.{name}", kind.table), Shown::text(summary(kind, item)));
            self.changes.push(FieldChange::new(field, Some(content), None));
            self.deletes.push((kind, name.to_owned()));
        }
        for (label, input) in declared.items(kind) {
            let name = kind.name_of(input);
            let actual = observed.and_then(|observed| observed.item(kind, name));
            let changes = item_changes(kind, actual, input);
            if changes.is_empty() {
                continue;
            }
            if actual.is_some() && is_another(kind, &changes) {
                self.deletes.push((kind, name.to_owned()));
            }
            self.changes.extend(field_changes(&format!("{}.{label}", kind.table), changes));
            self.puts.push((kind, input.clone()));
        }
    }
}

/// The fields of an item that differ. A new item has no name to show: its label says it.
fn item_changes(kind: Kind, actual: Option<&Value>, input: &Value) -> Vec<Change> {
    let shape = shape(kind.put);
    let actual = actual.map_or(json!({}), |actual| kind.input_of(actual));
    let changes = shape.form(&actual).changes_to(&shape.form(input), Extent::Whole).into_iter();
    changes.filter(|change| change.path != [kind.name]).collect()
}

/// Returns true if the changes need another item of the same name: a policy keeps its type, and a scheduled action keeps the
/// members that a call leaves out.
fn is_another(kind: Kind, changes: &[Change]) -> bool {
    changes.iter().any(|change| match kind {
        POLICIES => change.path == ["PolicyType"],
        _ => change.declared.is_none(),
    })
}

/// An item in a word or two.
fn summary(kind: Kind, item: &Value) -> &str {
    text(item, if kind == POLICIES { "PolicyType" } else { "Schedule" })
}

fn target_changes(declared: &Declared, observed: Option<&Observed>) -> Vec<Change> {
    let shape = shape("RegisterScalableTarget");
    let actual = observed.map_or(json!({}), |observed| observed.target.json.clone());
    let wanted = shape.form(&Value::Object(declared.target.clone()));
    let changes = shape.form(&actual).changes_to(&wanted, Extent::Declared).into_iter();
    let is_scheduled = |change: &Change| match change.path.as_slice() {
        [member] => declared.schedules(member, &actual[member]),
        _ => false,
    };
    changes.filter(|change| !is_scheduled(change)).collect()
}

/// The policies and scheduled actions that others made, as people know them.
pub(crate) fn of_others(options: &Options, observed: &Observed) -> Vec<String> {
    let mut found = Vec::new();
    for kind in [POLICIES, ACTIONS] {
        let declared = options.names(kind);
        let names = observed.items(kind).iter().map(|item| kind.name_of(item));
        let others = names.filter(|name| !name.starts_with(PREFIX) && !declared.contains(name));
        found.extend(others.map(|name| format!("{} `{name}`", kind.title)));
    }
    found
}

/// Returns true if an item is not as it was.
pub(crate) fn differs(kind: Kind, was: &Value, now: &Value) -> bool {
    !item_changes(kind, Some(now), &kind.input_of(was)).is_empty()
}
