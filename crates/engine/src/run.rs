//! The phases of a run.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::Arc,
};

use longshore_graph::Graph;
use longshore_model::{
    Action, EventKind, Failure, FailureKind, Inputs, Known, Name, Outputs, Phase, StepId, StepPlan,
    StepSummary,
};
use longshore_plugin::{Context, Input, Node};
use tokio_util::sync::CancellationToken;

use crate::{
    Ended, Events, Plans, Report,
    schedule::{Bounds, Waits, schedule},
    watch::Watch,
};

/// A run of a stack's graph.
#[derive(Clone, Debug)]
pub struct Run {
    /// The stack.
    pub stack: Name,
    /// The environment.
    pub environment: Name,
    /// How many steps run at a time, where that is bounded: as many as are ready otherwise.
    pub concurrency: Option<NonZeroUsize>,
    /// Cancelled when the run is to stop: nothing new begins, and what runs is waited for.
    pub interrupt: CancellationToken,
    /// Where everything is reported to.
    pub events: Events,
    /// The steps that may take over what belongs to nobody, besides those that are declared so.
    pub adopt: BTreeSet<StepId>,
    /// The steps that may change something, where not all may: a plan of another one has nothing to do.
    pub only: Option<BTreeSet<StepId>>,
    /// True if orphans are kept instead of pruned.
    pub keep_orphans: bool,
}

impl Run {
    /// Plans every step, each after those that it depends on. Reads only.
    pub async fn plan(&self, graph: &Graph) -> Report<StepPlan> {
        let waits = forwards(graph);
        let busy = waits.keys().cloned().collect();
        let mut watch = self.watch(Phase::Plan, graph, &busy);
        schedule(&waits, self.bounds(&busy), &mut watch, |step, ended| {
            let node = find(graph, step);
            let inputs = node.clone().and_then(|node| inputs(&node, ended, |plan: &StepPlan| &plan.outputs));
            let context = self.context(graph, step);
            let is_left_out = self.only.as_ref().is_some_and(|only| !only.contains(step));
            let keep_orphans = self.keep_orphans;
            async move {
                let (node, inputs) = (node?, inputs?);
                let mut plan = node.step.plan(&context, &inputs).await?;
                if keep_orphans {
                    plan = plan.without_pruning();
                }
                complete(&node, &plan)?;
                Ok(if is_left_out { nothing_of(plan) } else { plan })
            }
        })
        .await
    }

    /// Plans every step to see how it stands, also those behind a conflict: what that would have yielded is not known
    /// then. Such plans are not for being applied. Reads only.
    pub async fn survey(&self, graph: &Graph) -> Report<StepPlan> {
        let waits = forwards(graph);
        let busy = waits.keys().cloned().collect();
        let mut watch = self.watch(Phase::Plan, graph, &busy);
        let bounds = Bounds { passes: Some(FailureKind::Conflict), ..self.bounds(&busy) };
        schedule(&waits, bounds, &mut watch, |step, ended| {
            let node = find(graph, step);
            let context = self.context(graph, step);
            let inputs = node.as_ref().map(|node| known_inputs(node, ended)).map_err(Clone::clone);
            async move { node?.step.plan(&context, &inputs?).await }
        })
        .await
    }

    /// Applies what was planned: each step after those that it depends on, and only those that change something.
    pub async fn apply(&self, graph: &Graph, plans: &Plans) -> Report<Outputs> {
        let waits = forwards(graph);
        let busy = changing(plans);
        let mut watch = self.watch(Phase::Apply, graph, &busy);
        schedule(&waits, self.bounds(&busy), &mut watch, |step, ended| {
            let node = find(graph, step);
            let inputs = node.clone().and_then(|node| inputs(&node, ended, |outputs: &Outputs| outputs));
            let context = self.context(graph, step);
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
        let busy = waits.keys().cloned().collect();
        let mut watch = self.watch(Phase::PlanRemoval, graph, &busy);
        schedule(&waits, self.bounds(&busy), &mut watch, |step, _| {
            let node = find(graph, step);
            let context = self.context(graph, step);
            async move { node?.step.plan_removal(&context).await }
        })
        .await
    }

    /// Removes what was planned to be removed, each step after those that depend on it.
    pub async fn remove(&self, graph: &Graph, plans: &Plans) -> Report<()> {
        let waits = backwards(graph);
        let busy = changing(plans);
        let mut watch = self.watch(Phase::Remove, graph, &busy);
        schedule(&waits, self.bounds(&busy), &mut watch, |step, _| {
            let node = find(graph, step);
            let context = self.context(graph, step);
            let changes = plans.get(step).is_some_and(StepPlan::is_change);
            async move { if changes { node?.step.remove(&context).await } else { Ok(()) } }
        })
        .await
    }

    /// Takes back what `apply` did: each step that was begun, whether it succeeded or not, after those that depend on it.
    /// One that cannot be taken back is stuck: it fails, and what it depends on stays.
    pub async fn undo(&self, graph: &Graph, plans: &Plans, applied: &Report<Outputs>) -> Report<()> {
        let waits = backwards(graph);
        let busy: BTreeSet<_> = changing(plans).into_iter().filter(|step| applied.was_begun(step)).collect();
        let mut watch = self.watch(Phase::Undo, graph, &busy);
        schedule(&waits, self.bounds(&busy), &mut watch, |step, _| {
            let node = find(graph, step);
            let context = self.context(graph, step);
            let plan = plans.get(step).filter(|_| busy.contains(step)).cloned();
            async move {
                match plan {
                    Some(plan) => node?.step.undo(&context, &plan).await,
                    None => Ok(()),
                }
            }
        })
        .await
    }

    fn context(&self, graph: &Graph, step: &StepId) -> Context {
        let node = graph.node(step);
        let adopts = self.adopt.contains(step) || node.is_some_and(|node| node.adopts);
        let (stack, environment) = (self.stack.clone(), self.environment.clone());
        let reporter = Arc::new(self.events.clone());
        Context::new(stack, environment, step.clone(), self.interrupt.clone(), reporter)
            .adopting(adopts)
            .protecting(node.is_some_and(|node| node.is_protected))
    }

    const fn bounds<'a>(&'a self, busy: &'a BTreeSet<StepId>) -> Bounds<'a> {
        Bounds { limit: self.concurrency, interrupt: &self.interrupt, busy, passes: None }
    }

    fn watch(&self, phase: Phase, graph: &Graph, shown: &BTreeSet<StepId>) -> Watch<'_> {
        let is_shown = |step: &StepSummary| shown.contains(&step.step);
        let steps = graph.summaries().into_iter().filter(is_shown).collect();
        self.events.emit(EventKind::PhaseStarted { phase, steps });
        Watch { events: &self.events, phase, shown: shown.clone(), started: BTreeMap::new() }
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

/// Each step after those that depend on it. What tidies up comes last here, too, in the order that it has among itself;
/// what is marked for it comes before everything else.
fn backwards(graph: &Graph) -> Waits {
    let ids = |wanted: fn(&Node) -> bool| -> BTreeSet<StepId> {
        graph.nodes().filter(|node| wanted(node)).map(|node| node.id.clone()).collect()
    };
    let first = ids(|node| node.is_removed_first);
    let last = ids(|node| node.is_last && !node.is_removed_first);
    let before_last = ids(|node| !node.is_last || node.is_removed_first);
    let waits = |node: &Node| {
        if first.contains(&node.id) {
            return BTreeSet::new();
        }
        if last.contains(&node.id) {
            let among = graph.dependencies(&node.id).into_iter().filter(|other| last.contains(other));
            return before_last.iter().cloned().chain(among).collect();
        }
        let dependents = graph.dependents(&node.id).into_iter().filter(|other| !last.contains(other));
        dependents.chain(first.iter().cloned()).collect()
    };
    graph.nodes().map(|node| (node.id.clone(), waits(node))).collect()
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

/// A plan of which nothing is done. What the step yields stays, as far as it is known.
fn nothing_of(plan: StepPlan) -> StepPlan {
    let StepPlan { resource, resources, outputs, .. } = plan;
    StepPlan { resources, outputs, ..StepPlan::new(Action::NoChange, resource) }
}

/// What is known of what flows into `node`.
fn known_inputs(node: &Node, ended: &BTreeMap<StepId, Ended<StepPlan>>) -> Inputs {
    let value = |input: &Input| match ended.get(&input.from) {
        Some(Ended::Succeeded(plan)) => plan.outputs.get(&input.output).cloned().unwrap_or(Known::AfterApply),
        _ => Known::AfterApply,
    };
    node.inputs.iter().map(|input| (input.name.clone(), value(input))).collect()
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
