//! The meaning of a task definition, field by field, independent of AWS's notation.
//!
//! AWS fills in defaults and does not keep the order of some lists. Both the declared and the registered definition are
//! brought into the normal form of AWS's model of its API, and that is compared: so nothing differs that does not matter,
//! and each difference has a name.

use longshore_aws::fields::{field_changes, shown};
use longshore_aws_shapes::{Extent, Form, Model, Shape};
use longshore_model::FieldChange;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Members of a registration that no revision is compared by: its name, and what is compared by itself.
const OTHERS: [&str; 2] = ["family", "tags"];

/// The fields of a task definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldMap(Form);

impl FieldMap {
    /// Returns a digest of all fields: 32 hexadecimal digits. Definitions without a significant difference have the
    /// same digest.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, text) in self.0.significant() {
            for part in path.iter().map(String::as_str).chain([text]) {
                hash.update(part.len().to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The fields that differ between `self`, which is registered, and `declared`.
    pub(crate) fn changes_to(&self, declared: &Self) -> Vec<FieldChange> {
        field_changes("", self.0.changes_to(&declared.0, Extent::Whole)).collect()
    }

    /// The fields of a definition that is to be registered anew, without AWS's defaults.
    pub(crate) fn of_creation(&self) -> Vec<FieldChange> {
        let fields = self.0.significant();
        fields
            .map(|(path, text)| FieldChange::new(path.join("."), None, Some(shown(text.to_owned()))))
            .collect()
    }
}

/// The input of RegisterTaskDefinition.
pub(crate) fn shape() -> Shape<'static> {
    input("RegisterTaskDefinition")
}

/// The input of an operation of ECS.
pub(crate) fn input(operation: &str) -> Shape<'static> {
    Model::ecs().input(operation).unwrap_or_else(|| unreachable!("the model has {operation}"))
}

/// Returns the fields of `definition`, without those that AWS adds (revision, status, required attributes …).
pub(crate) fn fields_of(definition: &Value) -> FieldMap {
    let mut compared = definition.clone();
    if let Some(members) = compared.as_object_mut() {
        members.retain(|name, _| !OTHERS.contains(&name.as_str()));
    }
    FieldMap(shape().form(&compared))
}
