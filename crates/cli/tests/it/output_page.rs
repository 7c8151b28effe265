//! `docs/output.md` describes all that `--output json` prints, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::project::Project;

const PAGE: &str = include_str!("../../../../docs/output.md");

/// The files that declare the types of the printed values.
const SOURCES: [&str; 6] = [
    include_str!("../../../model/src/drift.rs"),
    include_str!("../../../model/src/event.rs"),
    include_str!("../../../model/src/failure.rs"),
    include_str!("../../../model/src/lock.rs"),
    include_str!("../../../model/src/plan.rs"),
    include_str!("../../../model/src/status.rs"),
];

/// The lines between the braces of a type.
fn declaration(name: &str) -> impl Iterator<Item = &'static str> {
    let body = SOURCES.iter().find_map(|source| {
        let begins = [format!("pub struct {name} {{\n"), format!("pub enum {name} {{\n")];
        begins.iter().find_map(|begin| source.split_once(begin.as_str()))
    });
    body.unwrap_or_else(|| panic!("there is no {name}")).1.split("\n}\n").next().unwrap().lines()
}

fn fields(name: &str) -> BTreeSet<String> {
    let field = |line: &str| Some(line.strip_prefix("    pub ")?.split_once(':')?.0.to_owned());
    declaration(name).filter_map(field).collect()
}

/// Each variant as it is serialised, with its fields.
fn variants(name: &str) -> Vec<(String, Vec<String>)> {
    let mut variants = Vec::<(String, Vec<String>)>::new();
    for line in declaration(name) {
        let text = line.trim_start();
        match line.len() - text.len() {
            4 if text.starts_with(char::is_uppercase) => {
                let end = text.find(|char: char| !char.is_alphanumeric()).unwrap_or(text.len());
                variants.push((kebab(&text[..end]), Vec::new()));
            }
            8 if text.starts_with(char::is_lowercase) => {
                let field = text.split_once(':').unwrap().0.to_owned();
                variants.last_mut().unwrap().1.push(field);
            }
            _ => {}
        }
    }
    assert!(!variants.is_empty(), "{name} has no variants");
    variants
}

fn kebab(name: &str) -> String {
    let dashed = |(at, char): (usize, char)| {
        let dash = if at > 0 && char.is_uppercase() { "-" } else { "" };
        format!("{dash}{}", char.to_lowercase())
    };
    name.char_indices().map(dashed).collect()
}

/// Returns the text below a heading.
fn section(heading: &str) -> &'static str {
    let (_, below) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    below.split("\n## ").next().unwrap()
}

/// The names in the first column of the tables of a section, and each row.
fn rows(section: &'static str) -> Vec<(&'static str, &'static str)> {
    let first = |row: &'static str| row.split('|').nth(1).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `type` | when"));
    rows.flat_map(|row| first(row).split('`').skip(1).step_by(2).map(move |name| (name, row))).collect()
}

/// Returns true if `text` has the name as a word of its own, as a field or as a value.
fn names(text: &str, name: &str) -> bool {
    ["`", "\""].iter().any(|quote| text.contains(&format!("{quote}{name}{quote}")))
}

#[test]
fn every_type_of_event_has_a_row_with_its_fields() {
    let rows = rows(section("Events"));
    let events = variants("EventKind");
    let described: Vec<_> = rows.iter().map(|(name, _)| *name).collect();
    assert_eq!(described, events.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    for ((name, row), (_, fields)) in rows.iter().zip(&events) {
        let of_row = row.split(" | ").last().unwrap();
        assert!(fields.iter().all(|field| names(of_row, field)), "{name} has {fields:?}");
        assert_eq!(fields.is_empty(), !of_row.contains('`'), "{name}: {of_row}");
    }
}

#[test]
fn every_field_has_a_row() {
    for (heading, types) in [
        ("Plan", &["StepPlan", "FieldChange", "Orphan", "Loss"][..]),
        ("Drift", &["Drift"]),
        ("Failure", &["Failure"]),
        ("Lock", &["LockState", "LockHolder"]),
        ("Service", &["ServiceStatus", "TaskStatus"]),
        ("Credential", &["CredentialStatus"]),
    ] {
        let described: BTreeSet<_> =
            rows(section(heading)).into_iter().map(|(name, _)| name.to_owned()).collect();
        let declared: BTreeSet<_> = types.iter().flat_map(|name| fields(name)).collect();
        assert_eq!(described, declared, "{heading}");
    }
    let of_services = section("Service");
    for inner in ["ServiceEvent", "TargetGroupStatus", "TargetStatus"] {
        assert!(fields(inner).iter().all(|field| names(of_services, field)), "{inner}");
    }
    assert!(fields("LeftAlone").iter().all(|field| names(section("Drift"), field)));
    assert!(fields("StepSummary").iter().all(|field| names(section("Events"), field)));
}

#[test]
fn every_value_of_a_list_is_named() {
    for (heading, name) in [
        ("Events", "Phase"),
        ("Events", "Outcome"),
        ("Events", "Answer"),
        ("Plan", "Action"),
        ("Plan", "Effect"),
        ("Plan", "Shown"),
        ("Plan", "LossKind"),
        ("Drift", "DriftKind"),
        ("Failure", "FailureKind"),
        ("Credential", "PullStatus"),
    ] {
        for (value, fields) in variants(name) {
            let is_named =
                [&[value.clone()][..], &fields].concat().iter().all(|name| names(section(heading), name));
            assert!(is_named, "{heading}: {name} has {value} with {fields:?}");
        }
    }
}

/// All keys of objects, but for those that are names of outputs and actions.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                found.insert(key.clone());
                match (key.as_str(), value) {
                    ("actions", _) => {}
                    ("outputs", Value::Object(outputs)) => {
                        outputs.values().for_each(|value| keys(value, found))
                    }
                    _ => keys(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn what_is_printed_is_on_the_page() {
    let project = Project::new();
    let mut found = BTreeSet::new();
    for command in ["deploy", "status", "credentials", "drift", "lock show"] {
        let arguments: Vec<_> = command.split(' ').chain(["--output", "json"]).collect();
        for line in project.run(&arguments).stdout.lines() {
            keys(&serde_json::from_str(line).unwrap(), &mut found);
        }
    }
    assert!(found.len() > 50, "{found:?}");
    let unknown: Vec<_> = found.iter().filter(|key| !names(PAGE, key)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
