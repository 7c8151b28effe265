//! The latency of calls.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{Blueprint, Ids};

/// A latency that varies from call to call, by the seed.
#[derive(Debug)]
pub(super) struct Latency {
    mean_ms: u64,
    jitter_ms: u64,
    /// Apart from the world's, so that a read does not change the world.
    chance: Mutex<Ids>,
}

impl Latency {
    pub(super) fn of(blueprint: &Blueprint) -> Self {
        Self {
            mean_ms: blueprint.latency_ms,
            jitter_ms: blueprint.latency_jitter_ms,
            chance: Mutex::new(Ids::new(blueprint.seed.rotate_left(32))),
        }
    }

    /// Lets the time of one call pass.
    pub(super) async fn pass(&self) {
        tokio::time::sleep(self.next()).await;
    }

    fn next(&self) -> Duration {
        let mut ms = self.mean_ms;
        if self.jitter_ms > 0 {
            let chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner).next_u64();
            ms = (ms + chance % (2 * self.jitter_ms + 1)).saturating_sub(self.jitter_ms);
        }
        Duration::from_millis(ms)
    }
}
