//! Runs whatever is ready, the longest way to go first.

use std::{
    future::{Future, poll_fn},
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use longshore_effort::{Effort, Urgency};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::panicked;
use tokio_util::sync::CancellationToken;

use crate::{
    Ended,
    course::Course,
    ready::{Busy, Ready},
    tasks::Tasks,
};

/// The number of steps that may end on the scheduler's task before others get their turn: signals, timers, and the renewal
/// of the lock.
const AT_A_STRETCH: usize = 64;

/// Receives the progress of a phase. Steps are named by their places.
pub(crate) trait Observer<T> {
    /// A step begins.
    fn started(&mut self, step: usize);
    /// A step has ended, or will not be run.
    fn ended(&mut self, step: usize, ended: &Ended<T>);
    /// The run was interrupted while these steps run.
    fn interrupted(&mut self, running: Vec<usize>);
}

/// The bounds of a phase.
pub(crate) struct Bounds<'a> {
    /// The maximum number of steps that run at a time. `None` runs all that are ready.
    pub(crate) limit: Option<NonZeroUsize>,
    /// Once it is cancelled nothing new begins; what runs is waited for.
    pub(crate) interrupt: &'a CancellationToken,
    /// The steps that take time in this phase, on which the order of those that are ready depends.
    pub(crate) busy: &'a Busy,
    /// The kind of failure that does not keep dependent steps back.
    pub(crate) passes: Option<FailureKind>,
}

/// Runs `work` for every step as soon as everything that it waits for has succeeded. Of the steps that are ready, the one
/// with the longest way to the end of the phase begins first, and of equal ones the first by name. A failure skips what
/// depends on it and nothing else; one that passes skips nothing.
///
/// A step begins on the scheduler's own task, and ends there if it has nothing to wait for. Otherwise it goes on in a task
/// of its own. `work` returns a reusable value beside its result, and receives it again for the next step if the step
/// ended inline. Returns the end of each step, by its place.
pub(crate) async fn schedule<T, D, W, F>(
    course: &Course<'_>,
    bounds: Bounds<'_>,
    observer: &mut dyn Observer<T>,
    mut work: W,
) -> Vec<Ended<T>>
where
    T: Send + 'static,
    D: Send + 'static,
    W: FnMut(usize, Option<D>) -> F,
    F: Future<Output = (Result<T, Failure>, D)> + Send + 'static,
{
    let Bounds { limit, interrupt, busy, passes } = bounds;
    let shared_interrupt = Arc::new(interrupt.clone());
    let mut phase = Phase {
        ready: Ready::new(course, busy),
        ended: (0..course.len()).map(|_| Ended::NotStarted).collect(),
        course,
        observer,
        passes,
    };
    let mut tasks = Tasks::default();
    let mut cancelled = pin!(interrupt.cancelled());
    let mut is_told = false;
    let mut stretch = 0;
    // The next step's future takes the place of one that has ended, and what that one worked with.
    let (mut rest, mut desk) = (None::<Begun<F>>, None);
    loop {
        while limit.is_none_or(|limit| tasks.len() < limit.get()) && !interrupt.is_cancelled() {
            let Some((step, urgency)) = phase.ready.next() else { break };
            phase.observer.started(step);
            let future = work(step, desk.take());
            let mut begun = match rest.take() {
                None => Begun::new(Effort::new(urgency, shared_interrupt.clone()), future),
                Some(mut ended) => {
                    ended.replace(urgency, future);
                    ended
                }
            };
            // A task polls it again at once, and with that its own waker takes the place of this one.
            match Pin::new(&mut begun).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready((result, left)) => {
                    desk = left;
                    phase.end(step, result);
                    rest = Some(begun);
                    stretch += 1;
                    if stretch == AT_A_STRETCH {
                        stretch = 0;
                        tokio::task::yield_now().await;
                        // Tasks that ended meanwhile may have made steps ready that have a longer way to go.
                        while let Some((step, result)) = tasks.next_ended() {
                            phase.end(step, result);
                        }
                    }
                }
                Poll::Pending => tasks.spawn(step, begun),
            }
        }
        if interrupt.is_cancelled() && !is_told {
            is_told = true;
            phase.observer.interrupted(tasks.running());
        }
        if tasks.len() == 0 {
            break;
        }
        poll_fn(|context| {
            if !is_told && cancelled.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            tasks.poll_ended(context)
        })
        .await;
        while let Some((step, result)) = tasks.next_ended() {
            phase.end(step, result);
        }
    }
    phase.finish(interrupt.is_cancelled())
}

/// The steps of a phase while it runs.
struct Phase<'a, T> {
    course: &'a Course<'a>,
    ready: Ready<'a>,
    /// The end of each step: `NotStarted` until the step ends.
    ended: Vec<Ended<T>>,
    observer: &'a mut dyn Observer<T>,
    passes: Option<FailureKind>,
}

impl<T> Phase<'_, T> {
    fn end(&mut self, step: usize, result: Result<T, Failure>) {
        let goes_on = match &result {
            Ok(_) => true,
            Err(failure) => self.passes == Some(failure.kind),
        };
        let end = match result {
            Ok(result) => Ended::Succeeded(result),
            Err(failure) => Ended::Failed(Box::new(failure)),
        };
        self.observer.ended(step, &end);
        self.ended[step] = end;
        if goes_on {
            self.ready.succeeded(step);
            return;
        }
        for lost in self.ready.lose_dependents(step) {
            let skipped = Ended::Skipped(self.course.graph.at(step).id.clone());
            self.observer.ended(lost, &skipped);
            self.ended[lost] = skipped;
        }
    }

    /// Returns the end of each step. Steps that an interruption has kept from being begun are reported by name.
    fn finish(self, was_interrupted: bool) -> Vec<Ended<T>> {
        let Self { course, ended, observer, .. } = self;
        let all = if was_interrupted { course.graph.by_name() } else { &[] };
        let places = all.iter().map(|&place| place as usize);
        for place in places.filter(|&place| matches!(ended[place], Ended::NotStarted)) {
            observer.ended(place, &ended[place]);
        }
        ended
    }
}

/// A step that has begun. Its future is polled on behalf of its effort; a panic is a failure.
pub(crate) struct Begun<F> {
    effort: Option<Effort>,
    future: Pin<Box<F>>,
}

impl<F> Begun<F> {
    fn new(effort: Effort, future: F) -> Self {
        Self { effort: Some(effort), future: Box::pin(future) }
    }

    /// Puts another step in the place of this one, which has ended.
    fn replace(&mut self, urgency: Urgency, future: F) {
        if let Some(effort) = &mut self.effort {
            effort.reset(urgency);
        }
        self.future.set(future);
    }
}

impl<T, D, F: Future<Output = (Result<T, Failure>, D)>> Future for Begun<F> {
    /// The result, and what the step worked with unless it panicked.
    type Output = (Result<T, Failure>, Option<D>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { effort, future } = &mut *self;
        let poll = || future.as_mut().poll(context);
        match Effort::enter(effort, || catch_unwind(AssertUnwindSafe(poll))) {
            Ok(poll) => poll.map(|(result, desk)| (result, Some(desk))),
            Err(_) => Poll::Ready((Err(panicked("the step")), None)),
        }
    }
}
