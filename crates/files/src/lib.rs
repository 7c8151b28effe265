//! Files that others may have put there.
//!
//! A named pipe blocks its reader, a device never ends, and a symbolic link leads a write elsewhere. [`read`] takes
//! regular files alone, up to a limit; [`create`] makes a file that was not there before.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    path::Path,
};

/// Reads the regular file at `path`, which has at most `limit` bytes.
///
/// # Errors
/// If it cannot be read, is longer, or is a directory, a pipe, a device or a socket.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is a pipe, a device or a socket, and no regular file"));
    }
    if metadata.len() > limit as u64 {
        return Err(too_long(limit));
    }
    // All of it at once: growing would leave copies of a secret behind.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(limit) + 1);
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit { Err(too_long(limit)) } else { Ok(bytes) }
}

/// Reads a file as [`read`] does, as text.
///
/// # Errors
/// Those of [`read`], and if it is not UTF-8.
pub fn read_text(path: &Path, limit: usize) -> io::Result<String> {
    let text = String::from_utf8(read(path, limit)?);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no UTF-8 text"))
}

fn too_long(limit: usize) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {limit} bytes"))
}

/// Opens a file without waiting for the other end of a pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

/// Creates the file at `path` for its owner alone, in place of one that was left there. The new file is reached neither
/// through a link nor by a program that had opened the old one.
///
/// # Errors
/// If the old one cannot be removed, or the new one cannot be created: also if another program is faster.
pub fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    private(OpenOptions::new().write(true).create_new(true)).open(path)
}

/// Opens the file at `path` to lock it, and creates it for its owner alone if it is not there.
///
/// # Errors
/// If it is a link or no regular file, or cannot be opened.
pub fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    private(options.write(true).create(true));
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        options.mode(0o600);
    }
    options
}

/// Requires that only the directory's owner, who is this user or root, and its group may put files into it. A sticky
/// directory such as `/tmp` is not private: others may take a name in it first.
///
/// # Errors
/// If all others may write into it, or if it belongs to another user.
pub fn require_private_directory(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;

        let metadata = fs::metadata(path)?;
        if metadata.mode() & 0o002 != 0 {
            let message = format!(
                "all users may write into the directory {}; take that away (chmod o-w), or name a directory of \
                 your own",
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        let own = rustix::process::geteuid();
        if ![0, metadata.uid()].contains(&own.as_raw()) && metadata.uid() != 0 {
            let message = format!("the directory {} belongs to another user; name your own", path.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
        process::Command,
    };

    use super::*;

    #[test]
    fn regular_files_are_read_up_to_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "abc").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"abc");
        assert_eq!(read(&path, 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        // Files in /proc say that they are empty.
        assert!(read(Path::new("/proc/self/status"), 65_536).is_ok_and(|bytes| !bytes.is_empty()));
        assert_eq!(read(Path::new("/proc/self/status"), 10).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path, 3).unwrap_err().to_string(), "it is no UTF-8 text");
    }

    #[test]
    fn pipes_devices_and_directories_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero"), Path::new("/dev/null")] {
            let error = read(path, 10).unwrap_err();
            assert!(error.to_string().contains("no regular file"), "{error}");
        }
        assert_eq!(read(directory.path(), 10).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn created_file_follows_no_link() {
        let directory = tempfile::tempdir().unwrap();
        let (theirs, new) = (directory.path().join("theirs"), directory.path().join("new"));
        fs::write(&theirs, "theirs").unwrap();
        symlink(&theirs, &new).unwrap();
        assert!(open_lock(&new).is_err());
        drop(create(&new).unwrap());
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
        assert_eq!(fs::symlink_metadata(&new).unwrap().mode() & 0o7777, 0o600);
        assert!(open_lock(&new).is_ok());
    }

    #[test]
    fn directories_of_others_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o700, 0o775] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert!(require_private_directory(directory.path()).is_ok());
        }
        for mode in [0o777, 0o1777, 0o702] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
            let error = require_private_directory(directory.path()).unwrap_err();
            assert!(error.to_string().contains("chmod o-w"), "{error}");
        }
    }
}
