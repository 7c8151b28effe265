//! Which step is next.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
};

use longshore_model::StepId;
use longshore_plugin::Urgency;

use crate::schedule::Waits;

/// The place of a step among those of its phase, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(usize);

/// The steps of a phase that are ready, the one with the longest remaining path first.
pub(crate) struct Ready<'a> {
    steps: Vec<&'a StepId>,
    dependents: Vec<Vec<usize>>,
    /// How many of the steps that it waits for have not succeeded yet.
    pending: Vec<usize>,
    /// The busy steps on the longest path from here to an end of the phase, this one included.
    remaining: Vec<usize>,
    lost: Vec<bool>,
    heap: BinaryHeap<(usize, Reverse<usize>)>,
}

impl<'a> Ready<'a> {
    /// The steps of `waits`, of which those that are `busy` take time.
    pub(crate) fn new(waits: &'a Waits, busy: &BTreeSet<StepId>) -> Self {
        let steps: Vec<_> = waits.keys().collect();
        let places: BTreeMap<_, _> = steps.iter().enumerate().map(|(place, step)| (*step, place)).collect();
        let mut dependents = vec![Vec::new(); steps.len()];
        let mut pending = vec![0; steps.len()];
        for (place, waits_for) in waits.values().enumerate() {
            for before in waits_for {
                // What is not in the phase is never done: so the step is never begun, and reported as that.
                pending[place] += 1;
                if let Some(&before) = places.get(before) {
                    dependents[before].push(place);
                }
            }
        }
        let costs: Vec<_> = steps.iter().map(|step| usize::from(busy.contains(*step))).collect();
        let remaining = remaining(&dependents, &pending, &costs);
        let heap = (0..steps.len())
            .filter(|&place| pending[place] == 0)
            .map(|place| (remaining[place], Reverse(place)))
            .collect();
        let lost = vec![false; steps.len()];
        Self { steps, dependents, pending, remaining, lost, heap }
    }

    /// The step that is to begin next.
    pub(crate) fn next(&mut self) -> Option<(&'a StepId, Place)> {
        let (_, Reverse(place)) = self.heap.pop()?;
        Some((self.steps[place], Place(place)))
    }

    /// How urgent the step is, also for whatever works for it: the longest way to go first.
    pub(crate) fn urgency(&self, Place(place): Place) -> Urgency {
        let number = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        Urgency::new(number(self.remaining[place]), number(place))
    }

    /// A step has succeeded: what waited for it alone is ready.
    pub(crate) fn succeeded(&mut self, Place(place): Place) {
        for &dependent in &self.dependents[place] {
            self.pending[dependent] -= 1;
            if self.pending[dependent] == 0 {
                self.heap.push((self.remaining[dependent], Reverse(dependent)));
            }
        }
    }

    /// A step has failed: what depends on it, directly or not, will never be ready. Each step is answered once.
    pub(crate) fn lose_dependents(&mut self, Place(place): Place) -> Vec<&'a StepId> {
        let mut lost = BTreeSet::new();
        let mut front = VecDeque::from([place]);
        while let Some(at) = front.pop_front() {
            for &dependent in &self.dependents[at] {
                if !std::mem::replace(&mut self.lost[dependent], true) {
                    lost.insert(dependent);
                    front.push_back(dependent);
                }
            }
        }
        lost.into_iter().map(|place| self.steps[place]).collect()
    }
}

/// The longest remaining path of each step: Kahn's order, walked backwards.
fn remaining(dependents: &[Vec<usize>], pending: &[usize], costs: &[usize]) -> Vec<usize> {
    let mut waiting = pending.to_vec();
    let mut order: Vec<_> = (0..waiting.len()).filter(|&place| waiting[place] == 0).collect();
    let mut at = 0;
    while let Some(&place) = order.get(at) {
        at += 1;
        for &dependent in &dependents[place] {
            waiting[dependent] -= 1;
            if waiting[dependent] == 0 {
                order.push(dependent);
            }
        }
    }
    let mut remaining = costs.to_vec();
    for place in order.into_iter().rev() {
        let longest = dependents[place].iter().map(|&dependent| remaining[dependent]).max();
        remaining[place] = costs[place] + longest.unwrap_or_default();
    }
    remaining
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(steps: &[(&str, &[&str])]) -> Waits {
        let id = |name: &&str| StepId::new("step", *name);
        steps.iter().map(|(step, before)| (id(step), before.iter().map(id).collect())).collect()
    }

    fn order(waits: &Waits, busy: &BTreeSet<StepId>) -> String {
        let mut ready = Ready::new(waits, busy);
        let mut order = Vec::new();
        while let Some((step, place)) = ready.next() {
            order.push(step.as_str().trim_start_matches("step.").to_owned());
            ready.succeeded(place);
        }
        order.join(" ")
    }

    #[test]
    fn the_longest_way_to_go_is_begun_first_and_of_equal_ones_the_first_by_name() {
        let waits = waits(&[("a", &[]), ("b", &[]), ("c", &["b"]), ("d", &["c"]), ("e", &[]), ("f", &["e"])]);
        let all = waits.keys().cloned().collect();
        assert_eq!(order(&waits, &all), "b c e a d f");
        assert_eq!(order(&waits, &BTreeSet::new()), "a b c d e f", "nothing takes time");
    }

    #[test]
    fn what_depends_on_a_failure_is_lost_once() {
        let waits = waits(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"]), ("d", &["c"]), ("e", &["x"])]);
        let mut ready = Ready::new(&waits, &BTreeSet::new());
        let (step, place) = ready.next().unwrap();
        assert_eq!(step.as_str(), "step.a");
        let lost: Vec<_> = ready.lose_dependents(place).into_iter().map(StepId::as_str).collect();
        assert_eq!(lost, ["step.b", "step.c", "step.d"]);
        assert!(ready.lose_dependents(place).is_empty());
        assert!(ready.next().is_none(), "e waits for what is not there");
    }
}
