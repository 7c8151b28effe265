//! The pace of the calls: AWS's rate limits are kept, not run into.
//!
//! Every attempt of every call of a run passes the [`Pacer`], which knows the rate limit of each class of calls. What has
//! to wait is let through by urgency. Where AWS throttles nevertheless, because others call it too, the class slows down.

mod bucket;
mod class;
mod gate;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use longshore_effort::Effort;
use longshore_model::{CallRate, Problem, closest, join_key};
use tokio::time::Instant;

use self::{
    class::{CLASSES, Rate, index_of},
    gate::{Gate, Permit},
};
use crate::chance::Chance;

/// What is wrong with the rates that a configuration declares.
#[must_use]
pub fn check_rates(rates: &BTreeMap<String, CallRate>) -> Vec<Problem> {
    let names: Vec<_> = CLASSES.iter().map(|class| class.name).collect();
    let problem = |name: &String| {
        let meant = closest(name, names.iter().copied());
        let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
        Problem::new(join_key("aws.rates", name), format!("there is no such class of calls{meant}"))
            .help(format!("one of: {}", names.join(", ")))
    };
    rates.keys().filter(|name| !names.contains(&name.as_str())).map(problem).collect()
}

/// Lets the calls of a run through at the pace that AWS takes.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// One for each of [`CLASSES`].
    gates: Vec<Arc<Gate>>,
    chance: Chance,
    answered: AtomicBool,
}

/// The run was interrupted while a call waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// It waited for its turn, and was not sent.
    Queueing,
    /// It was sent, and not answered in time.
    Unanswered,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queueing => "interrupted while waiting until AWS's rate limit lets the call through",
            Self::Unanswered => "interrupted while waiting for an answer that is slow to come",
        })
    }
}

impl std::error::Error for Interrupted {}

/// A call's turn. It counts as under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    class: &'static str,
    permit: Permit,
}

impl Pacer {
    /// A pacer with AWS's own rates, where `rates` does not name others.
    pub(crate) fn new(rates: &BTreeMap<String, CallRate>, chance: Chance) -> Self {
        let now = Instant::now();
        let gate = |class: &class::ApiClass| {
            let declared = rates.get(class.name).copied().unwrap_or_default();
            let rate = Rate {
                burst: declared.burst.unwrap_or(class.rate.burst),
                per_second: declared.per_second.unwrap_or(class.rate.per_second),
            };
            Arc::new(Gate::new(rate, now))
        };
        Self { gates: CLASSES.iter().map(gate).collect(), chance, answered: AtomicBool::new(false) }
    }

    /// Waits until it is the turn of a call of `operation`.
    ///
    /// # Errors
    /// When the run is interrupted meanwhile.
    pub(crate) async fn turn(
        &self,
        effort: &Effort,
        service: &str,
        operation: &str,
    ) -> Result<Turn, Interrupted> {
        let index = index_of(service, operation);
        let (gate, class) = (&self.gates[index], CLASSES[index].name);
        let (began, queueing) = (Instant::now(), effort.queueing());
        let turn = tokio::select! {
            // What need not wait is not interrupted.
            biased;
            permit = gate.pass(effort.urgency()) => Ok(Turn { class, permit }),
            () = effort.interrupt().cancelled() => Err(Interrupted::Queueing),
        };
        drop(queueing);
        effort.has_queued(began.elapsed());
        turn
    }

    /// Notes that AWS throttled the call whose turn it was.
    pub(crate) fn throttled(&self, turn: &Turn) {
        if let Some(rate) = turn.permit.throttled(self.chance.fraction()) {
            tracing::info!(class = turn.class, "AWS throttles: slowing down to {rate:.2} calls a second");
        }
    }

    /// Notes that AWS took the call whose turn it was, and answered.
    pub(crate) fn answered(&self, turn: &Turn) {
        self.answered.store(true, Ordering::Relaxed);
        turn.permit.accepted();
    }

    /// Returns true if an answer ever came.
    pub(crate) fn was_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// A random number from 0 to 1.
    pub(crate) fn jitter(&self) -> f64 {
        self.chance.fraction()
    }
}

#[cfg(test)]
mod tests;
