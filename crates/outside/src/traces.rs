//! Finding parts of secrets in texts, in whatever encoding.
//!
//! Encodings are not searched for one by one. Both sides are brought into a normal form first: the text is unescaped as
//! often as that changes anything, and of both only letters and digits count, in small letters. Then eight characters in
//! a row that both have are enough.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use longshore_model::Secret;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The length of a run that gives a part of a secret away.
const RUN: usize = 8;

/// The shortest form of a secret that is searched for as a whole.
const SHORTEST: usize = 4;

/// The number of times that a text is unescaped.
const LAYERS: usize = 4;

/// Parts of secrets in their normal forms: hashes of all runs, and the forms that are shorter than a run.
#[derive(Clone, Default)]
pub(crate) struct Traces {
    hasher: RandomState,
    runs: HashSet<u64>,
    short: Vec<Secret<String>>,
}

impl Traces {
    /// Adds a secret. Of JSON the longer texts count, but for the user's name; of a key of a Google service account only the
    /// private key. The other parts are no secrets.
    pub(crate) fn add(&mut self, secret: &str) {
        match serde_json::from_str(secret) {
            Ok(Value::Object(members)) => self.add_members(&members),
            _ => self.add_form(secret),
        }
        self.add_encoded(secret);
    }

    fn add_members(&mut self, members: &Map<String, Value>) {
        let is_account = members.get("type").is_some_and(|kind| kind == "service_account");
        for (name, value) in members {
            if name != "username" && (!is_account || name.starts_with("private_key")) {
                self.add_value(value);
            }
        }
    }

    fn add_value(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.len() >= RUN => self.add_form(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_value(item)),
            Value::Object(members) => self.add_members(members),
            _ => {}
        }
    }

    /// Adds what a secret is in Base64 and in hexadecimal digits.
    pub(crate) fn add_encoded(&mut self, secret: &str) {
        let bytes = secret.as_bytes();
        for offset in 0..3 {
            // The secret within something longer. The characters at both ends depend on what stands there.
            let shifted = Zeroizing::new([&[0; 2][..offset], bytes].concat());
            let encoded = Zeroizing::new(BASE64_STANDARD_NO_PAD.encode(&*shifted));
            let begin = (offset * 8).div_ceil(6);
            let end = shifted.len() * 8 / 6;
            if let Some(form) = encoded.get(begin..end) {
                self.add_form(form);
            }
        }
        let hex = Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        self.add_form(&hex);
    }

    fn add_form(&mut self, form: &str) {
        let form = normal(form);
        if form.len() >= RUN {
            // Digits within a longer secret may be those of an account in an ARN.
            let is_number = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
            let counts_numbers = is_number(form.as_bytes());
            let runs = form.as_bytes().windows(RUN).filter(|run| counts_numbers || !is_number(run));
            self.runs.extend(runs.map(|run| self.hasher.hash_one(run)));
        } else if form.len() >= SHORTEST {
            self.short.push(Secret::new(form.to_string()));
        }
    }

    /// Returns true if a part of a secret is in `text`.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        if self.runs.is_empty() && self.short.is_empty() {
            return false;
        }
        let mut text = Zeroizing::new(text.to_owned());
        for _ in 0..LAYERS {
            if self.are_in_layer(&text) {
                return true;
            }
            let unescaped = Zeroizing::new(unescaped(&text));
            if unescaped == text {
                return false;
            }
            text = unescaped;
        }
        self.are_in_layer(&text)
    }

    fn are_in_layer(&self, text: &str) -> bool {
        let text = normal(text);
        text.as_bytes().windows(RUN).any(|run| self.runs.contains(&self.hasher.hash_one(run)))
            || self.short.iter().any(|form| text.contains(form.expose().as_str()))
    }
}

/// Letters and digits alone, in small letters.
fn normal(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect())
}

/// One layer of percent-encoding, of JSON's and other languages' escapes, and of HTML's entities taken off.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (character, length) = escape(rest).unwrap_or((Escaped::Char(first), first.len_utf8()));
        match character {
            Escaped::Byte(byte) => bytes.push(byte),
            Escaped::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = &rest[length..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

enum Escaped {
    Byte(u8),
    Char(char),
}

/// The escaped character that `text` begins with, and the length of the escape.
fn escape(text: &str) -> Option<(Escaped, usize)> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    match text.as_bytes() {
        [b'%', ..] => Some((Escaped::Byte(byte(1)?), 3)),
        [b'\\', b'x', ..] => Some((Escaped::Byte(byte(2)?), 4)),
        [b'\\', b'u', b'{', ..] => {
            let end = text.find('}')?;
            Some((Escaped::Char(number(&text[3..end], 16)?), end + 1))
        }
        [b'\\', b'u', ..] => Some((Escaped::Char(number(text.get(2..6)?, 16)?), 6)),
        // Line breaks and tabs do not count; others stand for themselves.
        [b'\\', b'n' | b'r' | b't', ..] => Some((Escaped::Char(' '), 2)),
        [b'\\', ..] => {
            let escaped = text[1..].chars().next()?;
            Some((Escaped::Char(escaped), 1 + escaped.len_utf8()))
        }
        [b'&', ..] => {
            let end = text.get(..text.len().min(12))?.find(';')?;
            let character = match text[1..end].strip_prefix('#') {
                Some(digits) => match digits.strip_prefix(['x', 'X']) {
                    Some(digits) => number(digits, 16)?,
                    None => number(digits, 10)?,
                },
                // Those of signs, which do not count.
                None => ' ',
            };
            Some((Escaped::Char(character), end + 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn traces(secret: &str) -> Traces {
        let mut traces = Traces::default();
        traces.add(secret);
        traces
    }

    fn each(secret: &str, write: impl Fn(u8) -> String) -> String {
        secret.bytes().map(write).collect()
    }

    /// The secret in each encoding that an answer may repeat it in.
    fn encodings(secret: &str) -> Vec<String> {
        let json = serde_json::to_string(secret).unwrap();
        let percent = each(secret, |byte| format!("%{byte:02X}"));
        vec![
            secret.to_owned(),
            secret.to_uppercase(),
            each(secret, |byte| format!("{} ", char::from(byte))),
            json.clone(),
            serde_json::to_string(&json).unwrap(),
            BASE64_STANDARD.encode(secret),
            BASE64_STANDARD.encode(format!("x{secret}y")),
            BASE64_STANDARD.encode(format!("us:{secret}")),
            BASE64_STANDARD.encode(format!("user:{secret}\n")),
            BASE64_URL_SAFE_NO_PAD.encode(secret),
            each(secret, |byte| format!("{byte:02x}")),
            each(secret, |byte| format!("{byte:02X}:")),
            percent.to_lowercase(),
            percent.replace('%', "%25"),
            percent,
            each(secret, |byte| format!("\\u{byte:04x}")),
            each(secret, |byte| format!("\\x{byte:02x}")),
            each(secret, |byte| format!("\\u{{{byte:x}}}")),
            each(secret, |byte| format!("&#{byte};")),
            each(secret, |byte| format!("&#x{byte:x};")),
            each(secret, |byte| format!("{}\0", char::from(byte))),
        ]
    }

    #[test]
    fn ordinary_errors_are_not_withheld() {
        let traces = traces(r#"{"username":"acme-bot","password":"ghp_R1ght0123456789abcdef"}"#);
        for text in [
            "denied: the user name or the password is wrong",
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
            "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: secretsmanager:CreateSecret",
        ] {
            assert!(!traces.are_in(text), "{text}");
        }
        assert!(!Traces::default().are_in("anything"));
    }

    #[test]
    fn part_of_secret_is_found() {
        let traces = traces("correct-horse-battery-staple");
        assert!(traces.are_in("the token begins with correct-ho"));
        assert!(!traces.are_in("the token is not correct"));
        assert!(super::tests::traces("s3cr3t").are_in("the password S3-cr3t is wrong"));
    }

    proptest! {
        #[test]
        fn secret_is_found_in_every_encoding(secret in "[A-Za-z0-9]{8}[!-~]{0,24}", before in "[ a-z:]{0,9}") {
            let traces = traces(&secret);
            for text in encodings(&secret) {
                prop_assert!(traces.are_in(&format!("{before}{text}")), "{}", text);
            }
        }
    }
}
