//! Longshore's own graph and run, on steps that do nothing.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use longshore_engine::{Events, Plans, Report, Run};
use longshore_graph::Graph;
use longshore_model::{Action, Inputs, Name, Outcome, Outputs, StepId, StepPlan, ValueType};
use longshore_plugin::{Context, Kept, Node, Result, Step};
use tokio_util::sync::CancellationToken;

use crate::shapes::Shape;

pub(crate) const OUTPUT: &str = "value";
const NUMBER: ValueType = ValueType::of("number");
const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// A step that does nothing; first, it may let others run once.
struct Nothing {
    yields: bool,
    has_output: bool,
}

impl Nothing {
    async fn pause(&self) {
        if self.yields {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Step for Nothing {
    async fn plan(&self, _: &Context, _: &Inputs) -> Result<StepPlan> {
        self.pause().await;
        Ok(StepPlan::new(Action::Create, "x"))
    }

    async fn apply(&self, _: &Context, _: &Inputs, _: &StepPlan) -> Result<Outputs> {
        self.pause().await;
        Ok(if self.has_output { [(OUTPUT.to_owned(), "1".to_owned())].into() } else { Outputs::new() })
    }

    async fn plan_removal(&self, _: &Context) -> Result<StepPlan> {
        Ok(StepPlan::new(Action::NoChange, "x"))
    }

    async fn remove(&self, _: &Context) -> Result<()> {
        Ok(())
    }

    async fn undo(&self, _: &Context, _: &StepPlan) -> Result<()> {
        self.pause().await;
        Ok(())
    }
}

/// The nodes of a shape, as an expansion would make them.
pub(crate) fn nodes(shape: Shape, count: usize, yields: bool) -> Vec<Node> {
    let edges = shape.edges(count - usize::from(shape.has_last()));
    let has_output = shape != Shape::Independent;
    let step: Arc<dyn Step> = Arc::new(Nothing { yields, has_output });
    let mut nodes = declared(&edges, &step, has_output, |node| {
        let (kind, name) = shape.step(node);
        StepId::new(kind, name)
    });
    if shape.has_last() {
        let step = Arc::new(Nothing { yields, has_output: false });
        nodes.push(Node::new(StepId::new("undeclared", "services"), step).last());
    }
    nodes
}

/// Nodes with these edges, all of the same step.
pub(crate) fn declared(
    edges: &[Vec<usize>],
    step: &Arc<dyn Step>,
    has_output: bool,
    id: impl Fn(usize) -> StepId,
) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::with_capacity(edges.len());
    for (place, before) in edges.iter().enumerate() {
        let mut node = Node::new(id(place), step.clone());
        node.inputs.reserve_exact(before.len());
        for (&before, name) in before.iter().zip(NAMES) {
            node = node.input(name, NUMBER, &nodes[before].id, OUTPUT);
        }
        nodes.push(if has_output { node.output(OUTPUT, NUMBER) } else { node });
    }
    nodes
}

pub(crate) fn run() -> Run {
    let name = |text: &str| Name::new(text).expect("a name");
    Run {
        stack: name("bench"),
        environment: name("bench"),
        concurrency: None,
        interrupt: CancellationToken::new(),
        events: Events::none(|| 0),
        adopt: BTreeSet::new(),
        only: None,
        keep_orphans: false,
        kept: Kept::default(),
    }
}

pub(crate) fn graph(nodes: Vec<Node>) -> Graph {
    Graph::new(nodes).unwrap_or_else(|errors| panic!("{}", errors[0]))
}

pub(crate) async fn plan(run: &Run, graph: &Graph) -> Plans {
    let planned = run.plan(graph).await;
    assert_eq!(planned.outcome(), Outcome::Succeeded);
    planned.results()
}

pub(crate) async fn apply(run: &Run, graph: &Graph, plans: &Plans) -> Report<Outputs> {
    let applied = run.apply(graph, plans).await;
    assert_eq!(applied.outcome(), Outcome::Succeeded);
    applied
}
