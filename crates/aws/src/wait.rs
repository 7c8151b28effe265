//! Waiting for what AWS makes effective later: probe, and probe again.
//!
//! A blind sleep is too long or too short. A probe that fails in the expected way is repeated with growing pauses until
//! it is done, until the deadline, or until the run is interrupted.

use std::{future::Future, pin::pin, time::Duration};

use longshore_effort::Effort;
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Result};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep, sleep_until};

/// The result of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe<T> {
    /// It is so.
    Done(T),
    /// Not yet; the failure to end with when the time is over.
    Again(Failure),
}

/// The time limit and the rhythm of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For how long probes are repeated. The last one is made at its end.
    pub deadline: Duration,
    /// The pause after the first probe. Each pause is twice the one before.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Patience {
    /// Probes for as long as `deadline`, with pauses from half a second to five seconds.
    #[must_use]
    pub const fn of(deadline: Duration) -> Self {
        Self { deadline, first: Duration::from_millis(500), longest: Duration::from_secs(5) }
    }

    /// The pause after probe `attempt`, counted from zero, with `jitter` from 0 to 1: from three quarters of its length
    /// to all of it.
    fn pause(&self, attempt: u32, jitter: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(attempt));
        doubled.min(self.longest).mul_f64(0.75 + 0.25 * jitter)
    }
}

/// Repeats `probe` until it is done. It is told how many probes there were before.
///
/// # Errors
/// The probe's own error at once; the failure of its last [`Probe::Again`] at the deadline;
/// [`FailureKind::Interrupted`] when the run is interrupted between two probes.
pub async fn until<T, F>(context: &Context, patience: Patience, mut probe: impl FnMut(u32) -> F) -> Result<T>
where
    F: Future<Output = Result<Probe<T>>>,
{
    let (began, effort) = (Instant::now(), Effort::current());
    let queued = effort.queued();
    let mut attempt = 0;
    loop {
        // While a thousand others are more urgent, a probe waits longer for its turn than anybody's patience lasts.
        let end = || began + patience.deadline + effort.queued().saturating_sub(queued);
        let failure = match before(end(), probe(attempt)).await {
            Some(probe) => match probe? {
                Probe::Done(value) => return Ok(value),
                Probe::Again(failure) => failure,
            },
            None => unanswered(),
        };
        let end = end();
        if Instant::now() >= end {
            let message = format!("{}; gave up after {} s", failure.message, patience.deadline.as_secs());
            return Err(Failure { message, ..failure });
        }
        let wake = (Instant::now() + patience.pause(attempt, jitter(context, attempt))).min(end);
        tokio::select! {
            biased;
            () = context.interrupt.cancelled() => return Err(interrupted(failure)),
            () = sleep_until(wake) => attempt += 1,
        }
    }
}

/// The time that what was asked for before a deadline has to be answered after it.
const LAST_ANSWER: Duration = Duration::from_secs(30);

/// Runs `work`, which calls AWS, and drops it if it lasts much longer than until `end`. The time for which its calls wait
/// for their turn does not count.
///
/// Returns `None` if it was dropped.
pub async fn before<T>(end: Instant, work: impl Future<Output = T>) -> Option<T> {
    let effort = Effort::current();
    let mut work = pin!(work);
    let mut end = end.max(Instant::now()) + LAST_ANSWER;
    loop {
        let queued = effort.queued();
        tokio::select! {
            biased;
            result = &mut work => return Some(result),
            () = sleep_until(end) => {}
        }
        // One that got its turn a moment ago has as long as all others.
        if !effort.is_queueing() && effort.queued() == queued {
            return None;
        }
        end += LAST_ANSWER;
    }
}

/// Returns the failure of work that [`before`] dropped.
#[must_use]
pub fn unanswered() -> Failure {
    Failure::new(FailureKind::Unavailable, "AWS did not answer in time")
        .help("check the network and, where one is set, the endpoint (AWS_ENDPOINT_URL)")
}

/// The time within which a deletion shows.
const DELETION: Patience = Patience::of(Duration::from_secs(60));

/// Repeats `delete`, which deletes a resource and returns true if it does not find it afterwards, until it is gone.
///
/// # Errors
/// Those of `delete`; and after a minute that the resource is still there.
pub async fn until_deleted<F>(context: &Context, resource: &str, delete: impl Fn() -> F) -> Result<()>
where
    F: Future<Output = Result<bool>>,
{
    let delete = &delete;
    let probe = |_| async move {
        if delete().await? {
            return Ok(Probe::Done(()));
        }
        Ok(Probe::Again(still_there(resource)))
    };
    until(context, DELETION, probe).await
}

/// The failure of a deletion that AWS has confirmed, and that does not show.
#[must_use]
pub fn still_there(resource: &str) -> Failure {
    let message = format!("the {resource} is still there, although AWS has confirmed its deletion");
    Failure::new(FailureKind::Unavailable, message).help("run this command again")
}

/// Runs `work` for the step as if it began now: its calls count no time that the step has waited before.
pub async fn anew<F: Future>(context: &Context, work: F) -> F::Output {
    Effort::new(Effort::current().urgency(), context.interrupt.clone()).run(work).await
}

/// Sleeps, unless the run is interrupted first.
///
/// # Errors
/// [`FailureKind::Interrupted`]; `waiting_for` says what was being waited for.
pub async fn pause(context: &Context, duration: Duration, waiting_for: &str) -> Result<()> {
    tokio::select! {
        biased;
        () = context.interrupt.cancelled() => {
            Err(Failure::new(FailureKind::Interrupted, format!("interrupted while waiting for {waiting_for}")))
        }
        () = sleep(duration) => Ok(()),
    }
}

fn interrupted(last: Failure) -> Failure {
    let message = format!("interrupted while waiting; the last answer was: {}", last.message);
    Failure { kind: FailureKind::Interrupted, message, help: None, ..last }
}

/// A fraction that keeps steps which begin together from probing together. It depends on nothing but stack, step and
/// attempt, so that a run can be repeated exactly.
fn jitter(context: &Context, attempt: u32) -> f64 {
    let digest = Sha256::digest(format!("{} {} {attempt}", context.stack, context.step));
    f64::from(u16::from_be_bytes([digest[0], digest[1]])) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use longshore_model::{Name, StepId};
    use longshore_testkit::Told;
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn context(interrupt: &CancellationToken) -> Context {
        let (stack, environment) = (Name::new("shop").unwrap(), Name::new("test").unwrap());
        Context::new(
            stack,
            environment,
            StepId::new("role", "api"),
            interrupt.clone(),
            Arc::new(Told::default()),
        )
    }

    const PATIENCE: Patience = Patience::of(Duration::from_secs(60));

    fn not_yet() -> Failure {
        Failure::new(FailureKind::Denied, "not allowed yet").at("iam:SimulatePrincipalPolicy x")
    }

    #[tokio::test(start_paused = true)]
    async fn ends_as_soon_as_the_probe_is_done() {
        let start = Instant::now();
        let probe = |attempt| async move {
            Ok(if attempt == 3 { Probe::Done(attempt) } else { Probe::Again(not_yet()) })
        };
        assert_eq!(until(&context(&CancellationToken::new()), PATIENCE, probe).await, Ok(3));
        let took = start.elapsed();
        assert!(took > Duration::from_millis(2_600) && took < Duration::from_millis(3_510), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_at_the_deadline_with_the_last_failure() {
        let start = Instant::now();
        let probe = |_| async { Ok(Probe::<()>::Again(not_yet())) };
        let failure = until(&context(&CancellationToken::new()), PATIENCE, probe).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::from_secs(60));
        assert_eq!(
            failure.to_string(),
            "not allowed yet; gave up after 60 s (at iam:SimulatePrincipalPolicy x)"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_in_which_probes_wait_for_their_turn_does_not_count() {
        let probe = |attempt| async move {
            let turn = Duration::from_secs(300);
            let queueing = Effort::current().queueing();
            sleep(turn).await;
            drop(queueing);
            Effort::current().has_queued(turn);
            Ok(if attempt == 2 { Probe::Done(()) } else { Probe::Again(not_yet()) })
        };
        let context = context(&CancellationToken::new());
        assert_eq!(Effort::default().run(until(&context, PATIENCE, probe)).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn unanswered_probe_ends_at_the_deadline() {
        let start = Instant::now();
        let probe = |_| std::future::pending::<Result<Probe<()>>>();
        let failure = until(&context(&CancellationToken::new()), PATIENCE, probe).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::from_secs(60) + LAST_ANSWER);
        assert_eq!(failure.message, "AWS did not answer in time; gave up after 60 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_is_interrupted_does_not_wait() {
        let interrupt = CancellationToken::new();
        let waiting = tokio::spawn({
            let context = context(&interrupt);
            async move { until(&context, PATIENCE, |_| async { Ok(Probe::<()>::Again(not_yet())) }).await }
        });
        tokio::time::sleep(Duration::from_secs(10)).await;
        let start = Instant::now();
        interrupt.cancel();
        let failure = waiting.await.unwrap().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Interrupted);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn other_failures_end_the_wait_at_once() {
        let other = || Failure::new(FailureKind::Unavailable, "down");
        let probe = |_| async { Err::<Probe<()>, _>(other()) };
        assert_eq!(until(&context(&CancellationToken::new()), PATIENCE, probe).await, Err(other()));
    }
}
