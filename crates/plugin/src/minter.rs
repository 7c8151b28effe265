//! Tokens that are made for one stack.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::{Context, Credential, Result};

/// What a token has to be able to pull.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullScope {
    /// The stack, for the token's name.
    pub stack: String,
    /// The registry's host, as it stands in image references.
    pub host: String,
    /// The repositories: `acme/api`, `library/nginx`.
    pub repositories: BTreeSet<String>,
}

/// A token that was made, with what is needed to revoke it.
#[derive(Clone, Debug)]
pub struct Minted {
    /// User name and token.
    pub credential: Credential,
    /// What the registry calls the token: not a secret.
    pub id: String,
    /// When it expires, in seconds since the Unix epoch.
    pub expires_at: Option<u64>,
}

/// Makes pull tokens with the least scope, and revokes them.
#[async_trait]
pub trait TokenMinter: Send + Sync {
    /// Proves that a token for `scope` could be made, and says what it will be. Reads only.
    ///
    /// # Errors
    /// When the registry's API refuses, or cannot limit a token to `scope`.
    async fn check(&self, context: &Context, scope: &PullScope) -> Result<String>;

    /// Makes a token for `scope`.
    ///
    /// # Errors
    /// When the registry's API refuses.
    async fn mint(&self, context: &Context, scope: &PullScope) -> Result<Minted>;

    /// Revokes the token `id`. A token that is gone already is no error.
    ///
    /// # Errors
    /// When the registry's API refuses.
    async fn revoke(&self, context: &Context, id: &str) -> Result<()>;
}
