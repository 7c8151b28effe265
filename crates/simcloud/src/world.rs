//! The state of the simulated cloud: plain data, which can be written to a file.

use serde::{Deserialize, Serialize};

use crate::{Agenda, Ids, Moment, ecs, registry};

/// Everything that exists, and everything that is going to happen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    /// The time up to which the agenda has been worked off.
    pub now: Moment,
    /// The account that the cloud plays.
    pub account: String,
    /// Where new identifiers come from.
    pub ids: Ids,
    /// What is going to happen.
    pub agenda: Agenda,
    /// Clusters, task definitions, services and tasks.
    pub ecs: ecs::Ecs,
    /// Container registries with their users and images.
    pub registries: registry::Registries,
}
