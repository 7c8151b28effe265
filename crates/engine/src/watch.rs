//! From what the scheduler tells to events.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{EventKind, Outputs, Phase, StepId, StepPlan};

use crate::{Ended, Events, schedule::Observer};

/// Turns what the scheduler tells into events, of the steps that do something in the phase.
pub(crate) struct Watch<'a> {
    pub(crate) events: &'a Events,
    pub(crate) phase: Phase,
    pub(crate) shown: BTreeSet<StepId>,
    pub(crate) started: BTreeMap<StepId, u64>,
}

/// What a phase's results say in events.
pub(crate) trait Told {
    fn outputs(&self) -> Outputs;

    fn plan(&self) -> Option<&StepPlan> {
        None
    }
}

impl Told for StepPlan {
    fn outputs(&self) -> Outputs {
        Outputs::new()
    }

    fn plan(&self) -> Option<&StepPlan> {
        Some(self)
    }
}

impl Told for Outputs {
    fn outputs(&self) -> Outputs {
        self.clone()
    }
}

impl Told for () {
    fn outputs(&self) -> Outputs {
        Outputs::new()
    }
}

impl<T: Told> Observer<T> for Watch<'_> {
    fn started(&mut self, step: &StepId) {
        if self.shown.contains(step) {
            self.started.insert(step.clone(), self.events.now());
            self.events.emit(EventKind::StepStarted { step: step.clone(), phase: self.phase });
        }
    }

    fn ended(&mut self, step: &StepId, ended: &Ended<T>) {
        if !self.shown.contains(step) && !matches!(ended, Ended::Failed(_)) {
            return;
        }
        let (step, phase) = (step.clone(), self.phase);
        let took = self.started.remove(&step).map_or(0, |started| self.events.now().saturating_sub(started));
        self.events.emit(match ended {
            Ended::Succeeded(result) => {
                if let Some(plan) = result.plan() {
                    self.events.emit(EventKind::StepPlanned { step: step.clone(), plan: plan.clone() });
                }
                EventKind::StepSucceeded { step, phase, outputs: result.outputs(), took }
            }
            Ended::Failed(failure) => EventKind::StepFailed { step, phase, failure: failure.clone(), took },
            Ended::Skipped(because) => EventKind::StepSkipped { step, phase, because: because.clone() },
            Ended::NotStarted => EventKind::StepNotStarted { step, phase },
        });
    }

    fn interrupted(&mut self, running: Vec<StepId>) {
        self.events.emit(EventKind::InterruptRequested { running });
    }
}
