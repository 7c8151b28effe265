//! Requests to the HTTP APIs of those who run registries: GitHub, GitLab, Docker Hub.
//!
//! Registries themselves are asked about images (`longshore-oci`); here it is about tokens: what one may do, when it
//! expires, and making and revoking them. [`Api`] sends a [`Call`] and answers with an [`Answer`]; what is shown of
//! either is without secrets.

mod answer;
mod api;
mod call;
mod clock;
mod connection;
mod options;
#[cfg(test)]
mod tests;
mod token_name;

pub use answer::{Answer, read_secret};
pub use api::Api;
pub use call::Call;
pub use clock::{Clock, read_time, rfc3339};
pub use connection::Connection;
pub use options::{read_base, read_username, registry_host};
pub use token_name::{is_for, token_name};
