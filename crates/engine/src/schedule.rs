//! Runs whatever is ready.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    num::NonZeroUsize,
};

use longshore_model::{Failure, FailureKind, StepId};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{Ended, Report};

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

/// Runs `work` for every step as soon as everything that it waits for has succeeded, at most `limit` at a time, the
/// first by name first. A failure skips what depends on it and nothing else. Once `interrupt` is cancelled nothing new
/// begins; what runs is waited for.
pub(crate) async fn schedule<T, W, F>(
    waits: &Waits,
    limit: NonZeroUsize,
    interrupt: &CancellationToken,
    observer: &mut dyn Observer<T>,
    mut work: W,
) -> Report<T>
where
    T: Send + 'static,
    W: FnMut(&StepId, &BTreeMap<StepId, Ended<T>>) -> F,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let mut ended = BTreeMap::<StepId, Ended<T>>::new();
    let mut tasks = JoinSet::new();
    let mut running = BTreeMap::<Id, StepId>::new();
    let mut told = false;
    loop {
        while !interrupt.is_cancelled() && running.len() < limit.get() {
            let Some(step) = next_ready(waits, &ended, &running) else { break };
            observer.started(&step);
            let id = tasks.spawn(work(&step, &ended)).id();
            running.insert(id, step);
        }
        if interrupt.is_cancelled() && !told {
            told = true;
            observer.interrupted(running.values().cloned().collect());
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
        let Some(step) = running.remove(&id) else { continue };
        let end = match result {
            Ok(result) => Ended::Succeeded(result),
            Err(failure) => Ended::Failed(failure),
        };
        observer.ended(&step, &end);
        let failed = matches!(end, Ended::Failed(_));
        ended.insert(step.clone(), end);
        if failed {
            skip_dependents(waits, &step, &mut ended, observer);
        }
    }
    for step in waits.keys() {
        if !ended.contains_key(step) {
            observer.ended(step, &Ended::NotStarted);
            ended.insert(step.clone(), Ended::NotStarted);
        }
    }
    Report { steps: ended }
}

fn next_ready<T>(
    waits: &Waits,
    ended: &BTreeMap<StepId, Ended<T>>,
    running: &BTreeMap<Id, StepId>,
) -> Option<StepId> {
    let is_done = |step: &StepId| matches!(ended.get(step), Some(Ended::Succeeded(_)));
    let is_new = |step: &StepId| !ended.contains_key(step) && !running.values().any(|other| other == step);
    let ready = waits.iter().find(|(step, waits_for)| is_new(step) && waits_for.iter().all(is_done));
    ready.map(|(step, _)| step.clone())
}

fn skip_dependents<T>(
    waits: &Waits,
    failed: &StepId,
    ended: &mut BTreeMap<StepId, Ended<T>>,
    observer: &mut dyn Observer<T>,
) {
    let mut lost = BTreeSet::from([failed.clone()]);
    loop {
        let next = waits
            .iter()
            .find(|(step, waits_for)| !ended.contains_key(*step) && !waits_for.is_disjoint(&lost));
        let Some((step, _)) = next else { break };
        lost.insert(step.clone());
        let skipped = Ended::Skipped(failed.clone());
        observer.ended(step, &skipped);
        ended.insert(step.clone(), skipped);
    }
}

fn panicked(error: &JoinError) -> Failure {
    Failure::new(FailureKind::Internal, format!("the step ended abnormally: {error}"))
        .help("this is a fault of Longshore or of the plugin; please report it")
}
