//! HTTP: trusted certificates, proxies, retries, and the redaction of quoted answers.
//!
//! Requests leave through a [`Transport`], over the network by [`ReqwestTransport`] or to simulated servers, and are sent
//! again by a [`RetryLoop`]. The HTTP client ([`http_client`]) trusts the certificates of a [`Trust`] and takes the
//! [`Proxies`] of the environment. Servers and child processes live in real time ([`RealTime`]), also if the program
//! itself runs on tokio's paused clock. [`Words`] and [`RemoteError`] remove secrets from quoted answers.

mod authorities;
mod client;
mod file;
mod proxy;
mod reach;
mod real_time;
mod remote_error;
mod reqwest_transport;
mod retry_after;
mod retry_loop;
mod traces;
mod transport;
mod trust;
mod words;

pub use authorities::{Around, Authorities};
pub use client::{GuardedClients, NetworkError, NetworkErrorKind, gunzip, http_client, is_gzip};
pub use file::{CERTIFICATES_LIMIT, read_file};
pub use proxy::Proxies;
pub use reach::{Reach, is_local, is_localhost};
pub use real_time::RealTime;
pub use remote_error::{RemoteError, is_code, status_text};
pub use reqwest_transport::ReqwestTransport;
pub use retry_after::retry_after;
pub use retry_loop::{Reply, RetryLoop};
pub use transport::{HttpTransport, Transport, TransportError, TransportErrorKind};
pub use trust::Trust;
pub use words::Words;
