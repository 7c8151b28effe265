//! The errors of a graph.

use std::fmt;

use longshore_model::{StepId, ValueType};

/// The reason for which nodes do not make a graph that can be run. Plugins cause these, not configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphError {
    /// Steps wait for each other: each for the next, the last for the first.
    Cycle(Vec<StepId>),
    /// Two different nodes have one id.
    Duplicate(StepId),
    /// A step waits for one that is not there.
    NoSuchStep {
        /// The step that waits.
        step: StepId,
        /// The step that it waits for.
        from: StepId,
    },
    /// An input is wired to an output that its step does not have.
    NoSuchOutput {
        /// The step with the input.
        step: StepId,
        /// The input.
        input: String,
        /// The step that should yield it.
        from: StepId,
        /// The output that is missing.
        output: String,
        /// The outputs that there are.
        outputs: Vec<String>,
    },
    /// An input is wired to an output of another type.
    Mistyped {
        /// The step with the input.
        step: StepId,
        /// The input.
        input: String,
        /// The type that it takes.
        takes: ValueType,
        /// The step that yields the value.
        from: StepId,
        /// Its output.
        output: String,
        /// The type of the output.
        yields: ValueType,
    },
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle(steps) => {
                f.write_str("steps wait for each other in a circle: ")?;
                for step in steps {
                    write!(f, "{step} → ")?;
                }
                f.write_str(steps.first().map_or("", StepId::as_str))
            }
            Self::Duplicate(step) => write!(f, "two different steps are called `{step}`"),
            Self::NoSuchStep { step, from } => write!(f, "`{step}` waits for `{from}`, which is not there"),
            Self::NoSuchOutput { step, input, from, output, outputs } => {
                let there_are = if outputs.is_empty() { "nothing".to_owned() } else { outputs.join(", ") };
                write!(
                    f,
                    "the input `{input}` of `{step}` is wired to the output `{output}` of `{from}`, which yields {there_are}"
                )
            }
            Self::Mistyped { step, input, takes, from, output, yields } => write!(
                f,
                "the input `{input}` of `{step}` takes a {takes}, but the output `{output}` of `{from}` is a {yields}"
            ),
        }
    }
}

impl std::error::Error for GraphError {}
