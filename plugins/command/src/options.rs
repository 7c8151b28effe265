//! The options of a step that runs a program.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use longshore_model::{Fields, Options as Declared, Problem, Text};

/// A part of the work that a program does, as it is told in the variable [`PHASE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Says what `apply` would do, and changes nothing.
    Plan,
    /// Does it.
    Apply,
    /// Says what `remove` would remove, and changes nothing.
    PlanRemoval,
    /// Removes it.
    Remove,
    /// Takes back what `apply` did in this run.
    Undo,
}

/// The phases by their names.
const PHASES: [(&str, Phase); 5] = [
    ("plan", Phase::Plan),
    ("apply", Phase::Apply),
    ("plan-removal", Phase::PlanRemoval),
    ("remove", Phase::Remove),
    ("undo", Phase::Undo),
];

/// The variables that a program gets beside its inputs.
pub(crate) const PHASE: &str = "STEP_PHASE";
/// The name of the step.
pub(crate) const STEP: &str = "STEP_ID";
/// The name of the stack.
pub(crate) const STACK: &str = "STEP_STACK";
/// The name of the environment.
pub(crate) const ENVIRONMENT: &str = "STEP_ENVIRONMENT";

/// The time that a program has, if the configuration gives none.
const TIMEOUT: Duration = Duration::from_secs(900);

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        PHASES.iter().find(|(_, phase)| *phase == self).map_or("", |(name, _)| name)
    }
}

/// The options of a step that runs a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// The program and its arguments.
    command: Vec<String>,
    /// The directory that it runs in.
    pub(crate) directory: PathBuf,
    /// The phases that it knows.
    pub(crate) phases: BTreeSet<Phase>,
    /// Environment variables.
    pub(crate) inputs: BTreeMap<String, Text>,
    /// Its outputs and their types.
    pub(crate) outputs: BTreeMap<String, String>,
    /// The longest time for a phase.
    pub(crate) timeout: Duration,
}

impl Options {
    pub(crate) fn read(options: &Declared) -> Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let command = command(fields);
            let base = fields.directory_of("command").to_owned();
            let directory = fields.path("directory").unwrap_or(base);
            let phases = phases(fields);
            let inputs = fields.table("inputs", |fields| Some(inputs(fields))).unwrap_or_default();
            let outputs = fields.table("outputs", |fields| Some(outputs(fields))).unwrap_or_default();
            let timeout = fields.time("timeout").unwrap_or(TIMEOUT);
            Some(Self { command: command?, directory, phases, inputs, outputs, timeout })
        })
    }

    /// The program as people know it.
    pub(crate) fn title(&self) -> &str {
        &self.command[0]
    }

    /// The program. A path counts from the directory, a name is searched for as the operating system does.
    pub(crate) fn program(&self) -> PathBuf {
        let program = PathBuf::from(&self.command[0]);
        if program.components().count() > 1 { self.directory.join(program) } else { program }
    }

    pub(crate) fn arguments(&self) -> &[String] {
        &self.command[1..]
    }
}

fn command(fields: &mut Fields<'_>) -> Option<Vec<String>> {
    let help = "set it to the program and its arguments: [\"./announce\", \"staging\"]";
    if !fields.has("command") {
        fields.skip("command");
        fields.problem("command", "is missing", help);
        return None;
    }
    let command = fields.texts("command")?;
    if command.first().is_none_or(String::is_empty) {
        fields.problem("command", "names no program", help);
        return None;
    }
    Some(command)
}

fn phases(fields: &mut Fields<'_>) -> BTreeSet<Phase> {
    let Some(names) = fields.texts("phases") else { return [Phase::Apply].into() };
    let known: Vec<_> = PHASES.iter().map(|(name, _)| *name).collect();
    let mut phases = BTreeSet::new();
    for name in &names {
        match PHASES.iter().find(|(known, _)| known == name) {
            Some((_, phase)) => drop(phases.insert(*phase)),
            None => fields.problem(
                "phases",
                format!("there is no phase `{name}`"),
                format!("known: {}", known.join(", ")),
            ),
        }
    }
    if !phases.contains(&Phase::Apply) {
        fields.problem(
            "phases",
            "lacks `apply`",
            "add it: it is the phase in which the program does its work",
        );
    }
    if phases.contains(&Phase::PlanRemoval) != phases.contains(&Phase::Remove) {
        let help = "name both or neither: a removal is planned and shown before it is made";
        fields.problem("phases", "has only one of `plan-removal` and `remove`", help);
    }
    phases
}

fn inputs(fields: &mut Fields<'_>) -> BTreeMap<String, Text> {
    let mut inputs = BTreeMap::new();
    for name in fields.names() {
        let is_reserved = [PHASE, STEP, STACK, ENVIRONMENT].contains(&name.as_str());
        if name.is_empty() || name.contains(['=', '\0']) || is_reserved {
            fields.skip(&name);
            let help = "must be the name of an environment variable, and none of those that begin with STEP_";
            fields.problem(&name, "is not the name of an input", help);
        } else if let Some(text) = fields.text_or_reference(&name) {
            inputs.insert(name, text);
        }
    }
    inputs
}

fn outputs(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let names = fields.names();
    names.into_iter().filter_map(|name| Some((name.clone(), fields.text(&name)?))).collect()
}
