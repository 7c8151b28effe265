//! Credential source for the GitHub container registry.
//!
//! ```toml
//! [registries.ghcr]
//! use = "ghcr"
//! username = "acme-bot"
//! token = { env = "GHCR_TOKEN" }  # or { file = "…" }, or { command = ["…"] }
//! ```
//!
//! The token is a classic personal access token with the scope `read:packages`. A token that would not pull, or not for
//! long, is refused before it is stored. Scopes and expiry are those that GitHub's API tells; with GitHub Enterprise
//! Server, `api = "https://github.example.com/api/v3"` says where that is.

mod facts;
mod source;
#[cfg(test)]
mod tests;
mod token_kind;

use std::sync::Arc;

use longshore_plugin::Plugins;

use crate::source::GhcrSource;

/// Adds the credential source `ghcr`. Environment variables are those of the
/// [`Environment`](longshore_credential::Environment) that the host lends, else those of the process; GitHub's API is
/// reached through the [`HttpTransport`](longshore_net::HttpTransport) that the host lends, else over the network.
pub fn register(plugins: &mut Plugins) {
    plugins
        .add_credential_source("ghcr", |options, extensions| {
            Ok(Arc::new(GhcrSource::read(options, extensions)?))
        })
        .summary("A classic personal access token of GitHub")
        .host("ghcr.io")
        .token_prefixes(&["ghp_", "ghs_", "gho_", "ghu_", "ghr_", "github_pat_"])
        .document("configuration.md")
        .options(&[
            ("username", "the user whom the token belongs to (required)"),
            ("token", "where the token is found, such as { env = \"GHCR_TOKEN\" } (required)"),
            (
                "allow-short-lived",
                "true if a credential that ends within hours may be stored (default false)",
            ),
            ("api", "the URL of GitHub's API (default https://api.github.com for ghcr.io)"),
        ]);
}
