//! Single reads that become batch calls.
//!
//! Steps ask for one thing each, and know nothing of each other. What is asked for within a short time, or while a batch
//! fills up, is read in one call.
//!
//! A batch is a task of its own, which wakes those that wait for it once, when it ends. Thousands of steps wait for some
//! batches, and a batch of many requests is woken hundreds of times.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use longshore_effort::Effort;
use longshore_plugin::{Result, panicked};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use super::{Freshness, KEPT_FOR};
use crate::changes::Changes;

/// What a batch call answered: what is there, by key.
pub(super) type Found<K, V> = BTreeMap<K, Result<V>>;

type Answer<K, V> = Result<Arc<Found<K, V>>>;
type Outcome<K, V> = Shared<BoxFuture<'static, Answer<K, V>>>;
type Fetch<G, K, V> = Arc<dyn Fn(G, Vec<K>) -> BoxFuture<'static, Result<Found<K, V>>> + Send + Sync>;

/// Reads things of type `V` by keys `K`, those of a group `G` in batches.
pub(super) struct Loader<G, K, V>(Arc<Inner<G, K, V>>);

struct Inner<G, K, V> {
    /// How many a call takes.
    most: usize,
    /// For how long a batch waits for more at least.
    least_window: Duration,
    fetch: Fetch<G, K, V>,
    changes: Arc<Changes>,
    state: Mutex<State<G, K, V>>,
}

struct State<G, K, V> {
    /// How often the run had changed something when `known` began to fill, and when that was.
    changes: u64,
    since: Instant,
    /// What was read, or is being read, since then.
    known: BTreeMap<(G, K), Outcome<K, V>>,
    /// What will be asked for.
    expected: BTreeMap<G, BTreeSet<K>>,
    /// The keys of it that are not known.
    unread: BTreeMap<G, BTreeSet<K>>,
    /// The batches that wait for more.
    open: BTreeMap<G, Batch<K, V>>,
}

struct Batch<K, V> {
    pending: Arc<Mutex<Pending<K>>>,
    full: Arc<Notify>,
    outcome: Outcome<K, V>,
}

/// What is to be read.
struct Pending<K> {
    keys: BTreeSet<K>,
    effort: Effort,
    /// True if it may be filled up with expected keys: another caller wants to share it.
    is_shared: bool,
    is_sent: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<G, K, V> Loader<G, K, V>
where
    G: Ord + Clone + Send + Sync + 'static,
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A loader that reads at most `most` in a call of `fetch`, which leaves out what is not there.
    pub(super) fn new<F>(
        most: usize,
        changes: Arc<Changes>,
        fetch: impl Fn(G, Vec<K>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Found<K, V>>> + Send + 'static,
    {
        let fetch: Fetch<G, K, V> = Arc::new(move |group, keys| fetch(group, keys).boxed());
        let state = State {
            changes: changes.count(),
            since: Instant::now(),
            known: BTreeMap::new(),
            expected: BTreeMap::new(),
            unread: BTreeMap::new(),
            open: BTreeMap::new(),
        };
        let least_window = Duration::ZERO;
        Self(Arc::new(Inner { most, least_window, fetch, changes, state: Mutex::new(state) }))
    }

    /// Lets batches wait for more at least so long: for what is asked for at different moments, because it takes another
    /// read to know its key.
    pub(super) fn waiting(mut self, least_window: Duration) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.least_window = least_window;
        }
        self
    }

    /// Notes that `key` will be asked for, so that a batch which is not full can take it along.
    pub(super) fn expect(&self, group: G, key: K) {
        let mut state = lock(&self.0.state);
        if !state.known.contains_key(&(group.clone(), key.clone())) {
            state.unread.entry(group.clone()).or_default().insert(key.clone());
        }
        state.expected.entry(group).or_default().insert(key);
    }

    /// Reads `key`, together with what else is asked for in a moment.
    ///
    /// # Errors
    /// When the batch cannot be read, or what `key` stands for cannot.
    pub(super) async fn load(&self, group: G, key: K, freshness: Freshness) -> Result<Option<V>> {
        self.join(&group, &key, freshness).await?.get(&key).cloned().transpose()
    }

    fn join(&self, group: &G, key: &K, freshness: Freshness) -> Outcome<K, V> {
        let mut state = lock(&self.0.state);
        let changes = self.0.changes.count();
        if state.changes != changes || state.since.elapsed() > KEPT_FOR {
            (state.changes, state.since) = (changes, Instant::now());
            state.known.clear();
            state.unread = state.expected.clone();
        }
        let id = (group.clone(), key.clone());
        let is_shared = freshness == Freshness::Planned;
        // What could not be read is tried again.
        let has_failed = |known: &&Outcome<K, V>| matches!(known.peek(), Some(Err(_)));
        if is_shared && let Some(known) = state.known.get(&id).filter(|known| !has_failed(known)) {
            return known.clone();
        }
        let effort = freshness.effort();
        let outcome =
            match state.open.get(group).filter(|batch| batch.add(key, &effort, is_shared, self.0.most)) {
                Some(batch) => batch.outcome.clone(),
                None => {
                    let window = freshness.window().max(self.0.least_window);
                    let batch = self.open(group, key, effort, is_shared, window);
                    let outcome = batch.outcome.clone();
                    state.open.insert(group.clone(), batch);
                    outcome
                }
            };
        // A new reading is newer than a known one. One that no caller shares is not kept.
        if is_shared || state.known.contains_key(&id) {
            if let Some(unread) = state.unread.get_mut(group) {
                unread.remove(key);
            }
            state.known.insert(id, outcome.clone());
        }
        outcome
    }

    /// A batch that is sent after `window`, or when it is full.
    fn open(&self, group: &G, key: &K, effort: Effort, is_shared: bool, window: Duration) -> Batch<K, V> {
        let keys = BTreeSet::from([key.clone()]);
        let pending = Arc::new(Mutex::new(Pending { keys, effort, is_shared, is_sent: false }));
        let full = Arc::new(Notify::new());
        if self.0.most <= 1 {
            full.notify_one();
        }
        let (inner, group) = (self.0.clone(), group.clone());
        let own = Arc::new(Mutex::new(None::<WeakShared<BoxFuture<'static, Answer<K, V>>>>));
        let outcome = {
            let (pending, full, own) = (pending.clone(), full.clone(), own.clone());
            let batch = tokio::spawn(async move {
                tokio::select! {
                    () = sleep(window) => {}
                    () = full.notified() => {}
                }
                let outcome = lock(&own).take().and_then(|own| own.upgrade());
                let (effort, keys) = inner.take(&group, &pending, outcome);
                let fetched = effort.run((inner.fetch)(group, keys)).await;
                fetched.map(Arc::new)
            });
            batch.map(|ended| ended.unwrap_or_else(|_| Err(panicked("a read")))).boxed().shared()
        };
        *lock(&own) = outcome.downgrade();
        Batch { pending, full, outcome }
    }
}

impl<G: Ord + Clone, K: Ord + Clone, V> Inner<G, K, V> {
    /// Closes a batch: what it reads, and on whose behalf.
    fn take(
        &self,
        group: &G,
        pending: &Arc<Mutex<Pending<K>>>,
        outcome: Option<Outcome<K, V>>,
    ) -> (Effort, Vec<K>) {
        let mut state = lock(&self.state);
        if state.open.get(group).is_some_and(|open| Arc::ptr_eq(&open.pending, pending)) {
            state.open.remove(group);
        }
        let mut pending = lock(pending);
        pending.is_sent = true;
        if let Some(outcome) = outcome.filter(|_| pending.is_shared) {
            let State { known, unread, .. } = &mut *state;
            let room = self.most.saturating_sub(pending.keys.len());
            if let Some(unread) = unread.get_mut(group) {
                let more: Vec<_> =
                    unread.iter().filter(|key| !pending.keys.contains(key)).take(room).cloned().collect();
                for key in more {
                    unread.remove(&key);
                    pending.keys.insert(key.clone());
                    known.insert((group.clone(), key), outcome.clone());
                }
            }
        }
        (pending.effort.clone(), pending.keys.iter().cloned().collect())
    }
}

impl<K: Ord + Clone, V> Batch<K, V> {
    /// Adds a key, unless the batch has been sent or is full. What is most urgent decides for all.
    fn add(&self, key: &K, effort: &Effort, is_shared: bool, most: usize) -> bool {
        let mut pending = lock(&self.pending);
        if pending.is_sent || pending.keys.len() >= most && !pending.keys.contains(key) {
            return false;
        }
        pending.keys.insert(key.clone());
        pending.is_shared |= is_shared;
        if effort.urgency() > pending.effort.urgency() {
            pending.effort = effort.clone();
        }
        if pending.keys.len() >= most {
            self.full.notify_one();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin};

    use longshore_effort::Urgency;
    use longshore_model::{Failure, FailureKind};
    use tokio::task::{JoinSet, yield_now};
    use tokio_util::sync::CancellationToken;

    use super::*;

    type Calls = Arc<Mutex<Vec<Vec<u32>>>>;

    /// Reads numbers: their doubles. What ends in 7 is not there, and 13 cannot be read.
    fn doubles(most: usize) -> (Loader<(), u32, u32>, Calls, Arc<Changes>) {
        let (calls, changes) = (Calls::default(), Arc::new(Changes::default()));
        let seen = calls.clone();
        let loader = Loader::new(most, changes.clone(), move |(), keys: Vec<u32>| {
            lock(&seen).push(keys.clone());
            async move {
                sleep(Duration::from_millis(80)).await;
                if keys.contains(&99) {
                    return Err(Failure::new(FailureKind::Unavailable, "down"));
                }
                let value = |key: u32| match key {
                    13 => Err(Failure::new(FailureKind::Denied, "no")),
                    key => Ok(2 * key),
                };
                Ok(keys.into_iter().filter(|key| key % 10 != 7).map(|key| (key, value(key))).collect())
            }
        });
        (loader, calls, changes)
    }

    async fn load(
        loader: &Loader<(), u32, u32>,
        keys: &[u32],
        freshness: Freshness,
    ) -> Vec<Result<Option<u32>>> {
        let loads = keys.iter().map(|key| loader.load((), *key, freshness));
        futures_util::future::join_all(loads).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_for_together_is_read_together() {
        let (loader, calls, _) = doubles(3);
        let values = load(&loader, &[1, 2, 3, 4, 7, 1], Freshness::Now).await;
        assert_eq!(values, [Ok(Some(2)), Ok(Some(4)), Ok(Some(6)), Ok(Some(8)), Ok(None), Ok(Some(2))]);
        assert_eq!(*lock(&calls), [vec![1, 2, 3], vec![1, 4, 7]]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_planned_with_is_shared_until_something_changes() {
        let (loader, calls, changes) = doubles(10);
        for _ in 0..2 {
            assert_eq!(load(&loader, &[1, 2], Freshness::Planned).await, [Ok(Some(2)), Ok(Some(4))]);
        }
        assert_eq!(lock(&calls).len(), 1);
        load(&loader, &[1], Freshness::Now).await;
        assert_eq!(lock(&calls).len(), 2);
        changes.note();
        load(&loader, &[1, 2], Freshness::Planned).await;
        assert_eq!(lock(&calls).len(), 3);
        // Nor is it shared with who asks long after.
        sleep(KEPT_FOR + Duration::from_secs(1)).await;
        load(&loader, &[1, 2], Freshness::Planned).await;
        assert_eq!(lock(&calls).len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_is_not_full_takes_along_what_is_expected() {
        let (loader, calls, _) = doubles(3);
        for key in [1, 2, 3, 4] {
            loader.expect((), key);
        }
        load(&loader, &[1], Freshness::Now).await;
        load(&loader, &[2], Freshness::Planned).await;
        assert_eq!(load(&loader, &[3, 4], Freshness::Planned).await, [Ok(Some(6)), Ok(Some(8))]);
        assert_eq!(*lock(&calls), [vec![1], vec![1, 2, 3], vec![4]]);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_those_of_their_keys_and_are_not_kept() {
        let (loader, calls, _) = doubles(10);
        let values = load(&loader, &[12, 13], Freshness::Planned).await;
        assert_eq!(values[0], Ok(Some(24)));
        assert_eq!(values[1].as_ref().unwrap_err().kind, FailureKind::Denied);
        for calls_before in [1, 2] {
            assert_eq!(lock(&calls).len(), calls_before);
            let failures = load(&loader, &[98, 99], Freshness::Planned).await;
            assert!(failures.iter().all(Result::is_err), "{failures:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stops_waiting_does_not_stop_the_others() {
        let (loader, calls, _) = doubles(10);
        let loader = Arc::new(loader);
        let tasks = [1, 2].map(|key| {
            let loader = loader.clone();
            tokio::spawn(async move { loader.load((), key, Freshness::Now).await })
        });
        sleep(Duration::from_millis(20)).await;
        let [first, second] = tasks;
        first.abort();
        assert_eq!(second.await.unwrap(), Ok(Some(4)));
        assert_eq!(*lock(&calls), [vec![1, 2]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_wakes_each_waiter_once() {
        let loader = Loader::new(1, Arc::default(), |(), keys: Vec<u32>| async move {
            for _ in 0..100 {
                yield_now().await;
            }
            Ok(keys.into_iter().map(|key| (key, Ok(key))).collect::<Found<u32, u32>>())
        });
        let loader = Arc::new(loader);
        let mut waiters = JoinSet::new();
        for _ in 0..50 {
            let loader = loader.clone();
            waiters.spawn(async move {
                let mut load = pin!(loader.load((), 7, Freshness::Planned));
                let mut polls = 0;
                let value = poll_fn(|context| {
                    polls += 1;
                    load.as_mut().poll(context)
                });
                assert_eq!(value.await, Ok(Some(7)));
                polls
            });
        }
        assert!(waiters.join_all().await.into_iter().all(|polls| polls <= 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_as_urgent_as_what_is_most_urgent_in_it() {
        let urgencies = Arc::new(Mutex::new(Vec::new()));
        let seen = urgencies.clone();
        let loader = Loader::new(10, Arc::default(), move |(), _: Vec<u32>| {
            let seen = seen.clone();
            async move {
                lock(&seen).push(Effort::current().urgency());
                Ok(Found::<u32, u32>::new())
            }
        });
        let load = |key: u32, urgency| {
            let effort = Effort::new(urgency, CancellationToken::new());
            effort.run(loader.load((), key, Freshness::Now))
        };
        let (low, high) = (Urgency::new(1, 1), Urgency::new(5, 5));
        let _ = tokio::join!(load(1, low), load(2, high), load(3, low.watching()));
        assert_eq!(*lock(&urgencies), [high]);
    }
}
