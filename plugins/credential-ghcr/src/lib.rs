//! Credential source for the GitHub container registry.
//!
//! ```toml
//! [registries.ghcr]
//! use = "ghcr"
//! username = "acme-bot"
//! token = { env = "GHCR_TOKEN" }  # or { file = "…" }, or { command = ["…"] }
//! ```
//!
//! The token is a classic personal access token with the scope `read:packages`. What would not pull, or not for long,
//! is refused before it is stored.

mod source;
#[cfg(test)]
mod tests;
mod token_kind;

use std::sync::Arc;

use longshore_credential::Environment;
use longshore_plugin::Registry;

use crate::source::GhcrSource;

/// Adds the credential source `ghcr`. Environment variables are those of the [`Environment`] that the host lends, else
/// those of the process.
pub fn register(registry: &mut Registry) {
    registry.add_credential_source("ghcr", |options, extensions| {
        let environment = extensions.get::<Environment>().map(|lent| (*lent).clone()).unwrap_or_default();
        Ok(Arc::new(GhcrSource::read(options, environment)?))
    });
}
