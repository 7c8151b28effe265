//! Races for a lock: many runs on one stack, with pauses, crashes at any await, answers that are lost, requests that arrive
//! late, reads that are behind, clocks that are wrong by up to a lease, and AWS's own, which differ among its hosts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    TIMING, Wall,
    dice::Dice,
    lock,
    network::Network,
    run::{End, Mishaps, Unlucky, acquires, run},
    store::Store,
    world::World,
};
use crate::lock::{Epoch, Timing};

/// How many races a test run holds. `LOCK_RACES` raises it, `LOCK_RACES_SEED` begins elsewhere.
const RACES: u64 = 100_000;

/// Challengers that look less often have more to guess, and the test has less to do.
const RARELY: Timing = Timing { poll: Duration::from_secs(15), ..TIMING };

/// How long after the last sign of life of others a healthy run has the lock: it notices it, then a lease, and a moment to
/// settle; and some seconds for a few calls.
const SOON: Duration = RARELY
    .lease
    .saturating_add(RARELY.poll)
    .saturating_add(RARELY.settle)
    .saturating_add(Duration::from_secs(5));

/// What happened in races, so that it can be seen that they were some.
#[derive(Debug, Default)]
pub(super) struct Tally {
    races: AtomicU64,
    changes: AtomicU64,
    released: AtomicU64,
    lost: AtomicU64,
    gave_up: AtomicU64,
    crashed: AtomicU64,
    paused: AtomicU64,
    /// Healthy runs that took over before they had seen a whole lease go by.
    early: AtomicU64,
}

impl Tally {
    fn count(&self, end: &End) {
        let counter = match end {
            End::Released => &self.released,
            End::Lost => &self.lost,
            End::GaveUp => &self.gave_up,
            End::Crashed => &self.crashed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A number from the environment, which a test reads as it likes.
pub(super) fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// Holds the race of a seed.
///
/// # Errors
/// What went wrong.
fn race(seed: u64, tally: &Tally) -> Result<(), String> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut dice = Dice::new(seed);
        let aws = Wall::exact();
        let (store, world) = (Arc::new(Store::new(aws, Some(dice.split()))), Arc::new(World::default()));
        let mut runs = JoinSet::new();
        for index in 0..1 + dice.below(3) {
            let faults = if dice.percent(30) { dice.below(40) } else { 0 };
            let network = Network::new(store.clone(), world.clone(), Some(faults), dice.split());
            let lock = lock(Arc::new(network), skewed(aws, &mut dice), RARELY, &format!("run-{index}"));
            let mishaps = mishaps(&mut dice);
            tally.paused.fetch_add(mishaps.pauses.len() as u64, Ordering::Relaxed);
            let timeout = if dice.percent(20) { Duration::ZERO } else { dice.millis(1_000..600_000) };
            let start = dice.millis(0..30_000);
            let unlucky = Unlucky::new(run(lock, world.clone(), timeout, dice.split()), mishaps);
            runs.spawn(async move {
                sleep(start).await;
                unlucky.await
            });
        }
        healthy(&store, &world, skewed(aws, &mut dice), &mut dice, tally).await;
        while let Some(end) = runs.join_next().await {
            tally.count(&end.unwrap());
        }
        if dice.percent(40) {
            // In the end, a new run waits for the last holder alone.
            healthy(&store, &world, skewed(aws, &mut dice), &mut dice, tally).await;
        }
        tally.races.fetch_add(1, Ordering::Relaxed);
        tally.changes.fetch_add(world.changes(), Ordering::Relaxed);
        world.verdict()
    })
}

/// A run to which nothing happens: it gets the lock, changes something, and gives it back.
async fn healthy(store: &Arc<Store>, world: &Arc<World>, wall: Wall, dice: &mut Dice, tally: &Tally) {
    sleep(dice.millis(0..60_000)).await;
    let network = Network::new(store.clone(), world.clone(), None, dice.split());
    let lock = lock(Arc::new(network), wall, RARELY, &format!("healthy-{}", dice.below(u64::MAX)));
    let began = Instant::now();
    let (held, took) = match acquires(&lock, Duration::from_secs(3_600)).await {
        Ok(acquired) => acquired,
        Err(failure) => return world.wrong(format!("a healthy run gave up: {failure}")),
    };
    let left = |epoch: &Epoch| epoch.number + 1 == held.epoch() && !epoch.record.released;
    if took < TIMING.lease && store.list(Duration::ZERO).iter().any(left) {
        tally.early.fetch_add(1, Ordering::Relaxed);
    }
    let waited = world.silence(began);
    if waited > SOON {
        world.wrong(format!("a healthy run waited for {waited:?} after the last sign of life of others"));
    }
    world.holds(&lock, &held);
    let changes = async {
        sleep(dice.millis(0..20_000)).await;
        if let Some(change) = world.change(&lock, held.epoch(), dice) {
            sleep_until(change).await;
        }
        held.release().await
    };
    let (lost, released) = tokio::join!(held.keep(), changes);
    if let Some(failure) = lost.or(released.err()) {
        world.wrong(format!("a healthy run could not hold the lock: {failure}"));
    }
}

/// A clock that is wrong by up to a lease.
fn skewed(aws: Wall, dice: &mut Dice) -> Wall {
    let lease = TIMING.lease.as_millis() as u64;
    let (ahead, behind) = match dice.below(3) {
        0 => (Duration::ZERO, Duration::ZERO),
        1 => (dice.millis(0..lease), Duration::ZERO),
        _ => (Duration::ZERO, dice.millis(0..lease)),
    };
    Wall { ahead, behind, ..aws }
}

fn mishaps(dice: &mut Dice) -> Mishaps {
    let mut pauses = Vec::new();
    while pauses.len() < 3 && dice.percent(40) {
        pauses.push((dice.below(60) as u32, dice.millis(0..3 * TIMING.lease.as_millis() as u64)));
    }
    let crash = dice.percent(35).then(|| dice.below(60) as u32);
    Mishaps { pauses, crash }
}

/// Holds so many races on all processors, from the seed on that `LOCK_RACES_SEED` names.
///
/// # Panics
/// When something goes wrong in a race; `again` is what repeats it, up to the seed.
pub(super) fn hold(races: u64, again: &str, race: impl Fn(u64) -> Result<(), String> + Sync) {
    let first = number("LOCK_RACES_SEED", 0);
    let next = AtomicU64::new(first);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + races {
                return;
            }
            if let Err(wrong) = race(seed) {
                next.store(u64::MAX / 2, Ordering::Relaxed);
                panic!("{wrong}\nagain: {again}=1 LOCK_RACES_SEED={seed}");
            }
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(2, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

#[test]
fn never_do_two_holders_change_something_and_somebody_always_gets_on() {
    let (races, tally) = (number("LOCK_RACES", RACES), Tally::default());
    hold(races, "LOCK_RACES", |seed| race(seed, &tally));
    assert_eq!(tally.races.load(Ordering::Relaxed), races, "{tally:?}");
    if races >= 1_000 {
        for counter in [
            &tally.changes,
            &tally.released,
            &tally.lost,
            &tally.gave_up,
            &tally.crashed,
            &tally.paused,
            &tally.early,
        ] {
            assert!(counter.load(Ordering::Relaxed) > races / 100, "not much of a race: {tally:?}");
        }
    }
}
