//! Requests, sent until there is an answer to work with.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use longshore_model::Failure;
use longshore_net::{
    Reach, RemoteError, Reply, RetryLoop, Transport, TransportError, TransportErrorKind, Words, retry_after,
    status_text,
};
use tokio::time::Instant;
use url::Url;

use crate::{address::Address, header_text::text, refusal};

/// The maximum number of redirects, the same as in Go's HTTP client.
const REDIRECTS: usize = 10;

/// The proofs of who the user is, by the origin (scheme, host and port) to which each is sent. They are marked as
/// sensitive.
pub(crate) type Authorizations = BTreeMap<String, HeaderValue>;

/// A request to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The media types that are understood.
    pub(crate) accept: &'static str,
    pub(crate) authorizations: Authorizations,
}

/// An answer that is neither a redirect nor an error which passes.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The call, as errors name it.
    pub(crate) at: String,
    /// The URL that answered, which redirects may have led to.
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The other host that the call was redirected to, where the credential is not sent.
    pub(crate) moved_to: Option<String>,
}

/// Sends requests for one registry: follows redirects, waits where it is asked to, and tries again what may pass.
pub(crate) struct Exchange<'a> {
    pub(crate) transport: &'a dyn Transport,
    /// The registry's host, as it stands in image references.
    pub(crate) registry: &'a str,
    pub(crate) address: &'a Address,
    /// The time limit for everything that is sent for one image.
    pub(crate) patience: Duration,
    /// The end of that time.
    pub(crate) deadline: Instant,
    /// Hides every secret that was sent or received.
    pub(crate) words: Words,
}

impl Exchange<'_> {
    /// Sends `call` and follows redirects.
    ///
    /// # Errors
    /// Throttled or Unavailable.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        let at = self.words.quote(&shown(&call.method, &call.url), 300);
        let mut call = call.clone();
        let first = origin(&call.url);
        for _ in 0..=REDIRECTS {
            if !self.address.serves(&call.url) && !self.reach(&call.url).allows_host(&call.url) {
                let host = self.words.quote(call.url.host_str().unwrap_or_default(), 100);
                return Err(refusal::out_of_reach(self.registry, &host, &at));
            }
            let (status, headers, body) = self.send_patiently(&call, &at).await?;
            let location = headers.get(header::LOCATION).filter(|_| is_redirect(status));
            let Some(location) = location else {
                let has_moved = origin(&call.url) != first;
                let host = call.url.host_str().filter(|_| has_moved);
                let moved_to = host.map(|host| self.words.quote(host, 100));
                return Ok(Answer { at, url: call.url, status, headers, body, moved_to });
            };
            let target = call.url.join(&text(location)).ok();
            let Some(target) = target.filter(may_follow) else {
                return Err(refusal::bad_redirect(self.registry, &at));
            };
            call.url = target;
        }
        Err(refusal::bad_redirect(self.registry, &at))
    }

    /// Returns how far a request for the registry may go. A registry of this machine may lead to others of it.
    fn reach(&self, url: &Url) -> Reach {
        if self.address.is_local() || self.address.is_host_of(url) { Reach::Local } else { Reach::Remote }
    }

    async fn send_patiently(&self, call: &Call, at: &str) -> Result<(StatusCode, HeaderMap, Bytes), Failure> {
        // The URL without its query: that of blob storage holds a signature.
        let call_text = self.words.quote(&shown(&call.method, &call.url), 300);
        let observe = |reply: &Reply| match reply {
            Ok(response) => {
                tracing::debug!(call = call_text, status = response.status().as_u16(), "registry answered");
            }
            Err(error) => tracing::debug!(
                call = call_text,
                error = self.words.quote(&error.message, 300),
                "registry did not answer"
            ),
        };
        let retries = RetryLoop {
            transport: self.transport,
            deadline: self.deadline,
            late: format!("the check of the image was not over within {} s", self.patience.as_secs_f32()),
            is_repeatable: true,
            interrupt: None,
            asked_pause: &retry_after,
            observe: &observe,
        };
        let (reply, pause) = match self.request(call) {
            Ok(request) => retries.send(&request).await?,
            Err(error) => (Err(error), Duration::ZERO),
        };
        match reply {
            Ok(response) if !passes(response.status()) => {
                let (parts, body) = response.into_parts();
                Ok((parts.status, parts.headers, body))
            }
            reply => {
                let reply = self.with_words(call, reply, &retries).await;
                Err(self.give_up(call, at, reply, pause))
            }
        }
    }

    fn request(&self, call: &Call) -> Result<Request<Bytes>, TransportError> {
        let mut request = request(call)?;
        request.extensions_mut().insert(self.reach(&call.url));
        Ok(request)
    }

    /// Replaces the answer to HEAD, which has no body, by that to GET, which says why.
    async fn with_words(&self, call: &Call, reply: Reply, retries: &RetryLoop<'_>) -> Reply {
        if call.method != Method::HEAD || reply.is_err() {
            return reply;
        }
        let call = Call { method: Method::GET, ..call.clone() };
        match retries.send_once(&self.request(&call)?).await {
            Ok(told) if passes(told.status()) => Ok(told),
            _ => reply,
        }
    }

    fn give_up(&self, call: &Call, at: &str, response: Reply, pause: Duration) -> Failure {
        let who = if self.address.serves(&call.url) {
            self.registry.to_owned()
        } else {
            // A token server, or where a redirect led.
            let host = self.words.quote(call.url.host_str().unwrap_or_default(), 100);
            if host == self.registry { host } else { format!("{host} (for {})", self.registry) }
        };
        match response {
            Ok(response) => {
                let status = response.status();
                let said = RemoteError::new(status, response.body(), &self.words);
                if status == StatusCode::TOO_MANY_REQUESTS {
                    refusal::throttled(&who, self.registry, at, &said, pause)
                } else {
                    refusal::broken(&who, at, &status_text(status), &said)
                }
            }
            Err(error) => refusal::no_answer(&who, at, error.kind, &self.words.quote(&error.message, 300)),
        }
    }
}

fn request(call: &Call) -> Result<Request<Bytes>, TransportError> {
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(call.url.as_str())
        .header(header::ACCEPT, call.accept);
    if let Some(authorization) = call.authorizations.get(&origin(&call.url)) {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    request
        .body(Bytes::new())
        .map_err(|error| TransportError::new(TransportErrorKind::Other, error.to_string()))
}

/// Returns true if an error may be over when the request is sent again.
fn passes(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Returns `true` if a redirect may be followed: to HTTP or HTTPS, and without a user name. Container runtimes follow
/// redirects from HTTPS to HTTP, too; the credential is not sent along.
fn may_follow(to: &Url) -> bool {
    matches!(to.scheme(), "http" | "https") && to.username().is_empty() && to.password().is_none()
}

/// Scheme, host and port of a URL, of which a proof of who the user is may not leave.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// A call as errors and logs name it: without the query, in which there may be signatures.
pub(crate) fn shown(method: &Method, url: &Url) -> String {
    format!("{method} {}{}", origin(url), url.path())
}
