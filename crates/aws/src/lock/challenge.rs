//! The challenge by which a run gets the lock.

use std::time::Duration;

use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use tokio::time::{Instant, sleep};

use super::{
    Creation, Epoch, Held, Lock, Waiting,
    fence::Stamp,
    judge::{Look, Verdict, Watch},
    may_pass,
    take_away::Outgoing,
};

/// The pause before an epoch that was just made is looked for again.
const NOT_SEEN_YET: Duration = Duration::from_millis(250);

/// The number of looks before the challenge begins anew.
const LOOKS: u32 = 20;

/// The number of transient failures allowed in creating an epoch, beyond the SDK's own attempts.
const UNCLEAR: u32 = 3;

/// A run that wants the lock.
pub(super) struct Challenge<'a> {
    lock: &'a Lock,
    waiting: &'a Waiting<'a>,
    began: Instant,
    watch: Watch,
    /// The epoch that this run has tried to create last.
    tried: Option<Tried>,
    /// The epoch whose holder was told of.
    told: Option<u64>,
    /// The number of the challenger's waits.
    waits: u32,
    unclear: u32,
}

#[derive(Clone, Copy)]
struct Tried {
    number: u64,
    /// From before it was tried first.
    since: Stamp,
    /// The epoch before, when its holder has not given it back.
    expired: Option<Outgoing>,
}

impl<'a> Challenge<'a> {
    pub(super) fn new(lock: &'a Lock, waiting: &'a Waiting<'a>) -> Self {
        Self {
            lock,
            waiting,
            began: Instant::now(),
            watch: Watch::default(),
            tried: None,
            told: None,
            waits: 0,
            unclear: 0,
        }
    }

    pub(super) async fn run(mut self) -> Result<Held> {
        loop {
            let Some((chain, look)) = self.look().await? else { continue };
            let top = chain.last();
            let tried = self.tried.filter(|tried| top.is_some_and(|top| self.is(tried, top)));
            let tried = match (tried, top) {
                (Some(tried), _) => tried,
                (None, None) => self.create(1, None).await?,
                (None, Some(top)) => match self.watch.judge(top, &look, self.lock.timing()) {
                    Verdict::Held(until) => {
                        self.wait_for(top, until).await?;
                        continue;
                    }
                    Verdict::Released => self.create(top.number + 1, None).await?,
                    Verdict::Expired => self.create(top.number + 1, Some(Outgoing::new(top))).await?,
                },
            };
            if let Some(held) = self.confirm(tried).await? {
                return Ok(held);
            }
        }
    }

    /// Looks at the chain; nothing when that failed for a reason that may pass, while the run is waiting anyway.
    async fn look(&self) -> Result<Option<(Vec<Epoch>, Look)>> {
        let (asked, wall) = (Instant::now(), self.lock.inner.wall.now());
        let chain = tokio::select! {
            biased;
            () = self.waiting.interrupt.cancelled() => return Err(interrupted()),
            chain = self.lock.epochs().list() => chain,
        };
        match chain {
            Ok(chain) => Ok(Some((chain, Look { asked, wall, answered: Instant::now() }))),
            Err(failure) if self.waits > 0 && may_pass(&failure) && !self.is_over() => {
                self.pause(self.lock.timing().poll).await?;
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Waits a little for the holder of `top`.
    async fn wait_for(&mut self, top: &Epoch, until: Instant) -> Result<()> {
        if self.is_over() {
            return Err(self.gives_up(top));
        }
        if self.told != Some(top.number) {
            self.told = Some(top.number);
            (self.waiting.tell)(top.state());
        }
        self.waits += 1;
        let poll = self.lock.timing().poll.mul_f64(self.jitter());
        let end = self.began + self.waiting.timeout;
        let now = Instant::now();
        let wake = (now + poll).min(until.max(now)).min(end);
        self.pause(wake - now).await
    }

    async fn pause(&self, duration: Duration) -> Result<()> {
        tokio::select! {
            biased;
            () = self.waiting.interrupt.cancelled() => Err(interrupted()),
            () = sleep(duration) => Ok(()),
        }
    }

    fn is_over(&self) -> bool {
        self.began.elapsed() >= self.waiting.timeout
    }

    /// From three quarters to all of a pause, so that runs that began together do not look together.
    fn jitter(&self) -> f64 {
        // FNV-1a, of what tells the run from others and one pause from the next.
        let bytes = self.lock.inner.record.run.bytes().chain(self.waits.to_le_bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        0.75 + 0.25 * f64::from((hash >> 48) as u16) / f64::from(u16::MAX)
    }

    fn gives_up(&self, top: &Epoch) -> Failure {
        let (stack, waited) = (&self.lock.inner.stack, self.waiting.timeout.as_secs());
        let who = top.state().who();
        let gone = top.state().gone_after();
        let (kind, message) = if self.waiting.timeout.is_zero() {
            (FailureKind::Conflict, format!("the stack `{stack}` is locked: {who}"))
        } else {
            let message = format!("the stack `{stack}` is still locked after {waited} s: {who}");
            (FailureKind::DeadlineExceeded, message)
        };
        Failure::new(kind, message).help(format!(
            "wait longer with --lock-timeout; a run that died loses the lock by itself {gone} s after it was last heard \
             of, and `longshore lock release` takes it away from one that hangs"
        ))
    }

    fn is(&self, tried: &Tried, epoch: &Epoch) -> bool {
        tried.number == epoch.number && self.lock.has_made(epoch)
    }

    /// Tries to create an epoch. [`Self::confirm`] finds out if it is this run's.
    async fn create(&mut self, number: u64, expired: Option<Outgoing>) -> Result<Tried> {
        let tried = match self.tried {
            // An earlier attempt may have succeeded after all, so that its lease counts from then.
            Some(tried) if tried.number == number => Tried { expired, ..tried },
            _ => Tried { number, since: self.lock.fence().stamp(), expired },
        };
        self.tried = Some(tried);
        match self.lock.epochs().create(number, &self.lock.inner.record).await {
            Ok(Creation::Created | Creation::Exists) => {}
            Err(failure) if may_pass(&failure) && self.unclear < UNCLEAR => self.unclear += 1,
            Err(failure) => return Err(failure),
        }
        Ok(tried)
    }

    /// Looks whether the epoch is this run's, and the highest one; nothing when it is not.
    async fn confirm(&mut self, tried: Tried) -> Result<Option<Held>> {
        if tried.expired.is_some() {
            sleep(self.lock.timing().settle).await;
        }
        for _ in 0..LOOKS {
            let chain = match self.lock.epochs().list().await {
                Ok(chain) => chain,
                Err(failure) if may_pass(&failure) => Vec::new(),
                Err(failure) => return Err(failure),
            };
            let Some(top) = chain.last().filter(|top| top.number >= tried.number) else {
                sleep(NOT_SEEN_YET).await;
                continue;
            };
            if !self.is(&tried, top) {
                self.tried = None;
                return Ok(None);
            }
            let since = match tried.expired.filter(|outgoing| !outgoing.is_gone(&chain)) {
                None => tried.since,
                Some(outgoing) => match self.lock.hold_off(&outgoing, tried.number, tried.since).await? {
                    Some(since) => since,
                    None => {
                        self.tried = None;
                        return Ok(None);
                    }
                },
            };
            return Ok(Some(Held::new(self.lock, since, &chain)));
        }
        Ok(None)
    }
}

fn interrupted() -> Failure {
    Failure::new(FailureKind::Interrupted, "interrupted while waiting for the stack's lock")
}
