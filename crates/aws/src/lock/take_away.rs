//! Coming after a holder that may still be there.

use std::time::Duration;

use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use tokio::time::{Instant, sleep};

use super::{Creation, Epoch, Lock, fence::Stamp, may_pass};

/// An epoch whose holder has not given it back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    number: u64,
    version: u64,
    lease: Duration,
}

impl Outgoing {
    pub(super) fn new(epoch: &Epoch) -> Self {
        Self { number: epoch.number, version: epoch.version, lease: epoch.record.lease }
    }

    fn find<'a>(&self, chain: &'a [Epoch]) -> Option<&'a Epoch> {
        chain.iter().find(|epoch| epoch.number == self.number)
    }

    fn has_released(&self, chain: &[Epoch]) -> bool {
        self.find(chain).is_some_and(|epoch| epoch.record.released)
    }

    /// Returns true if its holder has not been heard of since, or has stopped.
    pub(super) fn is_gone(&self, chain: &[Epoch]) -> bool {
        self.find(chain).is_some_and(|epoch| epoch.version == self.version || epoch.record.released)
    }
}

impl Lock {
    /// Waits until the holder before can surely change nothing any more: it has said so, or a lease has gone by. The epoch
    /// `number` is this run's, and is renewed meanwhile. Answers since when its lease runs; nothing when another run has
    /// come after.
    pub(super) async fn hold_off(
        &self,
        outgoing: &Outgoing,
        number: u64,
        mut since: Stamp,
    ) -> Result<Option<Stamp>> {
        let timing = *self.timing();
        let end = Instant::now() + outgoing.lease;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Some(since));
            }
            sleep(timing.poll.min(left)).await;
            let mut renewed = None;
            if self.fence().since(&since) >= timing.renew {
                let sent = self.fence().stamp();
                match self.write(number, false).await {
                    Ok(()) => renewed = Some(sent),
                    Err(failure) if may_pass(&failure) => {}
                    Err(failure) => return Err(failure),
                }
            }
            let chain = match self.epochs().list().await {
                Ok(chain) => chain,
                Err(failure) if may_pass(&failure) => continue,
                Err(failure) => return Err(failure),
            };
            let highest = chain.last().map_or(0, |top| top.number);
            if highest > number {
                return Ok(None);
            }
            if let Some(renewed) = renewed.filter(|_| highest == number) {
                since = renewed;
            }
            if outgoing.has_released(&chain) {
                return Ok(Some(since));
            }
        }
    }
}

/// See [`Lock::take_away`].
pub(super) async fn take_away(lock: &Lock, expected: u64) -> Result<()> {
    let chain = lock.epochs().list().await?;
    let changed = || {
        Failure::new(FailureKind::Conflict, "the lock has changed hands meanwhile; nothing was done")
            .help("look at it again with `longshore lock show`")
    };
    let top = chain.last().filter(|top| top.number == expected).ok_or_else(changed)?;
    if top.record.released {
        return Ok(());
    }
    let (outgoing, number, since) = (Outgoing::new(top), expected + 1, lock.fence().stamp());
    let created = lock.epochs().create(number, &lock.inner.record).await?;
    let chain = lock.epochs().list().await?;
    let is_ours = chain.iter().any(|epoch| epoch.number == number && lock.has_made(epoch));
    if created == Creation::Exists && !is_ours {
        return Err(changed());
    }
    // If another run has come after already, there is nothing left to release.
    match lock.hold_off(&outgoing, number, since).await? {
        Some(_) => lock.write(number, true).await,
        None => Ok(()),
    }
}
