//! Requests, sent until there is an answer to work with.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use longshore_model::{Failure, FailureKind, without_tokens};
use longshore_oci::{TransportError, TransportErrorKind, retry_after};
use longshore_outside::Words;
use longshore_plugin::{Context, Result};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use crate::{Answer, Call, Clock, Connection};

/// How often a call is sent whose answer is an error of the other side's.
const ATTEMPTS: u32 = 3;
/// How long the pause before the second attempt is, if nothing else is asked for. Each further one is twice as long.
const BACKOFF: Duration = Duration::from_millis(500);
/// The time limit for a call, with all attempts and pauses.
const DEADLINE: Duration = Duration::from_secs(60);

/// The API of a vendor.
#[derive(Clone, Debug)]
pub struct Api {
    vendor: &'static str,
    base: Url,
    connection: Connection,
    clock: Clock,
}

impl Api {
    /// The API of `vendor`, which errors call so, below `base`.
    #[must_use]
    pub const fn new(vendor: &'static str, base: Url, connection: Connection, clock: Clock) -> Self {
        Self { vendor, base, connection, clock }
    }

    /// The clock by which tokens expire.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Where it is, as people know it: the host, with its port.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        self.base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Sends `call` and answers with what comes back, whatever its status is. `words` knows every secret in the call.
    ///
    /// A call is sent again where the other side asks for patience, and a repeatable one where the other side fails or
    /// does not answer. Redirects are not followed: tokens go to nobody else.
    ///
    /// # Errors
    /// Throttled, Unavailable, or Interrupted while it waits.
    pub async fn send(&self, context: &Context, words: &Words, call: &Call) -> Result<Answer> {
        let transport = self.connection.transport().await?;
        let at = without_tokens(&words.quote(&call.shown(&self.base), 300));
        let deadline = Instant::now() + DEADLINE;
        let mut attempt = 1;
        loop {
            let answer = timeout_at(deadline, transport.send(call.request(&self.base)?));
            let result = tokio::select! {
                biased;
                // A call that changes something is let end: its answer may be a secret that has to be kept.
                () = context.interrupt.cancelled(), if call.is_repeatable => return Err(interrupted(at)),
                answer = answer => answer.unwrap_or_else(|_| Err(late())),
            };
            match &result {
                Ok(response) => {
                    tracing::debug!(call = at, status = response.status().as_u16(), "API answered");
                }
                Err(error) => {
                    tracing::debug!(call = at, error = words.quote(&error.message, 300), "no answer");
                }
            }
            let is_last = match &result {
                Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => false,
                Ok(response) if response.status().is_server_error() => {
                    !call.is_repeatable || attempt >= ATTEMPTS
                }
                Ok(_) => true,
                Err(error) => !call.is_repeatable || !error.is_transient() || attempt >= ATTEMPTS,
            };
            let wanted = result.as_ref().ok().and_then(|response| self.wanted(response));
            let pause = wanted.unwrap_or_default().max(BACKOFF * 2_u32.pow(attempt.min(6) - 1));
            if is_last || pause > deadline.saturating_duration_since(Instant::now()) {
                return self.conclude(at, result, words, pause);
            }
            tokio::select! {
                biased;
                () = context.interrupt.cancelled() => return Err(interrupted(at)),
                () = sleep(pause) => {}
            }
            attempt += 1;
        }
    }

    /// How long the other side asks to wait: by `Retry-After`, or as Docker Hub does it, by a point in time in
    /// `X-Retry-After` (Docker Hub API reference, "Rate Limiting").
    fn wanted(&self, response: &Response<Bytes>) -> Option<Duration> {
        let until = || {
            let seconds: u64 = response.headers().get("x-retry-after")?.to_str().ok()?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds.saturating_sub(self.clock.now())))
        };
        retry_after(response.headers()).or_else(until)
    }

    fn conclude(
        &self,
        at: String,
        result: std::result::Result<Response<Bytes>, TransportError>,
        words: &Words,
        pause: Duration,
    ) -> Result<Answer> {
        let vendor = self.vendor;
        let response = match result {
            Ok(response) => response,
            Err(error) => return Err(no_answer(vendor, &error, words).at(at)),
        };
        let status = response.status();
        let answer = Answer::new(vendor, at, response, words);
        if status == StatusCode::TOO_MANY_REQUESTS {
            let what =
                format!("{vendor} limits requests; the next one would be in {} s", pause.as_secs().max(1));
            return Err(answer.failure(FailureKind::Throttled, &what).help("wait, then run again"));
        }
        if status.is_server_error() {
            return Err(answer
                .failure(FailureKind::Unavailable, &format!("{vendor} fails"))
                .help("look at its status page, and run again later"));
        }
        Ok(answer)
    }
}

fn interrupted(at: String) -> Failure {
    Failure::new(FailureKind::Interrupted, "the run was interrupted").at(at)
}

fn late() -> TransportError {
    let message = format!("no answer within {} s, all attempts together", DEADLINE.as_secs());
    TransportError::new(TransportErrorKind::Timeout, message)
}

fn no_answer(vendor: &str, error: &TransportError, words: &Words) -> Failure {
    let help = match error.kind {
        TransportErrorKind::Name => "check the host's name, and the network",
        TransportErrorKind::Tls => {
            "check the host's certificate, and those that this machine trusts; an authority of your own goes into \
             the registry's ca-file, or into the system's certificates"
        }
        TransportErrorKind::TooLarge | TransportErrorKind::Other => "check the API's URL",
        TransportErrorKind::Connection | TransportErrorKind::Timeout => {
            "check the host and its port, the network, and the proxy (HTTPS_PROXY, NO_PROXY)"
        }
    };
    let said = without_tokens(&words.quote(&error.message, 300));
    Failure::new(FailureKind::Unavailable, format!("{vendor} does not answer: {said}")).help(help)
}
