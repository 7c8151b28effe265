//! Steps that the configuration adds to the graph.

use std::sync::Arc;

use longshore_model::{Name, Options, Problem, Stack, StepId};

use crate::{Node, Undeclared};

/// A step that the configuration adds: `[steps.NAME]`.
#[derive(Clone, Copy, Debug)]
pub struct StepDeclaration<'a> {
    /// The stack that declares it.
    pub stack: &'a Stack,
    /// Its name.
    pub name: &'a Name,
    /// The plugin's options. They may have references in place of texts.
    pub options: &'a Options,
}

impl StepDeclaration<'_> {
    /// The id of the step: `steps.NAME`.
    #[must_use]
    pub fn id(&self) -> StepId {
        StepId::new("steps", self.name)
    }
}

/// Makes steps of one kind. It is built without options, because it also finds what steps made that are no longer
/// declared.
pub trait StepPlugin: Send + Sync {
    /// Returns the node of a declared step, with an input for each reference in its options
    /// ([`Node::references`](crate::Node::references)). Pure: nothing is read, nothing is called.
    ///
    /// # Errors
    /// Everything that is wrong with the options, by their keys.
    fn node(&self, declaration: &StepDeclaration<'_>) -> Result<Node, Vec<Problem>>;

    /// Returns the means to find and prune resources that steps of this kind made and that are no longer declared.
    fn undeclared(&self) -> Vec<Arc<dyn Undeclared>> {
        Vec::new()
    }
}
