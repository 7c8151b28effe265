//! How the steps of a phase ended.

use std::collections::BTreeMap;

use longshore_model::{Failure, Outcome, StepId, StepPlan};

/// What each step is going to do.
pub type Plans = BTreeMap<StepId, StepPlan>;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended<T> {
    /// It did its work.
    Succeeded(T),
    /// It failed.
    Failed(Failure),
    /// It was not run because the step named here failed.
    Skipped(StepId),
    /// It was not begun because the run was interrupted.
    NotStarted,
}

/// How the steps of a phase ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<T> {
    /// Each step.
    pub steps: BTreeMap<StepId, Ended<T>>,
}

impl<T> Report<T> {
    /// How the phase ended as a whole. A failure weighs more than an interruption.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let any = |matches: fn(&Ended<T>) -> bool| self.steps.values().any(matches);
        if any(|ended| matches!(ended, Ended::Failed(_))) {
            Outcome::Failed
        } else if any(|ended| matches!(ended, Ended::NotStarted)) {
            Outcome::Interrupted
        } else {
            Outcome::Succeeded
        }
    }

    /// The results of the steps that succeeded.
    #[must_use]
    pub fn results(self) -> BTreeMap<StepId, T> {
        self.steps
            .into_iter()
            .filter_map(|(step, ended)| match ended {
                Ended::Succeeded(result) => Some((step, result)),
                _ => None,
            })
            .collect()
    }

    /// Whether the step was begun: whether it may have done something.
    #[must_use]
    pub fn was_begun(&self, step: &StepId) -> bool {
        matches!(self.steps.get(step), Some(Ended::Succeeded(_) | Ended::Failed(_)))
    }

    /// The failures.
    pub fn failures(&self) -> impl Iterator<Item = (&StepId, &Failure)> {
        self.steps.iter().filter_map(|(step, ended)| match ended {
            Ended::Failed(failure) => Some((step, failure)),
            _ => None,
        })
    }
}
