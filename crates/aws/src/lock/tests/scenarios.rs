//! One thing at a time: what challengers and holders do, how long it takes, and what they say.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use longshore_model::{Failure, FailureKind, LockState};
use longshore_plugin::Result;
use tokio::time::{Instant, advance, sleep};
use tokio_util::sync::CancellationToken;

use super::{TIMING, Wall, lock, store::Store};
use crate::lock::{Creation, Epoch, Epochs, Held, Lock, Record, Shut, Timing, Waiting};

const LEASE: Duration = Timing::AWS.lease;

/// A store that answers at once, unless it cannot be reached.
#[derive(Debug)]
struct Near {
    wall: Wall,
    store: Store,
    calls: AtomicU64,
    gone: Mutex<Option<FailureKind>>,
    /// What the next reads find instead, the first one last.
    behind: Mutex<Vec<Vec<Epoch>>>,
}

impl Near {
    fn new() -> Arc<Self> {
        let wall = Wall::exact();
        let store = Store::new(wall, None);
        Arc::new(Self {
            wall,
            store,
            calls: AtomicU64::new(0),
            gone: Mutex::default(),
            behind: Mutex::default(),
        })
    }

    fn lock(self: &Arc<Self>, name: &str) -> Lock {
        lock(self.clone(), self.wall, TIMING, name)
    }

    fn calls(&self) -> u64 {
        self.calls.swap(0, Ordering::Relaxed)
    }

    fn call(&self) -> Result<&Store> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match *self.gone.lock().unwrap() {
            Some(kind) => {
                Err(Failure::new(kind, "no answer").at("ssm:PutParameter /longshore/shop/lock/000001"))
            }
            None => Ok(&self.store),
        }
    }

    fn chain(&self) -> Vec<Epoch> {
        self.store.list(Duration::ZERO)
    }
}

#[async_trait]
impl Epochs for Near {
    async fn list(&self) -> Result<Vec<Epoch>> {
        let store = self.call()?;
        Ok(self.behind.lock().unwrap().pop().unwrap_or_else(|| store.list(Duration::ZERO)))
    }

    async fn create(&self, number: u64, record: &Record) -> Result<Creation> {
        Ok(self.call()?.create(number, record))
    }

    async fn put(&self, number: u64, record: &Record, _: u64) -> Result<()> {
        self.call()?.put(number, record);
        Ok(())
    }

    async fn remove(&self, numbers: &[u64]) -> Result<()> {
        self.call()?.remove(numbers);
        Ok(())
    }
}

async fn acquire(lock: &Lock, timeout: u64) -> Result<Held> {
    let timeout = Duration::from_secs(timeout);
    lock.acquire(&Waiting { timeout, interrupt: &CancellationToken::new(), tell: &|_| {} }).await
}

/// Keeps a lock until it is lost or given back.
fn keep(held: Held) -> (Arc<Held>, tokio::task::JoinHandle<Option<Failure>>) {
    let held = Arc::new(held);
    let keeper = tokio::spawn(held.keep());
    (held, keeper)
}

#[tokio::test(start_paused = true)]
async fn three_calls_acquire_the_lock_and_one_gives_it_back() {
    let near = Near::new();
    for epoch in 1..=3 {
        let lock = near.lock(&format!("run-{epoch}"));
        let held = acquire(&lock, 0).await.unwrap();
        assert_eq!((held.epoch(), near.calls()), (epoch, 3));
        let (held, keeper) = keep(held);
        sleep(Duration::from_secs(10)).await;
        held.release().await.unwrap();
        assert_eq!(keeper.await.unwrap(), None);
        assert_eq!(near.calls(), 1, "a short run renews nothing");
        assert!(matches!(lock.fence().check(), Err(Shut::Ended(_))), "and changes nothing afterwards");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_as_long_as_the_lock_is_held() {
    let near = Near::new();
    let lock = near.lock("run");
    let (held, keeper) = keep(acquire(&lock, 0).await.unwrap());
    near.calls();
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(lock.fence().check(), Ok(()));
    let (calls, most) = (near.calls(), 2 * 3_600 / Timing::AWS.renew.as_secs());
    assert!((most - 4..=most).contains(&calls), "two every so often: {calls}");
    held.release().await.unwrap();
    assert_eq!(keeper.await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_replaced_within_its_lease_and_a_few_seconds() {
    for renewals in 0..3 {
        let near = Near::new();
        let held = acquire(&near.lock("dead"), 0).await.unwrap();
        let keeper = tokio::spawn(held.keep());
        sleep(Duration::from_secs(1) + Timing::AWS.renew * renewals).await;
        keeper.abort();
        let began = Instant::now();
        let next = near.lock("next");
        let held = acquire(&next, 600).await.unwrap();
        let took = began.elapsed();
        assert!(took > LEASE && took < LEASE + Duration::from_secs(6), "{took:?}");
        assert_eq!((held.epoch(), next.fence().check()), (2, Ok(())));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_long_dead_is_replaced_at_once() {
    let near = Near::new();
    drop(acquire(&near.lock("dead"), 0).await.unwrap());
    // As far as AWS's clocks explain it.
    advance(LEASE + Timing::AWS.hosts - Duration::from_secs(1)).await;
    assert_eq!(acquire(&near.lock("early"), 0).await.unwrap_err().kind, FailureKind::Conflict);
    advance(Duration::from_secs(1)).await;
    let began = Instant::now();
    let held = acquire(&near.lock("next"), 0).await.unwrap();
    assert_eq!((held.epoch(), began.elapsed()), (2, Timing::AWS.settle));
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_late_waits_only_for_what_is_left_of_the_lease() {
    let near = Near::new();
    drop(acquire(&near.lock("dead"), 0).await.unwrap());
    sleep(Duration::from_secs(50)).await;
    let began = Instant::now();
    assert_eq!(acquire(&near.lock("next"), 30).await.unwrap().epoch(), 2);
    assert!(began.elapsed() < Duration::from_secs(24), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn without_a_date_of_aws_the_wall_tells_that_a_holder_is_long_dead() {
    let near = Near::new();
    drop(acquire(&near.lock("dead"), 0).await.unwrap());
    let undated = || near.chain().into_iter().map(|epoch| Epoch { age: None, ..epoch }).collect();
    for (later, ends) in
        [(LEASE + TIMING.skew - Duration::from_secs(1), false), (Duration::from_secs(1), true)]
    {
        advance(later).await;
        near.behind.lock().unwrap().push(undated());
        assert_eq!(acquire(&near.lock("next"), 0).await.is_ok(), ends, "{later:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_told_who_holds_the_lock() {
    let near = Near::new();
    let first = acquire(&near.lock("first"), 0).await.unwrap();
    let told = Mutex::new(Vec::<LockState>::new());
    let tell = |state| told.lock().unwrap().push(state);
    let interrupt = CancellationToken::new();
    let third = near.lock("third");
    let waiting = Waiting { timeout: Duration::from_secs(600), interrupt: &interrupt, tell: &tell };
    let changes_hands = async {
        sleep(Duration::from_secs(30)).await;
        first.release().await.unwrap();
        let (second, _keeper) = keep(acquire(&near.lock("second"), 600).await.unwrap());
        sleep(Duration::from_secs(100)).await;
        second.release().await.unwrap();
    };
    let (held, ()) = tokio::join!(third.acquire(&waiting), changes_hands);
    assert_eq!(held.unwrap().epoch(), 3);
    let told = told.into_inner().unwrap();
    let names: Vec<_> = told.iter().map(|state| state.holder.as_ref().unwrap().who.as_str()).collect();
    assert_eq!(names, ["first", "second"]);
    insta::assert_debug_snapshot!(told[0]);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_wait_any_longer_says_for_whom() {
    let near = Near::new();
    let (_held, _keeper) = keep(acquire(&near.lock("jo@laptop"), 0).await.unwrap());
    let began = Instant::now();
    let at_once = acquire(&near.lock("other"), 0).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::ZERO);
    let later = acquire(&near.lock("other"), 100).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(100));
    assert_eq!((at_once.kind, later.kind), (FailureKind::Conflict, FailureKind::DeadlineExceeded));
    insta::assert_snapshot!(format!("{at_once}\n{later}"));
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_ends_the_waiting() {
    let near = Near::new();
    let (_held, _keeper) = keep(acquire(&near.lock("holder"), 0).await.unwrap());
    let (interrupt, lock) = (CancellationToken::new(), near.lock("other"));
    let waiting = Waiting { timeout: Duration::from_secs(600), interrupt: &interrupt, tell: &|_| {} };
    let interrupts = async {
        sleep(Duration::from_secs(7)).await;
        interrupt.cancel();
    };
    let (acquired, ()) = tokio::join!(lock.acquire(&waiting), interrupts);
    assert_eq!(acquired.unwrap_err().kind, FailureKind::Interrupted);
    assert_eq!(near.chain().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_loses_the_lock_and_learns_to_whom() {
    let near = Near::new();
    let stopped = near.lock("stopped");
    let held = acquire(&stopped, 0).await.unwrap();
    let (next, _keeper) = keep(acquire(&near.lock("next@ci"), 600).await.unwrap());
    assert_eq!(stopped.fence().check(), Err(Shut::Lapsed));
    let failure = held.keep().await.unwrap();
    assert_eq!(stopped.fence().check(), Err(Shut::Ended(failure.clone())));
    insta::assert_snapshot!(failure);
    // It says that it has stopped, which changes nothing for the one that has the lock.
    held.release().await.unwrap();
    sleep(LEASE).await;
    assert_eq!((next.epoch(), near.chain().last().unwrap().number), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_goes_on_when_nobody_wants_the_lock() {
    let near = Near::new();
    let lock = near.lock("stopped");
    let held = acquire(&lock, 0).await.unwrap();
    advance(10 * LEASE).await;
    assert_eq!(lock.fence().check(), Err(Shut::Lapsed));
    let (_held, _keeper) = keep(held);
    assert_eq!(lock.fence().pass().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_reaches_nobody_changes_nothing_and_gives_up_in_the_end() {
    let near = Near::new();
    let lock = near.lock("cut-off");
    let (_held, keeper) = keep(acquire(&lock, 0).await.unwrap());
    sleep(Duration::from_secs(20)).await;
    *near.gone.lock().unwrap() = Some(FailureKind::Unavailable);
    sleep(Timing::AWS.open()).await;
    assert_eq!(lock.fence().check(), Err(Shut::Lapsed));
    *near.gone.lock().unwrap() = None;
    assert_eq!(lock.fence().pass().await, Ok(()), "it goes on when AWS can be reached again");
    *near.gone.lock().unwrap() = Some(FailureKind::Unavailable);
    let began = Instant::now();
    let failure = keeper.await.unwrap().unwrap();
    assert!(began.elapsed() >= Timing::AWS.last_attempt(), "{:?}", began.elapsed());
    assert_eq!(lock.fence().pass().await, Err(failure.clone()));
    insta::assert_snapshot!(failure);
}

#[tokio::test(start_paused = true)]
async fn a_holder_who_was_heard_of_after_all_gets_a_lease_to_find_out() {
    let near = Near::new();
    let slow = near.lock("slow");
    let held = acquire(&slow, 0).await.unwrap();
    let next = near.lock("next");
    let began = Instant::now();
    let renews = async {
        // Between the challenger's last look and its epoch: as if that took a while to arrive.
        sleep(LEASE + Duration::from_secs(1)).await;
        near.store.put(1, &slow.inner.record);
    };
    let (acquired, ()) = tokio::join!(acquire(&next, 600), renews);
    let took = began.elapsed();
    assert_eq!(acquired.unwrap().epoch(), 2);
    assert!(took > 2 * LEASE && took < 2 * LEASE + Duration::from_secs(10), "{took:?}");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_number_that_was_used_and_removed_gives_no_lock() {
    let near = Near::new();
    let record = |released| Record { released, ..near.lock("earlier").inner.record.clone() };
    near.store.create(2, &record(true));
    let behind = near.chain();
    for number in 3..=9 {
        near.store.create(number, &record(true));
    }
    near.store.remove(&[2, 3, 4, 5]);
    *near.behind.lock().unwrap() = vec![behind];
    let held = acquire(&near.lock("late"), 0).await.unwrap();
    assert_eq!(held.epoch(), 10);
    let numbers: Vec<_> = near.chain().iter().map(|epoch| epoch.number).collect();
    assert_eq!(numbers, [3, 6, 7, 8, 9, 10], "it had made 3 at first");
}

#[tokio::test(start_paused = true)]
async fn old_epochs_are_removed_and_numbers_never_used_again() {
    let near = Near::new();
    for epoch in 1..=50 {
        let (held, keeper) = keep(acquire(&near.lock(&format!("run-{epoch}")), 0).await.unwrap());
        sleep(Duration::from_secs(1)).await;
        held.release().await.unwrap();
        keeper.await.unwrap();
        let chain = near.chain();
        assert_eq!(chain.last().unwrap().number, epoch);
        assert!(chain.len() < 10, "they fit into one page: {}", chain.len());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_found_out() {
    let near = Near::new();
    let lock = near.lock("run");
    near.store.create(1, &lock.inner.record);
    // What an earlier attempt made is there; this one is told that it exists.
    *near.behind.lock().unwrap() = vec![Vec::new()];
    assert_eq!(acquire(&lock, 0).await.unwrap().epoch(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_lock_is_taken_away_from_a_run_that_lives() {
    let near = Near::new();
    let lock = near.lock("hangs");
    let (held, keeper) = keep(acquire(&lock, 0).await.unwrap());
    let stops = async {
        let lost = keeper.await.unwrap();
        sleep(Duration::from_secs(4)).await;
        held.release().await.unwrap();
        lost
    };
    let operator = near.lock("operator");
    let began = Instant::now();
    let (taken, lost) = tokio::join!(operator.take_away(1), stops);
    taken.unwrap();
    assert!(lost.unwrap().message.contains("by operator"));
    assert!(began.elapsed() < Timing::AWS.renew + Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(!operator.state().await.unwrap().unwrap().held);
    assert_eq!(acquire(&near.lock("next"), 0).await.unwrap().epoch(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_lock_is_taken_away_from_a_run_that_may_still_live() {
    let near = Near::new();
    let held = acquire(&near.lock("silent"), 0).await.unwrap();
    let began = Instant::now();
    near.lock("operator").take_away(1).await.unwrap();
    assert_eq!(began.elapsed(), LEASE, "it may change something for so long");
    near.lock("operator").take_away(2).await.unwrap();
    assert_eq!(near.chain().len(), 2, "what is given back cannot be taken away");
    let failure = near.lock("operator").take_away(1).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    insta::assert_snapshot!(failure);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn what_may_still_be_on_its_way_keeps_the_lock_from_being_given_back() {
    let near = Near::new();
    let lock = near.lock("run");
    let held = acquire(&lock, 0).await.unwrap();
    let change = lock.fence().sends();
    assert_eq!(held.abandon().await, Ok(false));
    assert!(!near.chain()[0].record.released);
    change.answered();
    assert_eq!(held.abandon().await, Ok(true));
    assert!(near.chain()[0].record.released);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_pass_is_not_tried_again() {
    let near = Near::new();
    *near.gone.lock().unwrap() = Some(FailureKind::Denied);
    assert_eq!(acquire(&near.lock("run"), 600).await.unwrap_err().kind, FailureKind::Denied);
    assert_eq!(near.calls(), 1);
}
