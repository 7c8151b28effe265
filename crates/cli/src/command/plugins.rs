//! `longshore plugins`.

use longshore_model::{Failure, FailureKind, closest};
use longshore_plugin::Description;
use serde_json::json;

use super::Invocation;
use crate::{arguments, exit::Exit};

/// Lists the plugins that a configuration can name, by kind, or describes those of one name.
pub(super) fn run(options: &arguments::Plugins, invocation: &Invocation) -> Exit {
    let stdout = &invocation.display.stdout;
    let Some(name) = &options.name else {
        for (kind, names) in invocation.plugins.names() {
            if invocation.is_json() {
                stdout.line(json!({"kind": kind, "names": names}).to_string());
            } else {
                stdout.line(format!("{kind:18} {}", names.join(", ")));
            }
        }
        return Exit::Done;
    };
    let all: Vec<_> = invocation
        .plugins
        .described()
        .into_iter()
        .flat_map(|(kind, plugins)| plugins.into_iter().map(move |(name, of)| (kind, name, of)))
        .collect();
    let mut found = all.iter().filter(|(_, known, _)| known == name).peekable();
    if found.peek().is_none() {
        let failure = Failure::new(FailureKind::Invalid, format!("there is no plugin `{name}`"));
        let help = match closest(name, all.iter().map(|(_, name, _)| *name)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`longshore plugins` lists those that there are".to_owned(),
        };
        return invocation.refuse(vec![failure.help(help)]);
    }
    for (kind, name, description) in found {
        if invocation.is_json() {
            stdout.line(as_json(kind, name, description).to_string());
        } else {
            stdout.write(as_text(kind, name, description));
        }
    }
    Exit::Done
}

fn as_json(kind: &str, name: &str, description: &Description) -> serde_json::Value {
    let options = description.options.iter();
    let options: Vec<_> =
        options.map(|option| json!({"name": option.name, "meaning": option.meaning})).collect();
    json!({
        "kind": kind,
        "name": name,
        "summary": description.summary,
        "host": description.host,
        "options": options,
        "document": description.document,
    })
}

fn as_text(kind: &str, name: &str, description: &Description) -> String {
    let mut text = format!("{kind} {name}\n  {}\n", description.summary);
    if let Some(host) = description.host {
        text.push_str(&format!("  registry: {host}\n"));
    }
    let width = description.options.iter().map(|option| option.name.len()).max().unwrap_or_default();
    for option in &description.options {
        text.push_str(&format!("    {:width$}  {}\n", option.name, option.meaning));
    }
    if let Some(document) = description.document {
        text.push_str(&format!("  more: docs/{document}\n"));
    }
    text
}
