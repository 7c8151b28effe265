//! Requests that are sent until an answer is final.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use longshore_model::{Failure, FailureKind};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{Transport, TransportError, TransportErrorKind};

/// The number of attempts of a request that the server fails to answer, or answers with an error of its own.
const ATTEMPTS: u32 = 3;
/// The pause before the second attempt, unless the server asks for a longer one. It doubles with every further attempt.
const BACKOFF: Duration = Duration::from_millis(500);

/// An answer, or the reason for its absence.
pub type Reply = Result<Response<Bytes>, TransportError>;

/// Sends a request until its answer is final or its time is over.
///
/// A server that limits requests (429) is asked again for as long as the time lasts, because it did nothing; another error
/// of the server's, or of the network, is met with three attempts if the request may be repeated.
pub struct RetryLoop<'a> {
    /// Carries the requests.
    pub transport: &'a dyn Transport,
    /// The end of the time for all attempts and pauses.
    pub deadline: Instant,
    /// The message of the timeout at the deadline.
    pub late: String,
    /// `true` if a request whose answer is unknown may be sent again.
    pub is_repeatable: bool,
    /// Ends pauses, and attempts that may be repeated. An attempt that changes something is let end: its answer may be a
    /// secret that has to be kept.
    pub interrupt: Option<&'a CancellationToken>,
    /// Reads from an answer's headers how long the server asks to wait.
    pub asked_pause: &'a (dyn Fn(&HeaderMap) -> Option<Duration> + Sync),
    /// Gets every reply, for the log.
    pub observe: &'a (dyn Fn(&Reply) + Sync),
}

impl RetryLoop<'_> {
    /// Sends `request`. Returns the last reply, and the pause that a further attempt would have to wait for.
    ///
    /// # Errors
    /// Interrupted.
    pub async fn send(&self, request: &Request<Bytes>) -> Result<(Reply, Duration), Failure> {
        let mut attempt = 1;
        loop {
            let reply = tokio::select! {
                biased;
                () = self.interrupted(), if self.is_repeatable => return Err(interruption()),
                reply = self.send_once(request) => reply,
            };
            (self.observe)(&reply);
            let asked = reply.as_ref().ok().and_then(|response| (self.asked_pause)(response.headers()));
            let pause = asked.unwrap_or_default().max(BACKOFF * 2_u32.pow(attempt.min(6) - 1));
            let is_over = pause > self.deadline.saturating_duration_since(Instant::now());
            if is_over || !self.may_repeat(&reply, attempt) {
                return Ok((reply, pause));
            }
            tokio::select! {
                biased;
                () = self.interrupted() => return Err(interruption()),
                () = sleep(pause) => {}
            }
            attempt += 1;
        }
    }

    /// Sends `request` without a second attempt, within the same time.
    pub async fn send_once(&self, request: &Request<Bytes>) -> Reply {
        let answer = timeout_at(self.deadline, self.transport.send(request.clone()));
        answer
            .await
            .unwrap_or_else(|_| Err(TransportError::new(TransportErrorKind::Timeout, self.late.clone())))
    }

    fn may_repeat(&self, reply: &Reply, attempt: u32) -> bool {
        let has_attempts = self.is_repeatable && attempt < ATTEMPTS;
        match reply {
            Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => true,
            Ok(response) => response.status().is_server_error() && has_attempts,
            Err(error) => error.is_transient() && has_attempts,
        }
    }

    async fn interrupted(&self) {
        match self.interrupt {
            Some(interrupt) => interrupt.cancelled().await,
            None => std::future::pending().await,
        }
    }
}

fn interruption() -> Failure {
    Failure::new(FailureKind::Interrupted, "the run was interrupted")
}

impl std::fmt::Debug for RetryLoop<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetryLoop").field("is_repeatable", &self.is_repeatable).finish_non_exhaustive()
    }
}
