//! The example configuration is TOML. `longshore config` finds out if it is a stack.

use toml_edit::ImDocument;

use super::Finding;
use crate::tree::{Tree, line_of};

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, file) in tree.files(".toml").filter(|(path, _)| path.starts_with("configs/")) {
        if let Err(error) = ImDocument::parse(file.text.as_str()) {
            let line = error.span().map_or(1, |span| line_of(&file.text, span.start));
            findings.push(Finding::new(path, line, error.message().replace('\n', ", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::found;

    #[test]
    fn a_broken_file_is_found_with_its_line() {
        let findings =
            found([("configs/local.toml", "[aws]\nregion = eu\n"), ("configs/base.toml", "[aws]\n")]);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert!(findings[0].starts_with("configs/local.toml:2: "), "{findings:#?}");
    }
}
