//! The answers of an API.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use longshore_model::{Failure, FailureKind, Secret, without_tokens};
use longshore_net::{RemoteError, Words, status_text};
use longshore_plugin::Result;
use serde::{Deserialize, Deserializer, de};

use crate::read_time;

/// An answer, whatever its status is.
pub struct Answer {
    /// The vendor that answered, such as `GitLab`.
    vendor: &'static str,
    /// The call, as errors name it.
    at: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// Its error text, fit to be shown.
    said: String,
    /// The host that it redirects to, likewise.
    moved_to: Option<String>,
}

impl Answer {
    pub(crate) fn new(
        vendor: &'static str,
        at: String,
        response: http::Response<Bytes>,
        words: &Words,
    ) -> Self {
        let (parts, body) = response.into_parts();
        let said = if parts.status.is_success() {
            // No error, and perhaps a secret.
            status_text(parts.status)
        } else {
            RemoteError::new(parts.status, &body, words).to_string()
        };
        let location = parts.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
        let target = location.and_then(|location| url::Url::parse(location).ok());
        let host = target.as_ref().and_then(|target| target.host_str());
        let moved_to = host.map(|host| without_tokens(&words.quote(host, 100)));
        Self { vendor, at, status: parts.status, headers: parts.headers, body, said, moved_to }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The text of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Reads the document.
    ///
    /// # Errors
    /// When it is not what was expected. The document is not repeated: it may hold a secret.
    pub fn read<T: de::DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|_| self.other_form())
    }

    /// Reads a point in time that the answer names.
    ///
    /// # Errors
    /// When it is no time: something with an unreadable expiry must not count as lasting.
    pub fn read_time(&self, text: &str) -> Result<u64> {
        read_time(text).ok_or_else(|| self.other_form())
    }

    fn other_form(&self) -> Failure {
        Failure::new(FailureKind::Unavailable, format!("{} gave an answer of another form", self.vendor))
            .at(&self.at)
            .help("check that the API's URL is right, and that no proxy answers in its place")
    }

    /// A failure with what the API says about it.
    #[must_use]
    pub fn failure(&self, kind: FailureKind, what: &str) -> Failure {
        Failure::new(kind, format!("{what}: {}", self.said)).at(&self.at)
    }

    /// The failure where nothing better is known about it.
    #[must_use]
    pub fn unexpected(&self) -> Failure {
        let vendor = self.vendor;
        match self.status.as_u16() {
            300..400 => {
                let to = self.moved_to.as_ref().map(|host| format!(" to {host}")).unwrap_or_default();
                let message = format!("{vendor} redirects{to}, where no token is sent");
                Failure::new(FailureKind::Unavailable, message).at(&self.at).help("correct the API's URL")
            }
            401 => self.failure(FailureKind::Denied, &format!("{vendor} refused the credential")),
            403 => self.failure(FailureKind::Denied, &format!("{vendor} does not permit this")),
            404 => self.failure(FailureKind::NotFound, &format!("{vendor} does not find it")),
            400 | 409 | 422 => self.failure(FailureKind::Invalid, &format!("{vendor} refused the request")),
            429 => self.failure(FailureKind::Throttled, &format!("{vendor} limits requests")),
            _ => self.failure(FailureKind::Unavailable, &format!("{vendor} gave an unexpected answer")),
        }
    }
}

impl std::fmt::Debug for Answer {
    /// Without the body, which may be a new token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("at", &self.at).field("status", &self.status).finish_non_exhaustive()
    }
}

/// Reads a secret of a document, for serde's `deserialize_with`.
///
/// # Errors
/// When it is no text, or empty.
pub fn read_secret<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Secret<String>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() { Err(de::Error::custom("empty")) } else { Ok(Secret::new(text)) }
}
