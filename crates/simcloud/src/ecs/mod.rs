//! Amazon ECS: clusters, task definitions, services, deployments, tasks and the agent that starts them.

use serde::{Deserialize, Serialize};

/// The state of ECS.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ecs {}

/// What ECS has to do at some moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Due {}
