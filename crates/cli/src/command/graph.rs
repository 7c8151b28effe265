//! `longshore graph`.

use longshore_aws::{Aws, Target};
use longshore_graph::{Format, draw};
use longshore_process::Processes;

use super::Invocation;
use crate::{
    arguments::{self, GraphFormat},
    exit::Exit,
    host, place,
};

/// Draws the graph of steps. Nothing is called.
pub(super) fn run(options: &arguments::Graph, invocation: &Invocation) -> Exit {
    let plugins = &invocation.plugins;
    let loaded = match host::load(&invocation.settings, &invocation.variables, plugins) {
        Ok(loaded) => loaded,
        Err(failures) => return invocation.refuse(failures),
    };
    let pullers = match place::real_pullers(&loaded.stack) {
        Ok(pullers) => pullers,
        Err(failure) => return invocation.refuse(vec![failure]),
    };
    let aws = Aws::connect(Target::default(), None);
    let processes = Processes::default();
    let graph = match host::expand(&loaded, plugins, &aws, pullers, &invocation.variables, &processes) {
        Ok(expansion) => expansion.graph,
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
