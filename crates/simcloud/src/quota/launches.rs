//! The rate at which tasks start on Fargate.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html>

use std::{collections::BTreeMap, time::Duration};

use super::{Class, bucket::Bucket};
use crate::Moment;

/// The launches of an account. Those beyond the rate are not refused: they wait. The default has no limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launches {
    limit: Option<(Class, u32)>,
    /// By region.
    buckets: BTreeMap<String, Bucket>,
}

impl Launches {
    /// Launches within a quota, of which others leave `left_percent`.
    pub(super) fn within(class: Class, left_percent: u32) -> Self {
        Self { limit: Some((class, left_percent)), buckets: BTreeMap::new() }
    }

    /// Takes a token for a launch, and returns the time that the task has to wait.
    pub(crate) fn wait(&mut self, region: &str, now: Moment) -> Duration {
        let Some((class, left_percent)) = self.limit else { return Duration::ZERO };
        let bucket = self.buckets.entry(region.to_owned());
        bucket.or_insert_with(|| Bucket::full(class.rate, left_percent, now)).wait(now)
    }
}
