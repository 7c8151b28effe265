//! Steps that have to wait for something, each in a task of its own.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use longshore_model::{Failure, FailureKind};
use tokio::task::JoinHandle;

/// The tasks of a scheduler. Dropping it ends them.
pub(crate) struct Tasks<T> {
    /// A seat for each task that runs.
    seats: Vec<Option<Running>>,
    free: Vec<usize>,
    begun: u64,
    ended: Arc<Mutex<Inbox<T>>>,
}

struct Running {
    step: usize,
    /// Its place among the tasks in the order in which they began.
    position: u64,
    handle: JoinHandle<()>,
}

/// The results that the scheduler has not taken yet.
struct Inbox<T> {
    /// By the tasks' seats.
    results: Vec<(usize, Result<T, Failure>)>,
    scheduler: Option<Waker>,
}

impl<T> Default for Tasks<T> {
    fn default() -> Self {
        let ended = Inbox { results: Vec::new(), scheduler: None };
        Self { seats: Vec::new(), free: Vec::new(), begun: 0, ended: Arc::new(Mutex::new(ended)) }
    }
}

impl<T: Send + 'static> Tasks<T> {
    /// The number of tasks whose results were not taken yet.
    pub(crate) fn len(&self) -> usize {
        self.seats.len() - self.free.len()
    }

    /// Lets the step go on in a task.
    pub(crate) fn spawn<D, F>(&mut self, step: usize, work: Pin<Box<F>>)
    where
        F: Future<Output = (Result<T, Failure>, D)> + Send + 'static,
    {
        let seat = self.free.pop().unwrap_or_else(|| {
            self.seats.push(None);
            self.seats.len() - 1
        });
        let mut reply = Reply { seat, result: None, inbox: self.ended.clone() };
        let handle = tokio::spawn(async move {
            reply.result = Some(work.await.0);
            drop(reply);
        });
        self.seats[seat] = Some(Running { step, position: self.begun, handle });
        self.begun += 1;
    }

    /// The steps that run, in the order in which they began.
    pub(crate) fn running(&self) -> Vec<usize> {
        let mut running: Vec<_> = self.seats.iter().flatten().collect();
        running.sort_unstable_by_key(|task| task.position);
        running.into_iter().map(|task| task.step).collect()
    }

    /// Takes the results of the tasks that have ended, in the order in which they did. Waits for the first one.
    pub(crate) fn poll_ended(&mut self, context: &Context<'_>) -> Poll<Vec<(usize, Result<T, Failure>)>> {
        let mut inbox = lock(&self.ended);
        if inbox.results.is_empty() {
            inbox.scheduler = Some(context.waker().clone());
            return Poll::Pending;
        }
        drop(inbox);
        Poll::Ready(self.take_ended())
    }

    /// Takes the results of the tasks that have ended, in the order in which they did.
    pub(crate) fn take_ended(&mut self) -> Vec<(usize, Result<T, Failure>)> {
        if self.len() == 0 {
            return Vec::new();
        }
        let results = std::mem::take(&mut lock(&self.ended).results);
        let with_step = |(seat, result): (usize, _)| {
            self.free.push(seat);
            self.seats[seat].take().map(|task| (task.step, result))
        };
        results.into_iter().filter_map(with_step).collect()
    }
}

impl<T> Drop for Tasks<T> {
    fn drop(&mut self) {
        for task in self.seats.iter().flatten() {
            task.handle.abort();
        }
    }
}

/// Brings a task's result to the scheduler, also if the task is dropped by the runtime.
struct Reply<T> {
    seat: usize,
    result: Option<Result<T, Failure>>,
    inbox: Arc<Mutex<Inbox<T>>>,
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| {
            Err(Failure::new(FailureKind::Interrupted, "the runtime ended before the step did"))
        });
        let scheduler = {
            let mut inbox = lock(&self.inbox);
            inbox.results.push((self.seat, result));
            inbox.scheduler.take()
        };
        if let Some(scheduler) = scheduler {
            scheduler.wake();
        }
    }
}

fn lock<T>(inbox: &Mutex<Inbox<T>>) -> MutexGuard<'_, Inbox<T>> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}
