//! Steps, and the nodes of the graph that carry them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use async_trait::async_trait;
use longshore_model::{
    Action, Failure, FailureKind, FieldChange, Inputs, Outputs, Reference, StepId, StepPlan, ValueType,
};

use crate::{Context, Result};

/// The work of one node: it observes what is there, plans the difference and applies it, and can remove what it made.
///
/// Inputs and outputs are plain values; a secret is never among them. Every method can be repeated: a run that was
/// killed anywhere is continued by the next one.
#[async_trait]
pub trait Step: Send + Sync {
    /// Compares what is there with what is declared. Reads only. Inputs may not be known yet.
    ///
    /// # Errors
    /// When it cannot be found out, or when the declaration cannot work.
    async fn plan(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan>;

    /// Makes it so and answers with all outputs. Called only when `plan` says that something changes.
    ///
    /// # Errors
    /// When a change is refused or does not become effective.
    async fn apply(&self, context: &Context, inputs: &Inputs, plan: &StepPlan) -> Result<Outputs>;

    /// Finds out what there is to remove. Reads only.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn plan_removal(&self, context: &Context) -> Result<StepPlan>;

    /// Removes what the stack owns, after everything that depends on it is gone.
    ///
    /// # Errors
    /// When a removal is refused.
    async fn remove(&self, context: &Context) -> Result<()>;

    /// Returns the fields of the resource that nothing declares, as far as they are not at their defaults: a deploy leaves
    /// them as they are. Reads only. Most resources are declared whole.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn left_alone(&self, _context: &Context) -> Result<Vec<FieldChange>> {
        Ok(Vec::new())
    }

    /// Takes back what [`apply`](Self::apply) did in this run according to `plan`, whole or in part: what it made is
    /// removed, what it changed is as it was before. Called on the object that applied, which may have kept what was there.
    /// Can be repeated.
    ///
    /// # Errors
    /// [`FailureKind::Stuck`] when it cannot be taken back; other kinds when AWS refuses.
    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.remove(context).await,
            action => Err(stuck(action, &plan.resource)),
        }
    }
}

/// Returns the failure of a change that cannot be taken back: [`FailureKind::Stuck`].
pub fn stuck(action: Action, resource: &str) -> Failure {
    let what = match action {
        Action::Delete => "what was removed is not made again",
        _ => "what was there before is not known any more",
    };
    Failure::new(FailureKind::Stuck, format!("{what}: {resource}"))
        .help("look at it with `longshore plan`, and run `longshore deploy` to go on from here")
}

/// An input of a node, and the output that it is wired to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name, unique within the node.
    pub name: Cow<'static, str>,
    /// The type that it takes.
    pub value_type: ValueType,
    /// The step that yields the value.
    pub from: StepId,
    /// The name of that step's output.
    pub output: Cow<'static, str>,
}

/// An output of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its name, unique within the node.
    pub name: Cow<'static, str>,
    /// Its type.
    pub value_type: ValueType,
}

impl Output {
    /// An output `name` of a type.
    pub fn new(name: impl Into<Cow<'static, str>>, value_type: ValueType) -> Self {
        Self { name: name.into(), value_type }
    }
}

/// A step with its place in the graph.
#[derive(Clone)]
pub struct Node {
    /// Its identity within the stack.
    pub id: StepId,
    /// The step's inputs.
    pub inputs: Vec<Input>,
    /// Steps that come first although no value flows from them.
    pub after: Vec<StepId>,
    /// The resource that the step makes, as [`StepPlan::resource`] names it, if it is known before anything is read.
    pub resource: Option<String>,
    /// True if the step may adopt an existing resource without an owner.
    pub adopts: bool,
    /// True if the step's resource is protected from removal, pruning and replacement.
    pub is_protected: bool,
    /// Tags of what it makes, besides those that name the owner.
    pub tags: Option<Arc<BTreeMap<String, String>>>,
    /// True if other services may have the same step, such as their cluster: it gets the tags of the stack alone.
    pub is_shared: bool,
    /// True if it comes after everything else: what only tidies up.
    pub is_last: bool,
    /// True if its removal comes before every other one, instead of after those that depend on it.
    pub is_removed_first: bool,
    /// The step's outputs.
    pub outputs: Vec<Output>,
    /// Its work.
    pub step: Arc<dyn Step>,
}

impl Node {
    /// A node without inputs and outputs.
    pub fn new(id: StepId, step: Arc<dyn Step>) -> Self {
        Self {
            id,
            inputs: Vec::new(),
            after: Vec::new(),
            resource: None,
            adopts: false,
            is_protected: false,
            tags: None,
            is_shared: false,
            is_last: false,
            is_removed_first: false,
            outputs: Vec::new(),
            step,
        }
    }

    /// Wires the input `name` to the `output` of `from`.
    #[must_use]
    pub fn input(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value_type: ValueType,
        from: &StepId,
        output: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (name, output) = (name.into(), output.into());
        self.inputs.push(Input { name, value_type, from: from.clone(), output });
        self
    }

    /// Adds an input for each of `references`: the step takes their values by [`Reference::input`].
    #[must_use]
    pub fn references(mut self, references: impl IntoIterator<Item = Reference>) -> Self {
        let all: BTreeSet<_> = references.into_iter().collect();
        for reference in all {
            let input = reference.input();
            self = self.input(input, ValueType::TEXT, &reference.from, reference.output);
        }
        self
    }

    /// Says what it makes.
    #[must_use]
    pub fn makes(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Marks it as the step of several services.
    #[must_use]
    pub const fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    /// Lets it come after everything else.
    #[must_use]
    pub const fn last(mut self) -> Self {
        self.is_last = true;
        self
    }

    /// Declares an output.
    #[must_use]
    pub fn output(mut self, name: impl Into<Cow<'static, str>>, value_type: ValueType) -> Self {
        self.outputs.push(Output::new(name, value_type));
        self
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.id)
            .field("inputs", &self.inputs)
            .field("after", &self.after)
            .field("outputs", &self.outputs)
            .finish_non_exhaustive()
    }
}
