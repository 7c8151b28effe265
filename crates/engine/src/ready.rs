//! Which step is next.

use longshore_graph::IndexQueue;
use longshore_plugin::Urgency;

use crate::course::{BANDS, Band, Course};

/// The steps of a phase that take time, on which the order of those that are ready depends.
#[derive(Clone, Debug)]
pub(crate) enum Busy {
    /// All.
    All,
    /// Those whose places are marked.
    Some(Vec<bool>),
}

impl Busy {
    pub(crate) fn contains(&self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::Some(places) => places[place],
        }
    }
}

/// The steps of a phase that are ready, the one with the longest remaining path first, and of equal ones the first by name.
pub(crate) struct Ready<'a> {
    course: &'a Course<'a>,
    /// The number of unfinished dependencies of each step within its band.
    pending: Vec<u32>,
    /// The steps in the order in which they begin where all are ready.
    order: Vec<u32>,
    /// The position of each step in that order.
    positions: Vec<u32>,
    /// The positions of the steps that are ready.
    queue: IndexQueue,
    lost: Vec<bool>,
    /// The band whose steps may begin, and how many steps of each one have not succeeded yet.
    open: usize,
    left: [usize; BANDS],
}

impl<'a> Ready<'a> {
    /// The steps of `course`, of which those that are `busy` take time.
    pub(crate) fn new(course: &'a Course<'a>, busy: &Busy) -> Self {
        let (order, positions) = by_urgency(course, &remaining(course, busy));
        let pending = (0..course.len()).map(|place| small(course.waits_for(place))).collect();
        let mut ready = Self {
            course,
            pending,
            order,
            positions,
            queue: IndexQueue::new(course.len()),
            lost: vec![false; course.len()],
            open: 0,
            left: course.sizes(),
        };
        ready.open_band();
        ready
    }

    /// The place of the step that is to begin next, and its urgency, also for whatever works for it.
    pub(crate) fn next(&mut self) -> Option<(usize, Urgency)> {
        let position = self.queue.pop()?;
        // The longest way comes first in the order already.
        Some((self.order[position] as usize, Urgency::new(0, position as u64)))
    }

    /// A step has succeeded: those that waited for it alone are ready.
    pub(crate) fn succeeded(&mut self, place: usize) {
        for waiting in self.course.waiting_for(place) {
            self.pending[waiting] -= 1;
            if self.pending[waiting] == 0 {
                self.queue.insert(self.positions[waiting] as usize);
            }
        }
        self.left[self.open] -= 1;
        if self.left[self.open] == 0 {
            self.open_band();
        }
    }

    /// Lets the next band begin of which there are steps.
    fn open_band(&mut self) {
        while self.left[self.open] == 0 {
            if self.open + 1 == BANDS {
                return;
            }
            self.open += 1;
        }
        for place in self.course.members(self.open as Band).filter(|&place| self.pending[place] == 0) {
            self.queue.insert(self.positions[place] as usize);
        }
    }

    /// A step has failed: those that depend on it, directly or not, will never be ready. Returns each step once, by name.
    pub(crate) fn lose_dependents(&mut self, place: usize) -> Vec<usize> {
        let mut lost = Vec::new();
        let mut front = vec![place];
        let later = self.course.band(place) + 1..BANDS as Band;
        // Once one of them is lost, all are.
        for place in later.flat_map(|band| self.course.members(band)) {
            if std::mem::replace(&mut self.lost[place], true) {
                break;
            }
            lost.push(place);
        }
        while let Some(at) = front.pop() {
            for waiting in self.course.waiting_for(at) {
                if !std::mem::replace(&mut self.lost[waiting], true) {
                    lost.push(waiting);
                    front.push(waiting);
                }
            }
        }
        lost.sort_unstable_by_key(|&place| self.course.graph.rank(place));
        lost
    }
}

/// The number of busy steps on the longest path from each step to an end of the phase, this one included.
fn remaining(course: &Course<'_>, busy: &Busy) -> Vec<u32> {
    let mut remaining = vec![0; course.len()];
    let mut of_later_bands = 0;
    for band in (0..BANDS as Band).rev() {
        let mut longest = of_later_bands;
        for place in course.reversed(band) {
            let behind =
                course.waiting_for(place).map(|waiting| remaining[waiting]).max().unwrap_or_default();
            remaining[place] = behind.max(of_later_bands) + u32::from(busy.contains(place));
            longest = longest.max(remaining[place]);
        }
        of_later_bands = longest;
    }
    remaining
}

/// The steps with the longest remaining path first and equal ones by name, and the position of each of them: a counting
/// sort.
fn by_urgency(course: &Course<'_>, remaining: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let longest = remaining.iter().copied().max().unwrap_or_default();
    let mut starts = vec![0_u32; longest as usize + 2];
    for &length in remaining {
        starts[(longest - length) as usize + 1] += 1;
    }
    for length in 1..starts.len() {
        starts[length] += starts[length - 1];
    }
    let (mut order, mut positions) = (vec![0; remaining.len()], vec![0; remaining.len()]);
    for &place in course.graph.by_name() {
        let position = &mut starts[(longest - remaining[place as usize]) as usize];
        order[*position as usize] = place;
        positions[place as usize] = *position;
        *position += 1;
    }
    (order, positions)
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use longshore_graph::Graph;
    use longshore_plugin::Node;

    use super::*;
    use crate::testing::{id, nothing};

    fn graph(steps: &[(&str, &[&str])]) -> Graph {
        let node = |(name, before): &(&str, &[&str])| Node {
            after: before.iter().map(|before| id(before)).collect(),
            ..Node::new(id(name), nothing())
        };
        Graph::new(steps.iter().map(node)).unwrap()
    }

    fn name(graph: &Graph, place: usize) -> String {
        graph.at(place).id.as_str().trim_start_matches("step.").to_owned()
    }

    fn order(course: &Course<'_>, busy: &Busy) -> String {
        let mut ready = Ready::new(course, busy);
        let mut order = Vec::new();
        while let Some((place, _)) = ready.next() {
            order.push(name(course.graph, place));
            ready.succeeded(place);
        }
        order.join(" ")
    }

    #[test]
    fn longest_path_begins_first_and_equals_by_name() {
        let graph = graph(&[("a", &[]), ("b", &[]), ("c", &["b"]), ("d", &["c"]), ("e", &[]), ("f", &["e"])]);
        let course = Course::forwards(&graph);
        assert_eq!(order(&course, &Busy::All), "b c e a d f");
        assert_eq!(order(&course, &Busy::Some(vec![false; 6])), "a b c d e f", "nothing takes time");
        assert_eq!(order(&Course::backwards(&graph), &Busy::All), "d c f a b e");
        assert_eq!(order(&Course::unordered(&graph), &Busy::All), "a b c d e f");
    }

    #[test]
    fn failure_loses_each_dependent_once() {
        let graph = graph(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"]), ("d", &["c"]), ("e", &[])]);
        let course = Course::forwards(&graph);
        let mut ready = Ready::new(&course, &Busy::All);
        let (place, _) = ready.next().unwrap();
        assert_eq!(name(&graph, place), "a");
        let lost: Vec<_> =
            ready.lose_dependents(place).into_iter().map(|place| name(&graph, place)).collect();
        assert_eq!(lost, ["b", "c", "d"]);
        assert!(ready.lose_dependents(place).is_empty());
        let rest: BTreeSet<_> =
            std::iter::from_fn(|| ready.next()).map(|(place, _)| name(&graph, place)).collect();
        assert_eq!(rest, BTreeSet::from(["e".to_owned()]));
    }
}
