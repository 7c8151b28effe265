//! Circles of steps that wait for each other.

use std::collections::VecDeque;

use longshore_model::StepId;
use longshore_plugin::Node;
use petgraph::{
    algo::kosaraju_scc,
    graph::{DiGraph, NodeIndex},
};

use crate::{
    GraphError,
    rows::{Rows, index},
};

/// No node.
const NONE: u32 = u32::MAX;

/// The edges among the nodes that no order reaches.
pub(crate) struct Rest<'a> {
    pub(crate) nodes: &'a [Node],
    pub(crate) dependents: &'a Rows<u32>,
    /// The place of each node among all names.
    pub(crate) ranks: &'a [u32],
    /// The nodes, each of which is in a circle or behind one.
    pub(crate) left: Vec<u32>,
}

impl Rest<'_> {
    /// Returns one circle for each strongly connected component, beginning with its first step by name.
    pub(crate) fn cycles(&self) -> Vec<GraphError> {
        let mut component_of = vec![NONE; self.nodes.len()];
        let components: Vec<_> =
            self.components().into_iter().filter(|component| self.is_circular(component)).collect();
        for (number, component) in components.iter().enumerate() {
            for &node in component {
                component_of[node as usize] = index(number);
            }
        }
        let mut came_from = vec![NONE; self.nodes.len()];
        let mut circles: Vec<_> = components
            .iter()
            .map(|component| self.circle(component, &component_of, &mut came_from))
            .collect();
        circles.sort();
        circles.into_iter().map(GraphError::Cycle).collect()
    }

    fn is_circular(&self, component: &[u32]) -> bool {
        component.len() > 1
            || component.first().is_some_and(|node| self.dependents.row(*node as usize).contains(node))
    }

    /// The strongly connected components. One node stands between those that come last and all others, instead of edges.
    fn components(&self) -> Vec<Vec<u32>> {
        let mut graph = DiGraph::<u32, ()>::with_capacity(self.left.len() + 1, self.left.len());
        let mut places = vec![NONE; self.nodes.len()];
        for &node in &self.left {
            places[node as usize] = index(graph.add_node(node).index());
        }
        let barrier = graph.add_node(NONE);
        for &node in &self.left {
            let from = NodeIndex::new(places[node as usize] as usize);
            let dependents = self.dependents.row(node as usize).iter().map(|&to| places[to as usize]);
            for to in dependents.filter(|&to| to != NONE) {
                graph.add_edge(from, NodeIndex::new(to as usize), ());
            }
            if self.nodes[node as usize].is_last {
                graph.add_edge(barrier, from, ());
            } else {
                graph.add_edge(from, barrier, ());
            }
        }
        let nodes = |component: Vec<NodeIndex>| {
            component.into_iter().filter(|&node| node != barrier).map(|node| graph[node]).collect()
        };
        kosaraju_scc(&graph).into_iter().map(nodes).collect()
    }

    /// The shortest way from the component's first step back to itself.
    fn circle(&self, component: &[u32], component_of: &[u32], came_from: &mut [u32]) -> Vec<StepId> {
        let rank = |node: &u32| self.ranks[*node as usize];
        let id = |node: u32| self.nodes[node as usize].id.clone();
        let Some(&start) = component.iter().min_by_key(|node| rank(node)) else { return Vec::new() };
        let is_last = |node: u32| self.nodes[node as usize].is_last;
        // All that do not come last lead to those that do: the first one leads to all of them, and later ones to none anew.
        let mut last: Vec<_> = component.iter().copied().filter(|&node| is_last(node)).collect();
        let mut front = VecDeque::from([start]);
        while let Some(at) = front.pop_front() {
            let dependents = self.dependents.row(at as usize).iter().copied();
            let mut next: Vec<_> = dependents
                .filter(|&node| component_of[node as usize] == component_of[start as usize])
                .collect();
            if !is_last(at) {
                next.append(&mut last);
                next.extend(is_last(start).then_some(start));
            }
            if next.contains(&start) {
                let mut way = vec![id(at)];
                let mut step = at;
                while step != start {
                    step = came_from[step as usize];
                    way.push(id(step));
                }
                way.reverse();
                return way;
            }
            next.sort_by_key(rank);
            for node in next {
                if came_from[node as usize] == NONE {
                    came_from[node as usize] = at;
                    front.push_back(node);
                }
            }
        }
        vec![id(start)]
    }
}
