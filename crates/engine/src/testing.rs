//! Steps for tests: what they do is scripted, and what happens to them is recorded.

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use longshore_graph::Graph;
use longshore_model::{
    Action, Event, EventKind, Failure, FailureKind, Inputs, Name, Outputs, StepId, StepPlan, ValueType,
};
use longshore_plugin::{Context, Kept, Node, Result, Step};
use tokio_util::sync::CancellationToken;

use crate::{Events, Run};

/// The actions of a scripted step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) unchanged: bool,
    pub(crate) fails_to_plan: bool,
    pub(crate) conflicts: bool,
    pub(crate) fails: bool,
    pub(crate) stuck: bool,
    pub(crate) panics: bool,
    pub(crate) yields_nothing: bool,
}

struct Scripted {
    id: StepId,
    script: Script,
    journal: Journal,
}

/// The actions so far, in their order.
pub(crate) type Journal = Arc<Mutex<Vec<String>>>;

impl Scripted {
    fn note(&self, what: &str) {
        self.journal.lock().unwrap().push(format!("{what} {}", self.id));
    }

    fn failure() -> Failure {
        Failure::new(FailureKind::Denied, "refused")
    }
}

#[async_trait]
impl Step for Scripted {
    async fn plan(&self, _: &Context, inputs: &Inputs) -> Result<StepPlan> {
        let inputs: Vec<_> = inputs.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
        self.note(&format!("plan{}", inputs.join("")));
        if self.script.fails_to_plan {
            return Err(Self::failure());
        }
        if self.script.conflicts {
            return Err(Failure::new(FailureKind::Conflict, "somebody else's"));
        }
        let action = if self.script.unchanged { Action::NoChange } else { Action::Create };
        let plan = StepPlan::new(action, self.id.as_str());
        let known = self.script.unchanged && !self.script.yields_nothing;
        Ok(if known { plan.output("arn", format!("old-{}", self.id)) } else { plan })
    }

    async fn apply(&self, _: &Context, inputs: &Inputs, _: &StepPlan) -> Result<Outputs> {
        self.note("begin");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!self.script.panics, "scripted");
        if self.script.fails {
            return Err(Self::failure());
        }
        for (name, _) in inputs.iter() {
            inputs.require(name)?;
        }
        self.note("end");
        let arn = ("arn".to_owned(), format!("new-{}", self.id));
        Ok(if self.script.yields_nothing { Outputs::new() } else { [arn].into() })
    }

    async fn undo(&self, _: &Context, _: &StepPlan) -> Result<()> {
        self.note("undo");
        if self.script.stuck { Err(Failure::new(FailureKind::Stuck, "stuck")) } else { Ok(()) }
    }

    async fn plan_removal(&self, _: &Context) -> Result<StepPlan> {
        let action = if self.script.unchanged { Action::NoChange } else { Action::Delete };
        Ok(StepPlan::new(action, self.id.as_str()))
    }

    async fn remove(&self, _: &Context) -> Result<()> {
        self.note("remove");
        if self.script.fails { Err(Self::failure()) } else { Ok(()) }
    }
}

/// A step that does nothing.
pub(crate) fn nothing() -> Arc<dyn Step> {
    Arc::new(Scripted { id: id("nothing"), script: Script::default(), journal: Journal::default() })
}

/// A graph of scripted steps, and a run of it.
pub(crate) struct Bench {
    pub(crate) graph: Graph,
    pub(crate) run: Run,
    journal: Journal,
    events: Arc<Mutex<Vec<Event>>>,
}

/// The step called `name`.
pub(crate) fn id(name: &str) -> StepId {
    StepId::new("step", name)
}

impl Bench {
    /// A bench of steps, each with the names of those that it depends on.
    pub(crate) fn new(steps: &[(&str, &[&str], Script)]) -> Self {
        let journal = Journal::default();
        let nodes = steps.iter().map(|(name, before, script)| {
            let step = Scripted { id: id(name), script: script.clone(), journal: journal.clone() };
            let node = Node::new(id(name), Arc::new(step)).output("arn", ValueType::ROLE_ARN);
            before.iter().fold(node, |node, before| {
                node.input((*before).to_owned(), ValueType::ROLE_ARN, &id(before), "arn")
            })
        });
        let graph = Graph::new(nodes).unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let (sink, start) = (events.clone(), tokio::time::Instant::now());
        let run = Run {
            stack: Name::new("test").unwrap(),
            environment: Name::new("local").unwrap(),
            concurrency: NonZeroUsize::new(4),
            interrupt: CancellationToken::new(),
            adopt: BTreeSet::new(),
            only: None,
            keep_orphans: false,
            kept: Kept::default(),
            events: Events::new(
                move || start.elapsed().as_millis() as u64,
                move |event| sink.lock().unwrap().push(event),
            ),
        };
        Self { graph, run, journal, events }
    }

    /// Returns the actions so far, in their order.
    pub(crate) fn journal(&self) -> Vec<String> {
        self.journal.lock().unwrap().clone()
    }

    /// Returns the events so far, a line each.
    pub(crate) fn told(&self) -> String {
        let line = |event: &Event| {
            let what = match &event.event {
                EventKind::PhaseStarted { phase, steps } => format!("{phase:?}: {} steps", steps.len()),
                EventKind::StepStarted { step, .. } => format!("{step} started"),
                EventKind::StepPlanned { step, plan } => format!("{step} will {}", plan.action),
                EventKind::StepSucceeded { step, took, .. } => format!("{step} succeeded after {took}"),
                EventKind::StepFailed { step, failure, .. } => format!("{step} failed: {failure}"),
                EventKind::StepSkipped { step, because, .. } => {
                    format!("{step} skipped because of {because}")
                }
                EventKind::StepNotStarted { step, .. } => format!("{step} not started"),
                EventKind::InterruptRequested { running } => format!("interrupted while {running:?}"),
                other => format!("{other:?}"),
            };
            format!("{:>5} {what}\n", event.at)
        };
        self.events.lock().unwrap().iter().map(line).collect()
    }
}
