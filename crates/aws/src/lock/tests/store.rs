//! A model of Parameter Store.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_smithy_async::time::TimeSource as _;
use tokio::time::Instant;

use super::Wall;
use crate::lock::{Creation, Epoch, Record};

/// How far reads may be behind.
pub(super) const BEHIND: Duration = Duration::from_millis(900);

/// The parameters below a lock's path, with AWS's semantics: creation without overwriting is atomic, every write is
/// another version, a parameter that was deleted begins at version 1 again, and reads may be a little behind.
#[derive(Debug)]
pub(super) struct Store {
    wall: Wall,
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
    pub(super) fn new(wall: Wall) -> Self {
        Self { wall, state: Mutex::default() }
    }

    /// What a read finds that is so far behind.
    pub(super) fn list(&self, behind: Duration) -> Vec<Epoch> {
        let state = self.state.lock().unwrap();
        let now = Instant::now();
        let then = state.seen.iter().rev().find(|(since, _)| *since + behind <= now);
        then.map(|(_, epochs)| epochs.to_vec()).unwrap_or_default()
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
        let modified = self.wall.now();
        state.epochs.insert(number, Epoch { number, version, modified, record: Arc::new(record.clone()) });
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
