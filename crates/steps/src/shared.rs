//! The orphans of a plan, and several failures in one.

use longshore_model::{Failure, FailureKind, Orphan};
use longshore_plugin::{Context, Result};

/// An orphan in a plan. `step` made it, and is empty where no tag names it.
pub(crate) fn orphan(resource: String, step: &str) -> Orphan {
    Orphan { resource, made_by: (!step.is_empty()).then(|| step.to_owned()), note: None }
}

/// Returns the failure for a protected orphan, if the whole stack is removed or a declared step replaces the orphan by
/// another resource.
pub(crate) fn refuse_protected(resource: &str, is_replaced: bool) -> Failure {
    let what = if is_replaced { "replaced by another one" } else { "removed" };
    let help = if is_replaced {
        "declare it as it was with `protect = false`, deploy, and only then change it"
    } else {
        "bring its declaration back with `protect = false` and deploy, or set its tag longshore:protected to false; then run \
         this again"
    };
    let message = format!("the {resource} is protected, and so is not {what}");
    Failure::new(FailureKind::Protected, message).help(help)
}

/// Returns the resources found, or nothing if the caller may not look: a user of neither the service nor the permission
/// must be able to deploy nevertheless.
pub(crate) fn as_far_as_allowed<T>(context: &Context, what: &str, found: Result<Vec<T>>) -> Result<Vec<T>> {
    match found {
        Err(failure) if failure.kind == FailureKind::Denied => {
            context.warn(format!("orphaned {what} are not looked for: {failure}"));
            Ok(Vec::new())
        }
        found => found,
    }
}

/// One failure of several: the first one whole, with the others' messages behind it.
pub(crate) fn join_failures(mut failures: Vec<Failure>) -> Option<Failure> {
    if failures.is_empty() {
        return None;
    }
    let mut first = failures.remove(0);
    for other in failures {
        let at = other.at.map(|at| format!(" (at {at})")).unwrap_or_default();
        first.message.push_str(&format!("; also: {}{at}", other.message));
    }
    Some(first)
}
