//! What the runs change, and whether they do so one at a time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use super::{TIMING, dice::Dice};
use crate::lock::{Fence, Held, Lock};

/// What the runs of a race change.
#[derive(Debug, Default)]
pub(super) struct World {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When changes took or will take effect, and the epochs of those who sent them.
    changes: Vec<(Instant, u64)>,
    /// Everybody who ever held the lock.
    holders: Vec<(u64, Arc<Fence>)>,
    /// When a run was last heard of to which mishaps happen.
    heard: Option<Instant>,
    wrong: Option<String>,
}

impl World {
    pub(super) fn holds(&self, lock: &Lock, held: &Held) {
        let mut state = self.state.lock().unwrap();
        let epoch = held.epoch();
        if state.holders.iter().any(|(other, _)| *other == epoch) {
            state.wrong.get_or_insert(format!("two runs hold epoch {epoch}"));
        }
        state.holders.push((epoch, lock.fence().clone()));
    }

    /// Sends a change, if the fence lets it through. It takes effect within the time that the lease leaves for it,
    /// even if its sender dies. Answers when.
    pub(super) fn change(&self, lock: &Lock, epoch: u64, dice: &mut Dice) -> Option<Instant> {
        lock.fence().check().ok()?;
        let mut state = self.state.lock().unwrap();
        let open = |(other, fence): &&(u64, Arc<Fence>)| *other != epoch && fence.check().is_ok();
        if let Some((other, _)) = state.holders.iter().find(open) {
            let wrong = format!("epoch {epoch} changes something while epoch {other} may, too");
            state.wrong.get_or_insert(wrong);
        }
        let takes_effect = Instant::now() + dice.millis(5..TIMING.margin.as_millis() as u64);
        state.changes.push((takes_effect, epoch));
        Some(takes_effect)
    }

    /// Notes that a run wrote something to which mishaps happen.
    pub(super) fn sign_of_life(&self) {
        self.state.lock().unwrap().heard = Some(Instant::now());
    }

    /// For how long nothing was heard of such runs, `since` then at the earliest.
    pub(super) fn silence(&self, since: Instant) -> Duration {
        let heard = self.state.lock().unwrap().heard;
        heard.map_or(since, |heard| heard.max(since)).elapsed()
    }

    pub(super) fn changes(&self) -> u64 {
        self.state.lock().unwrap().changes.len() as u64
    }

    pub(super) fn wrong(&self, message: String) {
        self.state.lock().unwrap().wrong.get_or_insert(message);
    }

    /// Returns true if all went well: no two holders changed something at a time, and the epochs of changes never went
    /// backwards.
    pub(super) fn verdict(&self) -> Result<(), String> {
        let mut state = self.state.lock().unwrap();
        if let Some(wrong) = &state.wrong {
            return Err(wrong.clone());
        }
        state.changes.sort_by_key(|(at, _)| *at);
        match state.changes.windows(2).find(|pair| pair[0].1 > pair[1].1) {
            Some(pair) => {
                Err(format!("a change of epoch {} took effect after one of epoch {}", pair[1].1, pair[0].1))
            }
            None => Ok(()),
        }
    }
}
