//! Tests that need a helper: those in a module named after it, such as `needs_docker`.

use std::collections::BTreeSet;

use crate::{helper::Helper, tree::Tree};

/// A module of tests that need a helper.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Suite {
    /// The file that holds it, or declares it.
    pub(crate) path: String,
    pub(crate) helper: Helper,
}

/// The name of modules whose tests need `helper`.
pub(crate) fn module(helper: Helper) -> String {
    format!("needs_{}", helper.name())
}

/// All of them.
pub(crate) fn all(tree: &Tree) -> BTreeSet<Suite> {
    let mut suites = BTreeSet::new();
    for (path, file) in tree.files(".rs") {
        for helper in Helper::ALL {
            let module = module(helper);
            let is_file =
                [format!("/{module}.rs"), format!("/{module}/mod.rs")].iter().any(|end| path.ends_with(end));
            // `mod needs_docker;` is the file; here it is the block that counts.
            let is_block = file
                .code
                .split_whitespace()
                .collect::<Vec<_>>()
                .windows(3)
                .any(|words| words[0] == "mod" && words[1] == module && words[2].starts_with('{'));
            if is_file || is_block {
                suites.insert(Suite { path: path.to_owned(), helper });
            }
        }
    }
    suites
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_named_after_a_helper_is_a_suite() {
        let tree = Tree::of([
            ("integration-tests/tests/it/main.rs", "mod needs_python;\nmod plain; // mod needs_terraform {"),
            ("integration-tests/tests/it/needs_python.rs", ""),
            ("integration-tests/tests/it/needs_docker/mod.rs", ""),
            ("crates/oci/src/lib.rs", "#[cfg(test)]\nmod needs_docker {\n}"),
        ]);
        let found: Vec<_> = all(&tree).into_iter().map(|suite| (suite.path, suite.helper)).collect();
        assert_eq!(
            found,
            [
                ("crates/oci/src/lib.rs".to_owned(), Helper::Docker),
                ("integration-tests/tests/it/needs_docker/mod.rs".to_owned(), Helper::Docker),
                ("integration-tests/tests/it/needs_python.rs".to_owned(), Helper::Python),
            ]
        );
    }
}
