//! How Docker's configuration calls a registry.

/// What Docker Hub is called: in image references, and in the keys that Docker and others have written for it.
const DOCKER_HUB: [&str; 4] =
    ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
/// Docker Hub's key, and what helpers are asked for (docker/cli, `registry.IndexServer`).
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// A registry, as keys name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    host: String,
}

/// How a key names a registry; the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Match {
    /// As Docker writes it today.
    Exact,
    /// With another scheme, a path such as `/v1/`, another spelling.
    Legacy,
    /// With the path of some of its repositories, as Podman does.
    Repositories,
}

impl Server {
    /// The registry at `host`, as it stands in image references.
    pub(crate) fn new(host: &str) -> Self {
        Self { host: canonical(host) }
    }

    /// What image references have.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// What Docker keeps its credential under, and asks helpers for.
    pub(crate) fn key(&self) -> &str {
        if self.host == DOCKER_HUB[0] { DOCKER_HUB_KEY } else { &self.host }
    }

    /// Whether `key` names this registry.
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
        let is_api = matches!(path.trim_end_matches('/'), "" | "v1" | "v2");
        Some(if is_api { Match::Legacy } else { Match::Repositories })
    }
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
        for (server, key, expected) in [
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
