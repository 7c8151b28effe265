//! Places that keep secrets.

use std::collections::BTreeMap;

use async_trait::async_trait;
use longshore_model::{Action, Secret, StepPlan};

#[cfg(doc)]
use crate::Step;
use crate::{Context, Declared, Result, stuck};

/// A secret to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretSpec {
    /// The secret's purpose, as a path: `shop/ghcr/pull`. The store makes the secret's name of it.
    pub path: String,
    /// The whole name, where the configuration gives one.
    pub name: Option<String>,
    /// The description that people read beside the secret.
    pub description: String,
    /// The labels beside the value, which are not secret, such as the id of a token: kept as the tags `longshore:KEY`.
    /// Labels that are not declared here are removed.
    pub labels: BTreeMap<String, String>,
}

/// A secret as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its full ARN.
    pub arn: String,
    /// Its name in the store.
    pub name: String,
    /// Its value; empty when it is nothing that ECS could read.
    pub value: Secret<String>,
    /// The labels beside the value: see [`SecretSpec::labels`].
    pub labels: BTreeMap<String, String>,
    /// The version that holds the value.
    pub version: String,
    /// When the value was stored, in seconds since the Unix epoch.
    pub changed_at: Option<u64>,
}

/// A secret that the stack owns and no step makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UndeclaredSecret {
    /// Its whole name in the store.
    pub name: String,
    /// The step that made it; empty where no tag says it.
    pub resource: String,
    /// The labels beside the value: see [`SecretSpec::labels`].
    pub labels: BTreeMap<String, String>,
    /// True if it is protected from removal.
    pub is_protected: bool,
}

/// The capabilities of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCapabilities {
    /// The ECS agent can read pull credentials there (`repositoryCredentials`). It knows Secrets Manager only.
    pub pull_credentials: bool,
    /// The ECS agent can read environment variables of containers there (`secrets[].valueFrom`).
    pub container_secrets: bool,
    /// A removed secret comes back under its ARN when it is stored again.
    pub restores: bool,
    /// It finds secrets by their owner: see [`SecretStore::undeclared`].
    pub finds_undeclared: bool,
}

/// Keeps secrets. Its steps yield the output `<dyn SecretStore>::ARN`, of type
/// [`SECRET_ARN`](longshore_model::ValueType::SECRET_ARN).
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Returns the store's capabilities.
    fn capabilities(&self) -> StoreCapabilities;

    /// The customer-managed KMS key that encrypts its secrets, where one is configured: an ARN, an id or an alias.
    fn kms_key(&self) -> Option<&str>;

    /// Compares what is there with `secret` holding `value`. Reads only.
    ///
    /// # Errors
    /// If the store cannot be read, or if a secret of that name has another owner.
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

    /// Reads the secret as tasks read it now. Returns `None` if it is not there, is scheduled for deletion, or is not the
    /// stack's.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn read(&self, context: &Context, secret: &SecretSpec) -> Result<Option<Stored>>;

    /// Takes back what [`apply`](Self::apply) did in this run according to `plan`: see [`Step::undo`].
    ///
    /// # Errors
    /// [`FailureKind::Stuck`](longshore_model::FailureKind::Stuck) when it cannot be taken back; other kinds when the store refuses.
    async fn undo(&self, context: &Context, secret: &SecretSpec, plan: &StepPlan) -> Result<()> {
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.remove(context, secret).await,
            action => Err(stuck(action, &plan.resource)),
        }
    }

    /// Returns the resource of `secret` in this store, as [`StepPlan::resource`] names it, if it is known before
    /// anything is read.
    fn resource(&self, _secret: &SecretSpec) -> Option<String> {
        None
    }

    /// The secrets that the stack owns, but that nothing `declared` makes. Reads only. A store that cannot find them by
    /// their owner answers with none.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn undeclared(&self, _context: &Context, _declared: &Declared) -> Result<Vec<UndeclaredSecret>> {
        Ok(Vec::new())
    }

    /// The ARN that the secret has or will have; of what the store adds by chance, something as long. So what depends on
    /// the ARN can be judged before the secret is made. Nothing where the store cannot tell.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn foreseen_arn(&self, _context: &Context, _secret: &SecretSpec) -> Result<Option<String>> {
        Ok(None)
    }

    /// Returns when the value that tasks read now was written, in milliseconds since the Unix epoch; `None` if there is no
    /// value, or if the store does not tell.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn written_at(&self, context: &Context, secret: &SecretSpec) -> Result<Option<u64>> {
        let changed = self.read(context, secret).await?.and_then(|stored| stored.changed_at);
        Ok(changed.map(|seconds| seconds.saturating_mul(1000)))
    }

    /// Returns the means to note something beside a secret, which tokens that are made for the stack need.
    fn labels(&self) -> Option<&dyn Labels> {
        None
    }

    /// Returns the means to prove a new value before tasks read it.
    fn rotation(&self) -> Option<&dyn Rotation> {
        None
    }
}

/// A store that keeps [`SecretSpec::labels`]: secrets say which token they hold, so that every later run can revoke it.
#[async_trait]
pub trait Labels: Send + Sync {
    /// Returns the address of the secret, unique among all accounts and regions; it need not exist yet.
    ///
    /// # Errors
    /// If it cannot be found out.
    async fn address(&self, context: &Context, secret: &SecretSpec) -> Result<String>;

    /// Makes the labels of the stack's secret those of `secret`, and nothing else.
    ///
    /// # Errors
    /// If the store refuses.
    async fn label(&self, context: &Context, secret: &SecretSpec) -> Result<()>;

    /// Returns `true` if the secret is there and belongs to another stack, or to another environment of this one: tokens
    /// that were made for it are theirs. Reads only.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn belongs_to_others(&self, context: &Context, secret: &SecretSpec) -> Result<bool>;
}

/// A store that keeps versions of a secret, of which tasks read one.
#[async_trait]
pub trait Rotation: Send + Sync {
    /// Stores `value` beside the current one, so that it can be proved before tasks read it. Returns its version. An
    /// earlier value that was staged and not promoted is forgotten.
    ///
    /// # Errors
    /// If the store refuses.
    async fn stage(&self, context: &Context, secret: &SecretSpec, value: &Secret<String>) -> Result<String>;

    /// Reads the value of a version.
    ///
    /// # Errors
    /// If the store cannot be read, or has no such version.
    async fn read_version(
        &self,
        context: &Context,
        secret: &SecretSpec,
        version: &str,
    ) -> Result<Secret<String>>;

    /// Makes a staged version the one that tasks read. The one before stays as the previous one. Can be repeated.
    ///
    /// # Errors
    /// If the store refuses.
    async fn promote(&self, context: &Context, secret: &SecretSpec, version: &str) -> Result<()>;

    /// Forgets a staged version. Can be repeated; a version that was promoted stays.
    ///
    /// # Errors
    /// If the store refuses.
    async fn discard(&self, context: &Context, secret: &SecretSpec, version: &str) -> Result<()>;
}

impl dyn SecretStore {
    /// The name of the output that is the secret's full ARN.
    pub const ARN: &'static str = "secret-arn";

    /// The name of the output that is the moment at which the value was written, of type
    /// [`MOMENT`](longshore_model::ValueType::MOMENT). Steps that keep variables of containers yield it.
    pub const WRITTEN_AT: &'static str = "written-at";
}
