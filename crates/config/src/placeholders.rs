//! Placeholders in names: `{stack}`, `{environment}`, `{region}`, `{service}`, `{registry}`.
//!
//! They stand only where names are made, in a list of keys; anywhere else braces are plain text.

use std::collections::BTreeMap;

use longshore_model::{Name, Problem, join_key};
use serde_json::{Map, Value};

/// The names of what makes a stack, by placeholder.
type Known = BTreeMap<&'static str, Option<String>>;

/// The keys of a service that are names.
const OF_SERVICES: [&[&str]; 4] =
    [&["cluster"], &["service-name"], &["execution-role", "name"], &["logs", "group"]];

/// The keys of a registry that are names.
const OF_REGISTRIES: [&[&str]; 1] = [&["secret-name"]];

/// The keys of the outermost table that are copied to services.
const FOR_ALL_SERVICES: [&str; 2] = ["cluster", "service-name"];

/// Replaces every placeholder in `values`. Returns what is wrong with them; a text that is wrong loses its braces, so that
/// nothing else is said of it.
pub(crate) fn fill_in(values: &mut Map<String, Value>, environment: &Name) -> Vec<Problem> {
    let mut problems = Vec::new();
    let region = values.get("aws").and_then(|aws| aws.get("region")).and_then(Value::as_str);
    let mut known =
        Known::from([("environment", Some(environment.to_string())), ("region", region.map(str::to_owned))]);
    if let Some(stack) = values.get_mut("stack") {
        fill("stack", stack, &known, &mut problems);
    }
    known.insert("stack", values.get("stack").and_then(Value::as_str).map(str::to_owned));

    // A problem in a name for all services is reported once.
    let mut wrong = Vec::new();
    for field in FOR_ALL_SERVICES {
        let Some(value) = values.get(field) else { continue };
        let (mut copy, before) = (value.clone(), problems.len());
        let known = with(&known, "service", "service");
        fill(field, &mut copy, &known, &mut problems);
        if problems.len() > before {
            wrong.push((field, value.clone(), copy));
        }
    }
    each(values, "services", |key, service, table| {
        for (field, text, copy) in &wrong {
            if let Some(value) = table.get_mut(*field).filter(|value| *value == text) {
                *value = copy.clone();
            }
        }
        let known = with(&known, "service", service);
        for path in OF_SERVICES {
            fill_at(key, table, path, &known, &mut problems);
        }
    });
    each(values, "registries", |key, registry, table| {
        let known = with(&known, "registry", registry);
        for path in OF_REGISTRIES {
            fill_at(key, table, path, &known, &mut problems);
        }
    });
    problems
}

/// The same names and another one.
fn with(known: &Known, placeholder: &'static str, name: &str) -> Known {
    let mut known = known.clone();
    known.insert(placeholder, Some(name.to_owned()));
    known
}

/// Calls `fill` with the key, the name and the values of each table in the table `field`.
fn each(
    values: &mut Map<String, Value>,
    field: &str,
    mut fill: impl FnMut(&str, &str, &mut Map<String, Value>),
) {
    let tables = values.get_mut(field).and_then(Value::as_object_mut);
    for (name, value) in tables.into_iter().flatten() {
        if let Value::Object(table) = value {
            fill(&join_key(field, name), name, table);
        }
    }
}

fn fill_at(
    key: &str,
    table: &mut Map<String, Value>,
    path: &[&str],
    known: &Known,
    problems: &mut Vec<Problem>,
) {
    let Some((field, tables)) = path.split_last() else { return };
    let inner = tables.iter().try_fold(table, |table, field| table.get_mut(*field)?.as_object_mut());
    if let Some(value) = inner.and_then(|table| table.get_mut(*field)) {
        let key = path.iter().fold(key.to_owned(), |key, field| join_key(&key, field));
        fill(&key, value, known, problems);
    }
}

fn fill(key: &str, value: &mut Value, known: &Known, problems: &mut Vec<Problem>) {
    let Value::String(text) = value else { return };
    if !text.contains(['{', '}']) {
        return;
    }
    match filled(text, known) {
        Ok(filled) => *text = filled,
        Err(Wrong { message, help }) => {
            problems.push(Problem::new(key, message).help(help));
            *text = text.replace(['{', '}'], "");
        }
    }
}

/// A problem that keeps a text from being filled in.
struct Wrong {
    message: String,
    help: String,
}

fn filled(text: &str, known: &Known) -> Result<String, Wrong> {
    let all = || {
        let names: Vec<_> = known.keys().map(|name| format!("{{{name}}}")).collect();
        format!("known here: {}", names.join(", "))
    };
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        let placeholder = from.strip_prefix('{').and_then(|from| from.split_once('}'));
        let Some((name, after)) = placeholder else {
            return Err(Wrong { message: format!("\"{text}\" has a brace without its pair"), help: all() });
        };
        match known.get(name) {
            Some(Some(value)) => filled.extend([before, value]),
            Some(None) => {
                let help = match name {
                    "region" => "set aws.region",
                    _ => "set it first",
                };
                let message =
                    format!("\"{text}\" names the {name}, which the configuration does not declare");
                return Err(Wrong { message, help: help.to_owned() });
            }
            None => {
                let message = format!("\"{text}\" has the unknown placeholder {{{name}}}");
                return Err(Wrong { message, help: all() });
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill_in(values: Value) -> (Value, String) {
        let Value::Object(mut values) = values else { unreachable!() };
        let problems = super::fill_in(&mut values, &Name::new("staging").unwrap());
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        (Value::Object(values), problems.join("\n"))
    }

    #[test]
    fn names_are_filled_in_and_other_texts_are_not() {
        let (filled, problems) = fill_in(json!({
            "stack": "shop-{environment}",
            "cluster": "{stack}",
            "aws": {"region": "eu-central-1"},
            "registries": {"ghcr": {"secret-name": "{stack}/{registry}", "username": "{stack}"}},
            "services": {"api": {
                "cluster": "{stack}",
                "service-name": "{environment}-{service}",
                "execution-role": {"name": "{stack}-{service}-{region}"},
                "logs": {"group": "/{environment}/{service}"},
                "environment": {"TEMPLATE": "{stack}"},
            }},
        }));
        assert_eq!(problems, "");
        insta::assert_json_snapshot!(filled);
    }

    #[test]
    fn wrong_placeholders_name_what_is_known() {
        let (_, problems) = fill_in(json!({
            "stack": "shop-{service}",
            "cluster": "{Stack}",
            "registries": {"ghcr": {"secret-name": "{service}"}},
            "services": {
                "api": {"cluster": "{Stack}", "service-name": "{stack}}", "logs": {"group": "{stack"}},
                "web": {"cluster": "{Stack}", "execution-role": {"name": "{service}-{region}"}},
            },
        }));
        insta::assert_snapshot!(problems);
    }
}
