//! A run that wants the lock: what it does with it, and what happens to it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use longshore_model::Failure;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{dice::Dice, world::World};
use crate::lock::{Held, Lock, Waiting};

/// What happens to a run, by how often it was polled before.
#[derive(Clone, Debug, Default)]
pub(super) struct Mishaps {
    /// It is stopped for a while, as by SIGSTOP.
    pub(super) pauses: Vec<(u32, Duration)>,
    /// It is gone.
    pub(super) crash: Option<u32>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Released,
    Lost,
    GaveUp,
    Crashed,
}

/// Waits for the lock, changes something now and then, and gives the lock back.
pub(super) async fn run(lock: Lock, world: Arc<World>, timeout: Duration, mut dice: Dice) -> End {
    let interrupt = CancellationToken::new();
    let waiting = Waiting { timeout, interrupt: &interrupt, tell: &|_| {} };
    let Ok(held) = lock.acquire(&waiting).await else { return End::GaveUp };
    world.holds(&lock, &held);
    let lost = CancellationToken::new();
    let keep = async {
        if held.keep().await.is_some() {
            lost.cancel();
        }
    };
    let works = async {
        let mut busy = Instant::now();
        tokio::select! {
            biased;
            () = lost.cancelled() => {}
            () = work(&lock, &held, &world, &mut busy, &mut dice) => {}
        }
        // What is under way is waited for, and the lease is renewed meanwhile.
        sleep_until(busy).await;
        let _: Result<(), Failure> = held.release().await;
    };
    tokio::join!(keep, works);
    if lost.is_cancelled() { End::Lost } else { End::Released }
}

async fn work(lock: &Lock, held: &Held, world: &Arc<World>, busy: &mut Instant, dice: &mut Dice) {
    for _ in 0..dice.below(6) {
        let gap = if dice.percent(20) { dice.millis(0..70_000) } else { dice.millis(0..8_000) };
        sleep(gap).await;
        if let Some(change) = world.change(lock, held.epoch(), dice) {
            *busy = change.max(*busy);
        }
    }
}

/// A run to which mishaps happen.
pub(super) struct Unlucky<F> {
    run: Option<Pin<Box<F>>>,
    mishaps: Mishaps,
    polls: u32,
    stopped: Option<Pin<Box<Sleep>>>,
}

impl<F> Unlucky<F> {
    pub(super) fn new(run: F, mishaps: Mishaps) -> Self {
        Self { run: Some(Box::pin(run)), mishaps, polls: 0, stopped: None }
    }
}

impl<F: Future<Output = End>> Future for Unlucky<F> {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        loop {
            if let Some(stopped) = &mut this.stopped {
                if stopped.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                this.stopped = None;
            }
            let polls = this.polls;
            this.polls += 1;
            if this.mishaps.crash == Some(polls) {
                this.run = None;
                return Poll::Ready(End::Crashed);
            }
            if let Some((_, pause)) = this.mishaps.pauses.iter().find(|(at, _)| *at == polls) {
                this.stopped = Some(Box::pin(sleep(*pause)));
                continue;
            }
            let Some(run) = &mut this.run else { return Poll::Pending };
            return run.as_mut().poll(context);
        }
    }
}

/// When a healthy run began to wait, and when it had the lock.
pub(super) async fn acquires(lock: &Lock, timeout: Duration) -> Result<(Held, Duration), Failure> {
    let interrupt = CancellationToken::new();
    let began = Instant::now();
    let held = lock.acquire(&Waiting { timeout, interrupt: &interrupt, tell: &|_| {} }).await?;
    Ok((held, began.elapsed()))
}
