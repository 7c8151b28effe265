//! `cargo xtask tidy`: the habits that no compiler knows.

mod comments;
mod configuration;
mod directions;
mod manifest;
mod sources;

use std::fmt;

use crate::{Error, process::Outcome, tree::Tree, workspace::Workspace};

/// Something to mend.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Prints what is to be mended in the workspace.
pub(crate) fn run(workspace: &Workspace) -> Result<Outcome, Error> {
    let tree = Tree::read(workspace.root())
        .map_err(|error| Error::Failed(format!("the sources could not be read: {error}")))?;
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    Ok(if findings.is_empty() { Outcome::SUCCESS } else { Outcome::FAILURE })
}

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    manifest::check(tree, &mut findings);
    sources::check(tree, &mut findings);
    comments::check(tree, &mut findings);
    configuration::check(tree, &mut findings);
    findings.sort();
    findings
}

/// Checks a tree of `(path, text)`; gives what is printed.
#[cfg(test)]
fn found<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    check(&Tree::of(files)).iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_sorted_by_place() {
        let findings = found([
            ("crates/model/src/lib.rs", "fn a() {}\n\nfn b() { dbg!(1); }\n"),
            ("configs/base.toml", "a =\n"),
        ]);
        assert_eq!(findings.len(), 3, "{findings:#?}");
        assert!(findings[0].starts_with("configs/base.toml:1: "), "{findings:#?}");
        assert!(findings[1].starts_with("crates/model/src/lib.rs:1: "), "{findings:#?}");
        assert!(findings[2].starts_with("crates/model/src/lib.rs:3: "), "{findings:#?}");
    }
}
