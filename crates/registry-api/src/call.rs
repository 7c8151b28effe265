//! A request to an API.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use longshore_model::{Failure, FailureKind, Secret};
use longshore_plugin::Result;
use serde_json::Value;
use url::Url;

/// A request to an API.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    headers: Vec<(HeaderName, Option<HeaderValue>)>,
    /// A JSON document. It may hold a password, so it is not shown.
    body: Option<Secret<String>>,
    pub(crate) is_repeatable: bool,
}

impl Call {
    fn new(method: Method, path: &[&str]) -> Self {
        let is_repeatable = method != Method::POST;
        let path = path.iter().map(|&segment| segment.to_owned()).collect();
        Self { method, path, query: Vec::new(), headers: Vec::new(), body: None, is_repeatable }
    }

    /// Reads. `path` are the segments below the API's base; what is special in a URL is encoded, slashes too.
    #[must_use]
    pub fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    /// Reads the headers.
    #[must_use]
    pub fn head(path: &[&str]) -> Self {
        Self::new(Method::HEAD, path)
    }

    /// Removes.
    #[must_use]
    pub fn delete(path: &[&str]) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Sends `body`. A creation must not be repeated: without an answer it is not sent again.
    #[must_use]
    pub fn post(path: &[&str], body: &Value) -> Self {
        Self { body: Some(Secret::new(body.to_string())), ..Self::new(Method::POST, path) }
    }

    /// Lets it be sent again although it is a POST: nothing is made by it.
    #[must_use]
    pub const fn repeatable(mut self) -> Self {
        self.is_repeatable = true;
        self
    }

    /// Adds to the query, which must not hold a secret.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((HeaderName::from_static(name), HeaderValue::from_str(value).ok()));
        self
    }

    /// Adds a header that is a secret.
    #[must_use]
    pub fn secret_header(mut self, name: &'static str, value: &Secret<String>) -> Self {
        self.headers.push((HeaderName::from_static(name), sensitive(value)));
        self
    }

    /// Authorizes it with `Bearer` (RFC 6750).
    #[must_use]
    pub fn bearer(mut self, token: &Secret<String>) -> Self {
        let text = Secret::new(format!("Bearer {}", token.expose()));
        self.headers.push((header::AUTHORIZATION, sensitive(&text)));
        self
    }

    /// Authorizes it with `Basic` (RFC 7617).
    #[must_use]
    pub fn basic(mut self, username: &str, password: &Secret<String>) -> Self {
        let pair = Secret::new(format!("{username}:{}", password.expose()));
        let text = Secret::new(format!("Basic {}", BASE64_STANDARD.encode(pair.expose())));
        self.headers.push((header::AUTHORIZATION, sensitive(&text)));
        self
    }

    /// Its URL below `base`.
    fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&self.path);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    /// The call as errors name it: without the query.
    pub(crate) fn shown(&self, base: &Url) -> String {
        let url = self.url(base);
        format!("{} {}{}", self.method, url.origin().ascii_serialization(), url.path())
    }

    pub(crate) fn request(&self, base: &Url) -> Result<Request<Bytes>> {
        let unusable = || {
            Failure::new(
                FailureKind::Invalid,
                "the user name or the token has characters that cannot be sent",
            )
            .at(self.shown(base))
        };
        let mut request = Request::builder().method(self.method.clone()).uri(self.url(base).as_str());
        if !self.headers.iter().any(|(name, _)| name == header::ACCEPT) {
            request = request.header(header::ACCEPT, "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value.as_ref().ok_or_else(unusable)?);
        }
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = self.body.as_ref().map(|body| Bytes::from(body.expose().clone()));
        request.body(body.unwrap_or_default()).map_err(|_| unusable())
    }
}

/// A header value that is not shown by `Debug`; none where the text cannot be one.
fn sensitive(text: &Secret<String>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
