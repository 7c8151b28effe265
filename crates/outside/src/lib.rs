//! What dealing with the world outside of the program takes.
//!
//! Servers and child processes live in real time, even where the program itself runs on tokio's paused clock
//! ([`RealTime`]); they are reached by one HTTP client ([`http_client`]), which trusts the certificates of a [`Trust`] and
//! takes the [`Proxies`] of the environment; and what they say is shown to people, but not trusted ([`Words`],
//! [`RemoteError`]).

mod client;
mod file;
mod proxy;
mod reach;
mod real_time;
mod remote_error;
mod traces;
mod trust;
mod words;

pub use client::{GuardedClients, NetworkError, NetworkErrorKind, gunzip, http_client, is_gzip};
pub use file::{CERTIFICATES_LIMIT, read_file};
pub use proxy::Proxies;
pub use reach::{Reach, is_localhost};
pub use real_time::RealTime;
pub use remote_error::{RemoteError, is_code, status_text};
pub use trust::Trust;
pub use words::Words;
