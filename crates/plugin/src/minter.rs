//! Tokens that are made for one stack.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::{Context, Credential, Result};

/// The images that a token has to be able to pull.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullScope {
    /// The stack, for the token's name.
    pub stack: String,
    /// The registry's host, as it stands in image references.
    pub host: String,
    /// The repositories: `acme/api`, `library/nginx`.
    pub repositories: BTreeSet<String>,
    /// The address of the secret that will hold the token, unique among all accounts and regions:
    /// `arn:aws:secretsmanager:eu-central-1:123456789012:secret:longshore/shop/hub/pull`. A stack that is deployed twice
    /// has two, and must not revoke the token of the other.
    pub holder: String,
}

/// A token that was made, with what is needed to revoke it.
#[derive(Clone, Debug)]
pub struct Minted {
    /// User name and token.
    pub credential: Credential,
    /// The registry's id of the token: not a secret. It is kept in a tag of the secret, so it consists of letters,
    /// digits and `_.:/=+@-`, and is short.
    pub id: String,
    /// When it expires, in seconds since the Unix epoch.
    pub expires_at: Option<u64>,
}

/// Makes pull tokens with the least scope, and revokes them.
///
/// A run may be killed after a token was made and before its id was stored. So that the next run can revoke it, a
/// token's name at the registry says for which [`PullScope::holder`] it was made (whole, or as a hash where names are
/// short), and [`TokenMinter::list`] finds it by that. A minter revokes nothing on its own: which of the tokens is in
/// use, only the caller knows.
#[async_trait]
pub trait TokenMinter: Send + Sync {
    /// Whose tokens it makes: the plugin, the API's host, and the organisation or project that they belong to, as in
    /// `dockerhub hub.docker.com acme`. It is noted in a tag of the secret, so it consists of letters, digits, spaces and
    /// `_.:/=+-@`. Whatever makes tokens of the same issuer can revoke those of another registry of the configuration.
    fn issuer(&self) -> String;

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

    /// The ids of all tokens that were made for [`PullScope::holder`] and are not revoked, whatever repositories they
    /// are for. Reads only.
    ///
    /// # Errors
    /// When the registry's API refuses.
    async fn list(&self, _context: &Context, _scope: &PullScope) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Revokes the token `id`. A token that is gone already is no error.
    ///
    /// # Errors
    /// When the registry's API refuses.
    async fn revoke(&self, context: &Context, id: &str) -> Result<()>;
}
