//! `longshore config`.

use std::fmt::Write as _;

use super::Invocation;
use crate::{exit::Exit, host};

/// Prints the merged configuration and where each value came from.
pub(super) fn run(invocation: &Invocation) -> Exit {
    let loaded = match host::load(&invocation.settings, &invocation.variables, &invocation.plugins) {
        Ok(loaded) => loaded,
        Err(failures) => return invocation.refuse(failures),
    };
    let stdout = &invocation.display.stdout;
    let entries = loaded.listing();
    // Written at once: a large stack has hundreds of thousands of lines.
    let mut text = String::new();
    if invocation.is_json() {
        for entry in &entries {
            match serde_json::to_string(entry) {
                Ok(line) => text.extend([line.as_str(), "\n"]),
                Err(error) => tracing::error!(%error, key = entry.key, "a value cannot be written as JSON"),
            }
        }
        stdout.write(text);
        return Exit::Done;
    }
    let style = invocation.display.stdout_style;
    let lines: Vec<_> = entries.iter().map(|entry| (entry.to_string(), &entry.origin)).collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or_default().min(70);
    for (line, origin) in lines {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{line:width$}  {}", style.dim(&format!("# {origin}")));
    }
    stdout.write(text);
    // The process ends: to free what a large stack has would take a tenth of its time.
    std::mem::forget((loaded, entries));
    Exit::Done
}
