//! The labels of a secret that holds a minted token.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

const ID: &str = "token-id";
const ISSUER: &str = "token-issuer";
const EXPIRES: &str = "token-expires";
const REPOSITORIES: &str = "token-repositories";
const NEXT: &str = "token-next";
const REPLACED: &str = "token-replaced";

/// The longest value of a tag.
const LIMIT: usize = 256;

/// The labels of a secret that holds a minted token. None of it is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenLabels {
    /// The registry's id of the token that the secret holds; `None` if the credential was not minted.
    pub id: Option<String>,
    /// The issuer of that token: see [`TokenMinter::issuer`](longshore_plugin::TokenMinter::issuer).
    pub issuer: Option<String>,
    /// When that token expires, in seconds since the Unix epoch.
    pub expires_at: Option<u64>,
    /// The repositories that it was made for, or a hash of them when they are too many for a label.
    pub repositories: Option<String>,
    /// A token that was made to replace it. Noted before the value is written and taken away after that: if a run finds
    /// it, an earlier one was killed in between, and the secret may hold either of the two.
    pub next: Option<String>,
    /// Tokens that were replaced and are still to be revoked.
    pub replaced: BTreeSet<String>,
}

impl TokenLabels {
    /// Reads the labels of a secret.
    #[must_use]
    pub fn read(labels: &BTreeMap<String, String>) -> Self {
        let text = |key: &str| labels.get(key).filter(|text| !text.is_empty()).cloned();
        let expires = text(EXPIRES).and_then(|text| text.parse::<Timestamp>().ok());
        Self {
            id: text(ID),
            issuer: text(ISSUER),
            expires_at: expires.and_then(|at| u64::try_from(at.as_second()).ok()),
            repositories: text(REPOSITORIES),
            next: text(NEXT),
            replaced: text(REPLACED).unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The labels of a secret.
    #[must_use]
    pub fn write(&self) -> BTreeMap<String, String> {
        let expires = self.expires_at.and_then(shown);
        let replaced = self.replaced.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        [
            (ID, self.id.clone()),
            (ISSUER, self.issuer.clone()),
            (EXPIRES, expires),
            (REPOSITORIES, self.repositories.clone()),
            (NEXT, self.next.clone()),
            (REPLACED, Some(replaced).filter(|text| !text.is_empty())),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
    }

    /// Every token that the labels name.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        self.id.iter().chain(&self.next).chain(&self.replaced).cloned().collect()
    }

    /// Returns true if every token that they name has expired by `now`, in seconds since the Unix epoch.
    pub(crate) fn have_expired(&self, now: u64) -> bool {
        let is_only_one = self.next.is_none() && self.replaced.is_empty();
        is_only_one && self.expires_at.is_some_and(|expires| expires <= now)
    }

    /// Returns true if the token was made for all of `repositories`.
    pub(super) fn covers(&self, repositories: &BTreeSet<String>) -> bool {
        let Some(noted) = &self.repositories else { return false };
        if *noted == repositories_label(repositories) {
            return true;
        }
        let noted: BTreeSet<_> = noted.split_whitespace().collect();
        repositories.iter().all(|repository| noted.contains(repository.as_str()))
    }
}

/// Repositories as a label notes them.
pub(super) fn repositories_label(repositories: &BTreeSet<String>) -> String {
    let text = repositories.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    if text.len() <= LIMIT {
        return text;
    }
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A text as far as a label holds it. The same text is always clipped in the same way, so clipped ones can be compared.
pub(super) fn clipped(text: &str) -> String {
    text.chars().take(LIMIT).collect()
}

/// A moment as labels and people read it: RFC 3339 in UTC.
pub(crate) fn shown(seconds: u64) -> Option<String> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok().map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_they_were_written() {
        let labels = TokenLabels {
            id: Some("12".to_owned()),
            issuer: Some("dockerhub hub.docker.com acme".to_owned()),
            expires_at: Some(1_800_000_000),
            repositories: Some("acme/api acme/web".to_owned()),
            next: Some("13".to_owned()),
            replaced: ["10".to_owned(), "11".to_owned()].into(),
        };
        let written = labels.write();
        assert_eq!(written[EXPIRES], "2027-01-15T08:00:00Z");
        assert_eq!(written[REPLACED], "10 11");
        assert_eq!(TokenLabels::read(&written), labels);
        assert_eq!(labels.ids().len(), 4);
        assert!(TokenLabels::default().write().is_empty());
    }

    #[test]
    fn tokens_have_expired_when_the_last_of_them_has() {
        let labels = TokenLabels { expires_at: Some(100), ..TokenLabels::default() };
        assert!(labels.have_expired(100) && !labels.have_expired(99));
        assert!(!TokenLabels::default().have_expired(100), "nobody knows");
        let replaced = TokenLabels { replaced: ["1".to_owned()].into(), ..labels };
        assert!(!replaced.have_expired(100), "nobody knows when the other one does");
    }

    #[test]
    fn a_token_covers_what_it_was_made_for() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let token = |names: &BTreeSet<String>| TokenLabels {
            repositories: Some(repositories_label(names)),
            ..TokenLabels::default()
        };
        let few = token(&set(&["acme/api", "acme/web"]));
        assert!(few.covers(&set(&["acme/web"])));
        assert!(!few.covers(&set(&["acme/web", "acme/we"])));
        let many: BTreeSet<_> = (0..50).map(|number| format!("acme/service-{number}")).collect();
        let noted = token(&many);
        assert!(noted.repositories.as_ref().is_some_and(|text| text.len() < LIMIT));
        assert!(noted.covers(&many));
        assert!(!noted.covers(&set(&["acme/service-1"])));
        assert!(!TokenLabels::default().covers(&set(&["acme/api"])));
    }
}
