//! Checks of each `Cargo.toml`.

use toml_edit::{ImDocument, Item, TableLike};

use super::{Finding, directions};
use crate::tree::{Tree, line_of};

/// The kind of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `[dependencies]`, `[build-dependencies]`.
    Normal,
    /// `[dev-dependencies]`.
    Dev,
}

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for package in tree.packages() {
        let path = format!("{package}/Cargo.toml");
        let Some(file) = tree.get(&path) else { continue };
        let text = file.text.as_str();
        let document = match ImDocument::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                findings.push(Finding::new(&path, line, error.message()));
                continue;
            }
        };
        let manifest = document.as_table();
        if !inherits(manifest.get("lints")) {
            findings.push(Finding::new(&path, 1, "[lints] workspace = true is missing"));
        }
        directions::check_package(package, &path, findings);
        each_dependency(manifest, &mut |name, kind, item, offset| {
            let line = line_of(text, offset);
            if !inherits(Some(item)) {
                findings.push(Finding::new(
                    &path,
                    line,
                    format!(
                        "{name} is not taken from [workspace.dependencies]: write {name}.workspace = true"
                    ),
                ));
            }
            if let Err(message) = directions::check(package, name, kind) {
                findings.push(Finding::new(&path, line, message));
            }
        });
    }
}

/// Visits the dependencies of a package and of its targets: name, kind, value, and where the name stands.
fn each_dependency(manifest: &dyn TableLike, visit: &mut dyn FnMut(&str, Kind, &Item, usize)) {
    for (section, kind) in [
        ("dependencies", Kind::Normal),
        ("build-dependencies", Kind::Normal),
        ("dev-dependencies", Kind::Dev),
    ] {
        let Some(table) = manifest.get(section).and_then(Item::as_table_like) else { continue };
        for (name, item) in table.iter() {
            let offset = table.key(name).and_then(toml_edit::Key::span).map_or(0, |span| span.start);
            visit(name, kind, item, offset);
        }
    }
    if let Some(targets) = manifest.get("target").and_then(Item::as_table_like) {
        for (_, target) in targets.iter() {
            if let Some(target) = target.as_table_like() {
                each_dependency(target, visit);
            }
        }
    }
}

/// Returns true if an item says `workspace = true`.
fn inherits(item: Option<&Item>) -> bool {
    item.and_then(Item::as_table_like).and_then(|table| table.get("workspace")).and_then(Item::as_bool)
        == Some(true)
}

#[cfg(test)]
mod tests {
    use super::super::found;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    #[test]
    fn lints_are_those_of_the_workspace() {
        assert_eq!(
            found([("crates/model/Cargo.toml", "[package]\n")]),
            ["crates/model/Cargo.toml:1: [lints] workspace = true is missing"]
        );
        assert!(found([("crates/model/Cargo.toml", LINTS)]).is_empty());
    }

    #[test]
    fn versions_and_features_are_declared_once() {
        let manifest = format!("{LINTS}[dependencies]\nserde.workspace = true\nitoa = \"1\"\n");
        assert_eq!(
            found([("crates/model/Cargo.toml", manifest.as_str())]),
            [
                "crates/model/Cargo.toml:5: itoa is not taken from [workspace.dependencies]: write itoa.workspace = true"
            ]
        );
    }

    #[test]
    fn dependencies_are_found_wherever_they_stand() {
        for section in [
            "dependencies",
            "build-dependencies",
            "target.'cfg(unix)'.dependencies",
            "target.x.build-dependencies",
        ] {
            let manifest = format!("{LINTS}\n[{section}]\nlongshore-engine = {{ workspace = true }}\n");
            let findings = found([("crates/model/Cargo.toml", manifest.as_str())]);
            assert_eq!(findings.len(), 1, "{section}: {findings:#?}");
            assert!(findings[0].starts_with("crates/model/Cargo.toml:5: "), "{findings:#?}");
        }
    }

    #[test]
    fn a_broken_manifest_is_a_finding() {
        let findings = found([("crates/model/Cargo.toml", "[package]\nname = \n")]);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert!(findings[0].starts_with("crates/model/Cargo.toml:2: "), "{findings:#?}");
    }
}
