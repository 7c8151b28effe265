//! Credential source for any registry: a user name and a password as they are.
//!
//! ```toml
//! [registries.harbor]
//! use = "static"
//! host = "harbor.example.com"
//! username = "robot$acme"                  # or a table, as for the password
//! password = { file = "secrets/harbor" }   # or { env = "…" }, or { command = ["…"] }
//! ```
//!
//! A credential that is known to expire within hours is refused before it is stored, unless `allow-short-lived` is set.

mod source;
#[cfg(test)]
mod tests;
mod username;

use std::sync::Arc;

use longshore_credential::Environment;
use longshore_plugin::Plugins;

use crate::source::StaticSource;

/// Adds the credential source `static`. Environment variables are those of the [`Environment`] that the host lends,
/// else those of the process.
pub fn register(plugins: &mut Plugins) {
    plugins
        .add_credential_source("static", |options, extensions| {
            let environment = extensions.get::<Environment>().map(|lent| (*lent).clone()).unwrap_or_default();
            Ok(Arc::new(StaticSource::read(options, environment)?))
        })
        .summary("A user name and a password of any registry, as they are")
        .document("configuration.md")
        .options(&[
            ("username", "the user name, or where it is found (required)"),
            ("password", "where the password is found, such as { file = \"PATH\" } (required)"),
            (
                "allow-short-lived",
                "true if a credential that ends within hours may be stored (default false)",
            ),
        ]);
}
