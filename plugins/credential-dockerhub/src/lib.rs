//! Credential source for Docker Hub.
//!
//! ```toml
//! [registries.hub]
//! use = "dockerhub"
//! username = "acmebot"
//! token = { env = "DOCKERHUB_TOKEN" }  # or { file = "…" }, or { command = ["…"] }
//! ```
//!
//! The token is a personal access token, an organisation access token (the user name is then the organisation's), or the
//! user's password. With `mint` it is the credential of an owner of the organisation, which is stored nowhere: what is
//! stored is an organisation access token that Longshore has made for the stack.
//!
//! ```toml
//! mint = { organization = "acme", expires-days = 90 }
//! ```

mod facts;
mod hub;
mod minter;
mod resources;
mod source;
#[cfg(test)]
mod tests;
mod token_kind;

use std::sync::Arc;

use longshore_plugin::Plugins;

use crate::source::DockerHubSource;

/// Adds the credential source `dockerhub`. Of what the host lends it uses the
/// [`Environment`](longshore_credential::Environment), the [`HttpTransport`](longshore_net::HttpTransport) and the
/// [`Clock`](longshore_registry_api::Clock); without them those of the process, the network and the system's.
pub fn register(plugins: &mut Plugins) {
    plugins.add_credential_source("dockerhub", |options, extensions| {
        Ok(Arc::new(DockerHubSource::read(options, extensions)?))
    })
    .summary("A token of Docker Hub, or access tokens that are made for the stack")
    .host("docker.io")
    .token_prefixes(&["dckr_pat_", "dckr_oat_"])
    .document("configuration.md")
    .options(&[
        ("username", "the user, or the organisation whose access token it is (required)"),
        ("token", "where the token or password is found, such as { env = \"DOCKERHUB_TOKEN\" } (required; `password` is the same)"),
        ("password", "the same as `token`"),
        ("mint", "makes organisation access tokens: organization, expires-days, label"),
        ("api", "the URL of Docker Hub's API (default https://hub.docker.com)"),
    ]);
}
