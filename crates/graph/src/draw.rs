//! Drawings of a graph.

use std::{collections::BTreeSet, fmt::Write};

use longshore_model::{StepId, is_internal};

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
    let mut seen = BTreeSet::new();
    for node in graph.nodes().filter(|node| !node.is_last && is_root(graph, &node.id)) {
        branch(graph, &node.id, "", "", &mut seen, &mut drawing);
    }
    for node in graph.nodes().filter(|node| node.is_last) {
        drawing.push_str(&format!("{} (after everything else)\n", node.id));
    }
    drawing
}

/// Whether nothing depends on `step`, but for what comes after everything else.
fn is_root(graph: &Graph, step: &StepId) -> bool {
    let is_last = |step: &StepId| graph.node(step).is_some_and(|node| node.is_last);
    graph.dependents(step).iter().all(is_last)
}

/// Draws `step` behind `head`, and what it depends on behind `indent`. What was drawn before is not unfolded again.
fn branch(
    graph: &Graph,
    step: &StepId,
    head: &str,
    indent: &str,
    seen: &mut BTreeSet<StepId>,
    drawing: &mut String,
) {
    let below = graph.dependencies(step);
    let is_new = seen.insert(step.clone());
    let mark = if is_new || below.is_empty() { "" } else { " (*)" };
    drawing.push_str(&format!("{head}{step}{mark}\n"));
    if is_new {
        for (place, dependency) in below.iter().enumerate() {
            let (corner, line) =
                if place + 1 < below.len() { ("├── ", "│   ") } else { ("└── ", "    ") };
            branch(
                graph,
                dependency,
                &format!("{indent}{corner}"),
                &format!("{indent}{line}"),
                seen,
                drawing,
            );
        }
    }
}

/// The edges with the names of the outputs that flow over them, without those that say only: after everything else.
fn edges(graph: &Graph) -> Vec<(StepId, StepId, String)> {
    let mut edges = Vec::new();
    for node in graph.nodes().filter(|node| !node.is_last) {
        for before in graph.dependencies(&node.id) {
            let mut values: Vec<_> = node
                .inputs
                .iter()
                .filter(|input| input.from == before && !is_internal(&input.output))
                .map(|input| input.output.as_str())
                .collect();
            values.dedup();
            edges.push((before, node.id.clone(), values.join(", ")));
        }
    }
    edges
}

fn mermaid(graph: &Graph) -> String {
    let place = |step: &StepId| graph.nodes().position(|node| node.id == *step).unwrap_or_default();
    let mut drawing = String::from("flowchart LR\n");
    for (place, node) in graph.nodes().enumerate() {
        let _ = writeln!(drawing, "    s{place}[\"{}\"]", node.id);
    }
    for (from, to, label) in edges(graph) {
        let arrow = if label.is_empty() { "-->".to_owned() } else { format!("-- {label} -->") };
        let _ = writeln!(drawing, "    s{} {arrow} s{}", place(&from), place(&to));
    }
    drawing
}

fn dot(graph: &Graph) -> String {
    let mut drawing = String::from("digraph longshore {\n    rankdir = LR;\n    node [shape = box];\n");
    for node in graph.nodes() {
        let _ = writeln!(drawing, "    \"{}\";", node.id);
    }
    for (from, to, label) in edges(graph) {
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
