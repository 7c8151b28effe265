//! Steps that have to wait for something, each in a task of its own.

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use longshore_model::{Failure, FailureKind};
use tokio::task::JoinHandle;

use crate::schedule::Begun;

/// The tasks of a scheduler. Dropping it ends them.
pub(crate) struct Tasks<T> {
    /// A seat for each task that runs.
    seats: Vec<Option<Running>>,
    free: Vec<usize>,
    begun: u64,
    ended: Arc<Mutex<Inbox<T>>>,
    /// Those of the results that were taken out of the inbox.
    taken: VecDeque<(usize, Result<T, Failure>)>,
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
    results: VecDeque<(usize, Result<T, Failure>)>,
    scheduler: Option<Waker>,
}

impl<T> Default for Tasks<T> {
    fn default() -> Self {
        let ended = Arc::new(Mutex::new(Inbox { results: VecDeque::new(), scheduler: None }));
        Self { seats: Vec::new(), free: Vec::new(), begun: 0, ended, taken: VecDeque::new() }
    }
}

impl<T: Send + 'static> Tasks<T> {
    /// The number of tasks whose results were not taken yet.
    pub(crate) fn len(&self) -> usize {
        self.seats.len() - self.free.len()
    }

    /// Lets the step go on in a task.
    pub(crate) fn spawn<D, F>(&mut self, step: usize, work: Begun<F>)
    where
        F: Future<Output = (Result<T, Failure>, D)> + Send + 'static,
    {
        let seat = self.free.pop().unwrap_or_else(|| {
            self.seats.push(None);
            self.seats.len() - 1
        });
        let handle = tokio::spawn(Spawned { work, reply: Reply { seat, inbox: Some(self.ended.clone()) } });
        self.seats[seat] = Some(Running { step, position: self.begun, handle });
        self.begun += 1;
    }

    /// The steps that run, in the order in which they began.
    pub(crate) fn running(&self) -> Vec<usize> {
        let mut running: Vec<_> = self.seats.iter().flatten().collect();
        running.sort_unstable_by_key(|task| task.position);
        running.into_iter().map(|task| task.step).collect()
    }

    /// Waits until a task has ended.
    pub(crate) fn poll_ended(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.take_results() {
            return Poll::Ready(());
        }
        let mut inbox = lock(&self.ended);
        // A task may have ended meanwhile.
        if !inbox.results.is_empty() {
            return Poll::Ready(());
        }
        inbox.scheduler = Some(context.waker().clone());
        Poll::Pending
    }

    /// Takes the result of a task that has ended, in the order in which they did.
    pub(crate) fn next_ended(&mut self) -> Option<(usize, Result<T, Failure>)> {
        if self.len() == 0 || !self.take_results() {
            return None;
        }
        let (seat, result) = self.taken.pop_front()?;
        self.free.push(seat);
        self.seats[seat].take().map(|task| (task.step, result))
    }

    /// Returns true if there are results that were taken out of the inbox.
    fn take_results(&mut self) -> bool {
        if self.taken.is_empty() {
            mem::swap(&mut self.taken, &mut lock(&self.ended).results);
        }
        !self.taken.is_empty()
    }
}

impl<T> Drop for Tasks<T> {
    fn drop(&mut self) {
        for task in self.seats.iter().flatten() {
            task.handle.abort();
        }
    }
}

/// A step in a task of its own.
struct Spawned<T, F> {
    work: Begun<F>,
    reply: Reply<T>,
}

impl<T, D, F: Future<Output = (Result<T, Failure>, D)>> Future for Spawned<T, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { work, reply } = &mut *self;
        Pin::new(work).poll(context).map(|(result, _)| reply.send(result))
    }
}

/// Brings a task's result to the scheduler, also if the task is dropped by the runtime.
struct Reply<T> {
    seat: usize,
    /// The scheduler's inbox, until the result is there.
    inbox: Option<Arc<Mutex<Inbox<T>>>>,
}

impl<T> Reply<T> {
    fn send(&mut self, result: Result<T, Failure>) {
        let Some(inbox) = self.inbox.take() else { return };
        let scheduler = {
            let mut inbox = lock(&inbox);
            inbox.results.push_back((self.seat, result));
            inbox.scheduler.take()
        };
        if let Some(scheduler) = scheduler {
            scheduler.wake();
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if self.inbox.is_some() {
            self.send(Err(Failure::new(FailureKind::Interrupted, "the runtime ended before the step did")));
        }
    }
}

fn lock<T>(inbox: &Mutex<Inbox<T>>) -> MutexGuard<'_, Inbox<T>> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}
