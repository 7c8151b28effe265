//! The shared state of a phase's steps, and the values that flow between them.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use longshore_graph::Graph;
use longshore_model::{ByName, InputValues, Inputs, Known, StepId, StepPlan};
use longshore_plugin::{Context, RunContext, Step};

use crate::Plans;

/// The shared part of a phase's steps: the graph, the run, and the outputs that other steps take, by slot.
pub(crate) struct Flow {
    pub(crate) graph: Graph,
    run: Arc<RunContext>,
    /// The steps that may adopt untagged resources, besides those declared so.
    adopt: BTreeSet<StepId>,
    /// The outputs of the steps that have succeeded.
    values: Vec<OnceLock<Known>>,
    plans: Option<Plans>,
}

/// The things that a step works with. The next step may take them over.
pub(crate) struct Desk {
    pub(crate) flow: Arc<Flow>,
    pub(crate) context: Context,
    pub(crate) inputs: Inputs,
}

impl Desk {
    /// A desk in `flow`, prepared for `step`.
    pub(crate) fn new(flow: &Arc<Flow>, step: usize) -> Self {
        let context = Context::in_run(flow.run.clone(), flow.graph.at(step).id.clone());
        let inputs = Inputs::shared(flow.clone(), step);
        Self { flow: flow.clone(), context, inputs }.prepared(step)
    }

    /// The same desk, prepared for `step`.
    pub(crate) fn prepared(mut self, step: usize) -> Self {
        let node = self.flow.graph.at(step);
        self.context.step.clone_from(&node.id);
        self.context.adopts = node.adopts || self.flow.adopt.contains(&node.id);
        self.context.protects = node.is_protected;
        self.context.tags.clone_from(&node.tags);
        self.inputs.turn_to(step);
        self
    }

    pub(crate) fn step(&self, step: usize) -> &dyn Step {
        &*self.flow.graph.at(step).step
    }
}

impl Flow {
    pub(crate) fn new(
        graph: Graph,
        run: Arc<RunContext>,
        adopt: BTreeSet<StepId>,
        plans: Option<Plans>,
    ) -> Self {
        let values = (0..graph.slots()).map(|_| OnceLock::new()).collect();
        Self { graph, run, adopt, values, plans }
    }

    /// Prepares a desk for `step`: the one that another step has left, or a new one.
    pub(crate) fn desk(self: &Arc<Self>, left: Option<Desk>, step: usize) -> Desk {
        match left {
            Some(desk) => desk.prepared(step),
            None => Desk::new(self, step),
        }
    }

    /// The plan of a step, for a phase that carries out plans.
    pub(crate) fn plan(&self, step: usize) -> Option<&StepPlan> {
        self.plans.as_ref()?.at(&self.graph, step)
    }

    /// Hands the outputs of a plan to those that take them.
    pub(crate) fn publish_known(&self, step: usize, outputs: &ByName<Known>) {
        if !outputs.is_empty() {
            self.publish(step, |output| outputs.get(output).cloned());
        }
    }

    /// Hands the outputs of a step to those that take them.
    pub(crate) fn publish(&self, step: usize, value: impl Fn(&str) -> Option<Known>) {
        for output in self.graph.outputs(step).filter(|output| output.is_wired) {
            if let Some(value) = value(output.name) {
                // Each step has one result in a phase.
                let _ = self.values[output.slot].set(value);
            }
        }
    }
}

impl InputValues for Flow {
    fn input(&self, step: usize, position: usize) -> Option<(&str, &Known)> {
        let (name, slot) = self.graph.input(step, position)?;
        Some((name, self.values[slot].get().unwrap_or(&Known::AfterApply)))
    }
}
