//! Docker's configuration file.

use std::collections::BTreeMap;

use serde::de::{Deserializer, MapAccess};

use crate::{
    entry::Entry,
    go::{self, Decode, Struct, Value, decode_struct},
    server::{Match, Server},
};

/// The credential settings of Docker's configuration file and of Podman's `auth.json` (docker/cli,
/// `config/configfile`).
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    auths: BTreeMap<String, Entry>,
    helpers: BTreeMap<String, String>,
    store: String,
}

impl Decode for Configuration {
    fn decode<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        decode_struct(self, deserializer)
    }
}

impl Struct for Configuration {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match name {
            "auths" => value.decode_into(&mut self.auths),
            "credhelpers" => value.decode_into(&mut self.helpers),
            // Docker Desktop wrote `credSstore` for a while.
            "credsstore" => value.decode_into(&mut self.store),
            _ => value.ignore(),
        }
    }
}

/// A place where the file says that a helper is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HelperName<'a> {
    /// The key that names the helper: `credHelpers` or `credsStore`.
    pub(crate) key: &'static str,
    /// The helper's name, which follows `docker-credential-`.
    pub(crate) name: &'a str,
}

impl Configuration {
    /// Reads the file's `text`. If it is not a valid configuration, returns the line and column of the error.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, (usize, usize)> {
        Ok(go::read(text)?.unwrap_or_default())
    }

    /// The helpers to be asked for `server`, in this order. A host with an empty helper has its credential in the file,
    /// whatever the store of all others is.
    pub(crate) fn helpers(&self, server: &Server) -> Vec<HelperName<'_>> {
        let own = self.helpers.iter().filter_map(|(key, name)| {
            let rank = server.named_by(key).filter(|rank| matches!(rank, Match::Exact | Match::Legacy))?;
            Some((rank, name.as_str()))
        });
        let own = own.min_by_key(|(rank, _)| *rank).map(|(_, name)| name);
        if own == Some("") {
            return Vec::new();
        }
        let own = own.map(|name| HelperName { key: "credHelpers", name });
        let store = Some(self.store.as_str()).filter(|name| !name.is_empty());
        let store = store.map(|name| HelperName { key: "credsStore", name });
        let store = store.filter(|store| own.is_none_or(|own| own.name != store.name));
        own.into_iter().chain(store).collect()
    }

    /// The entries for `server` that name it best, with their keys, by key, and how they name it. Several are different
    /// repositories'.
    pub(crate) fn entries(&self, server: &Server) -> Option<(Match, Vec<(&str, &Entry)>)> {
        let mut entries: Vec<_> = self
            .auths
            .iter()
            .filter_map(|(key, entry)| Some((server.named_by(key)?, key.as_str(), entry)))
            .filter(|(_, _, entry)| !matches!(entry.credential(), Ok(None)))
            .collect();
        let best = entries.iter().map(|(rank, _, _)| *rank).min()?;
        entries.retain(|(rank, _, _)| *rank == best);
        if best < Match::Repositories {
            entries.truncate(1);
        }
        Some((best, entries.into_iter().map(|(_, key, entry)| (key, entry)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(value: &serde_json::Value) -> Configuration {
        Configuration::parse(value.to_string().as_bytes()).unwrap()
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
            let (_, entries) =
                configuration.entries(&Server::new(host)).unwrap_or((Match::Exact, Vec::new()));
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
        assert_eq!(keys(file.clone(), "quay.io/acme/team"), "quay.io/acme");
        assert_eq!(keys(file.clone(), "quay.io/acmes"), "");
        assert_eq!(keys(file.clone(), "ghcr.io/acme"), "ghcr.io/acme");
        assert_eq!(keys(file.clone(), "ghcr.io/other"), "https://ghcr.io/v1/");
        assert_eq!(keys(json!({ "auths": null }), "quay.io"), "");
    }

    #[test]
    fn keys_count_in_any_case_and_the_last_of_two() {
        let read = |text: &str| Configuration::parse(text.as_bytes()).unwrap();
        for text in [
            r#"{"credSstore":"good","stackOrchestrator":"swarm"}"#,
            r#"{"CREDSSTORE":"good"}"#,
            r#"{"credsStore":"gone","credsstore":"good"} }"#,
            r#"{"credHelpers":{"ghcr.io":"gone"},"credhelpers":{"ghcr.io":"good"}}"#,
        ] {
            assert_eq!(read(text).helpers(&Server::new("ghcr.io"))[0].name, "good", "{text}");
        }
        let text = r#"{"auths":{"quay.io":{"username":"a","password":"b"}},"Auths":{"ghcr.io":{"Username":"c","PASSWORD":"d"}}}"#;
        for host in ["quay.io", "ghcr.io"] {
            assert!(read(text).entries(&Server::new(host)).is_some(), "{host}");
        }
    }

    #[test]
    fn an_empty_file_says_nothing() {
        for text in ["", " \n", "\u{feff}{}", "{ \"HttpHeaders\": { \"User-Agent\": \"x\" } }"] {
            assert!(
                Configuration::parse(text.as_bytes()).unwrap().helpers(&Server::new("ghcr.io")).is_empty(),
                "{text}"
            );
        }
        assert_eq!(Configuration::parse(b"{\n \"auths\": 3}").unwrap_err(), (2, 11));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            let _ = Configuration::parse(text.as_bytes());
        }
    }
}
