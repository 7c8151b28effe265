//! Nodes for tests.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Action, Inputs, Outputs, StepId, StepPlan};
use longshore_plugin::{Context, Node, Result, Step};

struct Nothing;

#[async_trait]
impl Step for Nothing {
    async fn plan(&self, _: &Context, _: &Inputs) -> Result<StepPlan> {
        Ok(StepPlan::new(Action::NoChange, "nothing"))
    }

    async fn apply(&self, _: &Context, _: &Inputs, _: &StepPlan) -> Result<Outputs> {
        Ok(Outputs::new())
    }

    async fn plan_removal(&self, _: &Context) -> Result<StepPlan> {
        Ok(StepPlan::new(Action::NoChange, "nothing"))
    }

    async fn remove(&self, _: &Context) -> Result<()> {
        Ok(())
    }
}

/// A node `kind.name` that does nothing.
pub(crate) fn node(id: &str) -> Node {
    let (kind, name) = id.split_once('.').unwrap();
    Node::new(StepId::new(kind, name), Arc::new(Nothing))
}

/// Lets `node` come after the node `before`.
pub(crate) fn edge(mut node: Node, before: &str) -> Node {
    let (kind, name) = before.split_once('.').unwrap();
    node.after.push(StepId::new(kind, name));
    node
}
