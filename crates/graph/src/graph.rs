//! Nodes with checked edges, in an order in which they can run.

use std::{collections::BTreeMap, fmt, sync::Arc};

use longshore_model::{StepId, StepSummary};
use longshore_plugin::{Node, Step};

use crate::{
    GraphError,
    cycles::Rest,
    names::{self, NameTable},
    queue::IndexQueue,
    rows::{Rows, index},
    wiring::{Labels, Wire, Wiring},
};

/// A directed acyclic graph of steps. Every input is wired to an output of its type.
///
/// A node's index is its place in an order in which the nodes can run. Names are looked up where they come in, and read
/// where something is shown. Clones share the graph.
#[derive(Clone)]
pub struct Graph(Arc<Inner>);

struct Inner {
    nodes: Vec<Placed>,
    /// The places in the order of the names.
    by_name: Vec<u32>,
    /// The number of names before that of each place.
    ranks: Vec<u32>,
    dependencies: Rows<u32>,
    dependents: Rows<u32>,
    inputs: Rows<Wire>,
    /// The labels of the outputs. The place of an output among all of them is its slot.
    outputs: Rows<u32>,
    /// True for each slot that an input is wired to.
    wired: Vec<bool>,
    labels: Labels,
    /// The places of the nodes that come after all others.
    last: Vec<u32>,
}

/// A node of a graph. Its edges are the graph's.
#[derive(Clone)]
pub struct Placed {
    /// Its identity within the stack.
    pub id: StepId,
    /// The title of its resource, if it is known before anything is read.
    pub resource: Option<Box<str>>,
    /// True if it may adopt an existing, untagged resource.
    pub adopts: bool,
    /// True if the step's resource is protected from removal, pruning and replacement.
    pub is_protected: bool,
    /// The tags of what it makes, besides those that name the owner.
    pub tags: Option<Arc<BTreeMap<String, String>>>,
    /// True if it comes after everything else.
    pub is_last: bool,
    /// True if its removal comes before every other one.
    pub is_removed_first: bool,
    /// Its work.
    pub step: Arc<dyn Step>,
}

impl From<Node> for Placed {
    fn from(node: Node) -> Self {
        Self {
            id: node.id,
            resource: node.resource.map(String::into_boxed_str),
            adopts: node.adopts,
            is_protected: node.is_protected,
            tags: node.tags,
            is_last: node.is_last,
            is_removed_first: node.is_removed_first,
            step: node.step,
        }
    }
}

/// An output of a node, as a run needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputSlot<'a> {
    /// Its place among the outputs of all nodes.
    pub slot: usize,
    /// Its name.
    pub name: &'a str,
    /// True if an input is wired to it.
    pub is_wired: bool,
}

impl Graph {
    /// Makes a graph of `nodes`. Nodes with the same id and the same edges are one node: a cluster that several
    /// services share.
    ///
    /// # Errors
    /// Everything that is wrong, at once: missing and mistyped inputs, and each cycle.
    pub fn new(nodes: impl IntoIterator<Item = Node>) -> Result<Self, Vec<GraphError>> {
        let mut errors = Vec::new();
        let (nodes, table) = unique(nodes.into_iter().collect(), &mut errors);
        let mut by_name = names::sorted(nodes.len(), |node| nodes[node as usize].id.as_str());
        let mut ranks = inverse(&by_name);
        let Wiring { mut dependencies, mut inputs, mut outputs, labels, errors: mut wrong } =
            Wiring::new(&nodes, table);
        wrong.sort_by_key(|(node, _)| ranks[*node]);
        errors.extend(wrong.into_iter().map(|(_, error)| error));

        let mut dependents = dependencies.reversed();
        let order = order(&nodes, &dependencies, &dependents, &by_name, &ranks);
        if order.len() < nodes.len() {
            let mut is_left = vec![true; nodes.len()];
            order.iter().for_each(|&node| is_left[node as usize] = false);
            let left = (0..index(nodes.len())).filter(|&node| is_left[node as usize]).collect();
            errors.extend(Rest { nodes: &nodes, dependents: &dependents, ranks: &ranks, left }.cycles());
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        // Collecting would keep the room of the larger nodes.
        let mut placed = Vec::with_capacity(nodes.len());
        placed.extend(nodes.into_iter().map(Placed::from));
        let mut nodes: Vec<Placed> = placed;
        if !order.is_sorted() {
            let places = inverse(&order);
            let place = |&node: &u32| places[node as usize];
            let slots = inverse(&outputs.positions(&order));
            outputs = outputs.rearranged(&order, |&label| label);
            inputs = inputs.rearranged(&order, |wire| Wire { slot: slots[wire.slot as usize], ..*wire });
            dependencies = dependencies.rearranged(&order, place);
            dependents = dependencies.reversed();
            by_name = by_name.iter().map(place).collect();
            ranks = inverse(&by_name);
            arrange(&mut nodes, places);
        }
        let mut wired = vec![false; outputs.items().len()];
        inputs.items().iter().for_each(|wire| wired[wire.slot as usize] = true);
        let last = (0..index(nodes.len())).filter(|&node| nodes[node as usize].is_last).collect();
        Ok(Self(Arc::new(Inner {
            nodes,
            by_name,
            ranks,
            dependencies,
            dependents,
            inputs,
            outputs,
            wired,
            labels,
            last,
        })))
    }

    /// All nodes, each after those that it depends on; the same graph always in the same order.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = &Placed> + ExactSizeIterator {
        self.0.nodes.iter()
    }

    /// The number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.nodes.len()
    }

    /// True if there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.nodes.is_empty()
    }

    /// The node of `step`.
    #[must_use]
    pub fn node(&self, step: &StepId) -> Option<&Placed> {
        self.place(step).map(|place| self.at(place))
    }

    /// The steps that `step` directly depends on, by name.
    #[must_use]
    pub fn dependencies(&self, step: &StepId) -> Vec<StepId> {
        self.place(step).map(|place| self.names_of_dependencies(place)).unwrap_or_default()
    }

    /// The steps that directly depend on `step`, by name.
    #[must_use]
    pub fn dependents(&self, step: &StepId) -> Vec<StepId> {
        let Some(place) = self.place(step) else { return Vec::new() };
        let last = if self.at(place).is_last { &[][..] } else { self.last() };
        self.names(self.dependents_of(place).iter().chain(last))
    }

    /// The steps as a display needs to know them, in the order of [`Graph::nodes`].
    #[must_use]
    pub fn summaries(&self) -> Vec<StepSummary> {
        let summary = |(place, node): (usize, &Placed)| StepSummary {
            step: node.id.clone(),
            after: self.names_of_dependencies(place),
        };
        self.nodes().enumerate().map(summary).collect()
    }

    fn names_of_dependencies(&self, place: usize) -> Vec<StepId> {
        let own = self.dependencies_of(place);
        if self.at(place).is_last {
            let others = self.0.by_name.iter().filter(|&&other| !self.at(other as usize).is_last);
            self.names(own.iter().chain(others))
        } else {
            self.names(own.iter())
        }
    }

    /// The names of the nodes, sorted, each of them once.
    fn names<'a>(&self, places: impl Iterator<Item = &'a u32>) -> Vec<StepId> {
        let mut ranks: Vec<_> = places.map(|&place| self.0.ranks[place as usize]).collect();
        ranks.sort_unstable();
        ranks.dedup();
        ranks.into_iter().map(|rank| self.at(self.0.by_name[rank as usize] as usize).id.clone()).collect()
    }

    /// The place of `step`.
    #[must_use]
    pub fn place(&self, step: &StepId) -> Option<usize> {
        let by_name = &self.0.by_name;
        let found = by_name.binary_search_by(|&place| self.at(place as usize).id.cmp(step));
        found.ok().map(|rank| by_name[rank] as usize)
    }

    /// The node at `place`.
    ///
    /// # Panics
    /// If there is no such place, as all that take one do.
    #[must_use]
    pub fn at(&self, place: usize) -> &Placed {
        &self.0.nodes[place]
    }

    /// The places in the order of the names.
    #[must_use]
    pub fn by_name(&self) -> &[u32] {
        &self.0.by_name
    }

    /// The number of steps whose names come before that of the one at `place`.
    #[must_use]
    pub fn rank(&self, place: usize) -> usize {
        self.0.ranks[place] as usize
    }

    /// The places of the steps that the one at `place` was declared to depend on. That steps come last adds no edges here.
    #[must_use]
    pub fn dependencies_of(&self, place: usize) -> &[u32] {
        self.0.dependencies.row(place)
    }

    /// The places of the steps that were declared to depend on the one at `place`. That steps come last adds no edges here.
    #[must_use]
    pub fn dependents_of(&self, place: usize) -> &[u32] {
        self.0.dependents.row(place)
    }

    /// The places of the steps that come after all others.
    #[must_use]
    pub fn last(&self) -> &[u32] {
        &self.0.last
    }

    /// The name of an input of the step at `place`, and the slot of the output that it is wired to. `position` is that in
    /// the order of the names.
    #[must_use]
    pub fn input(&self, place: usize, position: usize) -> Option<(&str, usize)> {
        let wire = self.0.inputs.row(place).get(position)?;
        Some((self.0.labels.get(wire.label), wire.slot as usize))
    }

    /// The outputs of the step at `place`.
    pub fn outputs(&self, place: usize) -> impl Iterator<Item = OutputSlot<'_>> {
        let Inner { outputs, wired, labels, .. } = &*self.0;
        let start = outputs.start(place);
        outputs.row(place).iter().enumerate().map(move |(position, &label)| {
            let slot = start + position;
            OutputSlot { slot, name: labels.get(label), is_wired: wired[slot] }
        })
    }

    /// The number of outputs of all nodes.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.0.wired.len()
    }

    /// The place of the step that yields the output in `slot`, and the output's name.
    pub(crate) fn source(&self, slot: usize) -> (usize, &str) {
        let Inner { outputs, labels, .. } = &*self.0;
        let place = outputs.row_of(slot);
        (place, labels.get(outputs.row(place)[slot - outputs.start(place)]))
    }

    /// True if `other` is a clone of this graph: their places are the same.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.nodes().map(|node| &node.id)).finish()
    }
}

/// The nodes without repetitions, and the table of their names, where one was needed.
fn unique(mut nodes: Vec<Node>, errors: &mut Vec<GraphError>) -> (Vec<Node>, Option<NameTable>) {
    if nodes.is_sorted_by(|one, other| one.id < other.id) {
        return (nodes, None);
    }
    let mut table = NameTable::with_capacity(nodes.len());
    let mut is_repeated = vec![false; nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        let name = |other: u32| nodes[other as usize].id.as_str();
        let first = table.get_or_insert(node.id.as_str(), place, name) as usize;
        if first != place {
            is_repeated[place] = true;
            if !is_same(&nodes[first], node) {
                errors.push(GraphError::Duplicate(node.id.clone()));
            }
        }
    }
    if !is_repeated.contains(&true) {
        return (nodes, Some(table));
    }
    let mut is_repeated = is_repeated.into_iter();
    nodes.retain(|_| is_repeated.next() != Some(true));
    // The indices are others now.
    (nodes, None)
}

fn is_same(one: &Node, other: &Node) -> bool {
    one.inputs == other.inputs && one.after == other.after && one.outputs == other.outputs
}

/// Kahn's algorithm; of the steps that are ready, the first by name comes first. Steps in circles, and those behind them,
/// are left out.
fn order(
    nodes: &[Node],
    dependencies: &Rows<u32>,
    dependents: &Rows<u32>,
    by_name: &[u32],
    ranks: &[u32],
) -> Vec<u32> {
    if by_name.is_sorted() && is_ordered(nodes, dependencies) {
        return by_name.to_vec();
    }
    let mut waits_for: Vec<_> = (0..nodes.len()).map(|node| index(dependencies.row(node).len())).collect();
    let last: Vec<_> = (0..nodes.len()).filter(|&node| nodes[node].is_last).collect();
    let mut others = nodes.len() - last.len();
    let mut ready = IndexQueue::new(nodes.len());
    let mut order = Vec::with_capacity(nodes.len());
    let is_free = |node: usize, waits_for: &[u32], others: usize| {
        waits_for[node] == 0 && (others == 0 || !nodes[node].is_last)
    };
    for node in (0..nodes.len()).filter(|&node| is_free(node, &waits_for, others)) {
        ready.insert(ranks[node] as usize);
    }
    while let Some(rank) = ready.pop() {
        let node = by_name[rank] as usize;
        order.push(index(node));
        for &dependent in dependents.row(node) {
            let dependent = dependent as usize;
            waits_for[dependent] -= 1;
            if is_free(dependent, &waits_for, others) {
                ready.insert(ranks[dependent] as usize);
            }
        }
        if others > 0 {
            others -= 1;
            if others == 0 {
                last.iter()
                    .filter(|&&node| waits_for[node] == 0)
                    .for_each(|&node| ready.insert(ranks[node] as usize));
            }
        }
    }
    order
}

/// True if each of the nodes comes after those that it depends on.
fn is_ordered(nodes: &[Node], dependencies: &Rows<u32>) -> bool {
    let mut rows = (0..nodes.len()).map(|node| (node, dependencies.row(node)));
    rows.all(|(node, row)| row.last().is_none_or(|&last| (last as usize) < node))
        && nodes.is_sorted_by_key(|node| node.is_last)
}

/// The place of each index in `order`.
fn inverse(order: &[u32]) -> Vec<u32> {
    let mut places = vec![0; order.len()];
    for (place, &node) in order.iter().enumerate() {
        places[node as usize] = index(place);
    }
    places
}

/// Brings each item to its place.
fn arrange<T>(items: &mut [T], mut places: Vec<u32>) {
    for at in 0..items.len() {
        while places[at] as usize != at {
            let place = places[at] as usize;
            items.swap(at, place);
            places.swap(at, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use longshore_model::ValueType;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{edge, node};

    fn messages(nodes: Vec<Node>) -> String {
        let errors = Graph::new(nodes).unwrap_err();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_cycle_is_printed_whole() {
        let nodes = vec![
            edge(node("role.api"), "service.api"),
            edge(node("task-definition.api"), "role.api"),
            edge(node("service.api"), "task-definition.api"),
            edge(node("other.x"), "service.api"),
            edge(node("self.y"), "self.y"),
        ];
        insta::assert_snapshot!(messages(nodes), @r"
        steps wait for each other in a circle: role.api → task-definition.api → service.api → role.api
        steps wait for each other in a circle: self.y → self.y
        ");
    }

    #[test]
    fn missing_and_mistyped_inputs_are_named_all_at_once() {
        let secret = node("credential.ghcr").output("secret-arn", ValueType::SECRET_ARN);
        let id = secret.id.clone();
        let role = node("role.api")
            .input("secret", ValueType::ROLE_ARN, &id, "secret-arn")
            .input("key", ValueType::ROLE_ARN, &id, "key-arn")
            .input("more", ValueType::ROLE_ARN, &StepId::new("credential", "hub"), "secret-arn");
        insta::assert_snapshot!(messages(vec![role, secret, node("role.api")]), @r"
        two different steps are called `role.api`
        the input `secret` of `role.api` takes a role-arn, but the output `secret-arn` of `credential.ghcr` is a secret-arn
        the input `key` of `role.api` is wired to the output `key-arn` of `credential.ghcr`, which yields secret-arn
        `role.api` waits for `credential.hub`, which is not there
        ");
    }

    #[test]
    fn steps_that_come_last_take_part_in_circles() {
        let nodes =
            vec![node("a.1"), edge(node("b.2"), "z.last"), node("z.last").last(), edge(node("c.3"), "b.2")];
        insta::assert_snapshot!(messages(nodes), @"steps wait for each other in a circle: b.2 → z.last → b.2");
    }

    #[test]
    fn last_steps_depend_on_all_others() {
        let graph =
            Graph::new([node("z.one").last(), node("b.2"), node("a.1"), edge(node("y.two").last(), "z.one")]);
        let graph = graph.unwrap();
        let order: Vec<_> = graph.nodes().map(|node| node.id.as_str()).collect();
        assert_eq!(order, ["a.1", "b.2", "z.one", "y.two"]);
        let names = |steps: Vec<StepId>| steps.iter().map(StepId::as_str).collect::<Vec<_>>().join(" ");
        assert_eq!(names(graph.dependencies(&node("y.two").id)), "a.1 b.2 z.one");
        assert_eq!(names(graph.dependents(&node("a.1").id)), "y.two z.one");
        assert_eq!(names(graph.dependents(&node("z.one").id)), "y.two");
    }

    #[test]
    fn long_chains_and_circles_take_no_stack() {
        let chain = |first: &str| -> Vec<_> {
            let before = |number: usize| match number.checked_sub(1) {
                None => first.to_owned(),
                Some(before) => format!("step.{before:06}"),
            };
            (0..100_000).map(|number| edge(node(&format!("step.{number:06}")), &before(number))).collect()
        };
        let mut nodes = chain("start.0");
        nodes.push(node("start.0"));
        nodes.reverse();
        assert_eq!(Graph::new(nodes).unwrap().len(), 100_001);
        let errors = Graph::new(chain("step.099999")).unwrap_err();
        assert!(matches!(&errors[..], [GraphError::Cycle(steps)] if steps.len() == 100_000));
    }

    #[test]
    fn equal_nodes_are_one() {
        let graph = Graph::new([node("cluster.default"), node("cluster.default")]).unwrap();
        assert_eq!(graph.nodes().len(), 1);
    }

    proptest! {
        #[test]
        fn every_step_comes_after_its_dependencies(edges in proptest::collection::vec((0_usize..12, 0_usize..12), 0..40)) {
            let mut nodes: Vec<_> = (0..12).map(|n| node(&format!("step.{n:02}"))).collect();
            for (a, b) in edges.into_iter().filter(|(a, b)| a != b) {
                let before = nodes[a.min(b)].id.clone();
                nodes[a.max(b)].after.push(before);
            }
            nodes.reverse();
            let graph = Graph::new(nodes).unwrap();
            let order: Vec<_> = graph.nodes().map(|node| node.id.clone()).collect();
            prop_assert_eq!(order.len(), 12);
            for (place, step) in order.iter().enumerate() {
                for before in graph.dependencies(step) {
                    prop_assert!(order[..place].contains(&before));
                    prop_assert!(graph.dependents(&before).contains(step));
                }
            }
        }

        #[test]
        fn what_is_refused_really_is_a_circle(edges in proptest::collection::vec((0_usize..8, 0_usize..8), 0..20)) {
            let mut nodes: Vec<_> = (0..8).map(|n| node(&format!("step.{n}"))).collect();
            for (a, b) in edges {
                let before = nodes[a].id.clone();
                nodes[b].after.push(before);
            }
            let waits: BTreeMap<_, _> = nodes.iter().map(|node| (node.id.clone(), node.after.clone())).collect();
            if let Err(errors) = Graph::new(nodes) {
                for error in errors {
                    let GraphError::Cycle(steps) = error else { panic!("{error}") };
                    for (place, step) in steps.iter().enumerate() {
                        prop_assert!(waits[&steps[(place + 1) % steps.len()]].contains(step));
                    }
                }
            }
        }
    }
}
