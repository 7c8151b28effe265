//! Words for what events say in types.

use longshore_model::{Action, Effect, FailureKind, LockHolder, LockState};

/// An action that was done.
pub(super) const fn done(action: Action) -> &'static str {
    match action {
        Action::NoChange => "unchanged",
        Action::Create => "created",
        Action::Update => "updated",
        Action::Replace => "replaced",
        Action::Delete => "removed",
        Action::Adopt => "adopted",
    }
}

/// An action that is being done.
pub(super) const fn doing(action: Action) -> &'static str {
    match action {
        Action::NoChange => "checking",
        Action::Create => "creating",
        Action::Update => "updating",
        Action::Replace => "replacing",
        Action::Delete => "removing",
        Action::Adopt => "adopting",
    }
}

/// An action that will be done.
pub(super) const fn planned(action: Action) -> &'static str {
    match action {
        Action::NoChange => "no change",
        Action::Create => "to create",
        Action::Update => "to update",
        Action::Replace => "to replace",
        Action::Delete => "to remove",
        Action::Adopt => "to adopt",
    }
}

/// Describes the effect on running tasks. Returns `None` if there is no effect.
pub(super) const fn effect(effect: Effect) -> Option<&'static str> {
    match effect {
        Effect::None => None,
        Effect::Scaling => Some("tasks are added or removed"),
        Effect::RollingUpdate => Some("the tasks are replaced one after another"),
        Effect::Restart => Some("the tasks are stopped, and new ones started after that"),
        Effect::Stop => Some("the tasks are stopped"),
    }
}

/// The warning for `--no-lock`.
pub(super) const NO_LOCK: &str = "the run goes without the stack's lock: nothing keeps another one from changing the stack at the same time";

/// Describes the current or last holder of a lock.
pub(super) fn lock(state: &LockState) -> String {
    let Some(holder) = &state.holder else { return state.who() };
    LockHolder { since: super::time::moment(&holder.since), ..holder.clone() }.to_string()
}

/// Returns the name of a kind of failure.
pub(super) const fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Invalid => "invalid",
        FailureKind::Denied => "denied",
        FailureKind::NotFound => "not found",
        FailureKind::Conflict => "conflict",
        FailureKind::Throttled => "throttled",
        FailureKind::Unavailable => "unavailable",
        FailureKind::DeadlineExceeded => "deadline exceeded",
        FailureKind::DeploymentFailed => "deployment failed",
        FailureKind::AwaitingAction => "awaiting action",
        FailureKind::Interrupted => "interrupted",
        FailureKind::Stuck => "stuck",
        FailureKind::Protected => "protected",
        FailureKind::Internal => "internal error",
    }
}

/// `1 change`, `2 changes`.
pub(super) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
