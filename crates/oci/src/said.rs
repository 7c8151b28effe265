//! What the other side says about an error.

use http::{HeaderMap, StatusCode, header};
use longshore_outside::Words;
use serde_json::Value;

/// How many errors of one answer are quoted.
const ERRORS: usize = 3;
/// How long a quotation may be.
const LENGTH: usize = 300;

/// An error in the other side's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The codes, such as `MANIFEST_UNKNOWN` (distribution specification, "Error Codes").
    codes: Vec<String>,
    text: String,
}

impl Said {
    /// Reads the answer to a request that failed.
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: &[u8], words: &Words) -> Self {
        let document: Option<Value> = serde_json::from_slice(body).ok();
        let errors = document.as_ref().and_then(|document| document["errors"].as_array());
        let errors = errors.map(Vec::as_slice).unwrap_or_default();
        let codes = errors.iter().filter_map(|error| error["code"].as_str()).map(str::to_owned).collect();
        let text = match &document {
            Some(_) if !errors.is_empty() => {
                errors.iter().take(ERRORS).filter_map(one_error).collect::<Vec<_>>().join("; ")
            }
            Some(document) => plain_message(document),
            None if is_html(headers, body) => String::new(),
            None => String::from_utf8_lossy(body).into_owned(),
        };
        let text = words.quote(&text, LENGTH);
        let text = if text.is_empty() { status_text(status) } else { text };
        Self { codes, text }
    }

    /// Whether one of the errors has one of these codes.
    pub(crate) fn has_code(&self, wanted: &[&str]) -> bool {
        self.codes.iter().any(|code| wanted.contains(&code.as_str()))
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The status with its usual name: `503 Service Unavailable`.
pub(crate) fn status_text(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

fn one_error(error: &Value) -> Option<String> {
    match (error["message"].as_str().filter(|text| !text.is_empty()), error["code"].as_str()) {
        (Some(message), Some(code)) => Some(format!("{message} ({code})")),
        (Some(text), None) | (None, Some(text)) => Some(text.to_owned()),
        (None, None) => None,
    }
}

/// What token servers and gateways answer with, which have no common form.
fn plain_message(document: &Value) -> String {
    ["error_description", "message", "details", "detail", "error"]
        .iter()
        .find_map(|field| document[*field].as_str())
        .unwrap_or_default()
        .to_owned()
}

fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    declared.is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
        || body.trim_ascii_start().starts_with(b"<")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> String {
        let mut words = Words::default();
        words.hide("ghp_secret");
        Said::new(StatusCode::FORBIDDEN, &HeaderMap::new(), body.as_bytes(), &words).to_string()
    }

    #[test]
    fn quotes_every_form_of_error() {
        let registry =
            r#"{"errors":[{"code":"DENIED","message":"denied"},{"code":"X"},{"message":"y"},{"code":"Z"}]}"#;
        assert_eq!(said(registry), "denied (DENIED); X; y");
        assert_eq!(said(r#"{"details":"incorrect username or password"}"#), "incorrect username or password");
        assert_eq!(said("no access\nat all\u{1b}[1m"), "no access at all [1m");
        for empty in ["", "<html><h1>403</h1>", "{}", "[1]", r#"{"errors":[]}"#, r#"{"errors":[7]}"#] {
            assert_eq!(said(empty), "403 Forbidden", "{empty}");
        }
    }

    #[test]
    fn is_bounded_and_repeats_no_secret() {
        let echo = format!(r#"{{"errors":[{{"code":"DENIED","message":"{}ghp_secret"}}]}}"#, "x".repeat(293));
        let text = said(&echo);
        assert!(text.chars().count() == 300 && !text.contains("ghp"), "{text}");
    }
}
