//! The phases of a run.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::Arc,
};

use longshore_graph::Graph;
use longshore_model::{
    EventKind, Failure, FailureKind, Inputs, Known, Name, Outputs, Phase, StepId, StepPlan, StepSummary,
};
use longshore_plugin::{Context, Node};
use tokio_util::sync::CancellationToken;

use crate::{
    Ended, Events, Plans, Report,
    schedule::{Observer, Waits, schedule},
};

/// A run of a stack's graph.
#[derive(Clone, Debug)]
pub struct Run {
    /// The stack.
    pub stack: Name,
    /// How many steps run at a time.
    pub concurrency: NonZeroUsize,
    /// Cancelled when the run is to stop: nothing new begins, and what runs is waited for.
    pub interrupt: CancellationToken,
    /// Where everything is reported to.
    pub events: Events,
}

impl Run {
    /// Plans every step, each after those that it depends on. Reads only.
    pub async fn plan(&self, graph: &Graph) -> Report<StepPlan> {
        let waits = forwards(graph);
        let mut watch = self.watch(Phase::Plan, graph, waits.keys().cloned().collect());
        schedule(&waits, self.concurrency, &self.interrupt, &mut watch, |step, ended| {
            let node = find(graph, step);
            let inputs = node.clone().and_then(|node| inputs(&node, ended, |plan: &StepPlan| &plan.outputs));
            let context = self.context(step);
            async move {
                let (node, inputs) = (node?, inputs?);
                let plan = node.step.plan(&context, &inputs).await?;
                complete(&node, &plan)?;
                Ok(plan)
            }
        })
        .await
    }

    /// Applies what was planned: each step after those that it depends on, and only those that change something.
    pub async fn apply(&self, graph: &Graph, plans: &Plans) -> Report<Outputs> {
        let waits = forwards(graph);
        let mut watch = self.watch(Phase::Apply, graph, changing(plans));
        schedule(&waits, self.concurrency, &self.interrupt, &mut watch, |step, ended| {
            let node = find(graph, step);
            let inputs = node.clone().and_then(|node| inputs(&node, ended, |outputs: &Outputs| outputs));
            let context = self.context(step);
            let plan = plans.get(step).cloned().ok_or_else(|| internal(format!("`{step}` was not planned")));
            async move {
                let (node, inputs, plan) = (node?, inputs?, plan?);
                if !plan.is_change() {
                    return Ok(known(&plan.outputs));
                }
                let outputs = node.step.apply(&context, &inputs, &plan).await?;
                match node.outputs.iter().find(|output| !outputs.contains_key(&output.name)) {
                    Some(missing) => Err(internal(format!("`{}` did not yield `{}`", node.id, missing.name))),
                    None => Ok(outputs),
                }
            }
        })
        .await
    }

    /// Finds out what there is to remove. Reads only.
    pub async fn plan_removal(&self, graph: &Graph) -> Report<StepPlan> {
        let waits: Waits = graph.nodes().map(|node| (node.id.clone(), BTreeSet::new())).collect();
        let mut watch = self.watch(Phase::PlanRemoval, graph, waits.keys().cloned().collect());
        schedule(&waits, self.concurrency, &self.interrupt, &mut watch, |step, _| {
            let node = find(graph, step);
            let context = self.context(step);
            async move { node?.step.plan_removal(&context).await }
        })
        .await
    }

    /// Removes what was planned to be removed, each step after those that depend on it.
    pub async fn remove(&self, graph: &Graph, plans: &Plans) -> Report<()> {
        let waits = backwards(graph);
        let mut watch = self.watch(Phase::Remove, graph, changing(plans));
        schedule(&waits, self.concurrency, &self.interrupt, &mut watch, |step, _| {
            let node = find(graph, step);
            let context = self.context(step);
            let changes = plans.get(step).is_some_and(StepPlan::is_change);
            async move { if changes { node?.step.remove(&context).await } else { Ok(()) } }
        })
        .await
    }

    fn context(&self, step: &StepId) -> Context {
        Context::new(self.stack.clone(), step.clone(), self.interrupt.clone(), Arc::new(self.events.clone()))
    }

    fn watch(&self, phase: Phase, graph: &Graph, shown: BTreeSet<StepId>) -> Watch<'_> {
        let is_shown = |step: &StepSummary| shown.contains(&step.step);
        let steps = graph.summaries().into_iter().filter(is_shown).collect();
        self.events.emit(EventKind::PhaseStarted { phase, steps });
        Watch { events: &self.events, phase, shown, started: BTreeMap::new() }
    }
}

fn internal(message: String) -> Failure {
    Failure::new(FailureKind::Internal, message)
}

fn find(graph: &Graph, step: &StepId) -> Result<Node, Failure> {
    graph.node(step).cloned().ok_or_else(|| internal(format!("`{step}` is not in the graph")))
}

fn forwards(graph: &Graph) -> Waits {
    graph.nodes().map(|node| (node.id.clone(), graph.dependencies(&node.id).into_iter().collect())).collect()
}

fn backwards(graph: &Graph) -> Waits {
    graph.nodes().map(|node| (node.id.clone(), graph.dependents(&node.id).into_iter().collect())).collect()
}

fn changing(plans: &Plans) -> BTreeSet<StepId> {
    plans.iter().filter(|(_, plan)| plan.is_change()).map(|(step, _)| step.clone()).collect()
}

/// What flows into `node` from the steps that have ended.
fn inputs<T, V: Clone + Into<Known>>(
    node: &Node,
    ended: &BTreeMap<StepId, Ended<T>>,
    outputs: impl Fn(&T) -> &BTreeMap<String, V>,
) -> Result<Inputs, Failure> {
    let value = |from: &StepId, output: &str| match ended.get(from) {
        Some(Ended::Succeeded(result)) => {
            Ok(outputs(result).get(output).map_or(Known::AfterApply, |value| value.clone().into()))
        }
        _ => Err(internal(format!("`{}` was begun before `{from}` had succeeded", node.id))),
    };
    node.inputs.iter().map(|input| Ok((input.name.clone(), value(&input.from, &input.output)?))).collect()
}

/// A step that changes nothing has nothing that is known only later.
fn complete(node: &Node, plan: &StepPlan) -> Result<(), Failure> {
    let is_known = |name: &str| plan.outputs.get(name).is_some_and(|output| output.value().is_some());
    match node.outputs.iter().find(|output| !is_known(&output.name)) {
        Some(missing) if !plan.is_change() => {
            Err(internal(format!("`{}` changes nothing, yet does not yield `{}`", node.id, missing.name)))
        }
        _ => Ok(()),
    }
}

fn known(outputs: &BTreeMap<String, Known>) -> Outputs {
    let value = |known: &Known| known.value().map(str::to_owned);
    outputs.iter().filter_map(|(name, known)| Some((name.clone(), value(known)?))).collect()
}

/// Turns what the scheduler tells into events, of the steps that do something in the phase.
struct Watch<'a> {
    events: &'a Events,
    phase: Phase,
    shown: BTreeSet<StepId>,
    started: BTreeMap<StepId, u64>,
}

/// What a phase's results say in events.
trait Told {
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
