//! Docker's configuration file.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    entry::Entry,
    server::{Match, Server},
};

/// What Docker's configuration file, and Podman's `auth.json`, say of credentials (docker/cli, `config/configfile`).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Configuration {
    #[serde(default)]
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(default, rename = "credHelpers")]
    helpers: Option<BTreeMap<String, Option<String>>>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

/// A place where the file says that a helper is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HelperName<'a> {
    /// What says so: `credHelpers` or `credsStore`.
    pub(crate) key: &'static str,
    /// The helper's name, which follows `docker-credential-`.
    pub(crate) name: &'a str,
}

impl Configuration {
    /// Reads the file's `text`. Where it is none, answers with the line and column: the parser's own words may repeat
    /// what is in the file.
    pub(crate) fn parse(text: &str) -> Result<Self, (usize, usize)> {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|error| (error.line(), error.column()))
    }

    /// The helpers to be asked for `server`, in this order. A host with an empty helper has its credential in the file,
    /// whatever the store of all others is.
    pub(crate) fn helpers(&self, server: &Server) -> Vec<HelperName<'_>> {
        let own = self.helpers.iter().flatten().filter_map(|(key, name)| {
            let rank = server.named_by(key).filter(|rank| *rank < Match::Repositories)?;
            Some((rank, name.as_deref().unwrap_or_default()))
        });
        let own = own.min_by_key(|(rank, _)| *rank).map(|(_, name)| name);
        if own == Some("") {
            return Vec::new();
        }
        let own = own.map(|name| HelperName { key: "credHelpers", name });
        let store = self.store.as_deref().filter(|name| !name.is_empty());
        let store = store.map(|name| HelperName { key: "credsStore", name });
        let store = store.filter(|store| own.is_none_or(|own| own.name != store.name));
        own.into_iter().chain(store).collect()
    }

    /// The entries for `server` that name it best, with their keys, by key. Several are different repositories'.
    pub(crate) fn entries(&self, server: &Server) -> Vec<(&str, &Entry)> {
        let mut entries: Vec<_> = self
            .auths
            .iter()
            .flatten()
            .filter_map(|(key, entry)| Some((server.named_by(key)?, key.as_str(), entry.as_ref()?)))
            .filter(|(_, _, entry)| !matches!(entry.credential(), Ok(None)))
            .collect();
        let Some(best) = entries.iter().map(|(rank, _, _)| *rank).min() else { return Vec::new() };
        entries.retain(|(rank, _, _)| *rank == best);
        if best < Match::Repositories {
            entries.truncate(1);
        }
        entries.into_iter().map(|(_, key, entry)| (key, entry)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(value: &serde_json::Value) -> Configuration {
        Configuration::parse(&value.to_string()).unwrap()
    }

    #[test]
    fn helpers_are_asked_in_dockers_order() {
        let names = |value: serde_json::Value, host: &str| {
            let configuration = parse(&value);
            let helpers = configuration.helpers(&Server::new(host));
            helpers
                .iter()
                .map(|helper| format!("{}={}", helper.key, helper.name))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let file = json!({
            "credsStore": "desktop",
            "credHelpers": {
                "ghcr.io": "gh",
                "https://quay.io": "legacy",
                "quay.io": "exact",
                "plain.example.com": "",
                "same.example.com": "desktop",
                "null.example.com": null,
                "https://index.docker.io/v1/": "hub",
            },
        });
        for (host, expected) in [
            ("ghcr.io", "credHelpers=gh credsStore=desktop"),
            ("quay.io", "credHelpers=exact credsStore=desktop"),
            ("docker.io", "credHelpers=hub credsStore=desktop"),
            ("other.example.com", "credsStore=desktop"),
            ("plain.example.com", ""),
            ("null.example.com", ""),
            ("same.example.com", "credHelpers=desktop"),
        ] {
            assert_eq!(names(file.clone(), host), expected, "{host}");
        }
        assert_eq!(names(json!({ "credsStore": "", "credHelpers": null }), "ghcr.io"), "");
    }

    #[test]
    fn the_best_entry_that_has_something_counts() {
        let keys = |value: serde_json::Value, host: &str| {
            let configuration = parse(&value);
            let entries = configuration.entries(&Server::new(host));
            entries.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(" ")
        };
        let entry = json!({ "username": "acme", "password": "x" });
        let file = json!({ "auths": {
            "ghcr.io": {}, "https://ghcr.io/v1/": entry, "https://ghcr.io/v2/": entry, "ghcr.io/acme": entry,
            "quay.io/acme": entry, "quay.io/other": entry, "null.example.com": null,
        }});
        assert_eq!(keys(file.clone(), "ghcr.io"), "https://ghcr.io/v1/");
        assert_eq!(keys(file.clone(), "quay.io"), "quay.io/acme quay.io/other");
        assert_eq!(keys(file.clone(), "null.example.com"), "");
        assert_eq!(keys(json!({ "auths": null }), "quay.io"), "");
    }

    #[test]
    fn an_empty_file_says_nothing() {
        for text in ["", " \n", "\u{feff}{}", "{ \"HttpHeaders\": { \"User-Agent\": \"x\" } }"] {
            assert!(
                Configuration::parse(text).unwrap().helpers(&Server::new("ghcr.io")).is_empty(),
                "{text}"
            );
        }
        assert_eq!(Configuration::parse("{\n \"auths\": 3}").unwrap_err(), (2, 11));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            let _ = Configuration::parse(&text);
        }
    }
}
