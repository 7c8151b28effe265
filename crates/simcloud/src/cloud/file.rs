//! The state file.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

use serde::{Deserialize, Serialize};

use crate::{World, quota::UnknownClass, registry::SpecError};

/// What the file says it is.
const FORMAT: &str = "longshore-simcloud";

/// Rises whenever an older file cannot be read any more.
const VERSION: u32 = 1;

/// Why a simulated cloud cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its directory cannot be read or written.
    #[error("{} of the simulated cloud's state at {}: {source}", .doing, .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// "reading", "writing", "locking".
        doing: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is something else.
    #[error(
        "{} is not a state file of this version of the simulated cloud ({why}); move it away or delete it to start with \
         an empty cloud", .path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file holds another account.
    #[error(
        "{} holds the simulated account {found}, and {wanted} is wanted; configure the account {found}, or delete the \
         file to start with an empty cloud", .path.display()
    )]
    Account {
        /// The file.
        path: PathBuf,
        /// The account in the file.
        found: String,
        /// The account of the blueprint.
        wanted: String,
    },
    /// Another process has the file.
    #[error(
        "the simulated cloud at {} is in use by another process; wait until it ends, or stop it", .path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The blueprint's account is no account.
    #[error("the simulated account is {account:?}; an account is twelve digits, such as 123456789012")]
    NoAccount {
        /// The account as it was found.
        account: String,
    },
    /// A quota of the blueprint is none.
    #[error(transparent)]
    Quota(#[from] UnknownClass),
    /// A registry of the blueprint is not declared consistently.
    #[error(transparent)]
    Registry(#[from] SpecError),
}

/// A state file that is locked for this process.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// Holds the lock: apart from the state, which is replaced at each write.
    _lock: File,
}

#[derive(Deserialize)]
struct Header {
    format: Option<String>,
    version: Option<u32>,
}

#[derive(Deserialize)]
struct Saved {
    world: World,
}

#[derive(Serialize)]
struct Saving<'a> {
    format: &'a str,
    version: u32,
    world: &'a World,
}

impl StateFile {
    /// Locks the file and reads the world in it, if there is one.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<World>), OpenError> {
        let failed = |doing| move |source| OpenError::Io { path: path.to_owned(), doing, source };
        create_directory(path).map_err(failed("creating the directory"))?;
        let lock = private(OpenOptions::new().write(true).create(true)).open(beside(path, "lock"));
        let lock = lock.map_err(failed("locking"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed("locking")(source)),
        }
        let file = Self { path: path.to_owned(), _lock: lock };
        match fs::read(path) {
            Ok(bytes) => Ok((file, Some(parse(path, &bytes)?))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((file, None)),
            Err(source) => Err(failed("reading")(source)),
        }
    }

    /// Replaces the file's content at once, so that a killed process leaves the old or the new state.
    pub(super) fn write(&self, world: &World) -> Result<(), OpenError> {
        let failed = |source| OpenError::Io { path: self.path.clone(), doing: "writing", source };
        let bytes = serde_json::to_vec(&Saving { format: FORMAT, version: VERSION, world })
            .map_err(|error| failed(io::Error::other(error)))?;
        let temporary = beside(&self.path, "new");
        let mut file = private(OpenOptions::new().write(true).create(true).truncate(true))
            .open(&temporary)
            .map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        drop(file);
        fs::rename(&temporary, &self.path).map_err(failed)
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<World, OpenError> {
    let foreign = |why: String| OpenError::Foreign { path: path.to_owned(), why };
    let header: Header =
        serde_json::from_slice(bytes).map_err(|_| foreign("it is not JSON of that form".into()))?;
    if header.format.as_deref() != Some(FORMAT) {
        return Err(foreign(format!("its `format` is not `{FORMAT}`")));
    }
    match header.version {
        Some(VERSION) => {}
        Some(other) => {
            return Err(foreign(format!("its version is {other}, and this program reads {VERSION}")));
        }
        None => return Err(foreign("it has no version".into())),
    }
    // serde's messages can quote what they found, and a secret may be there: only the place is told.
    let saved: Saved = serde_json::from_slice(bytes).map_err(|error| {
        foreign(format!("its content is damaged at line {}, column {}", error.line(), error.column()))
    })?;
    Ok(saved.world)
}

/// Creates the directory of `path` with access for its owner alone, and tells git to leave it out.
fn create_directory(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    if directory.exists() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(directory)?;
    fs::write(directory.join(".gitignore"), "*\n")
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    options.mode(0o600);
    options
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}
