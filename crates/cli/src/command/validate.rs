//! `longshore validate`.

use serde_json::json;

use super::{Invocation, graph};
use crate::exit::Exit;

/// Checks the configuration as far as no call is needed, and prints its size.
pub(super) fn run(invocation: &Invocation) -> Exit {
    let (loaded, graph) = match graph::expand(invocation) {
        Ok(expanded) => expanded,
        Err(failures) => return invocation.refuse(failures),
    };
    let stack = &loaded.stack;
    let (services, registries, steps) = (stack.services.len(), stack.registries.len(), graph.len());
    invocation.display.stdout.line(if invocation.is_json() {
        let size = json!({
            "stack": stack.name,
            "environment": stack.environment,
            "services": services,
            "registries": registries,
            "steps": steps,
        });
        size.to_string()
    } else {
        format!(
            "The configuration of {} ({}) is valid: {}, {}, {}.",
            stack.name,
            stack.environment,
            counted(services, "service", "services"),
            counted(registries, "registry", "registries"),
            counted(steps, "step", "steps")
        )
    });
    Exit::Done
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}
