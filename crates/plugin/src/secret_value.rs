//! Secret values that are no credentials of a registry.

use async_trait::async_trait;
use longshore_model::Secret;

use crate::{Context, Result};

/// A secret value, and where it comes from. It leaves the step that fetched it only into a secret store.
#[async_trait]
pub trait SecretValue: Send + Sync {
    /// Returns the value's source, in a few words: `environment variable DATABASE_URL`.
    fn describe(&self) -> String;

    /// Obtains the value.
    ///
    /// # Errors
    /// If there is no value.
    async fn fetch(&self, context: &Context) -> Result<Secret<String>>;
}
