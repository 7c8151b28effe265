//! Stops the run if the changes to apply are not those of the plan.

use longshore_model::{Action, Failure, FailureKind, FieldChange, StepPlan};
use longshore_plugin::Result;

/// Checks that the changes which a step is about to make are those that were planned. A value that was not known then
/// may be known now, or may turn out to be no change at all.
///
/// # Errors
/// When another process has changed the resource since it was planned.
pub(crate) fn still(plan: &StepPlan, changes: &[FieldChange]) -> Result<()> {
    let was_planned = |change: &FieldChange| {
        plan.changes.iter().any(|planned| planned.field == change.field && planned.old == change.old)
    };
    match changes.iter().find(|change| !was_planned(change)) {
        Some(change) => Err(meanwhile(&format!("`{}` is not as it was", change.field))),
        None if plan.action == Action::Create && !changes.is_empty() => {
            Err(meanwhile("it was not there, and now it is"))
        }
        None => Ok(()),
    }
}

fn meanwhile(what: &str) -> Failure {
    Failure::new(FailureKind::Conflict, format!("somebody else changed it since it was planned: {what}"))
        .help("run again: the new plan starts from what is there now")
}

#[cfg(test)]
mod tests {
    use longshore_model::Shown;

    use super::*;

    fn change(field: &str, old: &str, new: Shown) -> FieldChange {
        FieldChange::new(field, Some(Shown::text(old)), Some(new))
    }

    #[test]
    fn stops_when_somebody_else_changed_it_meanwhile() {
        let plan = StepPlan::new(Action::Update, "x").changes(vec![
            change("memory", "768", Shown::text(1024)),
            change("role", "a", Shown::AfterApply),
        ]);
        assert_eq!(still(&plan, &plan.changes), Ok(()));
        assert_eq!(still(&plan, &[change("role", "a", Shown::text("b"))]), Ok(()));
        assert_eq!(still(&plan, &[]), Ok(()));
        let other = still(&plan, &[change("memory", "512", Shown::text(1024))]).unwrap_err();
        let new = still(&plan, &[change("cpu", "1", Shown::text(2))]).unwrap_err();
        insta::assert_snapshot!(format!("{other}\n{new}"));
    }
}
