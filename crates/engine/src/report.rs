//! The results of a phase's steps.

use std::{ops::Index, sync::Arc};

use longshore_graph::Graph;
use longshore_model::{Failure, Outcome, StepId, StepPlan};

/// The plan of each step.
pub type Plans = Results<StepPlan>;

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended<T> {
    /// It did its work.
    Succeeded(T),
    /// It failed.
    Failed(Box<Failure>),
    /// It was not run because the step named here failed.
    Skipped(StepId),
    /// It was not begun because the run was interrupted.
    NotStarted,
}

impl<T> Ended<T> {
    const fn result(&self) -> Option<&T> {
        match self {
            Self::Succeeded(result) => Some(result),
            _ => None,
        }
    }

    /// True if the step was begun: it may have done something.
    pub(crate) const fn was_begun(&self) -> bool {
        matches!(self, Self::Succeeded(_) | Self::Failed(_))
    }
}

/// The ends of a phase's steps, by name. Indexing with a step that is not in the graph panics.
#[derive(Clone, Debug)]
pub struct Report<T> {
    graph: Graph,
    /// By the steps' places in the graph.
    ended: Vec<Ended<T>>,
}

impl<T> Report<T> {
    /// The report of the steps of `graph`, in its order.
    pub(crate) const fn new(graph: Graph, ended: Vec<Ended<T>>) -> Self {
        Self { graph, ended }
    }

    /// Returns the end of `step`.
    #[must_use]
    pub fn get(&self, step: &StepId) -> Option<&Ended<T>> {
        self.graph.place(step).map(|place| &self.ended[place])
    }

    /// Returns the end of the step at `place` of `graph`.
    pub(crate) fn at(&self, graph: &Graph, place: usize) -> Option<&Ended<T>> {
        if self.graph.is(graph) { self.ended.get(place) } else { self.get(&graph.at(place).id) }
    }

    /// The steps and how they ended, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&StepId, &Ended<T>)> {
        let by_name = self.graph.by_name().iter().map(|&place| place as usize);
        by_name.map(|place| (&self.graph.at(place).id, &self.ended[place]))
    }

    /// Returns the outcome of the phase as a whole. A failure weighs more than an interruption.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::Succeeded;
        for ended in &self.ended {
            match ended {
                Ended::Failed(_) => return Outcome::Failed,
                Ended::NotStarted => outcome = Outcome::Interrupted,
                Ended::Succeeded(_) | Ended::Skipped(_) => {}
            }
        }
        outcome
    }

    /// The results of the steps that succeeded.
    #[must_use]
    pub fn results(self) -> Results<T> {
        Results { graph: self.graph, ended: Arc::new(self.ended) }
    }

    /// The failures, by name.
    pub fn failures(&self) -> impl Iterator<Item = (&StepId, &Failure)> {
        self.iter().filter_map(|(step, ended)| match ended {
            Ended::Failed(failure) => Some((step, &**failure)),
            _ => None,
        })
    }
}

impl<T> IntoIterator for Report<T> {
    type Item = (StepId, Ended<T>);
    type IntoIter = std::iter::Zip<std::vec::IntoIter<StepId>, std::vec::IntoIter<Ended<T>>>;

    /// The steps and how they ended, in the graph's order.
    fn into_iter(self) -> Self::IntoIter {
        let steps: Vec<_> = self.graph.nodes().map(|node| node.id.clone()).collect();
        steps.into_iter().zip(self.ended)
    }
}

impl<T> Index<&StepId> for Report<T> {
    type Output = Ended<T>;

    fn index(&self, step: &StepId) -> &Ended<T> {
        self.get(step).unwrap_or_else(|| panic!("`{step}` is not in the graph"))
    }
}

/// The results of the steps that succeeded, by name. Clones share them; indexing with another step panics.
#[derive(Clone, Debug)]
pub struct Results<T> {
    graph: Graph,
    ended: Arc<Vec<Ended<T>>>,
}

impl<T> Results<T> {
    /// The result of `step`.
    #[must_use]
    pub fn get(&self, step: &StepId) -> Option<&T> {
        self.graph.place(step).and_then(|place| self.ended[place].result())
    }

    /// The result of the step at `place` of `graph`.
    pub(crate) fn at(&self, graph: &Graph, place: usize) -> Option<&T> {
        if self.graph.is(graph) { self.ended.get(place)?.result() } else { self.get(&graph.at(place).id) }
    }

    /// True if `step` succeeded.
    #[must_use]
    pub fn contains(&self, step: &StepId) -> bool {
        self.get(step).is_some()
    }

    /// The steps that succeeded and their results, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&StepId, &T)> {
        let by_name = self.graph.by_name().iter().map(|&place| place as usize);
        by_name.filter_map(|place| Some((&self.graph.at(place).id, self.ended[place].result()?)))
    }

    /// The results, by the names of their steps.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, result)| result)
    }
}

impl<T> Index<&StepId> for Results<T> {
    type Output = T;

    fn index(&self, step: &StepId) -> &T {
        self.get(step).unwrap_or_else(|| panic!("`{step}` did not succeed"))
    }
}
