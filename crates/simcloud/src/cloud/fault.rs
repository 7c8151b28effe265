//! Faults that tests arrange, and the count of calls.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    ApiError,
    policy::{Context, glob},
};

/// Something that goes wrong with calls of an operation.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The operation, such as `iam:CreateRole`; `*` and `?` are wildcards.
    pub operation: String,
    /// How many calls pass before the first is hit.
    pub after: u32,
    /// How many calls are hit.
    pub times: u32,
    /// What happens to them.
    pub effect: Effect,
}

/// What happens to a call that a fault hits.
#[derive(Clone, Debug)]
pub enum Effect {
    /// It is refused with this error, and nothing is done.
    Refuse(ApiError),
    /// It takes longer.
    Delay(Duration),
    /// It is done, and the connection breaks before the answer arrives.
    LoseAnswer,
}

/// The faults that are arranged, and how often operations were called.
#[derive(Debug, Default)]
pub(super) struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    arranged: Vec<Fault>,
    calls: BTreeMap<String, u64>,
}

impl Faults {
    pub(super) fn inject(&self, fault: Fault) {
        self.state().arranged.push(fault);
    }

    pub(super) fn clear(&self) {
        self.state().arranged.clear();
    }

    pub(super) fn calls(&self) -> BTreeMap<String, u64> {
        self.state().calls.clone()
    }

    /// Counts a call.
    pub(super) fn count(&self, operation: &str) {
        *self.state().calls.entry(operation.to_owned()).or_default() += 1;
    }

    /// What is to happen to a call: the first fault that hits it.
    pub(super) fn call(&self, operation: &str) -> Option<Effect> {
        let mut state = self.state();
        for fault in &mut state.arranged {
            if !glob(&fault.operation, operation, &Context::new()) {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                return Some(fault.effect.clone());
            }
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
