//! The sources of the workspace, as text.

mod code;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// The files that the checks read, by their path below the workspace's root, with `/` between its parts.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, File>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) text: String,
    /// For Rust: `text` with blanks for comments, strings and characters.
    pub(crate) code: String,
}

impl Tree {
    /// Reads all Rust and TOML files of a workspace. Directories of cargo's output, and names that begin with a dot,
    /// are left out.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        let mut directories = vec![(PathBuf::from(root), String::new())];
        while let Some((directory, prefix)) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let path = format!("{prefix}{name}");
                let kind = entry.file_type()?;
                if name.starts_with('.') || path == "target" {
                    continue;
                } else if kind.is_dir() {
                    directories.push((entry.path(), format!("{path}/")));
                } else if kind.is_file() && (path.ends_with(".rs") || path.ends_with(".toml")) {
                    tree.add(path, fs::read_to_string(entry.path())?);
                }
            }
        }
        Ok(tree)
    }

    fn add(&mut self, path: String, text: String) {
        let code = if path.ends_with(".rs") { code::only(&text) } else { String::new() };
        self.files.insert(path, File { text, code });
    }

    /// A tree of `(path, text)`.
    #[cfg(test)]
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add(path.to_owned(), text.to_owned());
        }
        tree
    }

    /// The files whose name ends in `end`, in the order of their paths.
    pub(crate) fn files(&self, end: &str) -> impl Iterator<Item = (&str, &File)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(end))
            .map(|(path, file)| (path.as_str(), file))
    }

    /// The packages of the workspace: their directories. Examples are outside of it.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &str> {
        let packages = self.files.keys().filter_map(|path| path.strip_suffix("/Cargo.toml"));
        packages.filter(|package| !package.starts_with("examples/"))
    }

    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }
}

/// The number, from 1, of the line that holds the byte at `offset`.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_written_by_hand() {
        let tree = Tree::read(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(tree.get("src/tree/code.rs").is_some());
        assert!(tree.get("Cargo.toml").unwrap().text.contains("name = \"xtask\""));
        assert!(tree.get("python-tools.txt").is_none());
    }

    #[test]
    fn lines_count_from_one() {
        assert_eq!(line_of("a\nb\n", 0), 1);
        assert_eq!(line_of("a\nb\n", 1), 1);
        assert_eq!(line_of("a\nb\n", 2), 2);
    }
}
