//! Resources that the stack owns and that no step makes.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use longshore_model::StepId;

use crate::{Context, Node, Result};

/// The resources that the steps of a stack make: what its tags are held against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    steps: BTreeMap<StepId, Option<String>>,
    resources: BTreeSet<String>,
}

impl Declared {
    /// Returns the resources that `nodes` make.
    #[must_use]
    pub fn by<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Self {
        Self::of(nodes.into_iter().map(|node| (node.id.clone(), node.resource.clone())))
    }

    /// Returns the resources that these steps make, as far as the steps name them.
    #[must_use]
    pub fn of(steps: impl IntoIterator<Item = (StepId, Option<String>)>) -> Self {
        let steps: BTreeMap<_, _> = steps.into_iter().collect();
        let resources = steps.values().flatten().cloned().collect();
        Self { steps, resources }
    }

    /// Returns whether the step named `step` is declared.
    #[must_use]
    pub fn has_step(&self, step: &str) -> bool {
        self.steps.contains_key(step)
    }

    /// Returns true if `resource`, which is tagged as made by `step`, is still made. A step that now makes another resource does
    /// not make this one; a step that does not say what it makes is taken at its name.
    #[must_use]
    pub fn makes(&self, step: &str, resource: &str) -> bool {
        self.resources.contains(resource) || self.steps.get(step).is_some_and(Option::is_none)
    }
}

/// A resource that the stack owns, as its tags say, and that no step makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UndeclaredResource {
    /// As people know it, in the words of [`StepPlan::resource`](longshore_model::StepPlan::resource):
    /// `service default/api`.
    pub resource: String,
    /// The step that made it; empty where no tag says it.
    pub step: String,
    /// The resource's identifier in calls, such as its ARN.
    pub id: String,
    /// The reason to keep it; `None` if it is pruned.
    pub stays: Option<Stays>,
}

/// The reason to keep an orphan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stays {
    /// It is protected: the whole stack is not removed either.
    Protected,
    /// Its kind is kept unless the configuration said otherwise.
    Kept,
}

/// Finds and removes what the stack owns and no step makes. Found by tag, wherever it is: no record of it is needed.
#[async_trait]
pub trait Undeclared: Send + Sync {
    /// Returns the kind of the resources, in the plural: `services`.
    fn what(&self) -> &'static str;

    /// Returns true if what it finds uses what others find, and thus goes before them: services do.
    fn uses_others(&self) -> bool {
        false
    }

    /// Returns true if they are looked for only when the whole stack is removed.
    fn only_when_destroying(&self) -> bool {
        false
    }

    /// Finds them. Reads only.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn find(&self, context: &Context, declared: &Declared) -> Result<Vec<UndeclaredResource>>;

    /// Returns the resources that [`Undeclared::remove`] removes with `found`, and that no other finder returns unless
    /// the whole stack goes. Reads only.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn along(
        &self,
        _context: &Context,
        _declared: &Declared,
        _found: &UndeclaredResource,
    ) -> Result<Vec<UndeclaredResource>> {
        Ok(Vec::new())
    }

    /// Removes one of them if the stack still owns it, with what belongs to it alone and is not `declared` either. Can be
    /// repeated.
    ///
    /// # Errors
    /// When the removal is refused.
    async fn remove(
        &self,
        context: &Context,
        declared: &Declared,
        resource: &UndeclaredResource,
    ) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use longshore_model::{Inputs, Outputs, StepPlan};

    use super::*;
    use crate::Step;

    struct Nothing;

    #[async_trait]
    impl Step for Nothing {
        async fn plan(&self, _: &Context, _: &Inputs) -> Result<StepPlan> {
            unreachable!("nobody plans here")
        }
        async fn apply(&self, _: &Context, _: &Inputs, _: &StepPlan) -> Result<Outputs> {
            unreachable!("nobody applies here")
        }
        async fn plan_removal(&self, _: &Context) -> Result<StepPlan> {
            unreachable!("nobody plans here")
        }
        async fn remove(&self, _: &Context) -> Result<()> {
            unreachable!("nobody removes here")
        }
    }

    #[test]
    fn a_resource_is_declared_while_a_step_makes_it() {
        let node = |id: &str| Node::new(StepId::new("role", id), Arc::new(Nothing));
        let declared = Declared::by(&[node("api").makes("role new-name"), node("odd")]);
        assert!(declared.makes("role.api", "role new-name"));
        assert!(!declared.makes("role.api", "role old-name"), "it was renamed");
        assert!(declared.makes("role.other", "role new-name"), "another step has taken it over");
        assert!(declared.makes("role.odd", "role whatever"), "the step does not say what it makes");
        assert!(!declared.makes("role.gone", "role gone"));
    }
}
