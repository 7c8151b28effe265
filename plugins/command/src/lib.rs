//! Step plugin for programs: inputs as environment variables, outputs as JSON lines.
//!
//! ```toml
//! [steps.dns]
//! use = "command"
//! command = ["./dns-record"]                  # without a shell; a path counts from the file's directory
//! phases = ["plan", "apply", "plan-removal", "remove"]
//! inputs.TARGET = { from = "steps.web", output = "url" }
//! outputs.name = "text"
//! timeout = "5m"
//! ```
//!
//! `docs/command.md` describes the protocol.

mod message;
mod options;
mod step;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use longshore_credential::Environment;
use longshore_model::{Problem, ValueType};
use longshore_plugin::{Node, Plugins, StepDeclaration, StepPlugin};

use crate::{options::Options, step::CommandStep};

/// Adds the step plugin `command`. Programs do not inherit the variables that the lent [`Environment`] hides.
pub fn register(plugins: &mut Plugins) {
    plugins
        .add_step_plugin("command", |_, extensions| {
            let environment = extensions.get::<Environment>().map(|lent| (*lent).clone()).unwrap_or_default();
            Ok(Arc::new(Commands { environment }))
        })
        .summary("A program of your own, run in each phase that it knows")
        .document("command.md");
}

/// Makes steps that run programs.
struct Commands {
    environment: Environment,
}

impl StepPlugin for Commands {
    fn node(&self, declaration: &StepDeclaration<'_>) -> Result<Node, Vec<Problem>> {
        let options = Options::read(declaration.options)?;
        let references: Vec<_> =
            options.inputs.values().filter_map(|text| text.reference().cloned()).collect();
        let outputs = options.outputs.clone();
        let resource = format!("command {}", options.title());
        let step = CommandStep { options, environment: self.environment.clone(), resource: resource.clone() };
        let node = Node::new(declaration.id(), Arc::new(step)).makes(resource).references(references);
        Ok(outputs
            .into_iter()
            .fold(node, |node, (name, value_type)| node.output(name, ValueType::named(value_type))))
    }
}
