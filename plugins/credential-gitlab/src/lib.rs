//! Credential source for GitLab's container registries, on gitlab.com and elsewhere.
//!
//! ```toml
//! [registries.gitlab]
//! use = "gitlab"
//! username = "gitlab+deploy-token-42"
//! token = { env = "GITLAB_TOKEN" }  # or { file = "…" }, or { command = ["…"] }
//! ```
//!
//! The token is a deploy token, or a personal, project or group access token with the scope `read_registry`. Job tokens
//! are refused: they end with their job. With `mint` it is an access token with the scope `api`, which is stored
//! nowhere: what is stored is a deploy token that Longshore has made for the stack.
//!
//! ```toml
//! host = "gitlab.example.com:5050"
//! api = "https://gitlab.example.com/gitlab"
//! ca-file = "certs/example-ca.pem"
//! mint = { project = "acme/api", expires-days = 90 }
//! ```

mod facts;
mod minter;
mod owner;
mod source;
#[cfg(test)]
mod tests;
mod token_kind;

use std::sync::Arc;

use longshore_plugin::Plugins;

use crate::source::GitLabSource;

/// Adds the credential source `gitlab`. Of what the host lends it uses the
/// [`Environment`](longshore_credential::Environment), the [`HttpTransport`](longshore_net::HttpTransport), unless the
/// registry has a `ca-file`, and the [`Clock`](longshore_registry_api::Clock); without them those of the process, the network and the
/// system's.
pub fn register(plugins: &mut Plugins) {
    plugins
        .add_credential_source("gitlab", |options, extensions| {
            Ok(Arc::new(GitLabSource::read(options, extensions)?))
        })
        .summary("A deploy token or access token of GitLab, or deploy tokens that are made for the stack")
        .host("registry.gitlab.com")
        .token_prefixes(&["glpat-", "gldt-", "glcbt-", "glrt-"])
        .document("configuration.md")
        .options(&[
            ("username", "the user (required, except beside `mint`)"),
            ("token", "where the token is found, such as { env = \"GITLAB_TOKEN\" } (required)"),
            ("mint", "makes deploy tokens: project or group, expires-days"),
            ("api", "the URL of GitLab (default https://gitlab.com for registry.gitlab.com)"),
        ]);
}
