//! Finding parts of secrets in texts, in whatever encoding.
//!
//! Secrets and texts are compared in three normal forms, all in small letters: with single spaces, without white space,
//! and with letters and digits alone. Texts are unescaped as often as that changes anything. Eight characters in a row that
//! both have are enough.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use longshore_model::Secret;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::words::clean;

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
            Value::String(text) if text.len() >= RUN => {
                self.add_form(text);
                self.add_encoded(text);
            }
            Value::Array(items) => items.iter().for_each(|item| self.add_value(item)),
            Value::Object(members) => self.add_members(members),
            _ => {}
        }
    }

    /// Adds what a secret is in Base64, in both alphabets, and in hexadecimal digits.
    pub(crate) fn add_encoded(&mut self, secret: &str) {
        let bytes = secret.as_bytes();
        for offset in 0..3 {
            // The secret within something longer. The characters at both ends depend on what stands there.
            let shifted = Zeroizing::new([&[0; 2][..offset], bytes].concat());
            let begin = (offset * 8).div_ceil(6);
            let end = shifted.len() * 8 / 6;
            for alphabet in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
                let encoded = Zeroizing::new(alphabet.encode(&*shifted));
                if let Some(form) = encoded.get(begin..end) {
                    self.add_form(form);
                }
            }
        }
        let hex = Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        self.add_form(&hex);
    }

    /// Adds `text` as it is and backwards.
    fn add_form(&mut self, text: &str) {
        for form in normal_forms(text) {
            if form.len() >= RUN {
                let backwards = Zeroizing::new(form.chars().rev().collect::<String>());
                for form in [&form, &backwards] {
                    self.runs.extend(form.as_bytes().windows(RUN).map(|run| self.hasher.hash_one(run)));
                }
            } else if form.len() >= SHORTEST {
                self.short.push(Secret::new(form.to_string()));
            }
        }
    }

    /// Returns true if a part of a secret is in `text`.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        if self.runs.is_empty() && self.short.is_empty() {
            return false;
        }
        // The kinds of escapes are taken off one by one: what one of them unescapes, another may have to leave alone.
        let mut layer = vec![Zeroizing::new(text.to_owned())];
        for _ in 0..LAYERS {
            if layer.iter().any(|text| self.are_in_layer(text)) {
                return true;
            }
            let inner = layer.iter().flat_map(|text| {
                let unescaped = Escapes::ALL.map(|escapes| Zeroizing::new(escapes.taken_off(text)));
                unescaped.into_iter().filter(move |unescaped| unescaped != text)
            });
            let mut inner: Vec<_> = inner.collect();
            inner.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
            inner.dedup();
            layer = inner;
        }
        layer.iter().any(|text| self.are_in_layer(text))
    }

    fn are_in_layer(&self, text: &str) -> bool {
        normal_forms(text).iter().any(|text| {
            text.as_bytes().windows(RUN).any(|run| self.runs.contains(&self.hasher.hash_one(run)))
                || self.short.iter().any(|form| text.contains(form.expose().as_str()))
        })
    }
}

/// Text in small letters: with single spaces, without spaces, and with letters and digits alone.
fn normal_forms(text: &str) -> [Zeroizing<String>; 3] {
    let spaced = Zeroizing::new(clean(text).to_lowercase());
    let joined = Zeroizing::new(spaced.chars().filter(|c| !c.is_whitespace()).collect());
    let plain = Zeroizing::new(spaced.chars().filter(|c| c.is_alphanumeric()).collect());
    [spaced, joined, plain]
}

/// A kind of escapes.
#[derive(Clone, Copy)]
enum Escapes {
    /// Percent-encoding, as in URLs.
    Percent,
    /// Those of JSON and of programming languages.
    Backslash,
    /// HTML's entities.
    Entity,
}

enum Escaped {
    Byte(u8),
    Char(char),
}

impl Escapes {
    const ALL: [Self; 3] = [Self::Percent, Self::Backslash, Self::Entity];

    /// Returns `text` with one layer of these escapes taken off.
    fn taken_off(self, text: &str) -> String {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (character, length) = self.first(rest).unwrap_or((Escaped::Char(first), first.len_utf8()));
            match character {
                Escaped::Byte(byte) => bytes.push(byte),
                Escaped::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
            rest = &rest[length..];
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns the escaped character that `text` begins with, and the length of the escape.
    fn first(self, text: &str) -> Option<(Escaped, usize)> {
        match self {
            Self::Percent => Some((Escaped::Byte(byte(text.strip_prefix('%')?)?), 3)),
            Self::Backslash => backslash(text),
            Self::Entity => entity(text),
        }
    }
}

/// The byte that two hexadecimal digits stand for.
fn byte(digits: &str) -> Option<u8> {
    u8::from_str_radix(digits.get(..2)?, 16).ok()
}

fn character(digits: &str, radix: u32) -> Option<char> {
    u32::from_str_radix(digits, radix).ok().and_then(char::from_u32)
}

fn backslash(text: &str) -> Option<(Escaped, usize)> {
    match text.as_bytes() {
        [b'\\', b'x', ..] => Some((Escaped::Byte(byte(text.get(2..)?)?), 4)),
        [b'\\', b'u', b'{', ..] => {
            let end = text.find('}')?;
            Some((Escaped::Char(character(&text[3..end], 16)?), end + 1))
        }
        [b'\\', b'u', ..] => Some((Escaped::Char(character(text.get(2..6)?, 16)?), 6)),
        // Line breaks and tabs do not count; others stand for themselves.
        [b'\\', b'n' | b'r' | b't', ..] => Some((Escaped::Char(' '), 2)),
        [b'\\', ..] => {
            let escaped = text[1..].chars().next()?;
            Some((Escaped::Char(escaped), 1 + escaped.len_utf8()))
        }
        _ => None,
    }
}

fn entity(text: &str) -> Option<(Escaped, usize)> {
    let name = text.strip_prefix('&')?;
    let name = &name[..name.bytes().take(12).position(|byte| byte == b';')?];
    let character = match (name.strip_prefix('#'), name) {
        (Some(digits), _) => match digits.strip_prefix(['x', 'X']) {
            Some(digits) => character(digits, 16)?,
            None => character(digits, 10)?,
        },
        (None, "lt") => '<',
        (None, "gt") => '>',
        (None, "amp") => '&',
        (None, "quot") => '"',
        (None, "apos") => '\'',
        // Those of other signs are no part of a token.
        (None, _) => ' ',
    };
    Some((Escaped::Char(character), name.len() + 2))
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
            "User: arn:aws:iam::450728391620:user/ci is not authorized to perform: secretsmanager:CreateSecret",
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
