//! Files, read beside the runtime.

use std::{io, path::Path, time::Duration};

use tokio::{task::spawn_blocking, time::timeout};

/// The time in which a file is read. That of a network may never answer.
const LIMIT: Duration = Duration::from_secs(30);

/// The size of the largest file of certificates that is read, in bytes. Those of operating systems have a quarter of it.
pub const CERTIFICATES_LIMIT: usize = 1 << 20;

/// Reads the regular file at `path`, which has at most `limit` bytes, on a thread that may block.
///
/// # Errors
/// Those of [`longshore_files::read`], and if its file system does not answer.
pub async fn read_file(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let path = path.to_owned();
    let read = spawn_blocking(move || longshore_files::read(&path, limit));
    match timeout(LIMIT, read).await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "its file system does not answer")),
    }
}
