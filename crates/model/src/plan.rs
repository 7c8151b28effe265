//! The plan of a step.

use std::fmt;

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use crate::{ByName, Known, StepId};

/// The planned action on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is as declared.
    NoChange,
    /// It is not there and will be made.
    Create,
    /// It will be changed in place.
    Update,
    /// It will be made anew, because it cannot be changed in place.
    Replace,
    /// It will be removed.
    Delete,
    /// It exists without an owner. The stack will own it, and it will be updated to match its declaration.
    Adopt,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoChange => "no change",
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Adopt => "adopt",
        })
    }
}

/// A value as a plan shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// The value.
    Text(String),
    /// It is secret: only that it changes is shown.
    Secret,
    /// It is known only after apply.
    AfterApply,
}

impl Shown {
    /// A value that anyone may see.
    pub fn text(value: impl fmt::Display) -> Self {
        Self::Text(value.to_string())
    }
}

impl From<&Known> for Shown {
    fn from(known: &Known) -> Self {
        match known {
            Known::Value(value) => Self::Text(value.clone()),
            Known::AfterApply => Self::AfterApply,
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Secret => f.write_str("(secret)"),
            Self::AfterApply => f.write_str("(known after apply)"),
        }
    }
}

/// One field that differs between what is there and what is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The field, as AWS names it: `containerDefinitions.api.memory`.
    pub field: String,
    /// The actual value; `None` if the field is new.
    pub old: Option<Shown>,
    /// The planned value; `None` if the field is removed.
    pub new: Option<Shown>,
}

impl FieldChange {
    /// A change of `field` from `old` to `new`.
    pub fn new(field: impl Into<String>, old: Option<Shown>, new: Option<Shown>) -> Self {
        Self { field: field.into(), old, new }
    }
}

/// The effect of a change on running tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Running tasks stay as they are.
    #[default]
    None,
    /// Tasks are added or removed.
    Scaling,
    /// Tasks are replaced one after another by a service deployment.
    RollingUpdate,
    /// All tasks are stopped, and new ones started after that.
    Restart,
    /// Tasks are stopped for good.
    Stop,
}

/// A resource that the stack owns and the configuration no longer declares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Orphan {
    /// The resource, as people know it: `service default/api`.
    pub resource: String,
    /// The step that made it; `None` where no tag names it.
    pub made_by: Option<String>,
    /// A further consequence of its removal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The way in which a plan deletes a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// It is an orphan, and is removed.
    Prune,
    /// It is declared, and is removed.
    Remove,
    /// It is removed and made anew.
    Replace,
    /// Its tasks are stopped for good.
    Stop,
    /// All its tasks are stopped before new ones start.
    Restart,
}

/// A resource that a plan takes away, at least for a while: what is asked for before it is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The step that takes it away.
    pub step: StepId,
    /// The resource, as people know it.
    pub resource: String,
    /// The kind of deletion.
    pub kind: LossKind,
}

/// The intended action of a step, and its outputs. Holds no secret. Kept for each step of a run, most often with empty
/// lists, which take a pointer each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPlan {
    /// The resource, as people know it: `secret longshore/shop/ghcr/pull`.
    pub resource: String,
    /// The planned action.
    pub action: Action,
    /// The number of resources that the plan covers: one, unless a step looks after all of a kind.
    pub resources: usize,
    /// The reason, if the action does not imply it, such as that of a replacement, or an earlier failed deployment.
    pub reason: Option<String>,
    /// The fields that change.
    pub changes: ThinVec<FieldChange>,
    /// The orphans that are removed, where the step prunes a kind of resource.
    #[serde(default)]
    pub orphans: ThinVec<Orphan>,
    /// The outputs as far as they are known.
    pub outputs: ByName<Known>,
    /// The effect on running tasks.
    pub effect: Effect,
    /// Findings that are worth showing: a pull that was proved, an image that is public.
    pub notes: ThinVec<String>,
}

impl StepPlan {
    /// A plan that does `action` to `resource`.
    pub fn new(action: Action, resource: impl Into<String>) -> Self {
        Self {
            resource: resource.into(),
            action,
            resources: 1,
            reason: None,
            changes: ThinVec::new(),
            orphans: ThinVec::new(),
            outputs: ByName::new(),
            effect: Effect::None,
            notes: ThinVec::new(),
        }
    }

    /// Adds an output that is known already.
    #[must_use]
    pub fn output(mut self, name: &str, value: impl Into<String>) -> Self {
        self.outputs.insert(name.to_owned(), Known::Value(value.into()));
        self
    }

    /// Adds the fields that change.
    #[must_use]
    pub fn changes(mut self, changes: Vec<FieldChange>) -> Self {
        self.changes = changes.into();
        self
    }

    /// Returns true if anything is going to happen.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.action != Action::NoChange
    }

    /// The resources that the plan of `step` takes away: orphans that it prunes, and declared resources that it removes,
    /// replaces or stops.
    #[must_use]
    pub fn losses(&self, step: &StepId) -> Vec<Loss> {
        let loss = |resource: &str, kind| Loss { step: step.clone(), resource: resource.to_owned(), kind };
        if !self.orphans.is_empty() {
            return self.orphans.iter().map(|orphan| loss(&orphan.resource, LossKind::Prune)).collect();
        }
        let kind = match (self.action, self.effect) {
            (Action::NoChange, _) => None,
            (Action::Delete, _) => Some(LossKind::Remove),
            (Action::Replace, _) => Some(LossKind::Replace),
            (_, Effect::Stop) => Some(LossKind::Stop),
            (_, Effect::Restart) => Some(LossKind::Restart),
            _ => None,
        };
        kind.map(|kind| loss(&self.resource, kind)).into_iter().collect()
    }

    /// The same plan without its pruning: each orphan stays, and a note says so.
    #[must_use]
    pub fn without_pruning(mut self) -> Self {
        if self.orphans.is_empty() {
            return self;
        }
        let kept = self.orphans.drain(..).map(|orphan| format!("{} stays", orphan.resource));
        self.notes.extend(kept);
        Self { action: Action::NoChange, effect: Effect::None, resources: 0, reason: None, ..self }
    }
}
