//! Until when a run may change anything.

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_smithy_async::time::SharedTimeSource;
use longshore_model::Failure;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

/// Lets changes through only as long as the run surely holds the stack's lock. It is asked right before a change is sent.
///
/// A lease is measured on two clocks, and has run out as soon as one of them says so: the monotonic one, which no user
/// sets, and the one on the wall, which also goes on while a laptop sleeps or a virtual machine is stopped. Each is only
/// compared with itself.
pub struct Fence {
    wall: Option<SharedTimeSource>,
    state: Mutex<State>,
    /// The state has changed.
    changed: Notify,
    /// Notified if a change waits for the lease to be renewed.
    pub(super) wanted: Notify,
    under_way: AtomicUsize,
    /// The number of changes that were given up on before their answer came.
    unanswered: AtomicUsize,
}

#[derive(Clone, Debug)]
enum State {
    /// The run uses no lock.
    Unused,
    Leased {
        since: Stamp,
        lasts: Duration,
    },
    Ended(Failure),
}

/// The reason why nothing may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shut {
    /// The lease has run out. It may still be renewed.
    Lapsed,
    /// For good: the lock is lost, or was given back.
    Ended(Failure),
}

/// A moment, on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    at: Instant,
    wall: Option<SystemTime>,
}

impl Fence {
    /// A fence that lets everything through until a lock is used. `wall` is the clock on the wall; `None` if time is
    /// simulated, and cannot be stopped.
    #[must_use]
    pub fn new(wall: Option<SharedTimeSource>) -> Self {
        Self {
            wall,
            state: Mutex::new(State::Unused),
            changed: Notify::new(),
            wanted: Notify::new(),
            under_way: AtomicUsize::new(0),
            unanswered: AtomicUsize::new(0),
        }
    }

    /// Returns true if a change may be sent now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), Shut> {
        match &*self.state() {
            State::Unused => Ok(()),
            State::Leased { since, lasts } if self.since(since) < *lasts => Ok(()),
            State::Leased { .. } => Err(Shut::Lapsed),
            State::Ended(failure) => Err(Shut::Ended(failure.clone())),
        }
    }

    /// Waits until a change may be sent: not at all in general, and until the lease is renewed where it has run out.
    ///
    /// # Errors
    /// When it is over for good.
    pub async fn pass(&self) -> Result<(), Failure> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.check() {
                Ok(()) => return Ok(()),
                Err(Shut::Ended(failure)) => return Err(failure),
                Err(Shut::Lapsed) => {
                    self.wanted.notify_one();
                    changed.await;
                }
            }
        }
    }

    /// Waits until no change may be sent any more: the lease has run out, or the lock is lost.
    pub(crate) async fn shut(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.left() {
                Some(Duration::ZERO) => return,
                Some(left) => {
                    // Timers stand still while a machine sleeps; the clock on the wall is looked at every second.
                    let pause = if self.wall.is_some() { left.min(Duration::from_secs(1)) } else { left };
                    let _ = timeout(pause, changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// The time for which changes may still be sent; `None` if no lock is used.
    fn left(&self) -> Option<Duration> {
        match &*self.state() {
            State::Unused => None,
            State::Leased { since, lasts } => Some(lasts.saturating_sub(self.since(since))),
            State::Ended(_) => Some(Duration::ZERO),
        }
    }

    /// Notes that a change is sent. It is under way until its answer is noted.
    pub(crate) fn sends(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay { fence: self.clone(), answered: false }
    }

    /// Returns true if no change may still be on its way to AWS.
    pub(crate) fn is_quiet(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0 && self.unanswered.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { at: Instant::now(), wall: self.wall.as_ref().map(|wall| wall.now()) }
    }

    /// Returns the time since a moment, by the clock that says more.
    pub(super) fn since(&self, stamp: &Stamp) -> Duration {
        let wall = match (&self.wall, stamp.wall) {
            // A clock that was set back says nothing.
            (Some(wall), Some(then)) => wall.now().duration_since(then).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        stamp.at.elapsed().max(wall)
    }

    /// Lets changes through for as long as `lasts`, counted from `since`, unless it is over for good.
    pub(crate) fn lease(&self, since: Stamp, lasts: Duration) {
        let mut state = self.state();
        if !matches!(*state, State::Ended(_)) {
            *state = State::Leased { since, lasts };
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Lets nothing through any more. Only the first reason counts.
    pub fn end(&self, failure: Failure) {
        let mut state = self.state();
        if !matches!(*state, State::Ended(_)) {
            *state = State::Ended(failure);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fence").field("state", &*self.state()).finish_non_exhaustive()
    }
}

/// A change that was sent.
#[derive(Debug)]
pub(crate) struct UnderWay {
    fence: Arc<Fence>,
    answered: bool,
}

impl UnderWay {
    /// Notes that AWS has answered, or that the connection failed.
    pub(crate) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.answered {
            self.fence.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        self.fence.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use aws_smithy_async::time::TimeSource;
    use longshore_model::FailureKind;
    use tokio::time::{advance, sleep};

    use super::*;

    const LASTS: Duration = Duration::from_secs(45);

    /// A clock on the wall that is set by hand.
    #[derive(Clone, Debug, Default)]
    struct Wall(Arc<Mutex<Duration>>);

    impl Wall {
        fn set(&self, seconds: u64) {
            *self.0.lock().unwrap() = Duration::from_secs(seconds);
        }
    }

    impl TimeSource for Wall {
        fn now(&self) -> SystemTime {
            UNIX_EPOCH + *self.0.lock().unwrap()
        }
    }

    fn fence() -> (Arc<Fence>, Wall) {
        let wall = Wall::default();
        wall.set(1_000);
        (Arc::new(Fence::new(Some(SharedTimeSource::new(wall.clone())))), wall)
    }

    fn lost() -> Failure {
        Failure::new(FailureKind::Conflict, "lost")
    }

    #[tokio::test(start_paused = true)]
    async fn is_shut_when_the_lease_has_run_out_and_open_when_it_is_renewed() {
        let (fence, _) = fence();
        assert_eq!(fence.check(), Ok(()), "no lock is used");
        fence.lease(fence.stamp(), LASTS);
        advance(LASTS - Duration::from_millis(1)).await;
        assert_eq!(fence.check(), Ok(()));
        advance(Duration::from_millis(1)).await;
        assert_eq!(fence.check(), Err(Shut::Lapsed));
        fence.lease(fence.stamp(), LASTS);
        assert_eq!(fence.check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_slept_is_told_by_the_clock_on_the_wall() {
        let (fence, wall) = fence();
        fence.lease(fence.stamp(), LASTS);
        wall.set(1_044);
        assert_eq!(fence.check(), Ok(()));
        wall.set(1_045);
        assert_eq!(fence.check(), Err(Shut::Lapsed));
        wall.set(10);
        assert_eq!(fence.check(), Ok(()), "a clock that was set back says nothing");
        advance(LASTS).await;
        assert_eq!(fence.check(), Err(Shut::Lapsed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_waits_for_the_renewal_and_fails_when_the_lock_is_lost() {
        let (fence, _) = fence();
        fence.lease(fence.stamp(), LASTS);
        advance(LASTS).await;
        let passing = || {
            tokio::spawn({
                let fence = fence.clone();
                async move { fence.pass().await }
            })
        };
        let first = passing();
        fence.wanted.notified().await;
        assert!(!first.is_finished());
        fence.lease(fence.stamp(), LASTS);
        assert_eq!(first.await.unwrap(), Ok(()));

        advance(LASTS).await;
        let second = passing();
        fence.wanted.notified().await;
        fence.end(lost());
        assert_eq!(second.await.unwrap(), Err(lost()));
        fence.lease(fence.stamp(), LASTS);
        assert_eq!(fence.check(), Err(Shut::Ended(lost())), "it is over for good");
    }

    #[tokio::test(start_paused = true)]
    async fn fence_shuts_at_the_end_of_the_lease() {
        let (fence, wall) = fence();
        assert!(timeout(LASTS, fence.shut()).await.is_err(), "no lock is used");
        fence.lease(fence.stamp(), LASTS);
        let begin = Instant::now();
        let renewed = async {
            sleep(LASTS / 2).await;
            fence.lease(fence.stamp(), LASTS);
        };
        tokio::join!(fence.shut(), renewed);
        assert_eq!(begin.elapsed(), LASTS / 2 + LASTS);

        fence.lease(fence.stamp(), LASTS);
        let begin = Instant::now();
        wall.set(2_000);
        fence.shut().await;
        assert_eq!(begin.elapsed(), Duration::ZERO, "by the clock on the wall");
        wall.set(1_000);

        fence.lease(fence.stamp(), LASTS);
        fence.end(lost());
        fence.shut().await;
    }

    #[test]
    fn a_change_that_nobody_waited_for_may_still_be_on_its_way() {
        let (fence, _) = fence();
        let change = fence.sends();
        assert!(!fence.is_quiet());
        change.answered();
        assert!(fence.is_quiet());
        drop(fence.sends());
        assert!(!fence.is_quiet());
    }
}
