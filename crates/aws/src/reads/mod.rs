//! The reads of AWS, in as few requests as can be.
//!
//! Steps ask for one thing each. Simultaneous requests of several steps are read in one batch call. Steps share
//! what one has read while planning, until the run changes something.

mod deployments;
mod ecr;
mod existing;
mod loader;
mod log_groups;
mod managed_policies;
mod owned;
mod paged;
mod roles;
mod secrets;
mod service_tasks;
mod services;
mod subnets;
mod target_groups;
mod task_definitions;

use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use longshore_effort::Effort;
use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use tokio::time::Instant;

pub use self::{
    ecr::EcrImage,
    existing::{ExistingSecret, NetworkPart},
    log_groups::LogGroup,
    owned::{Owned, OwnedResources},
    paged::Listed,
    roles::{ListedRole, RoleSettings},
    secrets::{CurrentValue, ListedSecrets},
    services::{ServiceJson, is_absent},
    target_groups::{Target, TargetGroup},
};
use crate::{Aws, changes::Changes, clients::Inner};

/// For how long what was read for planning is shared: as long as a plan takes, and not for one that is made after a
/// deployment was followed.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// The freshness that a read needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A read of the last minute by this run will do, unless the run has changed anything since: for planning.
    Planned,
    /// As it is now.
    Now,
    /// As it is now, and there is no hurry: it is looked at again and again.
    Watched,
}

impl Freshness {
    /// For how long a batch waits for more: a moment in which everything that was begun together has asked, or an
    /// unnoticeable time.
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
    ecr_images: ecr::Images,
    existing: existing::Existing,
    log_groups: log_groups::LogGroups,
    managed_policies: managed_policies::ManagedPolicies,
    owned: owned::OwnedByStack,
    roles: roles::Roles,
    secret_values: secrets::Values,
    secrets: secrets::OfStacks,
    service_revisions: deployments::Revisions,
    service_tasks: service_tasks::ServiceTasks,
    services: services::Services,
    target_groups: target_groups::TargetGroups,
    task_definitions: task_definitions::TaskDefinitions,
    tasks: deployments::Tasks,
    /// The start of the ticks of [`Reads::next_look`].
    began: OnceLock<Instant>,
}

/// The clients, for what is part of them.
#[derive(Clone)]
struct Clients(Weak<Inner>);

impl Clients {
    /// # Errors
    /// Only if the clients were dropped, which cannot happen while a read is pending.
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
            ecr_images: ecr::images(clients()),
            existing: existing::Existing::new(&clients()),
            log_groups: log_groups::loader(clients(), changes()),
            managed_policies: managed_policies::loader(clients()),
            owned: owned::loader(clients(), changes()),
            roles: roles::Roles::new(&clients(), &changes()),
            secret_values: secrets::values(clients(), changes()),
            secrets: secrets::of_stacks(clients(), changes()),
            service_revisions: deployments::revisions(clients(), changes()),
            service_tasks: service_tasks::loader(clients(), changes()),
            services: services::services(clients(), changes()),
            target_groups: target_groups::loader(clients(), changes()),
            task_definitions: task_definitions::TaskDefinitions::new(&clients(), &changes()),
            tasks: deployments::tasks(clients(), changes()),
            began: OnceLock::new(),
        }
    }

    /// When something that is looked at every `period` is looked at next. Whatever is watched at the same time is looked
    /// at at the same moments, so that it is read together.
    #[must_use]
    pub fn next_look(&self, period: Duration) -> Instant {
        let now = Instant::now();
        let began = *self.began.get_or_init(|| now);
        let period = period.max(Duration::from_millis(1));
        let since = now.saturating_duration_since(began).as_nanos();
        let rest = period.as_nanos() - since % period.as_nanos();
        now + Duration::from_nanos(u64::try_from(rest).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
