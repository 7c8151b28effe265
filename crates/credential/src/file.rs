//! Secret values from files.

use std::{io, path::Path};

use longshore_model::{Failure, FailureKind, Secret};
use tokio::{fs::File, io::AsyncReadExt};

/// Reads the file at `path`, a text with secrets in it that has at most `limit` bytes.
///
/// # Errors
/// When it cannot be read, is longer, or is no text. Nothing of it is shown.
pub async fn read_file(path: &Path, limit: usize) -> Result<Secret<String>, Failure> {
    let fail = |what: &str| Failure::new(FailureKind::Invalid, format!("the file {} {what}", path.display()));
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => fail("is not there").help("create it, or correct the path"),
        io::ErrorKind::PermissionDenied => fail("may not be read").help("check its permissions"),
        io::ErrorKind::IsADirectory => fail("is a directory").help("name the file in it"),
        _ => fail(&format!("cannot be read: {error}")),
    };
    let file = File::open(path).await.map_err(explain)?;
    // Of this size at once: growing would leave copies of the secret behind.
    let mut bytes = Vec::with_capacity(limit + 1);
    file.take(limit as u64 + 1).read_to_end(&mut bytes).await.map_err(explain)?;
    if bytes.len() > limit {
        return Err(fail(&format!("is longer than {limit} bytes")).help("check the path"));
    }
    String::from_utf8(bytes).map(Secret::new).map_err(|error| {
        drop(Secret::new(error.into_bytes()));
        fail("is no UTF-8 text").help("check the path")
    })
}
