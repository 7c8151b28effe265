//! Errors that keep the containers from starting or ending.

use std::io;

use testcontainers::TestcontainersError;

/// An error that keeps the containers from starting or ending.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine refused, or the image could not be had.
    #[error(
        "a container of {image} could not be started: {reason}\n\
         Is the image there (`docker image ls`)? Without access to an image registry, build it under this name."
    )]
    NotStarted {
        /// The image.
        image: String,
        /// The engine's words.
        reason: Box<TestcontainersError>,
    },
    /// It was started, and does not answer.
    #[error("{image} does not answer at {url} within {seconds} s; the end of its log:\n{log}")]
    Silent {
        /// The image.
        image: String,
        /// The URL that was asked.
        url: String,
        /// The time waited, in seconds.
        seconds: u64,
        /// The container's last output.
        log: String,
    },
    /// It is still there.
    #[error("the container {name} could not be removed, `docker rm --force {name}` does: {reason}")]
    NotRemoved {
        /// The container.
        name: String,
        /// The engine's words.
        reason: Box<TestcontainersError>,
    },
    /// The token server beside the containers could not be started.
    #[error("the token server could not be started: {0}")]
    TokenServer(io::Error),
    /// The password file of a registry could not be made.
    #[error("the registry's password file could not be made: {0}")]
    PasswordFile(bcrypt::BcryptError),
}
