//! Requests, sent until there is an answer to work with.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use longshore_model::{Failure, FailureKind, without_tokens};
use longshore_net::{Reply, RetryLoop, TransportError, TransportErrorKind, Words, retry_after};
use longshore_plugin::{Context, Result};
use tokio::time::Instant;
use url::Url;

use crate::{Answer, Call, Clock, Connection};

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

    /// Returns its address, as people know it: the host, with its port.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        self.base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Sends `call` and answers with what comes back, whatever its status is. `words` knows every secret in the call.
    ///
    /// A call is sent again where the other side asks for patience, and a repeatable one where the other side fails or
    /// does not answer. Redirects are not followed: tokens go to no other host.
    ///
    /// # Errors
    /// Throttled, Unavailable, or Interrupted while it waits.
    pub async fn send(&self, context: &Context, words: &Words, call: &Call) -> Result<Answer> {
        let transport = self.connection.transport().await?;
        let at = without_tokens(&words.quote(&call.shown(&self.base), 300));
        let observe = |reply: &Reply| match reply {
            Ok(response) => {
                tracing::debug!(call = at, status = response.status().as_u16(), "API answered");
            }
            Err(error) => tracing::debug!(call = at, error = words.quote(&error.message, 300), "no answer"),
        };
        let retries = RetryLoop {
            transport: &*transport,
            deadline: Instant::now() + DEADLINE,
            late: format!("no answer within {} s, all attempts together", DEADLINE.as_secs()),
            is_repeatable: call.is_repeatable,
            interrupt: Some(&context.interrupt),
            asked_pause: &|headers| self.asked_pause(headers),
            observe: &observe,
        };
        let sent = retries.send(&call.request(&self.base)?).await;
        let (reply, pause) = sent.map_err(|interruption| interruption.at(&at))?;
        self.conclude(at, reply, words, pause)
    }

    /// Returns the pause that the server asks for: by `Retry-After`, or as Docker Hub does it, by a point in time in
    /// `X-Retry-After` (Docker Hub API reference, "Rate Limiting").
    fn asked_pause(&self, headers: &HeaderMap) -> Option<Duration> {
        let until = || {
            let seconds: u64 = headers.get("x-retry-after")?.to_str().ok()?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds.saturating_sub(self.clock.now())))
        };
        retry_after(headers).or_else(until)
    }

    fn conclude(&self, at: String, reply: Reply, words: &Words, pause: Duration) -> Result<Answer> {
        let vendor = self.vendor;
        let response = match reply {
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
