//! A lock that is held: renewed, lost, or given back.

use std::{sync::Arc, time::Duration};

use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Epoch, Lock, fence::Stamp};

/// How many epochs below its own a holder leaves there. The highest of all counts; the others are there for reads that are
/// out of date.
const KEPT: usize = 4;

/// With how many epochs below its own a holder removes the others: as many as fit into a page together with its own.
const FULL: usize = 8;

/// The maximum number of parameters that a call removes.
const BATCH: usize = 10;

/// The pause before a renewal that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// A lock that is held. When this is dropped, nothing is changed any more; others have the lock when the lease has run
/// out, or at once when it was given back by [`Held::release`].
#[derive(Debug)]
pub struct Held {
    keeper: Arc<Keeper>,
}

#[derive(Debug)]
struct Keeper {
    lock: Lock,
    number: u64,
    /// Epochs that are not needed any more.
    old: Vec<u64>,
    since: Stamp,
    stop: CancellationToken,
    /// Held while a renewal is under way.
    renewing: Mutex<()>,
}

/// The result of a renewal.
enum Renewal {
    /// The lease runs anew since then.
    Since(Stamp),
    /// It may have been renewed or not.
    Unclear(Failure),
    Lost(Failure),
}

impl Held {
    /// Begins the lease of the highest epoch in `chain`, which runs `since` then.
    pub(super) fn new(lock: &Lock, since: Stamp, chain: &[Epoch]) -> Self {
        let numbers: Vec<_> = chain.iter().map(|epoch| epoch.number).collect();
        let (number, below) = numbers.split_last().map_or((0, &[][..]), |(own, below)| (*own, below));
        let old = if below.len() < FULL { &[][..] } else { &below[..below.len() - KEPT] };
        lock.fence().lease(since, lock.timing().open());
        Self {
            keeper: Arc::new(Keeper {
                lock: lock.clone(),
                number,
                old: old.to_vec(),
                since,
                stop: CancellationToken::new(),
                renewing: Mutex::new(()),
            }),
        }
    }

    /// The number of the epoch: greater than that of everybody who held the lock before.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.keeper.number
    }

    /// Renews the lease for as long as the lock is held. Ends when it was given back, or with the reason when it is lost;
    /// then the fence lets nothing through any more.
    pub fn keep(&self) -> impl Future<Output = Option<Failure>> + Send + 'static {
        let keeper = self.keeper.clone();
        async move { keeper.keep().await }
    }

    /// Gives the lock back: also when it is lost, so that the next holder knows that this run has stopped. Nothing
    /// is changed any more, and nothing may be under way.
    ///
    /// # Errors
    /// When the release could not be written; others then have the lock when the lease has run out.
    pub async fn release(&self) -> Result<()> {
        let Keeper { lock, number, stop, renewing, .. } = &*self.keeper;
        self.close();
        stop.cancel();
        // A renewal that arrived after the release would undo it.
        let _ = timeout(lock.timing().patience, renewing.lock()).await;
        lock.write(*number, true).await
    }

    /// The same for a run that is given up on. If a change may still be on its way to AWS, the lock is not given back.
    /// Answers whether it was.
    ///
    /// # Errors
    /// When the release could not be written.
    pub async fn abandon(&self) -> Result<bool> {
        self.close();
        if !self.keeper.lock.fence().is_quiet() {
            return Ok(false);
        }
        self.release().await.map(|()| true)
    }

    fn close(&self) {
        let message = "the run has given the lock back";
        self.keeper.lock.fence().end(Failure::new(FailureKind::Interrupted, message));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.close();
        self.keeper.stop.cancel();
    }
}

impl Keeper {
    async fn keep(&self) -> Option<Failure> {
        let (fence, timing) = (self.lock.fence(), *self.lock.timing());
        self.clean().await;
        let mut since = self.since;
        let mut pause = Duration::ZERO;
        loop {
            let due = timing.renew.saturating_sub(fence.since(&since)).max(pause);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                () = sleep(due) => {}
                () = fence.wanted.notified(), if pause.is_zero() => {}
            }
            pause = Duration::ZERO;
            let renewing = self.renewing.lock().await;
            if self.stop.is_cancelled() {
                return None;
            }
            let renewal = self.renew().await;
            drop(renewing);
            let failure = match renewal {
                Renewal::Since(renewed) => {
                    since = renewed;
                    fence.lease(since, timing.open());
                    continue;
                }
                Renewal::Unclear(failure) if fence.since(&since) < timing.last_attempt() => {
                    tracing::warn!(%failure, "the lock could not be renewed yet");
                    pause = AGAIN;
                    continue;
                }
                Renewal::Unclear(failure) => self.unreachable(&failure),
                Renewal::Lost(failure) => failure,
            };
            fence.end(failure.clone());
            return Some(failure);
        }
    }

    /// Writes the epoch, and then looks whether it is still the highest.
    async fn renew(&self) -> Renewal {
        let patience = self.lock.timing().patience;
        let since = self.lock.fence().stamp();
        let renewed = timeout(patience, async {
            self.lock.write(self.number, false).await?;
            self.lock.epochs().list().await
        });
        let late = || {
            let message = format!("no answer within {} s", patience.as_secs());
            Failure::new(FailureKind::DeadlineExceeded, message)
        };
        let chain = match renewed.await.unwrap_or_else(|_| Err(late())) {
            Ok(chain) => chain,
            Err(failure) => return Renewal::Unclear(failure),
        };
        match chain.last() {
            Some(top) if top.number > self.number => Renewal::Lost(self.taken_over(top)),
            Some(top) if top.number == self.number && self.lock.has_made(top) => Renewal::Since(since),
            _ => Renewal::Unclear(Failure::new(
                FailureKind::NotFound,
                format!("the epoch {} of the lock is not seen", self.number),
            )),
        }
    }

    fn taken_over(&self, top: &Epoch) -> Failure {
        let message = format!(
            "the lock of the stack `{}` is lost: it went to {}",
            self.lock.inner.stack,
            top.state().who()
        );
        Failure::new(FailureKind::Conflict, message).help(
            "nothing new was begun, and what was done is kept: when that run has ended, run this command again",
        )
    }

    fn unreachable(&self, failure: &Failure) -> Failure {
        let Failure { message, at, .. } = failure;
        let message = format!(
            "the lock of the stack `{}` is lost: it could not be renewed for {} s: {message}",
            self.lock.inner.stack,
            self.lock.timing().last_attempt().as_secs()
        );
        let help = "nothing new was begun, and what was done is kept: when AWS can be reached, run this command again";
        Failure { at: at.clone(), ..Failure::new(FailureKind::Unavailable, message).help(help) }
    }

    /// Removes epochs that no run needs. Those that stay because it fails are removed by one of the next holders.
    async fn clean(&self) {
        for batch in self.old.chunks(BATCH) {
            if let Err(failure) = self.lock.epochs().remove(batch).await {
                tracing::warn!(%failure, "old epochs of the lock could not be removed");
            }
        }
    }
}
