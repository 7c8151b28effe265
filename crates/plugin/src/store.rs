//! Places that keep secrets.

use async_trait::async_trait;
use longshore_model::{Secret, StepPlan};

use crate::{Context, Result};

/// A secret to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSpec {
    /// What it is for, as a path: `shop/ghcr/pull`. The store makes the secret's name of it.
    pub path: String,
    /// The whole name, where the configuration gives one.
    pub name: Option<String>,
    /// What people read beside it.
    pub description: String,
}

/// What a store can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreCapabilities {
    /// The ECS agent can read pull credentials there (`repositoryCredentials`). It knows Secrets Manager only.
    pub pull_credentials: bool,
}

/// Keeps secrets. Its steps yield the output `<dyn SecretStore>::ARN`, of type
/// [`SECRET_ARN`](longshore_model::ValueType::SECRET_ARN).
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// What the store can do.
    fn capabilities(&self) -> StoreCapabilities;

    /// The ARN of the customer-managed KMS key that encrypts its secrets, where one is configured.
    fn kms_key(&self) -> Option<&str>;

    /// Compares what is there with `secret` holding `value`. Reads only.
    ///
    /// # Errors
    /// When the store cannot be read, or when the name belongs to somebody else.
    async fn plan(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<StepPlan>;

    /// Makes it so, and answers with the secret's full ARN. Can be repeated.
    ///
    /// # Errors
    /// When the store refuses.
    async fn apply(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String>;

    /// Finds out what there is to remove. Reads only.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn plan_removal(&self, context: &Context, secret: &SecretSpec) -> Result<StepPlan>;

    /// Removes the secret if the stack owns it. Can be repeated.
    ///
    /// # Errors
    /// When the store refuses.
    async fn remove(&self, context: &Context, secret: &SecretSpec) -> Result<()>;
}

impl dyn SecretStore {
    /// The name of the output that is the secret's full ARN.
    pub const ARN: &'static str = "secret-arn";
}
