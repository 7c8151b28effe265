//! The phases of a run.

use std::{collections::BTreeSet, num::NonZeroUsize, sync::Arc};

use longshore_graph::Graph;
use longshore_model::{
    Action, ByName, EventKind, Failure, FailureKind, Known, Name, Outputs, Phase, StepId, StepPlan,
};
use longshore_plugin::{Kept, RunContext};
use tokio_util::sync::CancellationToken;

use crate::{
    Ended, Events, Plans, Report,
    course::Course,
    flow::{Desk, Flow},
    ready::Busy,
    schedule::{Bounds, schedule},
    watch::Watch,
};

/// A run of a stack's graph.
#[derive(Clone, Debug)]
pub struct Run {
    /// The stack.
    pub stack: Name,
    /// The environment.
    pub environment: Name,
    /// The maximum number of steps that run at a time. `None` runs all that are ready.
    pub concurrency: Option<NonZeroUsize>,
    /// Cancelled when the run is to stop: nothing new begins, and what runs is waited for.
    pub interrupt: CancellationToken,
    /// The receiver of all events.
    pub events: Events,
    /// The steps that may adopt existing, untagged resources, besides those that are declared so.
    pub adopt: BTreeSet<StepId>,
    /// The steps that may change something, where not all may: a plan of another one has nothing to do.
    pub only: Option<BTreeSet<StepId>>,
    /// True if orphans are kept instead of pruned.
    pub keep_orphans: bool,
    /// The values that steps keep from one phase to the next.
    pub kept: Kept,
}

impl Run {
    /// Plans every step, each after those that it depends on. Reads only.
    pub async fn plan(&self, graph: &Graph) -> Report<StepPlan> {
        let flow = self.flow(graph, None);
        let course = Course::forwards(graph);
        let mut watch = self.watch(Phase::Plan, graph, &Busy::All);
        let ended = schedule(&course, self.bounds(&Busy::All), &mut watch, |step, desk| {
            let desk = flow.desk(desk, step);
            let (left_out, keep_orphans) = (self.left_out(graph, step), self.keep_orphans);
            async move { (plan(&desk, step, left_out, keep_orphans).await, desk) }
        });
        Report::new(graph.clone(), ended.await)
    }

    /// Plans every step to see how it stands, also those behind a conflict: what that would have yielded is not known
    /// then. Such plans are not for being applied. Reads only.
    pub async fn survey(&self, graph: &Graph) -> Report<StepPlan> {
        let flow = self.flow(graph, None);
        let course = Course::forwards(graph);
        let mut watch = self.watch(Phase::Plan, graph, &Busy::All);
        let bounds = Bounds { passes: Some(FailureKind::Conflict), ..self.bounds(&Busy::All) };
        let ended = schedule(&course, bounds, &mut watch, |step, desk| {
            let desk = flow.desk(desk, step);
            async move { (survey(&desk, step).await, desk) }
        });
        Report::new(graph.clone(), ended.await)
    }

    /// Applies what was planned: each step after those that it depends on, and only those that change something.
    pub async fn apply(&self, graph: &Graph, plans: &Plans) -> Report<Outputs> {
        let flow = self.flow(graph, Some(plans));
        let course = Course::forwards(graph);
        let busy = changing(graph, plans);
        let mut watch = self.watch(Phase::Apply, graph, &busy);
        let ended = schedule(&course, self.bounds(&busy), &mut watch, |step, desk| {
            let desk = flow.desk(desk, step);
            async move { (apply(&desk, step).await, desk) }
        });
        Report::new(graph.clone(), ended.await)
    }

    /// Finds out what there is to remove. Reads only.
    pub async fn plan_removal(&self, graph: &Graph) -> Report<StepPlan> {
        let flow = self.flow(graph, None);
        let course = Course::unordered(graph);
        let mut watch = self.watch(Phase::PlanRemoval, graph, &Busy::All);
        let ended = schedule(&course, self.bounds(&Busy::All), &mut watch, |step, desk| {
            let desk = flow.desk(desk, step);
            async move { (desk.step(step).plan_removal(&desk.context).await, desk) }
        });
        Report::new(graph.clone(), ended.await)
    }

    /// Removes what was planned to be removed, each step after those that depend on it.
    pub async fn remove(&self, graph: &Graph, plans: &Plans) -> Report<()> {
        let flow = self.flow(graph, Some(plans));
        let course = Course::backwards(graph);
        let busy = changing(graph, plans);
        let mut watch = self.watch(Phase::Remove, graph, &busy);
        let ended = schedule(&course, self.bounds(&busy), &mut watch, |step, desk| {
            let desk = flow.desk(desk, step);
            let changes = busy.contains(step);
            async move {
                let removed = if changes { desk.step(step).remove(&desk.context).await } else { Ok(()) };
                (removed, desk)
            }
        });
        Report::new(graph.clone(), ended.await)
    }

    /// Takes back what `apply` did: each step that was begun, whether it succeeded or not, after those that depend on it.
    /// One that cannot be taken back is stuck: it fails, and what it depends on stays.
    pub async fn undo(&self, graph: &Graph, plans: &Plans, applied: &Report<Outputs>) -> Report<()> {
        let flow = self.flow(graph, Some(plans));
        let course = Course::backwards(graph);
        let was_begun = |place| applied.at(graph, place).is_some_and(Ended::was_begun);
        let busy = marked(graph, |place| is_change(graph, plans, place) && was_begun(place));
        let mut watch = self.watch(Phase::Undo, graph, &busy);
        let ended = schedule(&course, self.bounds(&busy), &mut watch, |step, desk| {
            let desk = flow.desk(desk, step);
            let is_busy = busy.contains(step);
            async move {
                let undone = match desk.flow.plan(step).filter(|_| is_busy) {
                    Some(plan) => desk.step(step).undo(&desk.context.clone().undoing(), plan).await,
                    None => Ok(()),
                };
                (undone, desk)
            }
        });
        Report::new(graph.clone(), ended.await)
    }

    /// Returns `None` if a step may change something in this run.
    fn left_out(&self, graph: &Graph, step: usize) -> Option<LeftOut> {
        let only = self.only.as_ref()?;
        let may_change = |step: usize| only.contains(&graph.at(step).id);
        let is_needed = || graph.dependents_of(step).iter().any(|dependent| may_change(*dependent as usize));
        (!may_change(step)).then(|| LeftOut { is_needed: is_needed() })
    }

    fn flow(&self, graph: &Graph, plans: Option<&Plans>) -> Arc<Flow> {
        let (stack, environment) = (self.stack.clone(), self.environment.clone());
        let reporter = Arc::new(self.events.clone());
        let run = RunContext::new(stack, environment, self.interrupt.clone(), reporter, self.kept.clone());
        Arc::new(Flow::new(graph.clone(), Arc::new(run), self.adopt.clone(), plans.cloned()))
    }

    const fn bounds<'a>(&'a self, busy: &'a Busy) -> Bounds<'a> {
        Bounds { limit: self.concurrency, interrupt: &self.interrupt, busy, passes: None }
    }

    fn watch<'a>(&'a self, phase: Phase, graph: &'a Graph, busy: &'a Busy) -> Watch<'a> {
        self.events.emit_with(|| {
            let summaries = graph.summaries().into_iter().enumerate();
            let shown = summaries.filter(|(place, _)| busy.contains(*place)).map(|(_, step)| step);
            EventKind::PhaseStarted { phase, steps: shown.collect() }
        });
        Watch::new(&self.events, phase, graph, busy)
    }
}

/// A step that may change nothing in this run.
#[derive(Clone, Copy)]
struct LeftOut {
    /// True if a step that may change something depends on it.
    is_needed: bool,
}

async fn plan(
    desk: &Desk,
    step: usize,
    left_out: Option<LeftOut>,
    keep_orphans: bool,
) -> Result<StepPlan, Failure> {
    let mut plan = desk.step(step).plan(&desk.context, &desk.inputs).await?;
    if keep_orphans {
        plan = plan.without_pruning();
    }
    complete(&desk.flow.graph, step, &plan)?;
    if let Some(LeftOut { is_needed }) = left_out {
        plan = nothing_of(plan, is_needed);
    }
    desk.flow.publish_known(step, &plan.outputs);
    Ok(plan)
}

async fn survey(desk: &Desk, step: usize) -> Result<StepPlan, Failure> {
    let plan = desk.step(step).plan(&desk.context, &desk.inputs).await?;
    desk.flow.publish_known(step, &plan.outputs);
    Ok(plan)
}

async fn apply(desk: &Desk, step: usize) -> Result<Outputs, Failure> {
    let Desk { flow, context, inputs } = desk;
    let plan = flow.plan(step).ok_or_else(|| internal(format!("`{}` was not planned", context.step)))?;
    let outputs = if plan.is_change() {
        let outputs = desk.step(step).apply(context, inputs, plan).await?;
        if let Some(missing) = flow.graph.outputs(step).find(|output| !outputs.contains_key(output.name)) {
            return Err(internal(format!("`{}` did not yield `{}`", context.step, missing.name)));
        }
        outputs
    } else {
        known(&plan.outputs)
    };
    flow.publish(step, |output| outputs.get(output).cloned().map(Known::Value));
    Ok(outputs)
}

fn internal(message: String) -> Failure {
    Failure::new(FailureKind::Internal, message)
}

fn is_change(graph: &Graph, plans: &Plans, place: usize) -> bool {
    plans.at(graph, place).is_some_and(StepPlan::is_change)
}

fn changing(graph: &Graph, plans: &Plans) -> Busy {
    marked(graph, |place| is_change(graph, plans, place))
}

fn marked(graph: &Graph, is_marked: impl Fn(usize) -> bool) -> Busy {
    Busy::Some((0..graph.len()).map(is_marked).collect())
}

/// Returns a plan of which nothing is done. Its outputs stay as far as they are known. Those of a resource that does not
/// exist are not known, even if they are foreseen: steps that depend on it must not use them.
fn nothing_of(plan: StepPlan, is_needed: bool) -> StepPlan {
    let StepPlan { action, resource, resources, outputs, .. } = plan;
    let mut left = StepPlan { resources, ..StepPlan::new(Action::NoChange, resource) };
    if action != Action::Create {
        left.outputs = outputs;
    } else if is_needed {
        left.notes.push("it does not exist, and this run does not create it".to_owned());
    }
    left
}

/// A step that changes nothing has nothing that is known only later.
fn complete(graph: &Graph, step: usize, plan: &StepPlan) -> Result<(), Failure> {
    if plan.is_change() {
        return Ok(());
    }
    let is_known = |name: &str| plan.outputs.get(name).is_some_and(|output| output.value().is_some());
    match graph.outputs(step).find(|output| !is_known(output.name)) {
        Some(missing) => {
            let (step, output) = (&graph.at(step).id, missing.name);
            Err(internal(format!("`{step}` changes nothing, yet does not yield `{output}`")))
        }
        None => Ok(()),
    }
}

fn known(outputs: &ByName<Known>) -> Outputs {
    let value = |known: &Known| known.value().map(str::to_owned);
    outputs.iter().filter_map(|(name, known)| Some((name.clone(), value(known)?))).collect()
}
