//! Secret values from files.

use std::{io, path::Path};

use longshore_model::{Failure, FailureKind, Secret};

/// Reads the file at `path`, a text with secrets in it that has at most `limit` bytes.
///
/// # Errors
/// When it cannot be read, is longer, or is no text. Nothing of it is shown.
pub(crate) async fn read_file(path: &Path, limit: usize) -> Result<Secret<String>, Failure> {
    let bytes = read_bytes(path, limit).await?;
    match std::str::from_utf8(bytes.expose()) {
        Ok(text) => Ok(Secret::new(text.to_owned())),
        Err(_) => {
            Err(Failure::new(FailureKind::Invalid, format!("the file {} is no UTF-8 text", path.display()))
                .help("check the path"))
        }
    }
}

/// Reads the file at `path`, which has secrets in it and at most `limit` bytes.
///
/// # Errors
/// When it cannot be read, or is longer. Nothing of it is shown.
pub async fn read_bytes(path: &Path, limit: usize) -> Result<Secret<Vec<u8>>, Failure> {
    let fail = |what: &str| Failure::new(FailureKind::Invalid, format!("the file {} {what}", path.display()));
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => fail("is not there").help("create it, or correct the path"),
        io::ErrorKind::PermissionDenied => fail("may not be read").help("check its permissions"),
        io::ErrorKind::IsADirectory => fail("is a directory").help("name the file in it"),
        io::ErrorKind::FileTooLarge => fail(&format!("is longer than {limit} bytes")).help("check the path"),
        _ => fail(&format!("cannot be read: {error}")).help("name a regular file"),
    };
    longshore_net::read_file(path, limit).await.map(Secret::new).map_err(explain)
}
