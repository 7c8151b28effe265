//! Deployers of services.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use longshore_model::{ImageReference, Name, Platform, Problem, Service, ServiceStatus, StepId};

use crate::{Context, LogStream, Node, Result, Step, Undeclared};

/// The steps that a service's own steps depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wires {
    /// The stack.
    pub stack: Name,
    /// The step whose output `<dyn RoleBuilder>::ARN` is the execution role.
    pub role: StepId,
    /// For each registry that a container pulls from with a credential: the step whose output
    /// `<dyn SecretStore>::ARN` is its secret.
    pub secrets: BTreeMap<Name, StepId>,
    /// For each environment variable whose value Longshore keeps in a store: the step whose outputs
    /// `<dyn SecretStore>::ARN` and `<dyn SecretStore>::WRITTEN_AT` are where it is and when it was written.
    pub variables: BTreeMap<ContainerVariable, StepId>,
    /// The steps that end before new tasks start.
    pub after: Vec<StepId>,
    /// For each image whose registry is asked for it: the step whose output
    /// `<dyn PullCheck>::digests_output` holds its digests.
    pub images: BTreeMap<ImageReference, StepId>,
}

/// An environment variable of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerVariable {
    /// The container.
    pub container: Name,
    /// The variable.
    pub name: String,
}

impl fmt::Display for ContainerVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.container, self.name)
    }
}

/// Runs services.
#[async_trait]
pub trait ServiceDeployer: Send + Sync {
    /// The steps that a service expands to. Pure: nothing is read, nothing is called. Steps that several services
    /// share, such as a cluster, carry the same id in each.
    ///
    /// # Errors
    /// What of the declaration cannot work, all at once; keys begin with `services.NAME`.
    fn expand(
        &self,
        name: &Name,
        service: &Service,
        wires: &Wires,
    ) -> std::result::Result<Vec<Node>, Vec<Problem>>;

    /// The platform that the tasks of a service run on. Pure.
    fn platform(&self, service: &Service) -> Platform;

    /// The ARNs of secrets and parameters that ECS reads with the execution role for other purposes than environment variables.
    /// Pure.
    fn secrets(&self, _name: &Name, _service: &Service) -> Vec<String> {
        Vec::new()
    }

    /// The ARNs of objects in Amazon S3 that ECS reads with the execution role. Pure.
    fn files(&self, _name: &Name, _service: &Service) -> Vec<String> {
        Vec::new()
    }

    /// The log streams that the tasks of a service write on behalf of its execution role: one of each container stands for
    /// those of all tasks. Pure.
    fn log_streams(&self, _stack: &Name, _name: &Name, _service: &Service) -> Vec<LogStream> {
        Vec::new()
    }

    /// Returns the service's status. Reads only.
    ///
    /// # Errors
    /// When it cannot be read. A service that is not there is no error.
    async fn status(&self, context: &Context, name: &Name, service: &Service) -> Result<ServiceStatus>;

    /// Returns the finders of resources of this deployer's kinds that the stack owns and no step makes. A deployer that
    /// cannot find it by its owner has none.
    fn undeclared(&self) -> Vec<Arc<dyn Undeclared>> {
        Vec::new()
    }

    /// Returns what the deployer can do to services that run, if it can.
    fn operations(&self) -> Option<&dyn ServiceOperations> {
        None
    }
}

/// Operations on a service that runs, which leave the declaration as it is: an optional ability of a [`ServiceDeployer`].
///
/// Each is a step that plans, changes nothing that the stack does not own, and succeeds when the service's tasks run. Steps
/// have no inputs and no outputs. There is nothing to remove.
pub trait ServiceOperations: Send + Sync {
    /// Returns the step that takes the service back to an earlier revision: to the one that `to` names, or to the last
    /// one before that worked. Planning fails if the revision does not exist, or if its tasks could not start.
    ///
    /// # Errors
    /// As [`ServiceDeployer::expand`].
    fn rollback(
        &self,
        stack: &Name,
        name: &Name,
        service: &Service,
        to: Option<&str>,
    ) -> std::result::Result<Arc<dyn Step>, Vec<Problem>>;

    /// Returns the step that replaces the service's tasks by others of the same revision.
    ///
    /// # Errors
    /// As [`ServiceDeployer::expand`].
    fn restart(
        &self,
        stack: &Name,
        name: &Name,
        service: &Service,
    ) -> std::result::Result<Arc<dyn Step>, Vec<Problem>>;
}
