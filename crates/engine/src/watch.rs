//! From what the scheduler tells to events.

use longshore_graph::Graph;
use longshore_model::{EventKind, Failure, Outputs, Phase, StepId, StepPlan};

use crate::{Ended, Events, ready::Busy, schedule::Observer};

/// Turns the progress of a phase into events of the steps that do something in it. Does nothing without a listener.
pub(crate) struct Watch<'a> {
    events: &'a Events,
    phase: Phase,
    graph: &'a Graph,
    shown: &'a Busy,
    /// The start of each step, by its place; empty without a listener.
    started: Vec<u64>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(events: &'a Events, phase: Phase, graph: &'a Graph, shown: &'a Busy) -> Self {
        let started = if events.are_heard() { vec![0; graph.len()] } else { Vec::new() };
        Self { events, phase, graph, shown, started }
    }

    fn id(&self, step: usize) -> StepId {
        self.graph.at(step).id.clone()
    }
}

/// The content of a phase's results in events.
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
    fn started(&mut self, step: usize) {
        if let Some(started) = self.started.get_mut(step).filter(|_| self.shown.contains(step)) {
            *started = self.events.now();
            self.events.emit(EventKind::StepStarted { step: self.id(step), phase: self.phase });
        }
    }

    fn ended(&mut self, step: usize, ended: &Ended<T>) {
        let Some(&started) = self.started.get(step) else { return };
        let is_shown = self.shown.contains(step);
        if !is_shown && !matches!(ended, Ended::Failed(_)) {
            return;
        }
        let took = if is_shown { self.events.now().saturating_sub(started) } else { 0 };
        let (step, phase) = (self.id(step), self.phase);
        self.events.emit(match ended {
            Ended::Succeeded(result) => {
                if let Some(plan) = result.plan() {
                    self.events.emit(EventKind::StepPlanned { step: step.clone(), plan: plan.clone() });
                }
                EventKind::StepSucceeded { step, phase, outputs: result.outputs(), took }
            }
            Ended::Failed(failure) => {
                EventKind::StepFailed { step, phase, failure: Failure::clone(failure), took }
            }
            Ended::Skipped(because) => EventKind::StepSkipped { step, phase, because: because.clone() },
            Ended::NotStarted => EventKind::StepNotStarted { step, phase },
        });
    }

    fn interrupted(&mut self, running: Vec<usize>) {
        self.events.emit_with(|| {
            let running = running.into_iter().map(|step| self.id(step)).collect();
            EventKind::InterruptRequested { running }
        });
    }
}
