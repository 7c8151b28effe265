//! The stack's lock, while a command changes the stack.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use longshore_aws::{Held, Lock, Waiting};
use longshore_model::{EventKind, Failure, LockHolder, Outcome};
use longshore_plugin::panicked;
use tokio::time::timeout;

use super::Session;
use crate::{
    arguments,
    exit::Exit,
    holder::{Runner, runner},
};

/// The time limit for giving the lock back.
const GIVE_BACK: Duration = Duration::from_secs(30);

/// The time limit for giving the lock back after a second request to stop.
const LET_GO: Duration = Duration::from_secs(2);

/// The lock's state in a run.
#[derive(Default)]
pub(super) struct Locking(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    held: Option<Arc<Held>>,
    /// The failure by which the lock was lost.
    lost: Option<Failure>,
    /// The run's last event, as long as the lock has not been given back.
    ended: Option<EventKind>,
}

impl Locking {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.state().lost.is_some()
    }

    /// Keeps back how the run has ended until the lock is given back; gives it back itself where there is no lock.
    pub(super) fn keep_back(&self, ended: EventKind) -> Option<EventKind> {
        let mut state = self.state();
        if state.held.is_none() {
            return Some(ended);
        }
        state.ended = Some(ended);
        None
    }
}

/// The reason why the lock of a run that was broken off is kept.
const UNDER_WAY: &str = "a change may still be on its way to AWS";

impl Session {
    /// The stack's lock, for a command that is called `command`.
    ///
    /// # Errors
    /// When no region is configured.
    pub(crate) async fn stack_lock(
        &self,
        command: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<Lock, Failure> {
        let now = self.run.events.now();
        let Runner { who, job, url } = runner(variables);
        let seconds = i64::try_from(now / 1000).unwrap_or_default();
        let holder = LockHolder {
            command: command.to_owned(),
            environment: self.stack.environment.to_string(),
            who,
            job,
            url,
            since: Timestamp::from_second(seconds).unwrap_or_default().to_string(),
        };
        // A simulation has to be the same each time.
        let run = if self.place.is_virtual() { format!("simulated-{now}") } else { unique() };
        Lock::of(&self.reach.aws, &self.stack.name, holder, run).await
    }

    /// Acquires the stack's lock, unless the command was told to go without.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(crate) async fn lock(
        &self,
        options: &arguments::Locking,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let events = &self.run.events;
        if options.no_lock {
            events.emit(EventKind::LockNotUsed);
            return Ok(());
        }
        let began = events.now();
        let waiting = Waiting {
            timeout: options.lock_timeout,
            interrupt: &self.run.interrupt,
            tell: &|lock| events.emit(EventKind::LockWaiting { lock }),
        };
        let lock = self.stack_lock(self.command, variables).await?;
        let held = Arc::new(lock.acquire(&waiting).await?);
        let took = events.now().saturating_sub(began);
        events.emit(EventKind::LockAcquired { epoch: held.epoch(), took });
        let (keep, state) = (held.keep(), self.locking.0.clone());
        let fence = self.reach.aws.fence().clone();
        let (events, interrupt) = (events.clone(), self.run.interrupt.clone());
        self.locking.state().held = Some(held);
        tokio::spawn(async move {
            let kept = AssertUnwindSafe(keep).catch_unwind().await;
            let lost = kept.unwrap_or_else(|_| {
                let failure = panicked("keeping the lock");
                fence.end(failure.clone());
                Some(failure)
            });
            if let Some(failure) = lost {
                state.lock().unwrap_or_else(PoisonError::into_inner).lost = Some(failure.clone());
                events.emit(EventKind::LockLost { failure });
                // Nothing new begins.
                interrupt.cancel();
            }
        });
        Ok(())
    }

    /// Returns true if the lock is lost: then nothing can be changed any more.
    pub(crate) fn has_lost_lock(&self) -> bool {
        self.locking.is_lost()
    }

    /// Gives the lock back after the command has ended with `exit`, and says how it ended.
    pub(crate) async fn unlock(&self, exit: Exit) -> Exit {
        let Some(held) = self.locking.state().held.clone() else { return exit };
        let is_broken_off = matches!(exit, Exit::Interrupted | Exit::Fault);
        let give_back =
            async { if is_broken_off { held.abandon().await } else { held.release().await.map(|()| true) } };
        let given_back = timeout(GIVE_BACK, give_back).await;
        let lost = self.has_lost_lock();
        match given_back {
            // The loss was reported when it happened.
            _ if lost => {}
            Ok(Ok(false)) => self.warn_of_lock(UNDER_WAY),
            Ok(Ok(true)) => self.run.events.emit(EventKind::LockReleased { epoch: held.epoch() }),
            Ok(Err(failure)) => self.warn_of_lock(&failure.to_string()),
            Err(_) => self.warn_of_lock(&format!("no answer within {} s", GIVE_BACK.as_secs())),
        }
        let ended = {
            let mut state = self.locking.state();
            state.held = None;
            state.ended.take()
        };
        match ended {
            Some(EventKind::RunFinished { actions, took, .. }) if lost => {
                self.run.events.emit(EventKind::RunFinished { outcome: Outcome::Failed, actions, took });
            }
            Some(ended) => self.run.events.emit(ended),
            None => {}
        }
        if lost { Exit::Failed } else { exit }
    }

    /// Gives the lock back after a second request to stop, unless a change may still be on its way.
    pub(crate) async fn let_go(&self) {
        let Some(held) = self.locking.state().held.clone() else { return };
        match timeout(LET_GO, held.abandon()).await {
            _ if self.has_lost_lock() => {}
            Ok(Ok(true)) => self.run.events.emit(EventKind::LockReleased { epoch: held.epoch() }),
            Ok(Ok(false)) => self.warn_of_lock(UNDER_WAY),
            Ok(Err(failure)) => self.warn_of_lock(&failure.to_string()),
            Err(_) => self.warn_of_lock("there was no time for it"),
        }
    }

    fn warn_of_lock(&self, why: &str) {
        let message = format!(
            "the stack's lock was not given back, so that the next run waits for up to a minute: {why}"
        );
        self.run.events.emit(EventKind::Warning { step: None, message });
    }
}

/// Returns a random identifier of this run.
fn unique() -> String {
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}
