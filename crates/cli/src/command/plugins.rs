//! `longshore plugins`.

use super::Invocation;
use crate::{exit::Exit, host};

/// Lists the plugins that a configuration can name, by kind.
pub(super) fn run(invocation: &Invocation) -> Exit {
    let stdout = &invocation.display.stdout;
    for (kind, names) in host::plugins().names() {
        if invocation.is_json() {
            stdout.line(serde_json::json!({"kind": kind, "names": names}).to_string());
        } else {
            stdout.line(format!("{kind:18} {}", names.join(", ")));
        }
    }
    Exit::Done
}
