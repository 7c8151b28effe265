//! `longshore graph`.

use longshore_aws::{Aws, Target};
use longshore_config::Loaded;
use longshore_graph::{Format, Graph, draw};
use longshore_model::Failure;
use longshore_process::Processes;

use super::Invocation;
use crate::{
    arguments::{self, GraphFormat},
    exit::Exit,
    host, place,
};

/// Returns the configuration and its graph of steps. Nothing is called.
///
/// # Errors
/// Everything that is wrong with the configuration.
pub(super) fn expand(invocation: &Invocation) -> Result<(Loaded, Graph), Vec<Failure>> {
    let plugins = &invocation.plugins;
    let loaded = host::load(&invocation.settings, &invocation.variables, plugins)?;
    let pullers = place::real_pullers(&loaded.stack).map_err(|failure| vec![failure])?;
    let aws = Aws::connect(Target::default(), None);
    let processes = Processes::default();
    let expansion = host::expand(&loaded, plugins, &aws, pullers, &invocation.variables, &processes)?;
    Ok((loaded, expansion.graph))
}

/// Draws the graph of steps.
pub(super) fn run(options: &arguments::Graph, invocation: &Invocation) -> Exit {
    let (loaded, graph) = match expand(invocation) {
        Ok(expanded) => expanded,
        Err(failures) => return invocation.refuse(failures),
    };
    let stdout = &invocation.display.stdout;
    if invocation.is_json() {
        let mut text = String::new();
        for summary in graph.summaries() {
            match serde_json::to_string(&summary) {
                Ok(line) => text.extend([line.as_str(), "\n"]),
                Err(error) => tracing::error!(%error, "a step cannot be written as JSON"),
            }
        }
        stdout.write(text);
        return Exit::Done;
    }
    stdout.write(draw(
        &graph,
        match options.format {
            GraphFormat::Tree => Format::Tree,
            GraphFormat::Mermaid => Format::Mermaid,
            GraphFormat::Dot => Format::Dot,
        },
    ));
    // The process ends: to free what a large stack has would take a tenth of its time.
    std::mem::forget((loaded, graph));
    Exit::Done
}
