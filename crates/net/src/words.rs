//! Words of other programs and servers, made safe to show.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use longshore_model::{Secret, is_printable};

use crate::traces::Traces;

/// The text in place of a secret.
const HIDDEN: &str = "[secret]";

/// The shortest line of a secret that is hidden on its own: shorter ones, such as a brace, tell nothing.
const LINE: usize = 4;

/// The text in place of one that repeats a part of a secret, or all of it in an encoding.
const WITHHELD: &str = "[withheld, because it repeats a part of the secret]";

/// Quotes what servers and child processes say. Secrets that they repeat are hidden, also in Base64, percent-encoded or
/// escaped as in JSON; a text that shares a run of eight characters with a secret in another form is withheld; control
/// characters and invisible ones are taken out; and the length is bounded.
#[derive(Clone, Default)]
pub struct Words {
    /// The secrets in all their spellings, longest first: where two begin at the same place, the longer one counts.
    secrets: Vec<Secret<String>>,
    traces: Traces,
}

impl Words {
    /// Hides `secret` from now on; of one with several lines, also each line. A line break may be escaped, as in a key that
    /// is part of JSON.
    pub fn hide(&mut self, secret: &str) {
        let lines: Vec<_> = secret.split(['\n', '\r']).flat_map(|line| line.split("\\n")).collect();
        if lines.len() > 1 {
            let lines = lines.iter().map(|line| line.trim()).filter(|line| line.len() >= LINE);
            lines.for_each(|line| self.hide_spellings(line));
        }
        self.hide_spellings(secret);
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        self.traces.add(secret);
    }

    /// Hides user name and password as Basic authentication joins them. The user name alone is no secret.
    pub fn hide_pair(&mut self, pair: &str) {
        self.hide_spellings(pair);
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        self.traces.add_encoded(pair);
    }

    fn hide_spellings(&mut self, secret: &str) {
        let spellings = [
            Secret::new(secret.to_owned()),
            Secret::new(clean(secret)),
            Secret::new(BASE64_STANDARD.encode(secret)),
            Secret::new(percent_encoded(secret)),
            Secret::new(json_escaped(secret)),
        ];
        for spelling in spellings {
            if !spelling.expose().is_empty() && !self.secrets.contains(&spelling) {
                self.secrets.push(spelling);
            }
        }
    }

    /// `text` on one line, without secrets, with at most `limit` characters.
    #[must_use]
    pub fn quote(&self, text: &str, limit: usize) -> String {
        // First without secrets, or cutting would leave the beginning of one.
        cut(self.without_secrets(&clean(text)), limit)
    }

    /// Returns `text` on one line, with at most `limit` characters; `None` if it repeats a secret or a part of one.
    #[must_use]
    pub fn quote_unless_secret(&self, text: &str, limit: usize) -> Option<String> {
        let text = clean(text);
        let is_secret = self.without_spellings(&text) != text || self.traces.are_in(&text);
        (!is_secret).then(|| cut(text, limit))
    }

    /// `text` without secrets; all of it is withheld if a part of one is left in it.
    #[must_use]
    pub fn without_secrets(&self, text: &str) -> String {
        let text = self.without_spellings(text);
        // The mark itself is no part of a secret.
        if self.traces.are_in(&text.replace(HIDDEN, " ")) { WITHHELD.to_owned() } else { text }
    }

    fn without_spellings(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            match self.secrets.iter().find(|secret| rest.starts_with(secret.expose().as_str())) {
                Some(secret) => {
                    result.push_str(HIDDEN);
                    rest = &rest[secret.expose().len()..];
                }
                None => {
                    result.push(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        result
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Words({} hidden)", self.secrets.len())
    }
}

/// `text` on one line: white space and what is not printable become single spaces.
pub(crate) fn clean(text: &str) -> String {
    let blank = |c: char| c == ' ' || !is_printable(c);
    text.split(blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `text` with at most `limit` characters.
fn cut(text: String, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some(_) => text.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
        None => text,
    }
}

fn percent_encoded(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                result.push(char::from(byte))
            }
            _ => result.push_str(&format!("%{byte:02X}")),
        }
    }
    result
}

fn json_escaped(text: &str) -> String {
    let mut quoted = serde_json::Value::from(text).to_string();
    quoted.pop();
    quoted.remove(0);
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hiding(secrets: &[&str]) -> Words {
        let mut words = Words::default();
        secrets.iter().for_each(|secret| words.hide(secret));
        words
    }

    #[test]
    fn hides_a_secret_in_every_spelling() {
        let words = hiding(&["pa/ss\"word", "ghp_abc"]);
        let text = "plain ghp_abc, quoted \"pa/ss\\\"word\", in a URL pa%2Fss%22word, Base64 Z2hwX2FiYw==";
        assert_eq!(
            words.quote(text, 200),
            "plain [secret], quoted \"[secret]\", in a URL [secret], Base64 [secret]"
        );
        assert_eq!(format!("{words:?}"), "Words(6 hidden)");
    }

    #[test]
    fn hides_each_line_of_a_secret() {
        let words = hiding(&["{\n  \"id\": \"4711\",\r\n  \"key\": \"-BEGIN-\\nMIIE/abc\\n-END-\\n\"\n}\n"]);
        for text in [
            "bad: {\n  \"id\": \"4711\",\r\n  \"key\": \"-BEGIN-\\nMIIE/abc\\n-END-\\n\"\n}\n",
            "line 2, \"id\": \"4711\",",
            "no key MIIE/abc",
            "no key MIIE%2Fabc",
            "-BEGIN-\nMIIE/abc\n-END-",
        ] {
            let quoted = words.quote(text, 500);
            assert!(!quoted.contains("4711") && !quoted.contains("abc"), "{quoted}");
        }
        assert_eq!(words.quote("{ denied }", 100), "{ denied }");
    }

    #[test]
    fn cutting_leaves_no_part_of_a_secret() {
        assert_eq!(hiding(&["ghp_abcdef"]).quote("the token ghp_abcdef is bad", 16), "the token [secr…");
    }

    #[test]
    fn takes_out_what_a_terminal_would_obey() {
        let text = "\u{1b}[31mdenied\u{1b}[0m:\r\n\tno \u{202e}access\0";
        assert_eq!(Words::default().quote(text, 100), "[31mdenied [0m: no access");
    }

    #[test]
    fn an_empty_secret_hides_nothing_and_a_short_one_everything_it_is_in() {
        assert_eq!(hiding(&[""]).quote("denied", 100), "denied");
        assert_eq!(hiding(&["e", "secret"]).quote("secret denied", 100), "[secret] d[secret]ni[secret]d");
    }

    proptest! {
        #[test]
        fn no_secret_is_ever_quoted(
            secret in "[ -~]{1,12}",
            before in "[ -~\\n]{0,20}",
            after in "[ -~\\n]{0,20}",
            limit in 1..60_usize,
        ) {
            // A part of the mark itself is no leak.
            prop_assume!(!HIDDEN.contains(secret.trim()) && !secret.trim().is_empty());
            let quoted = hiding(&[&secret]).quote(&format!("{before}{secret}{after}"), limit);
            prop_assert!(quoted.chars().count() <= limit);
            prop_assert!(!quoted.replace(HIDDEN, "\u{0}").contains(&secret), "{quoted}");
        }
    }
}
