//! Credential source for what `docker login` keeps, and for every Docker credential helper.
//!
//! ```toml
//! [registries.quay]
//! use = "docker-config"
//! host = "quay.io"
//! file = "../podman/auth.json"  # otherwise $DOCKER_CONFIG/config.json or ~/.docker/config.json
//! ```
//!
//! The places that it searches, in Docker's order: the helper that `credHelpers` names for the host, the one that
//! `credsStore` names for all hosts, the entry in `auths`. One that does not have the credential leads on to the next.
//! Identity tokens are refused: the ECS agent logs in with a user name and a password.

mod configuration;
mod entry;
mod go;
mod helper;
mod server;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use longshore_credential::Environment;
use longshore_plugin::Plugins;

use crate::source::DockerConfigSource;

/// Adds the credential source `docker-config`. Environment variables are those of the [`Environment`] that the host
/// lends, else those of the process: `DOCKER_CONFIG` and `HOME`, which say where the file is, and `PATH`, which says
/// where helpers are.
pub fn register(plugins: &mut Plugins) {
    plugins.add_credential_source("docker-config", |options, extensions| {
        let environment = extensions.get::<Environment>().map(|lent| (*lent).clone()).unwrap_or_default();
        Ok(Arc::new(DockerConfigSource::read(options, environment)?))
    })
    .summary("What `docker login` keeps, and every Docker credential helper")
    .document("configuration.md")
    .options(&[
        ("file", "the file in Docker's format (default: DOCKER_AUTH_CONFIG, then config.json as Docker finds it)"),
        ("allow-short-lived", "true if a credential that ends within hours may be stored (default false)"),
    ]);
}
