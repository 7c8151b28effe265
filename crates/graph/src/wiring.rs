//! From the names on the ends of edges to indices.

use std::{cell::OnceCell, ptr};

use longshore_model::{StepId, ValueType};
use longshore_plugin::{Input, Node, Output};

use crate::{
    GraphError,
    names::{NameTable, PlaceTable},
    rows::{Rows, index},
};

/// The edges of nodes, by the nodes' indices.
pub(crate) struct Wiring {
    /// The nodes that each one depends on, sorted, each of them once.
    pub(crate) dependencies: Rows<u32>,
    /// The inputs of each node, sorted by name.
    pub(crate) inputs: Rows<Wire>,
    /// The labels of the outputs of each node.
    pub(crate) outputs: Rows<u32>,
    pub(crate) labels: Labels,
    /// The errors, each with the index of its node.
    pub(crate) errors: Vec<(usize, GraphError)>,
}

/// An input and the output that it is wired to.
#[derive(Clone, Copy)]
pub(crate) struct Wire {
    pub(crate) label: u32,
    /// The place of the output among those of all nodes.
    pub(crate) slot: u32,
}

impl Wiring {
    /// Resolves the names, and checks the types. `table` is that of the names, if it was made already.
    pub(crate) fn new(nodes: &[Node], table: Option<NameTable>) -> Self {
        let inputs = nodes.iter().map(|node| node.inputs.len()).sum();
        let after: usize = nodes.iter().map(|node| node.after.len()).sum();
        let text = ValueType::TEXT;
        let mut labels = Labelling::default();
        let outputs = outputs(nodes, &mut labels);
        let mut wiring = Self {
            dependencies: Rows::with_capacity(nodes.len(), inputs + after),
            inputs: Rows::with_capacity(nodes.len(), inputs),
            outputs: Rows::with_capacity(0, 0),
            labels: Labels::default(),
            errors: Vec::new(),
        };
        let any = labels.label(text.as_str());
        let names = Names::of(nodes, table);
        let (mut dependencies, mut wires) = (Vec::new(), Vec::new());
        for (place, node) in nodes.iter().enumerate() {
            for input in &node.inputs {
                let Some(from) = names.find(&input.from) else {
                    wiring.errors.push((place, missing(&node.id, &input.from)));
                    continue;
                };
                dependencies.push(from);
                let output = labels.label(&input.output);
                let value_type = labels.label(input.value_type.as_str());
                let place_of = |&(name, own_type): &(u32, u32)| {
                    name == output && (value_type == any || own_type == value_type)
                };
                match outputs.row(from as usize).iter().position(place_of) {
                    Some(output) => {
                        let label = labels.label(&input.name);
                        wires.push(Wire { label, slot: index(outputs.start(from as usize) + output) });
                    }
                    None => wiring.errors.push((place, mistake(&node.id, input, &nodes[from as usize]))),
                }
            }
            for before in &node.after {
                match names.find(before) {
                    Some(from) => dependencies.push(from),
                    None => wiring.errors.push((place, missing(&node.id, before))),
                }
            }
            dependencies.sort_unstable();
            dependencies.dedup();
            wiring.dependencies.push_row(dependencies.drain(..));
            by_name(&mut wires, &labels.labels);
            wiring.inputs.push_row(wires.drain(..));
        }
        wiring.dependencies.shrink();
        wiring.outputs = outputs.each(|(name, _)| name);
        wiring.labels = labels.labels;
        wiring
    }
}

/// The labels of the outputs of each node, and of their types.
fn outputs<'a>(nodes: &'a [Node], labels: &mut Labelling<'a>) -> Rows<(u32, u32)> {
    let mut outputs = Rows::with_capacity(nodes.len(), nodes.iter().map(|node| node.outputs.len()).sum());
    for node in nodes {
        let label =
            |output: &'a Output| (labels.label(&output.name), labels.label(output.value_type.as_str()));
        outputs.push_row(node.outputs.iter().map(label));
    }
    outputs
}

/// The names of nodes: most are found by their place in memory, the others in a table that is made when it is needed.
struct Names<'a> {
    nodes: &'a [Node],
    places: PlaceTable,
    table: OnceCell<NameTable>,
}

impl<'a> Names<'a> {
    fn of(nodes: &'a [Node], table: Option<NameTable>) -> Self {
        let places = PlaceTable::of(nodes.iter().map(|node| node.id.as_str()));
        Self { nodes, places, table: table.map(OnceCell::from).unwrap_or_default() }
    }

    fn find(&self, name: &StepId) -> Option<u32> {
        self.places.get(name.as_str()).or_else(|| {
            let at = |node: u32| self.nodes[node as usize].id.as_str();
            let make = || {
                let mut table = NameTable::with_capacity(self.nodes.len());
                for (place, node) in self.nodes.iter().enumerate() {
                    table.get_or_insert(node.id.as_str(), place, at);
                }
                table
            };
            self.table.get_or_init(make).get(name.as_str(), at)
        })
    }
}

/// Sorts the inputs by name. Of two with one name, the later one counts.
fn by_name(wires: &mut Vec<Wire>, labels: &Labels) {
    let name = |wire: &Wire| labels.get(wire.label);
    if !wires.is_sorted_by(|one, other| name(one) < name(other)) {
        wires.reverse();
        wires.sort_by(|one, other| name(one).cmp(name(other)));
        wires.dedup_by_key(|wire| wire.label);
    }
}

fn missing(step: &StepId, from: &StepId) -> GraphError {
    GraphError::NoSuchStep { step: step.clone(), from: from.clone() }
}

/// Returns the error of an input: `from` lacks the output, or the output has another type.
fn mistake(step: &StepId, input: &Input, from: &Node) -> GraphError {
    let Some(output) = from.outputs.iter().find(|output| output.name == input.output) else {
        return GraphError::NoSuchOutput {
            step: step.clone(),
            input: input.name.to_string(),
            from: from.id.clone(),
            output: input.output.to_string(),
            outputs: from.outputs.iter().map(|output| output.name.to_string()).collect(),
        };
    };
    GraphError::Mistyped {
        step: step.clone(),
        input: input.name.to_string(),
        takes: input.value_type.clone(),
        from: from.id.clone(),
        output: output.name.to_string(),
        yields: output.value_type.clone(),
    }
}

/// The names of inputs, outputs and types, each of them kept once: many steps have inputs of the same names.
#[derive(Default)]
pub(crate) struct Labels(Vec<Box<str>>);

impl Labels {
    pub(crate) fn get(&self, label: u32) -> &str {
        &self.0[label as usize]
    }
}

const RECENT: usize = 32;

/// Labels that are being made.
struct Labelling<'a> {
    labels: Labels,
    table: NameTable,
    /// The last labels by their names' places in memory, of which there are few: most names are constants.
    recent: [Option<(&'a str, u32)>; RECENT],
}

impl Default for Labelling<'_> {
    fn default() -> Self {
        Self { labels: Labels::default(), table: NameTable::default(), recent: [None; RECENT] }
    }
}

impl<'a> Labelling<'a> {
    fn label(&mut self, name: &'a str) -> u32 {
        let recent = &mut self.recent[name.as_ptr() as usize % RECENT];
        if let Some((_, label)) = recent.filter(|(known, _)| ptr::eq(*known, name)) {
            return label;
        }
        let names = &mut self.labels.0;
        let label = self.table.get_or_insert(name, names.len(), |label| &names[label as usize]);
        if label as usize == names.len() {
            names.push(name.into());
        }
        *recent = Some((name, label));
        label
    }
}
