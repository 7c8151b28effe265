//! What an API answers.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use longshore_model::{Failure, FailureKind, Secret, without_tokens};
use longshore_outside::Words;
use longshore_plugin::Result;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use crate::read_time;

/// How long a quotation may be.
const LENGTH: usize = 300;

/// An answer, whatever its status is.
pub struct Answer {
    /// Who answered, such as `GitLab`.
    vendor: &'static str,
    /// The call, as errors name it.
    at: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// What it says about an error, fit to be shown.
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
        let said = said(parts.status, &parts.headers, &body, words);
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
    /// When it is none: what ends at a time that nobody understands must not count as lasting.
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

/// The words of an error, in the forms that GitHub, GitLab and Docker Hub give them.
fn said(status: StatusCode, headers: &HeaderMap, body: &[u8], words: &Words) -> String {
    if status.is_success() {
        // No error, and perhaps a secret.
        return status_text(status);
    }
    let declared =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_html = declared.contains("html") || body.trim_ascii_start().starts_with(b"<");
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(document) => message(&document),
        Err(_) if is_html => String::new(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let text = without_tokens(&words.quote(&text, LENGTH));
    if text.is_empty() { status_text(status) } else { text }
}

/// The message of a document: a text, or GitLab's texts by field (`{"name":["is missing"]}`). Docker Hub gives a text, and
/// `fields` beside it (its schema `ValueError`).
fn message(document: &Value) -> String {
    const FIELDS: [&str; 7] =
        ["message", "detail", "details", "text", "error_description", "error", "errors"];
    let text = match FIELDS.iter().find_map(|field| document.get(field).filter(|found| !found.is_null())) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(fields)) => by_field(fields),
        Some(Value::Array(items)) => items.iter().map(one_of_many).collect::<Vec<_>>().join("; "),
        _ => String::new(),
    };
    let fields = document.get("fields").and_then(Value::as_object).map(by_field).unwrap_or_default();
    [text, fields].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
}

fn by_field(fields: &Map<String, Value>) -> String {
    let field = |(name, value): (&String, &Value)| match value {
        Value::Array(texts) => {
            let texts: Vec<_> = texts.iter().filter_map(Value::as_str).collect();
            format!("{name} {}", texts.join(", "))
        }
        Value::String(text) => format!("{name} {text}"),
        _ => name.clone(),
    };
    fields.iter().map(field).collect::<Vec<_>>().join("; ")
}

fn one_of_many(item: &Value) -> String {
    item.as_str().map_or_else(|| message(item), str::to_owned)
}

/// The status with its usual name: `503 Service Unavailable`.
fn status_text(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}
