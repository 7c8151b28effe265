//! The state file.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

#[cfg(unix)]
use std::os::unix::fs::DirBuilderExt as _;

use serde::{Deserialize, Serialize};

use crate::{Partition, World, quota::UnknownClass, registry::SpecError};

/// The value of `format` in the file.
const FORMAT: &str = "longshore-simcloud";

/// A file of at most so many bytes is written with every change.
const SMALL: usize = 128 * 1024;

/// The largest file that is read, in bytes.
const LARGEST: usize = 1 << 30;

/// Rises whenever an older file cannot be read any more.
const VERSION: u32 = 2;

/// The reason a simulated cloud cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its directory cannot be read or written.
    #[error("{} of the simulated cloud's state at {}: {source}", .doing, .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// "reading", "writing", "locking".
        doing: &'static str,
        /// The operating system's error.
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
        /// The defect.
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
    /// The account in the file belongs to another partition.
    #[error(
        "{} holds a simulated account of the partition {found}, and the region wants one of {wanted}; configure a \
         region of {found}, or delete the file to start with an empty cloud", .path.display()
    )]
    Partition {
        /// The file.
        path: PathBuf,
        /// The partition in the file.
        found: Partition,
        /// The partition of the blueprint's region.
        wanted: Partition,
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
    /// A quota of the blueprint names an unknown class.
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
    writes: Mutex<Writes>,
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

/// The last write, and a flag for changes that are not written yet. Times are real, independent of the simulated clock.
#[derive(Debug, Default)]
struct Writes {
    pending: bool,
    last: Option<Write>,
}

#[derive(Clone, Copy, Debug)]
struct Write {
    bytes: usize,
    ended: Instant,
    took: Duration,
}

impl Writes {
    /// Returns true if it is time to write: at once while the file is small, and otherwise so that it takes a tenth of the time.
    fn due(&self) -> bool {
        self.last.is_none_or(|last| last.bytes <= SMALL || last.ended.elapsed() >= last.took * 9)
    }
}

impl StateFile {
    /// Locks the file and reads the world in it, if there is one.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<World>), OpenError> {
        let failed = |doing| move |source| OpenError::Io { path: path.to_owned(), doing, source };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        create_directory(directory).map_err(failed("creating the directory"))?;
        longshore_files::require_private_directory(directory).map_err(failed("trusting the directory"))?;
        let lock = longshore_files::open_lock(&beside(path, "lock")).map_err(failed("locking"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed("locking")(source)),
        }
        let file = Self { path: path.to_owned(), writes: Mutex::default(), _lock: lock };
        match longshore_files::read(path, LARGEST) {
            Ok(bytes) => Ok((file, Some(parse(path, &bytes)?))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((file, None)),
            Err(source) => Err(failed("reading")(source)),
        }
    }

    /// Takes notice of a change: writes it, or leaves that to a later one while writing costs too much.
    ///
    /// A killed process then loses its last moments, as if it had been killed before them: what is in the file is the
    /// whole world of one moment.
    pub(super) fn keep(&self, world: &World) -> Result<(), OpenError> {
        let due = {
            let mut writes = self.writes();
            writes.pending = true;
            writes.due()
        };
        if due { self.write(world) } else { Ok(()) }
    }

    /// Writes what was left for later, if it is time to.
    pub(super) fn catch_up(&self, world: &World) -> Result<(), OpenError> {
        let due = {
            let writes = self.writes();
            writes.pending && writes.due()
        };
        if due { self.write(world) } else { Ok(()) }
    }

    /// Returns true if there is something that is not in the file yet.
    pub(super) fn is_pending(&self) -> bool {
        self.writes().pending
    }

    /// Replaces the file's content at once, so that a killed process or a power failure leaves the old or the new state.
    pub(super) fn write(&self, world: &World) -> Result<(), OpenError> {
        let began = Instant::now();
        let bytes = self.replace(world)?;
        let last = Write { bytes, ended: Instant::now(), took: began.elapsed() };
        *self.writes() = Writes { pending: false, last: Some(last) };
        Ok(())
    }

    fn writes(&self) -> MutexGuard<'_, Writes> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how many bytes there are now.
    fn replace(&self, world: &World) -> Result<usize, OpenError> {
        let failed = |source| OpenError::Io { path: self.path.clone(), doing: "writing", source };
        let bytes = serde_json::to_vec(&Saving { format: FORMAT, version: VERSION, world })
            .map_err(|error| failed(io::Error::other(error)))?;
        if bytes.len() > LARGEST {
            // It could not be read again.
            return Err(failed(io::ErrorKind::FileTooLarge.into()));
        }
        let temporary = beside(&self.path, "new");
        // A process that was killed may have left one. The lock keeps other processes of this program away.
        let mut file = longshore_files::create(&temporary).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        drop(file);
        fs::rename(&temporary, &self.path).map_err(failed)?;
        sync_directory(&self.path).map_err(failed)?;
        Ok(bytes.len())
    }
}

/// Writes the directory of `path` to the disk, and with it the names of its files.
fn sync_directory(path: &Path) -> io::Result<()> {
    // Other systems do not open directories as files.
    if cfg!(unix) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
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

/// Creates a directory with access for its owner alone, and tells git to leave it out.
fn create_directory(directory: &Path) -> io::Result<()> {
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

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Blueprint, testing::START};

    #[test]
    fn writing_a_large_file_takes_a_tenth_of_the_time() {
        let writes = |bytes: usize, ago: u64| {
            let (ended, took) = (Instant::now() - Duration::from_secs(ago), Duration::from_secs(100));
            Writes { pending: true, last: Some(Write { bytes, ended, took }) }
        };
        assert!(Writes::default().due());
        assert!(writes(SMALL, 0).due());
        assert!(!writes(SMALL + 1, 800).due());
        assert!(writes(SMALL + 1, 900).due());
    }

    #[test]
    fn absurd_times_are_damage() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cloud.json");
        let world = World::new(&Blueprint::default(), START);
        StateFile::open(&path).unwrap().0.write(&world).unwrap();
        let (now, absurd) = (START.0.to_string(), u64::MAX.to_string());
        let text = fs::read_to_string(&path).unwrap().replace(&now, &absurd);
        assert!(text.contains(&absurd), "{text}");
        fs::write(&path, text).unwrap();
        let error = StateFile::open(&path).unwrap_err().to_string();
        assert!(error.contains("its content is damaged at line 1"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn directory_that_others_may_write_into_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = StateFile::open(&directory.path().join("cloud.json")).unwrap_err().to_string();
        assert!(error.contains("chmod o-w"), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn temporary_file_follows_no_link() {
        use std::os::unix::fs::{MetadataExt as _, symlink};

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cloud.json");
        let (file, _) = StateFile::open(&path).unwrap();
        let theirs = directory.path().join("theirs");
        fs::write(&theirs, "theirs").unwrap();
        symlink(&theirs, beside(&path, "new")).unwrap();
        file.write(&World::new(&Blueprint::default(), START)).unwrap();
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
        let written = fs::symlink_metadata(&path).unwrap();
        assert!(written.is_file() && written.mode() & 0o777 == 0o600, "{written:?}");
        drop(file);
        assert!(StateFile::open(&path).unwrap().1.is_some());
    }

    #[test]
    fn what_is_left_for_later_is_pending_until_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cloud.json");
        let (file, _) = StateFile::open(&path).unwrap();
        let mut world = World::new(&Blueprint::default(), START);
        file.keep(&world).unwrap();
        assert!(!file.is_pending());
        let size = || fs::metadata(&path).unwrap().len();
        let before = size();
        let (ended, took) = (Instant::now(), Duration::from_secs(600));
        file.writes().last = Some(Write { bytes: SMALL + 1, ended, took });
        world.enter_region("us-east-1");
        file.keep(&world).unwrap();
        file.catch_up(&world).unwrap();
        assert_eq!((file.is_pending(), size()), (true, before));
        file.writes().last = None;
        file.catch_up(&world).unwrap();
        assert!(!file.is_pending() && size() > before);
    }
}
