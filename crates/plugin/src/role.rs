//! Execution roles.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Action, ImageReference, Known, Name, StepPlan};

use crate::{Context, Result, Undeclared, stuck};
#[cfg(doc)]
use crate::{SecretStore, ServiceDeployer, Step};

/// A secret or parameter that a role may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readable {
    /// Its full ARN.
    pub arn: Known,
    /// While the ARN is not known: see [`SecretStore::foreseen_arn`].
    pub foreseen: Option<String>,
    /// The customer-managed key that encrypts it: an ARN, an id or an alias. None for the key that AWS manages.
    pub key: Option<String>,
}

impl Readable {
    /// The ARN, or the one that is foreseen.
    #[must_use]
    pub fn arn_or_foreseen(&self) -> Option<&str> {
        self.arn.value().or(self.foreseen.as_deref())
    }
}

/// A log stream in CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStream {
    /// Its log group.
    pub group: String,
    /// Its name.
    pub name: String,
    /// True if its log group is created with it, where it does not exist.
    pub creates_group: bool,
}

/// An execution role to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSpec {
    /// The service that it is for.
    pub service: Name,
    /// The role's name, where the configuration gives one.
    pub name: Option<String>,
    /// The secrets and parameters that it may read, in a stable order.
    pub secrets: Vec<Readable>,
    /// The ARNs of objects in Amazon S3 that are read on its behalf: see [`ServiceDeployer::files`].
    pub files: Vec<String>,
    /// The log streams that are written on its behalf: see [`ServiceDeployer::log_streams`].
    pub log_streams: Vec<LogStream>,
    /// The images that are pulled without a credential of the stack, those in Amazon ECR on behalf of the role.
    pub images: Vec<ImageReference>,
    /// The ARNs of other secrets and parameters of the stack, known or foreseen: what the role is not to read.
    pub others: Vec<String>,
    /// Managed policies to attach: ARNs, or paths of AWS-managed ones.
    pub managed_policies: Vec<String>,
}

impl RoleSpec {
    /// The role of a service that needs nothing.
    #[must_use]
    pub fn new(service: Name) -> Self {
        Self {
            service,
            name: None,
            secrets: Vec::new(),
            files: Vec::new(),
            log_streams: Vec::new(),
            images: Vec::new(),
            others: Vec::new(),
            managed_policies: Vec::new(),
        }
    }
}

/// Builds execution roles. Its steps yield the output `<dyn RoleBuilder>::ARN`, of type
/// [`ROLE_ARN`](longshore_model::ValueType::ROLE_ARN).
#[async_trait]
pub trait RoleBuilder: Send + Sync {
    /// Compares what is there with `role`. Reads only.
    ///
    /// # Errors
    /// If the role cannot be read, or if it has another owner.
    async fn plan(&self, context: &Context, role: &RoleSpec) -> Result<StepPlan>;

    /// Makes it so, proves it, and answers with the role's ARN. Can be repeated.
    ///
    /// # Errors
    /// When the role is refused or does not allow what the task needs.
    async fn apply(&self, context: &Context, role: &RoleSpec) -> Result<String>;

    /// Finds out what there is to remove. Reads only.
    ///
    /// # Errors
    /// When the role cannot be read.
    async fn plan_removal(&self, context: &Context, role: &RoleSpec) -> Result<StepPlan>;

    /// Removes the role if the stack owns it. Can be repeated.
    ///
    /// # Errors
    /// When the removal is refused.
    async fn remove(&self, context: &Context, role: &RoleSpec) -> Result<()>;

    /// Takes back what [`apply`](Self::apply) did in this run according to `plan`: see [`Step::undo`].
    ///
    /// # Errors
    /// [`FailureKind::Stuck`](longshore_model::FailureKind::Stuck) when it cannot be taken back; other kinds when the change
    /// is refused.
    async fn undo(&self, context: &Context, role: &RoleSpec, plan: &StepPlan) -> Result<()> {
        match plan.action {
            Action::NoChange => Ok(()),
            Action::Create => self.remove(context, role).await,
            action => Err(stuck(action, &plan.resource)),
        }
    }

    /// Returns the resource that is made for `role` in `stack`, as [`StepPlan::resource`] names it, if it is known
    /// before anything is read.
    fn resource(&self, _stack: &Name, _role: &RoleSpec) -> Option<String> {
        None
    }

    /// Returns the finders of roles that the stack owns and no step makes. A builder that cannot find them by their
    /// owner has none.
    fn undeclared(&self) -> Vec<Arc<dyn Undeclared>> {
        Vec::new()
    }
}

impl dyn RoleBuilder {
    /// The name of the output that is the role's ARN.
    pub const ARN: &'static str = "role-arn";
}
