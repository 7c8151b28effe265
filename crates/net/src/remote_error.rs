//! Errors of servers that were sent a credential.

use std::fmt;

use http::StatusCode;
use longshore_model::without_tokens;
use serde_json::{Map, Value};

use crate::Words;

/// The maximum size in bytes of an answer that is searched for an error.
const BODY: usize = 64 * 1024;
/// The maximum length of a message that is compared with the secrets.
const COMPARED: usize = 4096;
/// The maximum length of a quotation.
const LENGTH: usize = 300;
/// The maximum number of errors in one answer that are quoted.
const ERRORS: usize = 3;
/// The maximum length of a code.
const CODE: usize = 64;

/// The addition to the codes or the status in place of the message.
const WITHHELD: &str = "with a message that is withheld, because it repeats a part of the secret";

/// An error that a server answers to a request with a credential, fit to be shown.
///
/// Only known forms of errors are quoted: the JSON of registries (OCI distribution specification, "Error Codes"), of token
/// servers (RFC 6749, section 5.2) and of the APIs of GitHub, GitLab and Docker Hub. Of other answers, such as pages and
/// plain text, the status alone is shown, and of a message that shares a run of eight characters with a secret the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteError {
    codes: Vec<String>,
    text: String,
}

impl RemoteError {
    /// Reads the error in the body of an answer. `words` knows every secret that was sent to the server.
    #[must_use]
    pub fn new(status: StatusCode, body: &[u8], words: &Words) -> Self {
        let document = Some(body).filter(|body| body.len() <= BODY);
        let document: Option<Value> = document.and_then(|body| serde_json::from_slice(body).ok());
        let errors = document.as_ref().map(errors_of).unwrap_or_default();
        let codes: Vec<_> = errors.iter().filter_map(|error| error.code.clone()).collect();
        let text = errors.iter().take(ERRORS).map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let quote = |text: &str| {
            let compared: String = text.chars().take(COMPARED).collect();
            words.quote_unless_secret(&compared, LENGTH).map(|text| without_tokens(&text))
        };
        let text = match quote(&text) {
            Some(text) if text.is_empty() => status_text(status),
            Some(text) => text,
            None => {
                let codes = codes.iter().take(ERRORS).cloned().collect::<Vec<_>>().join("; ");
                let said = quote(&codes).filter(|codes| !codes.is_empty());
                format!("{}, {WITHHELD}", said.unwrap_or_else(|| status_text(status)))
            }
        };
        Self { codes, text }
    }

    /// Returns true if the answer has one of these codes.
    #[must_use]
    pub fn has_code(&self, wanted: &[&str]) -> bool {
        self.codes.iter().any(|code| wanted.contains(&code.as_str()))
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the status with its usual name: `503 Service Unavailable`.
#[must_use]
pub fn status_text(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// Returns true if `text` has the form of an error code, such as `MANIFEST_UNKNOWN` or `InvalidSubnetID.NotFound`.
#[must_use]
pub fn is_code(text: &str) -> bool {
    let may_be_in_code = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=CODE).contains(&text.len()) && text.bytes().all(may_be_in_code)
}

/// An error as the server gives it. It may repeat a secret.
#[derive(Default)]
struct Raw {
    code: Option<String>,
    message: Option<String>,
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.message, &self.code) {
            (Some(message), Some(code)) => write!(f, "{message} ({code})"),
            (Some(text), None) | (None, Some(text)) => f.write_str(text),
            (None, None) => Ok(()),
        }
    }
}

/// The errors of a document, of which `errors` has several. GitHub has a message beside them.
fn errors_of(document: &Value) -> Vec<Raw> {
    let outer = error_of(document);
    let inner = document["errors"].as_array().into_iter().flatten().map(|item| match item {
        Value::String(text) => Raw { message: Some(text.clone()), code: None },
        item => error_of(item),
    });
    let errors = std::iter::once(outer).chain(inner);
    errors.filter(|error| error.code.is_some() || error.message.is_some()).collect()
}

/// The error that the members of `document` are.
fn error_of(document: &Value) -> Raw {
    const MESSAGES: [&str; 5] = ["message", "error_description", "detail", "details", "text"];
    let message = MESSAGES.iter().find_map(|name| text_of(&document[*name]));
    let error = text_of(&document["error"]);
    // OAuth's `error` is a code, GitLab's a message.
    let (code, message) = match (error, message) {
        (Some(error), message) if is_code(&error) => (Some(error), message),
        (error, message) => (None, message.or(error)),
    };
    let given = document["code"].as_str().filter(|code| is_code(code)).map(str::to_owned);
    let fields = document["fields"].as_object().and_then(by_field);
    let message = match (message, fields) {
        (Some(message), Some(fields)) => Some(format!("{message}: {fields}")),
        (message, fields) => message.or(fields),
    };
    Raw { code: given.or(code), message }
}

/// A text, or GitLab's texts by field (`{"name":["is missing"]}`).
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Object(fields) => by_field(fields),
        _ => None,
    }
}

fn by_field(fields: &Map<String, Value>) -> Option<String> {
    let field = |(name, value): (&String, &Value)| match value {
        Value::Array(texts) => {
            let texts: Vec<_> = texts.iter().filter_map(Value::as_str).collect();
            format!("{name} {}", texts.join(", "))
        }
        Value::String(text) => format!("{name} {text}"),
        _ => name.clone(),
    };
    let text = fields.iter().map(field).collect::<Vec<_>>().join("; ");
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine as _,
        prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
    };
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "ghp_R1ght0123456789abcdef";

    fn words(secret: &str) -> Words {
        let mut words = Words::default();
        words.hide(secret);
        words.hide_pair(&format!("jack:{secret}"));
        words
    }

    fn shown(body: &str) -> String {
        RemoteError::new(StatusCode::FORBIDDEN, body.as_bytes(), &words(TOKEN)).to_string()
    }

    #[test]
    fn messages_of_known_servers_come_through() {
        for (body, text) in [
            // Registries.
            (
                r#"{"errors":[{"code":"DENIED","message":"denied","detail":[{"Type":"repository"}]}]}"#,
                "denied (DENIED)",
            ),
            (
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":"unknown tag=1.4.2"}]}"#,
                "manifest unknown (MANIFEST_UNKNOWN)",
            ),
            (
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized to access repository: acme/api, action: pull"}]}"#,
                "unauthorized to access repository: acme/api, action: pull (UNAUTHORIZED)",
            ),
            (
                r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#,
                "You have reached your pull rate limit. (TOOMANYREQUESTS)",
            ),
            (r#"{"errors":[{"status":401,"message":"Wrong username was used"}]}"#, "Wrong username was used"),
            // Token servers.
            (r#"{"details":"incorrect username or password"}"#, "incorrect username or password"),
            (
                r#"{"error":"insufficient_scope","error_description":"needs more than it has"}"#,
                "needs more than it has (insufficient_scope)",
            ),
            (r#"{"error":"invalid_grant"}"#, "invalid_grant"),
            // GitHub, GitLab, Docker Hub.
            (
                r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}"#,
                "Bad credentials",
            ),
            (
                r#"{"message":"Validation Failed","errors":[{"resource":"Key","code":"already_exists"}]}"#,
                "Validation Failed; already_exists",
            ),
            (r#"{"message":"401 Unauthorized"}"#, "401 Unauthorized"),
            (r#"{"message":{"name":["is missing","is empty"]}}"#, "name is missing, is empty"),
            (r#"{"error":"scopes does not have a valid value"}"#, "scopes does not have a valid value"),
            (r#"{"detail":"Incorrect authentication credentials"}"#, "Incorrect authentication credentials"),
            (r#"{"text":"Invalid value","fields":{"label":["is taken"]}}"#, "Invalid value: label is taken"),
        ] {
            assert_eq!(shown(body), text, "{body}");
        }
    }

    #[test]
    fn other_answers_show_the_status() {
        for body in [
            "",
            "no access at all",
            "<html><h1>403</h1>",
            r#"{"reason":"no access"}"#,
            r#""no access""#,
            "[1]",
            r#"{"errors":[]}"#,
            r#"{"errors":[7]}"#,
            r#"{"errors":[{"code":"a code with spaces"}]}"#,
            &format!(r#"{{"message":"{}"}}"#, "x".repeat(BODY)),
        ] {
            assert_eq!(shown(body), "403 Forbidden", "{body:.100}");
        }
    }

    #[test]
    fn repeated_secret_withholds_the_message() {
        let echo = format!(r#"{{"errors":[{{"code":"DENIED","message":"no {TOKEN}"}}]}}"#);
        assert_eq!(shown(&echo), format!("DENIED, {WITHHELD}"));
        let code = format!(r#"{{"errors":[{{"code":"{TOKEN}","message":"no"}}]}}"#);
        assert_eq!(shown(&code), format!("403 Forbidden, {WITHHELD}"));
        let parts = format!(r#"{{"errors":[{{"message":"{}"}},"{}"]}}"#, &TOKEN[..7], &TOKEN[7..12]);
        assert_eq!(shown(&parts), format!("403 Forbidden, {WITHHELD}"));
        let other_token = r#"{"message":"no glpat-abcdefghijklmnop here"}"#;
        assert!(!shown(other_token).contains("abcdefgh"));
    }

    #[test]
    fn long_messages_are_cut() {
        assert_eq!(shown(&json!({ "message": "x".repeat(1000) }).to_string()).chars().count(), LENGTH);
    }

    fn each(secret: &str, write: impl Fn(u8) -> String) -> String {
        secret.bytes().map(write).collect()
    }

    /// A secret in the forms in which servers may repeat it.
    fn encodings(secret: &str) -> Vec<String> {
        let json = Value::from(secret).to_string();
        let percent = each(secret, |byte| format!("%{byte:02X}"));
        let url = each(secret, |byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02x}"),
        });
        let html =
            secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let base64 = BASE64_STANDARD.encode(secret);
        vec![
            secret.to_owned(),
            secret.to_lowercase(),
            secret.to_uppercase(),
            secret.chars().rev().collect(),
            each(secret, |byte| format!("{} ", char::from(byte))),
            each(secret, |byte| format!("{}\u{200b}", char::from(byte))),
            Value::from(json.clone()).to_string(),
            json,
            percent.to_lowercase(),
            percent.replace('%', "%25"),
            percent,
            url.replace('%', "%25"),
            url,
            html.replace('&', "&amp;"),
            html,
            each(secret, |byte| format!("&#{byte};")),
            each(secret, |byte| format!("&#x{byte:X};")),
            each(secret, |byte| format!("\\u{byte:04x}")),
            each(secret, |byte| format!("\\u{byte:04X}")),
            each(secret, |byte| format!("\\x{byte:02x}")),
            each(secret, |byte| format!("\\u{{{byte:x}}}")),
            each(secret, |byte| format!("{byte:02x}")),
            each(secret, |byte| format!("{byte:02X}:")),
            base64
                .chars()
                .collect::<Vec<_>>()
                .chunks(9)
                .map(|line| line.iter().collect::<String>() + "\n")
                .collect(),
            each(&base64, |byte| format!("%{byte:02x}")),
            base64,
            BASE64_STANDARD_NO_PAD.encode(secret),
            BASE64_STANDARD.encode(format!("x{secret}y")),
            BASE64_STANDARD.encode(format!("jo:{secret}\n")),
            BASE64_STANDARD_NO_PAD.encode(format!("user:{secret}")),
            BASE64_URL_SAFE.encode(format!("jack:{secret}")),
            BASE64_URL_SAFE_NO_PAD.encode(format!("x{secret}")),
        ]
    }

    /// Answers that have `echo` at the places where servers have texts.
    fn answers(echo: &str, before: &str, after: &str) -> Vec<(String, &'static str)> {
        let text = format!("{before}{echo}{after}");
        let withheld = "403 Forbidden, with a message";
        let by_json = |document: Value, shown: &'static str| (document.to_string(), shown);
        vec![
            by_json(json!({ "errors": [{ "code": "DENIED", "message": text }] }), "DENIED, with a message"),
            by_json(json!({ "errors": [{ "code": "A" }, { "message": text }] }), "A, with a message"),
            by_json(json!({ "errors": [text] }), withheld),
            by_json(json!({ "error": "invalid", "error_description": text }), "invalid, with a message"),
            by_json(json!({ "message": text }), withheld),
            by_json(json!({ "message": { "name": [text] } }), withheld),
            by_json(json!({ "message": { text.as_str(): "is wrong" } }), withheld),
            by_json(json!({ "detail": text }), withheld),
            by_json(json!({ "text": "no", "fields": { "label": [text] } }), withheld),
            // The status alone: no known form.
            by_json(json!({ "errors": [{ "code": format!("a {text}") }] }), "403 Forbidden"),
            by_json(json!({ "request": text }), "403 Forbidden"),
            (format!("invalid token {text}"), "403 Forbidden"),
            (format!("<html>{text}</html>"), "403 Forbidden"),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn no_part_of_secret_is_shown(
            secret in "[!-~]{8,40}",
            part in any::<prop::sample::Index>(),
            before in "[ a-z:]{0,9}",
            after in "[ .]{0,9}",
        ) {
            let words = words(&secret);
            let start = part.index(secret.len() - 7);
            for echo in encodings(&secret).into_iter().chain(encodings(&secret[start..start + 8])) {
                for (body, expected) in answers(&echo, &before, &after) {
                    let shown = RemoteError::new(StatusCode::FORBIDDEN, body.as_bytes(), &words).to_string();
                    prop_assert!(shown.starts_with(expected), "{} of {}", shown, body);
                    let rest = &shown[expected.len()..];
                    prop_assert!(rest.is_empty() || WITHHELD.ends_with(rest), "{} of {}", shown, body);
                }
            }
        }
    }
}
