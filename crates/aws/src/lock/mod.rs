//! The lock of a stack: of all runs that change it, one at a time does.
//!
//! It takes nothing but Parameter Store. A lock is a chain of epochs, `/longshore/STACK/lock/000001` and so on; the highest
//! one counts. A run that finds it released, or its lease run out, creates the next one with `PutParameter` and
//! `Overwrite=false`, which exactly one challenger can. Numbers are never used twice, because the highest epoch is never
//! removed: the number is a fencing token.
//!
//! The holder renews its lease by writing its own epoch. After each such write it looks whether there is a higher epoch
//! now: then it has lost the lock. Its [`Fence`] lets changes through for a lease minus a margin, counted from before the
//! last good renewal was sent. A challenger takes over only after no run has written for a whole lease: it has seen the
//! same version for so long on its own clock, or the date of AWS's answer is so much later than the date of the version,
//! and by [`Timing::hosts`] more, because different hosts of AWS may have written the two. The clocks of holder and
//! challenger are never compared with each other nor with AWS's, and the two never both change something:
//!
//! - A renewal that AWS saw before the challenger's last look: the challenger found another version, and begins anew.
//! - One that AWS saw after the challenger's epoch was there: the holder finds this epoch, and does not go on.
//! - One in between, which neither of them has noticed yet: after it has created its epoch the challenger looks at the one
//!   before again. When it was written since, the challenger changes nothing for another whole lease. When it was not, the
//!   holder's next look comes after, and finds the epoch.
//!
//! An epoch that was created under a number that had been used and removed is below the highest one, which its
//! creator finds when it looks. Reads may be a little out of date: see [`Timing::settle`].

mod answer_date;
mod challenge;
mod epoch;
mod fence;
mod held;
mod judge;
mod parameters;
mod record;
mod take_away;
mod timing;

#[cfg(test)]
mod tests;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::time::Duration;

use aws_smithy_async::time::SharedTimeSource;
use longshore_model::{Failure, FailureKind, LockHolder, LockState, Name};
use longshore_plugin::Result;
use tokio_util::sync::CancellationToken;

use crate::Aws;

pub use fence::{Fence, Shut};
pub use held::Held;

use challenge::Challenge;
use epoch::{Creation, Epoch, Epochs, Record};
use parameters::Parameters;
use timing::Timing;

/// The lock of a stack, as one run sees it.
#[derive(Clone, Debug)]
pub struct Lock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    stack: String,
    epochs: Arc<dyn Epochs>,
    fence: Arc<Fence>,
    wall: SharedTimeSource,
    timing: Timing,
    /// The content of this run's epochs.
    record: Record,
    writes: AtomicU64,
}

/// The time that a run waits for the lock, and its actions meanwhile.
pub struct Waiting<'a> {
    /// The longest wait; zero for none at all.
    pub timeout: Duration,
    /// Cancelled when the run is to stop waiting.
    pub interrupt: &'a CancellationToken,
    /// Told who holds the lock when the run begins to wait, and again when the lock has changed hands.
    pub tell: &'a (dyn Fn(LockState) + Sync),
}

impl Lock {
    /// The lock of `stack`. `holder` is what others are told, and `run` tells the run from all others. Calls nothing.
    ///
    /// # Errors
    /// When no region is configured.
    pub async fn of(aws: &Aws, stack: &Name, holder: LockHolder, run: String) -> Result<Self> {
        let epochs = Arc::new(Parameters::new(aws.ssm().await?.clone(), stack));
        Ok(Self::new(stack.as_str(), epochs, aws.fence().clone(), aws.wall(), Timing::AWS, Some(holder), run))
    }

    fn new(
        stack: &str,
        epochs: Arc<dyn Epochs>,
        fence: Arc<Fence>,
        wall: SharedTimeSource,
        timing: Timing,
        holder: Option<LockHolder>,
        run: String,
    ) -> Self {
        let record = Record { holder, run, lease: timing.lease, released: false };
        let stack = stack.to_owned();
        Self {
            inner: Arc::new(Inner { stack, epochs, fence, wall, timing, record, writes: AtomicU64::new(1) }),
        }
    }

    /// The lock's state; nothing when no run has ever taken it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn state(&self) -> Result<Option<LockState>> {
        Ok(self.inner.epochs.list().await?.last().map(Epoch::state))
    }

    /// Acquires the lock. From then on the run's fence lets changes through only while the lease runs, so that
    /// [`Held::keep`] has to be run meanwhile.
    ///
    /// # Errors
    /// When another run holds it for longer than the run waits, when the run is interrupted, or when Parameter Store cannot
    /// be used.
    pub async fn acquire(&self, waiting: &Waiting<'_>) -> Result<Held> {
        Challenge::new(self, waiting).run().await
    }

    /// Takes the lock away from the holder of the epoch `expected`, and releases it. The holder finds out when it renews
    /// its lease, and stops; this returns when it has said so, or when it can surely change nothing any more.
    ///
    /// # Errors
    /// When the lock has changed hands meanwhile, or when Parameter Store cannot be used.
    pub async fn take_away(&self, expected: u64) -> Result<()> {
        take_away::take_away(self, expected).await
    }

    fn timing(&self) -> &Timing {
        &self.inner.timing
    }

    fn fence(&self) -> &Arc<Fence> {
        &self.inner.fence
    }

    fn epochs(&self) -> &dyn Epochs {
        &*self.inner.epochs
    }

    /// Returns true if this run has made an epoch.
    fn has_made(&self, epoch: &Epoch) -> bool {
        epoch.record.run == self.inner.record.run
    }

    /// Writes an epoch of this run: a renewal, or the release.
    async fn write(&self, number: u64, released: bool) -> Result<()> {
        let record = Record { released, ..self.inner.record.clone() };
        let write = self.inner.writes.fetch_add(1, Ordering::Relaxed);
        self.epochs().put(number, &record, write).await
    }
}

/// Returns true if the same call may go through when it is made again.
const fn may_pass(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Throttled | FailureKind::Unavailable | FailureKind::DeadlineExceeded)
}
