//! Which step is next.

use longshore_effort::Urgency;
use longshore_graph::IndexQueue;

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
    waiting: Vec<Waiting>,
    /// The steps in the order in which they begin where all are ready.
    order: Vec<u32>,
    /// The positions of the steps that are ready.
    queue: IndexQueue,
    /// True for each step that depends on one that has failed; empty until there is one.
    lost: Vec<bool>,
    /// The band whose steps may begin, and how many steps of each one have not succeeded yet.
    open: usize,
    left: [usize; BANDS],
}

struct Waiting {
    /// The number of unfinished dependencies within the step's band.
    pending: u32,
    /// The step's position in the order.
    position: u32,
}

impl<'a> Ready<'a> {
    /// The steps of `course`, of which those that are `busy` take time.
    pub(crate) fn new(course: &'a Course<'a>, busy: &Busy) -> Self {
        let mut waiting: Vec<_> = (0..course.len())
            .map(|place| Waiting { pending: small(course.waits_for(place)), position: 0 })
            .collect();
        let order = by_urgency(course, &remaining(course, busy));
        order.iter().zip(0..).for_each(|(&place, position)| waiting[place as usize].position = position);
        let mut ready = Self {
            course,
            waiting,
            order,
            queue: IndexQueue::new(course.len()),
            lost: Vec::new(),
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
            let waiting = &mut self.waiting[waiting];
            waiting.pending -= 1;
            if waiting.pending == 0 {
                self.queue.insert(waiting.position as usize);
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
        let members = self.course.members(self.open as Band).map(|place| &self.waiting[place]);
        for ready in members.filter(|waiting| waiting.pending == 0) {
            self.queue.insert(ready.position as usize);
        }
    }

    /// A step has failed: those that depend on it, directly or not, will never be ready. Returns each step once, by name.
    pub(crate) fn lose_dependents(&mut self, place: usize) -> Vec<usize> {
        self.lost.resize(self.course.len(), false);
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
    let sizes = course.sizes();
    for band in (0..BANDS as Band).rev().filter(|&band| sizes[usize::from(band)] > 0) {
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

/// The steps with the longest remaining path first and equal ones by name: a counting sort.
fn by_urgency(course: &Course<'_>, remaining: &[u32]) -> Vec<u32> {
    let longest = remaining.iter().copied().max().unwrap_or_default();
    let mut starts = vec![0_u32; longest as usize + 2];
    for &length in remaining {
        starts[(longest - length) as usize + 1] += 1;
    }
    for length in 1..starts.len() {
        starts[length] += starts[length - 1];
    }
    let mut order = vec![0; remaining.len()];
    for &place in course.graph.by_name() {
        let position = &mut starts[(longest - remaining[place as usize]) as usize];
        order[*position as usize] = place;
        *position += 1;
    }
    order
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
