//! A model of Parameter Store.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use aws_smithy_async::time::TimeSource as _;
use tokio::time::Instant;

use super::{TIMING, Wall, dice::Dice};
use crate::lock::{Creation, Epoch, Record, parameters::whole_seconds};

/// How far reads may be behind.
pub(super) const BEHIND: Duration = Duration::from_millis(900);

/// The parameters below a lock's path, with AWS's semantics: creation without overwriting is atomic, every write is
/// another version, a parameter that was deleted begins at version 1 again, and reads may be a little behind. Times are
/// those of hosts whose clocks differ.
#[derive(Debug)]
pub(super) struct Store {
    wall: Wall,
    /// How wrong the clocks of AWS's hosts are; not at all where nothing is thrown.
    hosts: Option<Mutex<Dice>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    epochs: BTreeMap<u64, Epoch>,
    /// What reads find, and since when, as far back as they may be behind.
    seen: VecDeque<(Instant, Arc<Vec<Epoch>>)>,
    creations: u64,
}

impl Store {
    pub(super) fn new(wall: Wall, hosts: Option<Dice>) -> Self {
        Self { wall, hosts: hosts.map(Mutex::new), state: Mutex::default() }
    }

    /// What a read finds that is so far behind. Its date is that of a host of its own, in whole seconds; some have none.
    pub(super) fn list(&self, behind: Duration) -> Vec<Epoch> {
        let state = self.state.lock().unwrap();
        let now = Instant::now();
        let then = state.seen.iter().rev().find(|(since, _)| *since + behind <= now);
        let mut epochs = then.map(|(_, epochs)| epochs.to_vec()).unwrap_or_default();
        if self.hosts.as_ref().is_none_or(|hosts| hosts.lock().unwrap().percent(75)) {
            let date = self.host();
            for epoch in &mut epochs {
                epoch.age = Some(whole_seconds(epoch.modified, date));
            }
        }
        epochs
    }

    /// The time by the clock of some host.
    fn host(&self) -> SystemTime {
        let ahead = |hosts: &Mutex<Dice>| hosts.lock().unwrap().millis(0..TIMING.hosts.as_millis() as u64);
        self.wall.now() + self.hosts.as_ref().map_or(Duration::ZERO, ahead)
    }

    pub(super) fn create(&self, number: u64, record: &Record) -> Creation {
        let mut state = self.state.lock().unwrap();
        if state.epochs.contains_key(&number) {
            return Creation::Exists;
        }
        state.creations += 1;
        self.write(&mut state, number, record);
        Creation::Created
    }

    pub(super) fn put(&self, number: u64, record: &Record) {
        self.write(&mut self.state.lock().unwrap(), number, record);
    }

    pub(super) fn remove(&self, numbers: &[u64]) {
        let mut state = self.state.lock().unwrap();
        let highest = state.epochs.keys().max().copied();
        assert!(
            highest.is_none_or(|highest| !numbers.contains(&highest)),
            "the highest epoch is never removed"
        );
        state.epochs.retain(|number, _| !numbers.contains(number));
        state.remember();
    }

    fn write(&self, state: &mut State, number: u64, record: &Record) {
        let version = state.epochs.get(&number).map_or(1, |epoch| epoch.version + 1);
        let (modified, record) = (self.host(), Arc::new(record.clone()));
        state.epochs.insert(number, Epoch { number, version, modified, age: None, record });
        state.remember();
    }
}

impl State {
    fn remember(&mut self) {
        let now = Instant::now();
        let epochs = Arc::new(self.epochs.values().cloned().collect());
        self.seen.push_back((now, epochs));
        // The last that is old enough for every read stays.
        while self.seen.get(1).is_some_and(|(since, _)| *since + BEHIND <= now) {
            self.seen.pop_front();
        }
    }
}
