//! On whose behalf something is done: known to whatever works for a step, without being passed to it.
//!
//! A call to AWS waits for its turn far below the step that makes it. There it has to be known how urgent the step is,
//! whether the run was interrupted meanwhile, and how long the step has been getting nowhere.

use std::{
    cell::RefCell,
    cmp::Reverse,
    future::{Future, poll_fn},
    mem,
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

thread_local! {
    /// The effort whose future is being polled on this thread.
    static CURRENT: RefCell<Option<Effort>> = const { RefCell::new(None) };
}

/// The urgency; the greater, the sooner. The call with the longest way to go comes first, and among equals the
/// first listed: so the last calls for one service are made before the first ones for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Urgency {
    // The order of the fields is that of the comparison.
    waits_for_others: Reverse<bool>,
    remaining: u64,
    position: Reverse<u64>,
}

impl Urgency {
    /// More urgent than every step: for what keeps the run alive.
    pub const FIRST: Self =
        Self { waits_for_others: Reverse(false), remaining: u64::MAX, position: Reverse(0) };

    /// The urgency of a step. `remaining` is the length of the longest path from it to an end of the graph, in any unit;
    /// `position` its place in an order in which neighbours belong together.
    #[must_use]
    pub const fn new(remaining: u64, position: u64) -> Self {
        Self { waits_for_others: Reverse(false), remaining, position: Reverse(position) }
    }

    /// The urgency of what only watches until others are ready: less than that of everything that does something.
    #[must_use]
    pub const fn watching(self) -> Self {
        Self { waits_for_others: Reverse(true), ..self }
    }
}

/// On whose behalf something is done. A clone is the same effort: what one notes, the other knows.
#[derive(Debug)]
pub struct Effort {
    urgency: Urgency,
    interrupt: Arc<CancellationToken>,
    /// Made when it is needed: most steps of a large run never call anything.
    waits: OnceLock<Arc<Waits>>,
}

/// The times that an effort has waited, in milliseconds.
#[derive(Debug, Default)]
struct Waits {
    in_vain: AtomicU64,
    queued: AtomicU64,
    /// The number of calls that wait for their turn now.
    queueing: AtomicU64,
}

impl Default for Effort {
    /// That of what no step does, such as asking who the caller is.
    fn default() -> Self {
        Self::new(Urgency::FIRST, CancellationToken::new())
    }
}

impl Clone for Effort {
    fn clone(&self) -> Self {
        let waits = OnceLock::from(self.waits().clone());
        Self { urgency: self.urgency, interrupt: self.interrupt.clone(), waits }
    }
}

impl Effort {
    /// An effort that ends its waiting when `interrupt` is cancelled.
    #[must_use]
    pub fn new(urgency: Urgency, interrupt: impl Into<Arc<CancellationToken>>) -> Self {
        Self { urgency, interrupt: interrupt.into(), waits: OnceLock::new() }
    }

    /// The effort that the caller's future is part of.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.with_borrow(Option::clone).unwrap_or_default()
    }

    /// The same effort with another urgency.
    #[must_use]
    pub fn with(self, urgency: Urgency) -> Self {
        Self { urgency, ..self }
    }

    /// Returns the urgency.
    #[must_use]
    pub const fn urgency(&self) -> Urgency {
        self.urgency
    }

    /// Cancelled when it is to stop waiting.
    #[must_use]
    pub fn interrupt(&self) -> &CancellationToken {
        &self.interrupt
    }

    fn waits(&self) -> &Arc<Waits> {
        self.waits.get_or_init(Arc::default)
    }

    /// Notes that it waits for `pause` because something was refused, and says for how long it has done so since
    /// something last succeeded, this time included.
    #[must_use]
    pub fn waits_in_vain(&self, pause: Duration) -> Duration {
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.waits().in_vain.fetch_add(pause, Ordering::Relaxed).saturating_add(pause))
    }

    /// Notes that something has succeeded.
    pub fn gets_on(&self) {
        self.waits().in_vain.store(0, Ordering::Relaxed);
    }

    /// Counts a call as waiting for its turn until the result is dropped.
    #[must_use]
    pub fn queueing(&self) -> Queueing {
        let waits = self.waits().clone();
        waits.queueing.fetch_add(1, Ordering::Relaxed);
        Queueing(waits)
    }

    /// Returns true while a call waits for its turn.
    #[must_use]
    pub fn is_queueing(&self) -> bool {
        self.waits().queueing.load(Ordering::Relaxed) > 0
    }

    /// Notes that it has waited for its turn: nothing was wrong, others were more urgent.
    pub fn has_queued(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.waits().queued.fetch_add(time, Ordering::Relaxed);
    }

    /// Returns the time that it has waited for its turn so far. A deadline does not count this time.
    #[must_use]
    pub fn queued(&self) -> Duration {
        Duration::from_millis(self.waits().queued.load(Ordering::Relaxed))
    }

    /// Runs `future` on behalf of this effort. Tasks that it spawns are no part of it.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut effort = Some(self);
        poll_fn(move |context| Self::enter(&mut effort, || future.as_mut().poll(context))).await
    }

    /// Runs `work`, such as one poll of a future, on behalf of `effort`.
    pub fn enter<R>(effort: &mut Option<Self>, work: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(effort);
        work()
    }

    /// Makes it the effort of another step, which has not waited yet.
    pub fn reset(&mut self, urgency: Urgency) {
        self.urgency = urgency;
        self.waits.take();
    }
}

/// A call of an effort that waits for its turn.
#[derive(Debug)]
pub struct Queueing(Arc<Waits>);

impl Drop for Queueing {
    fn drop(&mut self) {
        self.0.queueing.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes an effort the current one for as long as it lives, and gives it back. The one that was current takes its place
/// meanwhile.
struct Entered<'a>(&'a mut Option<Effort>);

impl<'a> Entered<'a> {
    fn new(effort: &'a mut Option<Effort>) -> Self {
        CURRENT.with_borrow_mut(|current| mem::swap(current, effort));
        Self(effort)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| mem::swap(current, self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_longest_way_to_go_is_first_and_what_watches_last() {
        let mut urgencies = [
            Urgency::new(9, 0).watching(),
            Urgency::new(3, 2),
            Urgency::new(3, 1),
            Urgency::FIRST,
            Urgency::new(5, 7),
        ];
        urgencies.sort_by_key(|urgency| Reverse(*urgency));
        let expected = [
            Urgency::FIRST,
            Urgency::new(5, 7),
            Urgency::new(3, 1),
            Urgency::new(3, 2),
            Urgency::new(9, 0).watching(),
        ];
        assert_eq!(urgencies, expected);
    }

    #[tokio::test]
    async fn is_known_within_its_future_and_nowhere_else() {
        let now = || Effort::current().urgency();
        let step = |position| Effort::new(Urgency::new(1, position), CancellationToken::new());
        let work = |position| async move {
            let mut seen = Vec::new();
            for _ in 0..3 {
                seen.push(now() == Urgency::new(1, position));
                tokio::task::yield_now().await;
            }
            step(9).run(async { seen.push(now() == Urgency::new(1, 9)) }).await;
            seen.push(now() == Urgency::new(1, position));
            seen
        };
        let (one, other) = tokio::join!(step(1).run(work(1)), step(2).run(work(2)));
        assert!(one.into_iter().chain(other).all(|right| right));
        assert_eq!(now(), Urgency::FIRST);
    }

    #[test]
    fn time_in_vain_adds_up_until_something_succeeds() {
        let effort = Effort::default();
        let same = effort.clone().with(Urgency::new(0, 0));
        let second = Duration::from_secs(1);
        assert_eq!(effort.waits_in_vain(second), second);
        assert_eq!(same.waits_in_vain(second), 2 * second);
        same.gets_on();
        assert_eq!(effort.waits_in_vain(second), second);
    }
}
