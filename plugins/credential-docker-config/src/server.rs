//! The keys of Docker's configuration for a registry.

use std::{cmp::Reverse, fmt};

/// Docker Hub's names: in image references, and in the keys that Docker and others have written for it.
const DOCKER_HUB: [&str; 4] =
    ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
/// Docker Hub's key, and what helpers are asked for (docker/cli, `registry.IndexServer`).
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// A registry, or a part of one, as keys name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    host: String,
    /// The path of the part: `acme`. Empty for a whole registry.
    path: String,
}

/// The kind of match between a key and a registry; the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Match {
    /// With the path of the part or of a part that it lies in, of so many segments (containers-auth.json(5)).
    Part(Reverse<usize>),
    /// As Docker writes it today.
    Exact,
    /// With another scheme, a path such as `/v1/`, another spelling.
    Legacy,
    /// With the path of some of its repositories, as Podman does.
    Repositories,
}

impl Server {
    /// The registry at `location`: a host as it stands in image references, and the path of a part where it is one.
    pub(crate) fn new(location: &str) -> Self {
        let (host, path) = location.split_once('/').unwrap_or((location, ""));
        Self { host: canonical(host), path: path.to_owned() }
    }

    /// Returns the host as in image references.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the key of the registry's credential, for Docker's configuration and for helpers.
    pub(crate) fn key(&self) -> &str {
        if self.host == DOCKER_HUB[0] { DOCKER_HUB_KEY } else { &self.host }
    }

    /// Returns true if `key` names this registry.
    pub(crate) fn named_by(&self, key: &str) -> Option<Match> {
        if key == self.key() {
            return Some(Match::Exact);
        }
        let address = ["https://", "http://"].iter().find_map(|scheme| key.strip_prefix(scheme));
        let address = address.unwrap_or(key);
        let (host, path) = address.split_once('/').unwrap_or((address, ""));
        if canonical(host) != self.host {
            return None;
        }
        let path = path.trim_end_matches('/');
        if matches!(path, "" | "v1" | "v2") {
            return Some(Match::Legacy);
        }
        if lies_in(&self.path, path) {
            return Some(Match::Part(Reverse(path.split('/').count())));
        }
        lies_in(path, &self.path).then_some(Match::Repositories)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, "/{}", self.path) }
    }
}

/// Returns true if `path` equals `part` or lies below it.
fn lies_in(path: &str, part: &str) -> bool {
    let below = path.strip_prefix(part);
    part.is_empty() || below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

fn canonical(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if DOCKER_HUB.contains(&host.as_str()) { DOCKER_HUB[0].to_owned() } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_every_spelling() {
        let hub = Server::new("docker.io");
        let own = Server::new("Git.Example.com:5050");
        assert_eq!((hub.key(), own.key()), ("https://index.docker.io/v1/", "git.example.com:5050"));
        let part = Server::new("docker.io/acme/team");
        assert_eq!(
            (part.key(), part.to_string().as_str()),
            ("https://index.docker.io/v1/", "docker.io/acme/team")
        );
        for (server, key, expected) in [
            (&part, "docker.io/acme/team", Some(Match::Part(Reverse(2)))),
            (&part, "https://index.docker.io/acme/", Some(Match::Part(Reverse(1)))),
            (&part, "https://index.docker.io/v1/", Some(Match::Exact)),
            (&part, "docker.io/acme/team/api", Some(Match::Repositories)),
            (&part, "docker.io/acme/teams", None),
            (&part, "docker.io/other", None),
            (&hub, "https://index.docker.io/v1/", Some(Match::Exact)),
            (&hub, "index.docker.io", Some(Match::Legacy)),
            (&hub, "docker.io", Some(Match::Legacy)),
            (&hub, "https://registry-1.docker.io/v2/", Some(Match::Legacy)),
            (&hub, "docker.io/acme", Some(Match::Repositories)),
            (&hub, "https://index.docker.io/v1/access-token", Some(Match::Repositories)),
            (&hub, "hub.docker.com", None),
            (&hub, "ghcr.io", None),
            (&own, "git.example.com:5050", Some(Match::Exact)),
            (&own, "GIT.example.com:5050", Some(Match::Legacy)),
            (&own, "http://git.example.com:5050", Some(Match::Legacy)),
            (&own, "https://git.example.com:5050/v2/", Some(Match::Legacy)),
            (&own, "git.example.com:5050/acme/api", Some(Match::Repositories)),
            (&own, "git.example.com", None),
            (&own, "https://user:password@git.example.com:5050", None),
            (&own, "", None),
        ] {
            assert_eq!(server.named_by(key), expected, "{key}");
        }
    }
}
