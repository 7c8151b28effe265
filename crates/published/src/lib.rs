//! APIs of vendors as they are published, against which tests hold the servers that play them.
//!
//! A plugin that calls the API of a vendor is tested against a server that plays the vendor. No such test finds an
//! error that the plugin and the server have in common. So each request and each answer that passes is held against the
//! vendor's own description:
//!
//! ```
//! use longshore_published::{DOCKER_HUB, PublishedApi};
//!
//! let api = PublishedApi::read(DOCKER_HUB);
//! let _verdict = api.verdict(); // Fails the test at its end, if anything was wrong.
//! let request = http::Request::post("/v2/auth/token")
//!     .header("content-type", "application/json")
//!     .body(r#"{"identifier":"acme","secret":"dckr_pat_x"}"#);
//! let answer = http::Response::builder()
//!     .header("content-type", "application/json")
//!     .body(r#"{"access_token":"eyJ"}"#);
//! api.exchange(&request?, &answer?);
//! # Ok::<(), http::Error>(())
//! ```
//!
//! A description is an OpenAPI 3.0 document, in a strict reading: what it does not have is wrong, be it an operation, a
//! parameter, a status or a field. It has only the operations that are used. If the vendor's service is known to do
//! otherwise than its document says, `x-deviations` names the difference, its reason and its source.

mod document;
mod operation;
mod schema;
mod server;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use http::{Request, Response};

use self::operation::{Answered, Asked, Operations};
pub use self::server::{Server, respond};

/// Docker Hub's API: the part that logs in and manages organisation access tokens.
pub const DOCKER_HUB: &str = include_str!("../schemas/docker-hub.json");

/// The answers of Docker Hub's registry and its token server to a client that asks for the number of pulls left.
pub const DOCKER_REGISTRY: &str = include_str!("../schemas/docker-registry.json");

/// GitLab's REST API: deploy tokens, the projects and groups that they belong to, and the token that asks.
pub const GITLAB: &str = include_str!("../schemas/gitlab.json");

/// GitHub's REST API: the user who asks.
pub const GITHUB: &str = include_str!("../schemas/github.json");

/// An API as its vendor publishes it, and what was found to be otherwise. Clones share what was found.
#[derive(Clone)]
pub struct PublishedApi {
    operations: Arc<Operations>,
    /// The path below which the API is served.
    below: String,
    found: Arc<Mutex<Vec<String>>>,
}

impl PublishedApi {
    /// Reads a description.
    ///
    /// # Panics
    /// If it is invalid, uses a part of OpenAPI that is not checked, or has an outdated deviation.
    #[must_use]
    pub fn read(document: &str) -> Self {
        let operations = document::read(document)
            .and_then(|document| Operations::new(&document))
            .unwrap_or_else(|wrong| panic!("the description of a published API: {wrong}"));
        Self { operations: Arc::new(operations), below: String::new(), found: Arc::default() }
    }

    /// The same API, where it is served below `path`, such as `/gitlab`.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        self.below = path.to_owned();
        self
    }

    /// Looks at a request and its answer.
    pub fn exchange<Q: AsRef<[u8]>, A: AsRef<[u8]>>(&self, request: &Request<Q>, answer: &Response<A>) {
        let (status, headers, body) = (answer.status(), answer.headers(), answer.body().as_ref());
        self.look(request, Some(&Answered { status, headers, body }));
    }

    /// Looks at a request alone: the answer is meant to be one that the vendor does not publish, because its service is
    /// broken, or something else answers in its place.
    pub fn request<Q: AsRef<[u8]>>(&self, request: &Request<Q>) {
        self.look(request, None);
    }

    fn look<Q: AsRef<[u8]>>(&self, request: &Request<Q>, answer: Option<&Answered<'_>>) {
        let (method, uri) = (request.method().as_str(), request.uri());
        let asked = Asked { method, uri, headers: request.headers(), body: request.body().as_ref() };
        let wrong = self.operations.check(&self.below, &asked, answer);
        self.found.lock().unwrap_or_else(PoisonError::into_inner).extend(wrong);
    }

    /// Returns the differences from the published API, so far.
    #[must_use]
    pub fn found(&self) -> Vec<String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns a guard that fails the test when it goes out of scope, if anything was found until then. A server that
    /// answers on a thread of its own cannot do so itself.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict(self.clone())
    }
}

impl fmt::Debug for PublishedApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishedApi").field("title", &self.operations.title).finish_non_exhaustive()
    }
}

/// Fails the test at its end, if something was not as it is published.
#[derive(Debug)]
pub struct Verdict(PublishedApi);

impl Drop for Verdict {
    fn drop(&mut self) {
        let found = self.0.found();
        // A second panic would hide the first one.
        if !found.is_empty() && !thread::panicking() {
            panic!("not as {} is published:\n{}", self.0.operations.title, found.join("\n"));
        }
    }
}
