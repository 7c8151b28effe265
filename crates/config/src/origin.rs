//! The origins of values.

use std::{fmt, path::Path, sync::Arc};

use serde::{Serialize, Serializer};

/// The origin of a value of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Origin {
    /// The value is not set: it is Longshore's default.
    Default,
    /// A configuration file.
    File {
        /// The file, below the configuration directory as it was given.
        #[serde(serialize_with = "displayed")]
        path: Arc<Path>,
        /// The line, from 1; none where the whole file is meant.
        line: Option<usize>,
    },
    /// An environment variable.
    Variable {
        /// Its name.
        name: String,
    },
    /// The flag `--set`.
    Set {
        /// The key that it sets, as it was given. Its value is left out: it may be a secret.
        key: String,
    },
}

impl Origin {
    /// The whole file at `path`.
    pub(crate) fn file(path: &Path) -> Self {
        Self::File { path: path.into(), line: None }
    }

    /// The directory of the file, against which a relative path in it is resolved.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => path.parent(),
            _ => None,
        }
    }
}

fn displayed<S: Serializer>(path: &Arc<Path>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::Variable { name } => write!(f, "environment variable {name}"),
            Self::Set { key } if key.is_empty() => f.write_str("--set"),
            Self::Set { key } => write!(f, "--set {key}"),
        }
    }
}
