//! Drawings of a graph.

use std::{collections::BTreeMap, fmt::Write};

use longshore_model::is_internal;

use crate::Graph;

/// The form of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text: what nothing depends on, and below each step what it depends on, as `cargo tree` draws it.
    Tree,
    /// A Mermaid flowchart, which GitHub and GitLab render in Markdown.
    Mermaid,
    /// Graphviz.
    Dot,
}

/// Draws `graph`. Ends with a line break.
#[must_use]
pub fn draw(graph: &Graph, format: Format) -> String {
    match format {
        Format::Tree => tree(graph),
        Format::Mermaid => mermaid(graph),
        Format::Dot => dot(graph),
    }
}

fn tree(graph: &Graph) -> String {
    let mut drawing = String::new();
    let mut seen = vec![false; graph.len()];
    for (place, node) in graph.nodes().enumerate() {
        if !node.is_last && graph.dependents_of(place).iter().all(|&other| graph.at(other as usize).is_last) {
            branch(graph, place, &mut seen, &mut drawing);
        }
    }
    for &place in graph.last() {
        let _ = writeln!(drawing, "{} (after everything else)", graph.at(place as usize).id);
    }
    drawing
}

/// A line of a tree that is yet to be drawn.
struct Line {
    place: usize,
    /// Drawn in front of the step.
    head: String,
    /// Drawn in front of the heads of the steps below it.
    indent: String,
}

/// Draws the step at `place`, and below it those that it depends on. Those that were drawn before are not unfolded again.
fn branch(graph: &Graph, place: usize, seen: &mut [bool], drawing: &mut String) {
    let mut open = vec![Line { place, head: String::new(), indent: String::new() }];
    while let Some(Line { place, head, indent }) = open.pop() {
        let is_new = !std::mem::replace(&mut seen[place], true);
        let below = by_name(graph, place);
        let mark = if is_new || below.is_empty() { "" } else { " (*)" };
        let _ = writeln!(drawing, "{head}{}{mark}", graph.at(place).id);
        if is_new {
            for (position, &place) in below.iter().enumerate().rev() {
                let (corner, line) = if position + 1 < below.len() {
                    ("├── ", "│   ")
                } else {
                    ("└── ", "    ")
                };
                let (head, indent) = (format!("{indent}{corner}"), format!("{indent}{line}"));
                open.push(Line { place, head, indent });
            }
        }
    }
}

/// The places of the steps that the one at `place` depends on, by name.
fn by_name(graph: &Graph, place: usize) -> Vec<usize> {
    let mut places: Vec<_> = graph.dependencies_of(place).iter().map(|&place| place as usize).collect();
    places.sort_by_key(|&place| graph.rank(place));
    places
}

/// An edge with the names of the outputs that flow over it.
struct Edge {
    from: usize,
    to: usize,
    label: String,
}

/// The edges, without those that say only: after everything else.
fn edges(graph: &Graph) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (to, _) in graph.nodes().enumerate().filter(|(_, node)| !node.is_last) {
        let mut values = BTreeMap::<usize, Vec<&str>>::new();
        for slot in (0..).map_while(|position| graph.input(to, position)).map(|(_, slot)| slot) {
            let (from, output) = graph.source(slot);
            let values = values.entry(from).or_default();
            if !is_internal(output) && !values.contains(&output) {
                values.push(output);
            }
        }
        for from in by_name(graph, to) {
            let label = values.remove(&from).unwrap_or_default().join(", ");
            edges.push(Edge { from, to, label });
        }
    }
    edges
}

fn mermaid(graph: &Graph) -> String {
    let mut drawing = String::from("flowchart LR\n");
    for (place, node) in graph.nodes().enumerate() {
        let _ = writeln!(drawing, "    s{place}[\"{}\"]", node.id);
    }
    for Edge { from, to, label } in edges(graph) {
        let arrow = if label.is_empty() { "-->".to_owned() } else { format!("-- {label} -->") };
        let _ = writeln!(drawing, "    s{from} {arrow} s{to}");
    }
    drawing
}

fn dot(graph: &Graph) -> String {
    let mut drawing = String::from("digraph longshore {\n    rankdir = LR;\n    node [shape = box];\n");
    for node in graph.nodes() {
        let _ = writeln!(drawing, "    \"{}\";", node.id);
    }
    for Edge { from, to, label } in edges(graph) {
        let (from, to) = (&graph.at(from).id, &graph.at(to).id);
        let label = if label.is_empty() { String::new() } else { format!(" [label = \"{label}\"]") };
        let _ = writeln!(drawing, "    \"{from}\" -> \"{to}\"{label};");
    }
    drawing.push_str("}\n");
    drawing
}

#[cfg(test)]
mod tests {
    use longshore_model::ValueType;

    use super::*;
    use crate::testing::{edge, node};

    fn sample() -> Graph {
        let secret = node("credential.ghcr").output("secret-arn", ValueType::SECRET_ARN);
        let role = node("role.api").input("s", ValueType::SECRET_ARN, &secret.id, "secret-arn");
        let task = edge(
            node("task-definition.api").input("s", ValueType::SECRET_ARN, &secret.id, "secret-arn"),
            "role.api",
        );
        let service = edge(edge(node("service.api"), "task-definition.api"), "role.api");
        Graph::new([service, task, role, secret]).unwrap()
    }

    #[test]
    fn tree_shows_shared_steps_once() {
        insta::assert_snapshot!(draw(&sample(), Format::Tree), @r"
        service.api
        ├── role.api
        │   └── credential.ghcr
        └── task-definition.api
            ├── credential.ghcr
            └── role.api (*)
        ");
    }

    #[test]
    fn mermaid_names_what_flows() {
        insta::assert_snapshot!(draw(&sample(), Format::Mermaid), @r#"
        flowchart LR
            s0["credential.ghcr"]
            s1["role.api"]
            s2["task-definition.api"]
            s3["service.api"]
            s0 -- secret-arn --> s1
            s0 -- secret-arn --> s2
            s1 --> s2
            s1 --> s3
            s2 --> s3
        "#);
    }

    #[test]
    fn dot_quotes_names() {
        insta::assert_snapshot!(draw(&sample(), Format::Dot), @r#"
        digraph longshore {
            rankdir = LR;
            node [shape = box];
            "credential.ghcr";
            "role.api";
            "task-definition.api";
            "service.api";
            "credential.ghcr" -> "role.api" [label = "secret-arn"];
            "credential.ghcr" -> "task-definition.api" [label = "secret-arn"];
            "role.api" -> "task-definition.api";
            "role.api" -> "service.api";
            "task-definition.api" -> "service.api";
        }
        "#);
    }
}
