//! Container registries: repositories, users, a token server, and the distribution protocol.

use serde::{Deserialize, Serialize};

/// All registries, by host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Registries {}
