//! What runs services.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use async_trait::async_trait;
use longshore_model::{Name, Problem, Service, ServiceStatus, StepId};

use crate::{Context, Node, Result};

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
    /// The steps that a service unfolds into. Pure: nothing is read, nothing is called. Steps that several services
    /// share, such as a cluster, carry the same id in each.
    ///
    /// # Errors
    /// What of the declaration cannot work, all at once; keys begin with `services.NAME`.
    fn unfold(
        &self,
        name: &Name,
        service: &Service,
        wires: &Wires,
    ) -> std::result::Result<Vec<Node>, Vec<Problem>>;

    /// How the service is doing. Reads only.
    ///
    /// # Errors
    /// When it cannot be read. A service that is not there is no error.
    async fn status(&self, context: &Context, name: &Name, service: &Service) -> Result<ServiceStatus>;

    /// The services that the stack owns, but that none of the `declared` steps makes, as people know them: they may still
    /// read what the stack keeps. Reads only. A deployer that cannot find them by their owner answers with none.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn undeclared(&self, _context: &Context, _declared: &BTreeSet<StepId>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}
