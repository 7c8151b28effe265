//! Nodes with checked edges, in an order in which they can run.

use std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry};

use longshore_model::{StepId, StepSummary};
use longshore_plugin::{Input, Node};
use petgraph::{
    Direction,
    algo::tarjan_scc,
    graph::{DiGraph, NodeIndex},
};

use crate::GraphError;

/// A directed acyclic graph of steps. Every input is wired to an output of its type.
#[derive(Debug)]
pub struct Graph {
    graph: DiGraph<Node, ()>,
    index: BTreeMap<StepId, NodeIndex>,
    order: Vec<NodeIndex>,
}

impl Graph {
    /// Makes a graph of `nodes`. Nodes with the same id and the same edges are one node: a cluster that several
    /// services share.
    ///
    /// # Errors
    /// Everything that is wrong, at once: missing and mistyped inputs, and each cycle.
    pub fn new(nodes: impl IntoIterator<Item = Node>) -> Result<Self, Vec<GraphError>> {
        let mut graph = DiGraph::new();
        let mut index = BTreeMap::new();
        let mut errors = Vec::new();
        for node in nodes {
            match index.get(&node.id) {
                None => {
                    let id = node.id.clone();
                    index.insert(id, graph.add_node(node));
                }
                Some(&existing) if is_same(&graph[existing], &node) => {}
                Some(_) => errors.push(GraphError::Duplicate(node.id)),
            }
        }
        let mut edges = BTreeSet::new();
        for (id, &to) in &index {
            let node: &Node = &graph[to];
            for input in &node.inputs {
                match index.get(&input.from) {
                    Some(&from) => {
                        errors.extend(check_wire(id, input, &graph[from]));
                        edges.insert((from, to));
                    }
                    None => {
                        errors.push(GraphError::NoSuchStep { step: id.clone(), from: input.from.clone() })
                    }
                }
            }
            for before in &node.after {
                match index.get(before) {
                    Some(&from) => drop(edges.insert((from, to))),
                    None => errors.push(GraphError::NoSuchStep { step: id.clone(), from: before.clone() }),
                }
            }
        }
        for to in graph.node_indices().filter(|&node| graph[node].is_last) {
            edges.extend(graph.node_indices().filter(|&from| !graph[from].is_last).map(|from| (from, to)));
        }
        for (from, to) in edges {
            graph.add_edge(from, to, ());
        }
        errors.extend(cycles(&graph));
        if errors.is_empty() {
            let order = order(&graph, &index);
            Ok(Self { graph, index, order })
        } else {
            Err(errors)
        }
    }

    /// All nodes, each after those that it depends on; the same graph always in the same order.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = &Node> + ExactSizeIterator {
        self.order.iter().map(|&index| &self.graph[index])
    }

    /// The node of `step`.
    #[must_use]
    pub fn node(&self, step: &StepId) -> Option<&Node> {
        self.index.get(step).map(|&index| &self.graph[index])
    }

    /// The steps that `step` directly depends on, by name.
    #[must_use]
    pub fn dependencies(&self, step: &StepId) -> Vec<StepId> {
        self.neighbours(step, Direction::Incoming)
    }

    /// The steps that directly depend on `step`, by name.
    #[must_use]
    pub fn dependents(&self, step: &StepId) -> Vec<StepId> {
        self.neighbours(step, Direction::Outgoing)
    }

    fn neighbours(&self, step: &StepId, direction: Direction) -> Vec<StepId> {
        let Some(&index) = self.index.get(step) else { return Vec::new() };
        let steps: BTreeSet<_> = self
            .graph
            .neighbors_directed(index, direction)
            .map(|index| self.graph[index].id.clone())
            .collect();
        steps.into_iter().collect()
    }

    /// The steps as a display needs to know them, in the order of [`Graph::nodes`].
    #[must_use]
    pub fn summaries(&self) -> Vec<StepSummary> {
        self.nodes()
            .map(|node| StepSummary { step: node.id.clone(), after: self.dependencies(&node.id) })
            .collect()
    }
}

fn is_same(one: &Node, other: &Node) -> bool {
    one.inputs == other.inputs && one.after == other.after && one.outputs == other.outputs
}

fn check_wire(step: &StepId, input: &Input, from: &Node) -> Option<GraphError> {
    let Some(output) = from.outputs.iter().find(|output| output.name == input.output) else {
        return Some(GraphError::NoSuchOutput {
            step: step.clone(),
            input: input.name.clone(),
            from: from.id.clone(),
            output: input.output.clone(),
            outputs: from.outputs.iter().map(|output| output.name.clone()).collect(),
        });
    };
    (output.value_type != input.value_type).then(|| GraphError::Mistyped {
        step: step.clone(),
        input: input.name.clone(),
        takes: input.value_type.clone(),
        from: from.id.clone(),
        output: output.name.clone(),
        yields: output.value_type.clone(),
    })
}

/// One circle for each strongly connected component, beginning with its first step by name.
fn cycles(graph: &DiGraph<Node, ()>) -> Vec<GraphError> {
    let mut cycles: Vec<_> = tarjan_scc(graph)
        .into_iter()
        .filter(|component| component.len() > 1 || graph.contains_edge(component[0], component[0]))
        .map(|component| circle(graph, &component))
        .collect();
    cycles.sort();
    cycles.into_iter().map(GraphError::Cycle).collect()
}

/// The shortest way from the component's first step back to itself.
fn circle(graph: &DiGraph<Node, ()>, component: &[NodeIndex]) -> Vec<StepId> {
    let by_name = |index: &NodeIndex| graph[*index].id.clone();
    let Some(start) = component.iter().copied().min_by_key(by_name) else { return Vec::new() };
    let mut came_from = BTreeMap::new();
    let mut front = VecDeque::from([start]);
    while let Some(at) = front.pop_front() {
        let mut next: Vec<_> =
            graph.neighbors(at).filter(|neighbour| component.contains(neighbour)).collect();
        next.sort_by_key(by_name);
        for neighbour in next {
            if neighbour == start {
                let mut way = vec![by_name(&at)];
                let mut step = at;
                while let Some(&before) = came_from.get(&step) {
                    way.push(by_name(&before));
                    step = before;
                }
                way.reverse();
                return way;
            }
            if let Entry::Vacant(entry) = came_from.entry(neighbour) {
                entry.insert(at);
                front.push_back(neighbour);
            }
        }
    }
    vec![by_name(&start)]
}

/// Kahn's algorithm; of the steps that are ready, the first by name comes first.
fn order(graph: &DiGraph<Node, ()>, index: &BTreeMap<StepId, NodeIndex>) -> Vec<NodeIndex> {
    let mut waiting: BTreeMap<_, _> = index
        .values()
        .map(|&node| (node, graph.neighbors_directed(node, Direction::Incoming).count()))
        .collect();
    let mut ready: BTreeSet<_> =
        index.iter().filter(|(_, node)| waiting[node] == 0).map(|(id, &node)| (id, node)).collect();
    let mut order = Vec::new();
    while let Some((_, node)) = ready.pop_first() {
        order.push(node);
        for dependent in graph.neighbors(node) {
            if let Some(count) = waiting.get_mut(&dependent) {
                *count -= 1;
                if *count == 0 {
                    ready.insert((&graph[dependent].id, dependent));
                }
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
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
