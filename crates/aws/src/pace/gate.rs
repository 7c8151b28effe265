//! Where requests of a class wait for their turn.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use longshore_effort::Urgency;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{bucket::Bucket, class::Rate};

/// Lets the requests of a class through as its bucket allows, the most urgent first.
#[derive(Debug)]
pub(super) struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    bucket: Bucket,
    waiting: BTreeMap<Place, Arc<Notify>>,
    /// When each request that is under way was sent, by its place.
    under_way: BTreeMap<Place, Instant>,
    /// How many have ever waited.
    arrived: u64,
}

/// A place in the queue: by urgency, and among equals in the order of their arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    urgency: Reverse<Urgency>,
    arrived: u64,
}

/// The next act of a waiting call.
enum Next {
    Go,
    /// Until it is called.
    Wait,
    /// Until then, or until it is called.
    WaitUntil(Instant),
}

impl State {
    fn next(&mut self, place: Place, now: Instant) -> Next {
        let is_first = self.waiting.keys().next() == Some(&place);
        // What belongs to no step is not held up by those under way: they may be waiting for it, as changes wait for the
        // renewal of the stack's lock.
        let is_of_step = place.urgency != Reverse(Urgency::FIRST);
        if !is_first {
            return Next::Wait;
        }
        if let Some(room) = self.room(now).filter(|_| is_of_step) {
            return Next::WaitUntil(room);
        }
        match self.bucket.take(now) {
            Ok(()) => Next::Go,
            Err(ready) => Next::WaitUntil(ready),
        }
    }

    /// When fewer requests than the window has are under way at the latest, if now they are not. One that hangs does not
    /// count any more.
    fn room(&self, now: Instant) -> Option<Instant> {
        let late = self.bucket.late();
        let mut counts: Vec<_> =
            self.under_way.values().map(|sent| *sent + late).filter(|until| *until > now).collect();
        counts.sort_unstable();
        let beyond = counts.len().checked_sub(self.bucket.window())?;
        counts.get(beyond).copied()
    }

    /// Calls the first in the queue, because it may be its turn.
    fn call_first(&self) {
        if let Some(first) = self.waiting.values().next() {
            first.notify_one();
        }
    }
}

impl Gate {
    pub(super) fn new(limit: Rate, now: Instant) -> Self {
        let bucket = Bucket::new(limit, now);
        Self(Mutex::new(State { bucket, waiting: BTreeMap::new(), under_way: BTreeMap::new(), arrived: 0 }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn. A call that stops waiting leaves the queue.
    pub(super) async fn pass(self: &Arc<Self>, urgency: Urgency) -> Permit {
        let waiting = self.queue_up(urgency);
        loop {
            let next = self.state().next(waiting.place, Instant::now());
            match next {
                Next::Go => return waiting.go(),
                Next::Wait => waiting.called.notified().await,
                Next::WaitUntil(ready) => tokio::select! {
                    () = waiting.called.notified() => {}
                    () = sleep_until(ready) => {}
                },
            }
        }
    }

    fn queue_up(self: &Arc<Self>, urgency: Urgency) -> Waiting {
        let mut state = self.state();
        state.arrived += 1;
        let place = Place { urgency: Reverse(urgency), arrived: state.arrived };
        let called = Arc::new(Notify::new());
        state.waiting.insert(place, called.clone());
        drop(state);
        Waiting { gate: self.clone(), place, called }
    }
}

/// A request that waits.
struct Waiting {
    gate: Arc<Gate>,
    place: Place,
    called: Arc<Notify>,
}

impl Waiting {
    fn go(self) -> Permit {
        let sent = Instant::now();
        self.gate.state().under_way.insert(self.place, sent);
        Permit { gate: self.gate.clone(), place: self.place, sent }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.waiting.remove(&self.place);
        state.call_first();
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Permit {
    gate: Arc<Gate>,
    place: Place,
    sent: Instant,
}

impl Permit {
    /// Notes that AWS took it.
    pub(super) fn accepted(&self) {
        self.gate.state().bucket.accepted(self.sent, Instant::now());
    }

    /// Notes that AWS throttled it: see [`Bucket::throttled`].
    pub(super) fn throttled(&self, jitter: f64) -> Option<f64> {
        self.gate.state().bucket.throttled(self.sent, Instant::now(), jitter)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.under_way.remove(&self.place);
        state.call_first();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{task::JoinSet, time::sleep};

    use super::*;

    fn gate(burst: u32, per_second: f64) -> Arc<Gate> {
        Arc::new(Gate::new(Rate { burst, per_second }, Instant::now()))
    }

    /// Passes once for each urgency, all at once, and answers with the positions in the order in which they passed.
    async fn order(gate: &Arc<Gate>, urgencies: Vec<Urgency>) -> Vec<usize> {
        let passed = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        for (index, urgency) in urgencies.into_iter().enumerate() {
            let (gate, passed) = (gate.clone(), passed.clone());
            tasks.spawn(async move {
                let _permit = gate.pass(urgency).await;
                passed.lock().unwrap().push(index);
            });
        }
        tasks.join_all().await;
        Arc::into_inner(passed).unwrap().into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_most_urgent_pass_first_at_the_rate_of_the_class() {
        let gate = gate(2, 1.0);
        drop(gate.pass(Urgency::FIRST).await);
        let start = Instant::now();
        let urgencies = vec![
            Urgency::new(5, 0).watching(),
            Urgency::new(1, 1),
            Urgency::new(1, 0),
            Urgency::new(2, 9),
            Urgency::FIRST,
            Urgency::new(1, 0),
        ];
        assert_eq!(order(&gate, urgencies).await, [4, 3, 2, 5, 1, 0]);
        let took = start.elapsed().as_secs_f64();
        assert!((6.0..6.1).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stops_waiting_does_not_hold_up_the_others() {
        let gate = gate(2, 1.0);
        drop(gate.pass(Urgency::FIRST).await);
        let impatient = tokio::spawn({
            let gate = gate.clone();
            async move { drop(gate.pass(Urgency::FIRST).await) }
        });
        let patient = tokio::spawn({
            let gate = gate.clone();
            async move { drop(gate.pass(Urgency::new(0, 0)).await) }
        });
        sleep(Duration::from_millis(500)).await;
        impatient.abort();
        let start = Instant::now();
        patient.await.unwrap();
        assert!(start.elapsed() <= Duration::from_millis(510), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_few_are_under_way_at_a_time() {
        let gate = gate(100, 8.0);
        let urgency = Urgency::new(1, 1);
        let mut permits = Vec::new();
        for _ in 0..4 {
            permits.push(gate.pass(urgency).await);
        }
        drop(gate.pass(Urgency::FIRST).await);
        let fifth = gate.pass(urgency);
        tokio::pin!(fifth);
        tokio::select! {
            _ = &mut fifth => panic!("too many"),
            () = sleep(Duration::from_millis(900)) => {}
        }
        permits.pop();
        fifth.await;
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_hang_hold_up_nobody_for_long() {
        let gate = gate(100, 8.0);
        let urgency = Urgency::new(1, 1);
        let mut hanging = Vec::new();
        for _ in 0..4 {
            hanging.push(gate.pass(urgency).await);
        }
        let start = Instant::now();
        drop(gate.pass(urgency).await);
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        // Where every answer takes that long, none of them hangs.
        sleep(Duration::from_secs(1)).await;
        hanging[0].accepted();
        drop(hanging);
        let mut slow = Vec::new();
        for _ in 0..24 {
            slow.push(gate.pass(urgency).await);
        }
        let start = Instant::now();
        drop(gate.pass(urgency).await);
        assert_eq!(start.elapsed(), Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_holds_everybody() {
        let gate = gate(100, 8.0);
        let permit = gate.pass(Urgency::FIRST).await;
        sleep(Duration::from_millis(80)).await;
        assert!(permit.throttled(0.0).is_some_and(|rate| rate < 8.0));
        let start = Instant::now();
        drop(gate.pass(Urgency::FIRST).await);
        assert!(start.elapsed() >= Duration::from_millis(375), "{:?}", start.elapsed());
    }
}
