//! Epochs of a lock, and the seam behind which they are kept.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use aws_smithy_types::{DateTime, date_time::Format};
use longshore_model::{LockHolder, LockState};
use longshore_plugin::Result;

/// The content of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The epoch's maker; `None` if that is not understood.
    pub(crate) holder: Option<LockHolder>,
    /// The unique id of the holder's run.
    pub(crate) run: String,
    /// The time that the holder may go on after a renewal.
    pub(crate) lease: Duration,
    /// True if the holder has given it back. It says so itself, and only when it changes nothing any more.
    pub(crate) released: bool,
}

/// An epoch as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) number: u64,
    /// Grows with each write.
    pub(crate) version: u64,
    /// When it was written last, by AWS's clock.
    pub(crate) modified: SystemTime,
    /// The time since then when it was read, by AWS's clocks alone; `None` if the answer had no date.
    pub(crate) age: Option<Duration>,
    pub(crate) record: Arc<Record>,
}

impl Epoch {
    pub(crate) fn state(&self) -> LockState {
        let modified = DateTime::from(self.modified);
        LockState {
            epoch: self.number,
            held: !self.record.released,
            holder: self.record.holder.clone(),
            // Only years beyond 9999 cannot be written.
            renewed: modified.fmt(Format::DateTime).unwrap_or_default(),
            lease: self.record.lease.as_secs(),
        }
    }
}

/// The result of an attempt to create an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    /// It is there now.
    Created,
    /// It was there already: made by another run, or by this one in an attempt whose answer was lost.
    Exists,
}

/// The store of one lock's epochs.
#[async_trait]
pub(crate) trait Epochs: Send + Sync + fmt::Debug {
    /// All epochs, the highest last. A little out of date at times.
    async fn list(&self) -> Result<Vec<Epoch>>;

    /// Creates an epoch unless this number exists. Of several callers exactly one does.
    async fn create(&self, number: u64, record: &Record) -> Result<Creation>;

    /// Writes an epoch, whether it is there or not. `write` tells the writes of a run apart.
    async fn put(&self, number: u64, record: &Record, write: u64) -> Result<()>;

    /// Removes epochs; those that are not there do not matter.
    async fn remove(&self, numbers: &[u64]) -> Result<()>;
}
