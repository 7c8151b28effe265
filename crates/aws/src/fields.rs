//! AWS's own fields in a configuration, checked against AWS's model of its API.

use longshore_aws_shapes::{Change, Kind, Shape};
use longshore_model::{AFTER_APPLY, FieldChange, Fields, Reference, Shown, closest};
use serde_json::{Map, Value};

/// Members that Longshore sets, dotted, and how people do.
pub type Owned = [(&'static str, &'static str)];

/// Reads AWS's fields in the table `field`. Problems are noted with their keys.
pub fn table(fields: &mut Fields<'_>, field: &str, shape: Shape<'_>, owned: &Owned) -> Option<Value> {
    let known = fields.has(field);
    let value = fields.peek(field).filter(|_| known)?;
    fields.skip(field);
    let Some(members) = value.as_object() else {
        fields.refuse(field, "a table");
        return None;
    };
    let mut members = members.clone();
    for (member, help) in owned {
        let path: Vec<_> = member.split('.').collect();
        if remove(&mut members, &path) {
            let path: Vec<_> = [field].into_iter().chain(path).collect();
            fields.problem_below(&path, "is set by Longshore", *help);
        }
    }
    match shape.read_with(&Value::Object(members), Reference::is_one) {
        Ok(read) => Some(read),
        Err(findings) => {
            for finding in findings {
                let path: Vec<_> =
                    [field].into_iter().chain(finding.path.iter().map(String::as_str)).collect();
                let (message, help) = words_for(&finding.kind);
                let help = match (&finding.kind, finding.path.last()) {
                    (Kind::Unknown { known }, Some(name)) => suggestion(name, known),
                    _ => help,
                };
                fields.problem_below(&path, message, help);
            }
            None
        }
    }
}

/// Takes the member at `path` out of `members`. Returns false if it is not there.
fn remove(members: &mut Map<String, Value>, path: &[&str]) -> bool {
    match path {
        [] => false,
        [member] => members.remove(*member).is_some(),
        [member, path @ ..] => {
            let inner = members.get_mut(*member).and_then(Value::as_object_mut);
            inner.is_some_and(|inner| remove(inner, path))
        }
    }
}

/// A finding as the message and the help of a problem.
#[must_use]
pub fn words_for(kind: &Kind) -> (String, String) {
    match kind {
        Kind::Unknown { known } => ("unknown key".to_owned(), format!("known here: {}", known.join(", "))),
        Kind::Type { found, wanted } | Kind::Size { found, wanted } => {
            (format!("found {found}"), format!("must be {wanted}"))
        }
        Kind::Enumeration { found, known } => {
            let meant = closest_spelling(found, known).map(|meant| format!("did you mean `{meant}`? "));
            let known: Vec<_> = known.iter().map(|value| format!("`{value}`")).collect();
            let help = format!("{}must be one of {}", meant.unwrap_or_default(), known.join(", "));
            (format!("found the text \"{found}\""), help)
        }
        Kind::Missing => ("is missing".to_owned(), "AWS requires it".to_owned()),
    }
}

fn suggestion(name: &str, known: &[String]) -> String {
    match closest_spelling(name, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// The name that was meant; `stop-timeout` means `stopTimeout`.
fn closest_spelling<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let plain = |name: &str| name.replace(['-', '_'], "").to_lowercase();
    let same = known.iter().find(|known| plain(known) == plain(name));
    same.map(String::as_str).or_else(|| closest(name, known.iter().map(String::as_str)))
}

/// Returns a value of a normal form as plans show it.
#[must_use]
pub fn shown(value: String) -> Shown {
    if value == AFTER_APPLY { Shown::AfterApply } else { Shown::Text(value) }
}

/// Returns differences as plans show them, with their fields below `key`.
pub fn field_changes(
    key: &str,
    changes: impl IntoIterator<Item = Change>,
) -> impl Iterator<Item = FieldChange> {
    changes.into_iter().map(move |change| {
        let field = change.path.iter().fold(key.to_owned(), |key, field| join_field(&key, field));
        FieldChange::new(field, change.actual.map(shown), change.declared.map(shown))
    })
}

fn join_field(key: &str, field: &str) -> String {
    if key.is_empty() { field.to_owned() } else { format!("{key}.{field}") }
}
