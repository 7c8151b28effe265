//! Which calls are refused because there were too many.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Launches, Quotas, bucket::Bucket, ecs};
use crate::Moment;

/// The buckets of an account.
#[derive(Debug)]
pub(crate) struct Throttle {
    quotas: Quotas,
    enabled: bool,
    /// The share of every bucket that other users of the account leave, in per cent.
    left_percent: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By the class's place in the table, and region.
    buckets: BTreeMap<(usize, String), Bucket>,
    /// The places of the classes of operations that were called.
    places: BTreeMap<String, Option<usize>>,
    refused: BTreeMap<String, u64>,
}

impl Throttle {
    pub(crate) fn new(quotas: Quotas, enabled: bool, co_tenant_percent: u32) -> Self {
        let left_percent = 100_u32.saturating_sub(co_tenant_percent);
        Self { quotas, enabled, left_percent, state: Mutex::default() }
    }

    pub(crate) fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// The launches on Fargate, within their quota.
    pub(crate) fn launches(&self) -> Launches {
        let class = self.quotas.classes().iter().find(|class| class.name == ecs::LAUNCHES);
        class
            .filter(|_| self.enabled)
            .map_or_else(Launches::default, |class| Launches::within(*class, self.left_percent))
    }

    /// Returns true if a call gets through, with the token that it takes.
    pub(crate) fn admits(&self, operation: &str, region: &str, now: Moment) -> bool {
        if !self.enabled {
            return true;
        }
        let mut state = self.state();
        let State { buckets, places, refused } = &mut *state;
        let classes = self.quotas.classes();
        let place = *places
            .entry(operation.to_owned())
            .or_insert_with(|| classes.iter().position(|class| class.has(operation)));
        let Some((place, class)) = place.and_then(|place| Some((place, classes.get(place)?))) else {
            return true;
        };
        let region = if class.is_global() { "" } else { region };
        let bucket = buckets
            .entry((place, region.to_owned()))
            .or_insert_with(|| Bucket::full(class.rate, self.left_percent, now));
        let admitted = bucket.take(now);
        if !admitted {
            *refused.entry(operation.to_owned()).or_default() += 1;
        }
        admitted
    }

    /// Returns the number of refused calls of each operation.
    pub(crate) fn refused(&self) -> BTreeMap<String, u64> {
        self.state().refused.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
