//! Writing a file as a whole.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Replaces the content of the file at `path`, or creates the file for its owner alone. If it fails, the old file stays
/// as it was and nothing is left beside it. A device or a pipe is written to, because it cannot be replaced.
///
/// # Errors
/// When the file cannot be written: the directory is not writable, the disk is full.
pub(crate) fn replace_file(path: &Path, text: &str) -> io::Result<()> {
    // A link stays a link: its target is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let is_special = fs::metadata(&path).is_ok_and(|there| !there.is_file());
    if is_special {
        return fs::write(&path, text);
    }
    let temporary = temporary(&path)?;
    let written = write(&temporary, &path, text);
    if written.is_err() {
        // The error of the write is the one that counts.
        drop(fs::remove_file(&temporary));
    }
    written
}

fn write(temporary: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut file = longshore_files::create(temporary)?;
    if let Ok(there) = fs::metadata(path) {
        file.set_permissions(there.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    // Some filesystems report a full disk only here.
    file.sync_all()?;
    drop(file);
    fs::rename(temporary, path)?;
    sync_directory(path);
    Ok(())
}

/// The name of a file in the same directory, which a rename does not leave.
fn temporary(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.new", std::process::id()));
    Ok(path.with_file_name(hidden))
}

/// Makes the rename outlast a crash of the machine, where the filesystem can: the file itself is whole either way.
fn sync_directory(path: &Path) {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Ok(directory) = File::open(directory.unwrap_or_else(|| Path::new("."))) {
        drop(directory.sync_all());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn new_content_replaces_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        replace_file(&path, "a long text\n").unwrap();
        replace_file(&path, "short\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "short\n");
        assert_eq!(names(directory.path()), ["plan.json"]);
    }

    #[test]
    fn failed_write_keeps_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        fs::write(&path, "old\n").unwrap();
        // A directory in the place of the temporary file: it cannot be opened for writing.
        let temporary = temporary(&path).unwrap();
        fs::create_dir(&temporary).unwrap();
        replace_file(&path, "new\n").unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
        fs::remove_dir(&temporary).unwrap();
        assert_eq!(names(directory.path()), ["plan.json"]);
    }

    #[test]
    fn failed_rename_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gone").join("plan.json");
        replace_file(&path, "new\n").unwrap_err();
        assert!(names(directory.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("plan.json"), directory.path().join("latest.json"));
        fs::write(&path, "old\n").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace_file(&link, "new\n").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        replace_file(Path::new("/dev/null"), "new\n").unwrap();
        assert!(fs::exists("/dev/null").unwrap());
    }
}
