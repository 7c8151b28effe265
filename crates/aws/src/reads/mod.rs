//! What is read of AWS, in as few requests as can be.
//!
//! Steps ask for one thing each. What several of them ask for at the same time is read in one batch call; what one has
//! read while planning, the others share, until the run changes something.

mod deployments;
mod loader;
mod log_groups;
mod owned;
mod roles;
mod secrets;
mod services;
mod subnets;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Effort, Result};

pub use self::{
    owned::Owned,
    roles::ListedRole,
    secrets::{CurrentValue, ListedSecrets},
    services::is_absent,
};
use crate::{Aws, changes::Changes, clients::Inner};

/// How fresh what is read has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// What this run has read before will do, unless it has changed anything since: for planning.
    Planned,
    /// As it is now.
    Now,
    /// As it is now, and there is no hurry: it is looked at again and again.
    Watched,
}

impl Freshness {
    /// For how long a batch waits for more: a moment in which everything that was begun together has asked, or as long
    /// as nobody notices.
    const fn window(self) -> Duration {
        match self {
            Self::Planned | Self::Now => Duration::from_millis(5),
            Self::Watched => Duration::from_millis(100),
        }
    }

    fn effort(self) -> Effort {
        let effort = Effort::current();
        match self {
            Self::Planned | Self::Now => effort,
            Self::Watched => {
                let urgency = effort.urgency().watching();
                effort.with(urgency)
            }
        }
    }
}

/// Reads that the steps of a run share.
pub struct Reads {
    clusters: services::Clusters,
    default_subnets: subnets::DefaultSubnets,
    deployments: deployments::Deployments,
    log_groups: log_groups::LogGroups,
    owned: owned::OwnedByStack,
    roles: roles::Roles,
    secret_values: secrets::Values,
    secrets: secrets::OfStacks,
    services: services::Services,
    tasks: deployments::Tasks,
}

/// The clients, for what is part of them.
#[derive(Clone)]
struct Clients(Weak<Inner>);

impl Clients {
    /// # Errors
    /// Never while somebody waits for a read: they hold the clients.
    fn get(&self) -> Result<Aws> {
        let gone = || Failure::new(FailureKind::Internal, "the AWS clients are gone");
        self.0.upgrade().map(Aws::from_inner).ok_or_else(gone)
    }
}

impl Reads {
    pub(crate) fn new(inner: &Weak<Inner>, changes: &Arc<Changes>) -> Self {
        let clients = || Clients(inner.clone());
        let changes = || changes.clone();
        Self {
            clusters: services::clusters(clients(), changes()),
            default_subnets: subnets::loader(clients()),
            deployments: deployments::deployments(clients(), changes()),
            log_groups: log_groups::loader(clients(), changes()),
            owned: owned::loader(clients(), changes()),
            roles: roles::Roles::new(clients(), changes()),
            secret_values: secrets::values(clients(), changes()),
            secrets: secrets::of_stacks(clients(), changes()),
            services: services::services(clients(), changes()),
            tasks: deployments::tasks(clients(), changes()),
        }
    }
}

#[cfg(test)]
mod tests;
