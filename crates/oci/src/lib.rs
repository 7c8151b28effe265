//! The proof that a credential can pull an image, by the OCI distribution protocol.
//!
//! [`Puller`] reads an image's manifest as a container runtime does: it is challenged, fetches a token, and reads the
//! manifest with it. Requests go through [`Transport`], so that they reach real registries ([`ReqwestTransport`]) as well
//! as simulated ones.
//!
//! Protocols: the [OCI distribution specification](https://github.com/opencontainers/distribution-spec/blob/main/spec.md),
//! and for tokens the [distribution project's](https://distribution.github.io/distribution/spec/auth/token/).

mod access;
mod address;
mod challenge;
mod digest;
mod exchange;
mod header_text;
mod json;
mod manifest;
mod manifest_alone;
mod platform;
mod puller;
mod refusal;
mod reqwest_transport;
mod retry_after;
mod session;
#[cfg(test)]
mod tests;
mod transport;

pub use access::{Access, Around, Authorities};
pub use address::is_local;
pub use manifest_alone::ReadManifest;
pub use puller::Puller;
pub use reqwest_transport::ReqwestTransport;
pub use retry_after::retry_after;
pub use transport::{HttpTransport, Transport, TransportError, TransportErrorKind};
