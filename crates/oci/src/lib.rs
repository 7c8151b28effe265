//! The proof that a credential can pull an image, by the OCI distribution protocol.
//!
//! [`Puller`] reads an image's manifest as a container runtime does: it is challenged, fetches a token, and reads the
//! manifest with it. Requests go through [`Transport`](longshore_net::Transport), to real registries as well as
//! to simulated ones.
//!
//! Protocols: the [OCI distribution specification](https://github.com/opencontainers/distribution-spec/blob/main/spec.md),
//! and for tokens the [distribution project's](https://distribution.github.io/distribution/spec/auth/token/).

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
mod session;
#[cfg(test)]
mod tests;

pub use address::Access;
pub use manifest_alone::ReadManifest;
pub use puller::Puller;
