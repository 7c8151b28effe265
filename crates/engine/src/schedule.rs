//! Runs whatever is ready, the longest way to go first.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    num::NonZeroUsize,
};

use longshore_model::{Failure, FailureKind, StepId};
use longshore_plugin::Effort;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    Ended, Report,
    ready::{Place, Ready},
};

/// What the scheduler tells while it works.
pub(crate) trait Observer<T> {
    /// A step begins.
    fn started(&mut self, step: &StepId);
    /// A step has ended, or will not be run.
    fn ended(&mut self, step: &StepId, ended: &Ended<T>);
    /// The run was interrupted while these steps run.
    fn interrupted(&mut self, running: Vec<StepId>);
}

/// The steps of a phase, each with the steps that it waits for.
pub(crate) type Waits = BTreeMap<StepId, BTreeSet<StepId>>;

/// What bounds a phase.
pub(crate) struct Bounds<'a> {
    /// How many steps run at a time; as many as are ready where nobody says it.
    pub(crate) limit: Option<NonZeroUsize>,
    /// Once it is cancelled nothing new begins; what runs is waited for.
    pub(crate) interrupt: &'a CancellationToken,
    /// The steps that take time in this phase, on which the order of those that are ready depends.
    pub(crate) busy: &'a BTreeSet<StepId>,
    /// What does not keep back those that depend on it, although it is a failure.
    pub(crate) passes: Option<FailureKind>,
}

/// Runs `work` for every step as soon as everything that it waits for has succeeded. Of the steps that are ready, the one
/// with the longest way to the end of the phase begins first, and of equal ones the first by name. A failure skips what
/// depends on it and nothing else; one that passes skips nothing.
pub(crate) async fn schedule<T, W, F>(
    waits: &Waits,
    bounds: Bounds<'_>,
    observer: &mut dyn Observer<T>,
    mut work: W,
) -> Report<T>
where
    T: Send + 'static,
    W: FnMut(&StepId, &BTreeMap<StepId, Ended<T>>) -> F,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let Bounds { limit, interrupt, busy, passes } = bounds;
    let mut ready = Ready::new(waits, busy);
    let mut ended = BTreeMap::<StepId, Ended<T>>::new();
    let mut tasks = JoinSet::new();
    let mut running = BTreeMap::<Id, (StepId, Place)>::new();
    let mut told = false;
    loop {
        while !interrupt.is_cancelled() && limit.is_none_or(|limit| running.len() < limit.get()) {
            let Some((step, place)) = ready.next() else { break };
            observer.started(step);
            let effort = Effort::new(ready.urgency(place), interrupt.clone());
            let id = tasks.spawn(effort.run(work(step, &ended))).id();
            running.insert(id, (step.clone(), place));
        }
        if interrupt.is_cancelled() && !told {
            told = true;
            observer.interrupted(running.values().map(|(step, _)| step.clone()).collect());
        }
        let joined = tokio::select! {
            joined = tasks.join_next_with_id() => joined,
            () = interrupt.cancelled(), if !told => continue,
        };
        let Some(joined) = joined else { break };
        let (id, result) = match joined {
            Ok((id, result)) => (id, result),
            Err(error) => (error.id(), Err(panicked(&error))),
        };
        let Some((step, place)) = running.remove(&id) else { continue };
        let end = match result {
            Ok(result) => Ended::Succeeded(result),
            Err(failure) => Ended::Failed(failure),
        };
        observer.ended(&step, &end);
        let goes_on = match &end {
            Ended::Failed(failure) => passes == Some(failure.kind),
            end => matches!(end, Ended::Succeeded(_)),
        };
        if goes_on {
            ready.succeeded(place);
        } else {
            for lost in ready.lose_dependents(place) {
                let skipped = Ended::Skipped(step.clone());
                observer.ended(lost, &skipped);
                ended.insert(lost.clone(), skipped);
            }
        }
        ended.insert(step, end);
    }
    for step in waits.keys() {
        if !ended.contains_key(step) {
            observer.ended(step, &Ended::NotStarted);
            ended.insert(step.clone(), Ended::NotStarted);
        }
    }
    Report { steps: ended }
}

fn panicked(error: &JoinError) -> Failure {
    Failure::new(FailureKind::Internal, format!("the step ended abnormally: {error}"))
        .help("this is a fault of Longshore or of the plugin; please report it")
}
