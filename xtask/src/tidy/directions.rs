//! Dependencies point one way.

use super::{Finding, manifest::Kind};

/// For each package, the packages of the workspace that it may depend on. A plugin's are [`PLUGIN`].
const DIRECTIONS: [(&str, &[&str]); 19] = [
    ("crates/effort", &[]),
    ("crates/files", &[]),
    ("crates/model", &[]),
    ("crates/config", &["model", "files"]),
    ("crates/plugin", &["model"]),
    ("crates/steps", &["model", "plugin"]),
    ("crates/graph", &["model", "plugin", "steps"]),
    ("crates/engine", &["model", "plugin", "graph", "effort"]),
    ("crates/net", &["model", "files"]),
    ("crates/credential", &["model", "plugin", "net"]),
    ("crates/oci", &["model", "plugin", "net"]),
    ("crates/registry-api", &["model", "plugin", "net"]),
    ("crates/aws", &["model", "plugin", "net", "credential", "aws-shapes", "effort"]),
    ("crates/aws-shapes", &[]),
    // A cloud does not know who uses it: its users translate.
    ("crates/simcloud", &["aws-shapes", "files"]),
    ("crates/testkit", &["model", "plugin"]),
    ("crates/published", &[]),
    ("bench", &["model", "plugin", "graph", "engine"]),
    ("xtask", &[]),
];

/// The permitted dependencies of a plugin: the contract, and what plugins of a kind share. Never a plugin.
const PLUGIN: [&str; 8] =
    ["model", "plugin", "net", "credential", "oci", "registry-api", "aws", "aws-shapes"];

/// The additional dependencies permitted in the tests of every package.
const TESTS: [&str; 5] = ["effort", "published", "simcloud", "steps", "testkit"];

/// These see everything.
const TOP: [&str; 2] = ["crates/cli", "integration-tests"];

/// Crates that write to a terminal: for the command line alone.
const TERMINAL: [&str; 4] = ["clap", "console", "indicatif", "tracing-subscriber"];

fn allowed(package: &str) -> Option<&'static [&'static str]> {
    if package.starts_with("plugins/") {
        return Some(&PLUGIN);
    }
    DIRECTIONS.iter().find(|(name, _)| *name == package).map(|(_, allowed)| *allowed)
}

/// Every package has its place.
pub(super) fn check_package(package: &str, path: &str, findings: &mut Vec<Finding>) {
    if !TOP.contains(&package) && allowed(package).is_none() {
        findings.push(Finding::new(
            path,
            1,
            format!("{package} has no place among the directions of dependencies: see xtask/src/tidy/directions.rs"),
        ));
    }
}

/// Returns true if `package` may depend on the crate `name`.
pub(super) fn check(package: &str, name: &str, kind: Kind) -> Result<(), String> {
    if TOP.contains(&package) {
        return Ok(());
    }
    if kind == Kind::Normal && TERMINAL.contains(&name) {
        return Err(format!(
            "{package} must not depend on {name}: only the command line writes to a terminal"
        ));
    }
    let (Some(name), Some(allowed)) = (name.strip_prefix("longshore-"), allowed(package)) else {
        return Ok(());
    };
    if allowed.contains(&name) || kind == Kind::Dev && TESTS.contains(&name) {
        return Ok(());
    }
    let mut message = format!("{package} must not depend on longshore-{name}");
    if allowed.is_empty() {
        message.push_str(": it depends on no other crate of the workspace");
    } else {
        message.push_str(&format!(", only on: {}", allowed.join(", ")));
    }
    Err(message)
}

#[cfg(test)]
mod tests {
    use super::{super::found, *};

    fn manifest(section: &str, dependency: &str) -> String {
        format!("[lints]\nworkspace = true\n[{section}]\n{dependency}.workspace = true\n")
    }

    #[test]
    fn along_the_directions() {
        for (package, dependency) in [
            ("crates/plugin", "longshore-model"),
            ("crates/graph", "longshore-plugin"),
            ("crates/engine", "longshore-graph"),
            ("crates/config", "longshore-model"),
            ("crates/aws", "longshore-plugin"),
            ("plugins/role-iam", "longshore-aws"),
            ("plugins/credential-ghcr", "longshore-credential"),
            ("crates/cli", "longshore-role-iam"),
            ("crates/cli", "clap"),
            ("crates/model", "serde"),
        ] {
            assert_eq!(check(package, dependency, Kind::Normal), Ok(()), "{package} -> {dependency}");
        }
        assert_eq!(check("plugins/role-iam", "longshore-simcloud", Kind::Dev), Ok(()));
        assert_eq!(check("crates/oci", "tracing-subscriber", Kind::Dev), Ok(()));
    }

    #[test]
    fn against_the_directions() {
        for (package, dependency, kind) in [
            ("crates/model", "longshore-plugin", Kind::Normal),
            ("crates/config", "longshore-plugin", Kind::Normal),
            ("crates/graph", "longshore-engine", Kind::Normal),
            ("crates/engine", "longshore-aws", Kind::Normal),
            ("crates/engine", "longshore-role-iam", Kind::Normal),
            ("crates/engine", "longshore-role-iam", Kind::Dev),
            ("crates/simcloud", "longshore-model", Kind::Normal),
            ("plugins/role-iam", "longshore-store-secretsmanager", Kind::Normal),
            ("plugins/role-iam", "longshore-simcloud", Kind::Normal),
            ("plugins/role-iam", "longshore-engine", Kind::Normal),
            ("crates/oci", "tracing-subscriber", Kind::Normal),
            ("xtask", "clap", Kind::Normal),
        ] {
            assert!(check(package, dependency, kind).is_err(), "{package} -> {dependency}");
        }
    }

    #[test]
    fn the_finding_names_the_line_and_what_is_right() {
        let graph = manifest("dependencies", "longshore-engine");
        let simcloud = manifest("dependencies", "longshore-model");
        assert_eq!(
            found([
                ("crates/graph/Cargo.toml", graph.as_str()),
                ("crates/simcloud/Cargo.toml", simcloud.as_str())
            ]),
            [
                "crates/graph/Cargo.toml:4: crates/graph must not depend on longshore-engine, only on: model, plugin, steps",
                "crates/simcloud/Cargo.toml:4: crates/simcloud must not depend on longshore-model, \
                 only on: aws-shapes, files",
            ]
        );
    }

    #[test]
    fn a_new_crate_is_given_its_place() {
        let findings = found([("crates/novel/Cargo.toml", "[lints]\nworkspace = true\n")]);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert!(findings[0].contains("crates/novel has no place"), "{findings:#?}");
    }
}
