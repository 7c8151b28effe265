//! The workspace's directories.

use std::path::{Path, PathBuf};

/// The checkout that this program was built from.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds it: the directory above this package.
    pub(crate) fn locate() -> Self {
        // Cargo says at run time where the package is; what was compiled in is older than a moved checkout.
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().unwrap_or(&package).to_owned();
        Self { root }
    }

    /// Its topmost directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the directory of cargo's output.
    pub(crate) fn target(&self) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        self.root.join(target)
    }

    /// The private environment that [`tools`](crate::tools) installs.
    pub(crate) fn python_tools(&self) -> PathBuf {
        self.target().join("python-tools")
    }
}
