//! The differences between the declared and the actual resources.

use serde::{Deserialize, Serialize};

use crate::{FieldChange, StepId};

/// The kind of difference between a resource and its declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftKind {
    /// It is declared, and not there.
    Missing,
    /// It is there, and some of its fields have other values.
    Changed,
    /// It is there and the stack's, and nothing declares it.
    Undeclared,
    /// It is there, and not the stack's.
    Foreign,
}

/// Fields of a resource that nothing declares, and that a deploy leaves as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftAlone {
    /// The step that makes the resource.
    pub step: StepId,
    /// The resource, as people know it.
    pub resource: String,
    /// The fields: `new` is what was found.
    pub fields: Vec<FieldChange>,
}

/// A resource that is not as it is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The step that makes it, or made it.
    pub step: StepId,
    /// The resource, as people know it.
    pub resource: String,
    /// The kind of difference.
    pub kind: DriftKind,
    /// The stack that owns it: its tag says so, or, where it is missing, its declaration. Nothing where no stack does.
    pub owner: Option<String>,
    /// True if `longshore deploy` changes nothing at all while it is so.
    pub blocks: bool,
    /// A description of differences beyond fields, and of obstacles.
    pub detail: Option<String>,
    /// The fields that differ: `old` is what is declared, `new` is what was found.
    pub fields: Vec<FieldChange>,
}
