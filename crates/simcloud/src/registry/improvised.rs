//! Registries that no configuration declares: they have whatever image is asked for.

use std::{collections::BTreeSet, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::{
    Registries, Registry, Repository, Visibility,
    dialect::canonical_host,
    digest::is_digest,
    image::{self, Behaviour, PlatformName},
};

/// The platforms that ECS runs Linux tasks on: every improvised image has both.
const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// The hosts of improvised registries: those that are not declared.
///
/// Any host that is not this machine has every repository with every tag. An image is made by the first request for it;
/// its content, and with it the digest, follows from its name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Improvised {
    /// Hosts, or hosts with the beginning of a repository's path, where a pull takes a credential: any will do.
    pub private: BTreeSet<String>,
    /// Hosts with real registries, which the program that runs the cloud asks. The cloud itself takes their images for
    /// pulled.
    pub real: BTreeSet<String>,
}

impl Registries {
    /// Lets the cloud improvise registries.
    pub fn improvise(&mut self, improvised: Option<Improvised>) {
        self.improvised = improvised;
    }

    /// Returns `true` if the registry at `host` is not declared, or stands in for a real one towards the cloud's
    /// agents.
    #[must_use]
    pub fn improvises(&self, host: &str) -> bool {
        let host = &*canonical_host(host);
        self.improvised.is_some()
            && !is_this_machine(host)
            && self.hosts.get(host).is_none_or(|registry| registry.improvised)
    }

    /// Records the digest of an image in a real registry, as the program that runs the cloud has read it there.
    pub fn note_digest(&mut self, host: &str, repository: &str, reference: &str, digest: &str) {
        self.seen.insert(format!("{}/{repository}:{reference}", canonical_host(host)), digest.to_owned());
    }

    /// The digest that was noted.
    pub(crate) fn seen(&self, host: &str, repository: &str, reference: &str) -> Option<&str> {
        self.seen.get(&format!("{}/{repository}:{reference}", canonical_host(host))).map(String::as_str)
    }

    /// Returns `true` if the configuration says that the registry at `host` is real.
    #[must_use]
    pub fn is_real(&self, host: &str) -> bool {
        self.improvised.as_ref().is_some_and(|improvised| improvised.real.contains(&*canonical_host(host)))
    }

    /// Makes what a request for `path` asks for, if the registry at `host` is an improvised one.
    pub(super) fn make(&mut self, host: &str, path: &str) {
        if !self.improvises(host) {
            return;
        }
        let registry = self
            .hosts
            .entry(host.to_owned())
            .or_insert_with(|| Registry { improvised: true, ..Registry::default() });
        let below = path.strip_prefix("/v2/").and_then(|below| below.rsplit_once("/manifests/"));
        let Some((name, reference)) = below.filter(|(_, reference)| !is_digest(reference)) else { return };
        let repository = registry.repositories.entry(name.to_owned()).or_insert_with(|| {
            let full = format!("{host}/{name}/");
            let is_private = self
                .improvised
                .iter()
                .flat_map(|improvised| &improvised.private)
                .any(|private| full.starts_with(&format!("{}/", private.trim_end_matches('/'))));
            let visibility = if is_private { Visibility::Private } else { Visibility::Public };
            Repository { visibility, ..Repository::default() }
        });
        if !repository.tags.contains_key(reference) {
            let platforms: Vec<_> = PLATFORMS.iter().filter_map(|name| PlatformName::parse(name)).collect();
            let image = format!("{host}/{name}:{reference}");
            let digest = image::store(repository, &image, &platforms, true, &Behaviour::default());
            repository.tags.insert(reference.to_owned(), digest);
        }
    }
}

/// Returns `true` if a host, with or without a port, is the machine that the simulation runs on.
#[must_use]
pub fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use ::http::{Method, Request, StatusCode, header};
    use bytes::Bytes;

    use super::*;
    use crate::{Moment, registry::http};

    fn head(registries: &mut Registries, host: &str, path: &str) -> (StatusCode, Option<String>) {
        let request = Request::builder()
            .method(Method::HEAD)
            .uri(format!("https://{host}{path}"))
            .header(header::ACCEPT, "application/vnd.oci.image.index.v1+json");
        let answer = http(registries, Moment(0), request.body(Bytes::new()).unwrap(), host);
        let digest =
            answer.headers().get("docker-content-digest").map(|value| value.to_str().unwrap().to_owned());
        (answer.status(), digest)
    }

    fn improvising(private: &[&str]) -> Registries {
        let mut registries = Registries::default();
        let private = private.iter().map(|host| (*host).to_owned()).collect();
        registries.improvise(Some(Improvised { private, ..Improvised::default() }));
        registries
    }

    #[test]
    fn an_image_has_the_same_digest_each_time() {
        let path = "/v2/acme/api/manifests/1";
        let (first, again) = (&mut improvising(&["quay.io"]), &mut improvising(&["quay.io"]));
        // Anonymous pulls of this registry are refused with a challenge: the image is there all the same.
        assert_eq!(head(first, "quay.io", path).0, StatusCode::UNAUTHORIZED);
        assert_eq!(head(again, "quay.io", path).0, StatusCode::UNAUTHORIZED);
        let digest =
            |registries: &Registries| registries.hosts["quay.io"].repositories["acme/api"].tags["1"].clone();
        assert_eq!(digest(first), digest(again));
    }

    #[test]
    fn only_this_machine_is_never_improvised() {
        let registries = improvising(&[]);
        for host in ["localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000", "registry.localhost"] {
            assert!(is_this_machine(host) && !registries.improvises(host), "{host}");
        }
        for host in ["ghcr.io", "10.0.0.1:5000", "registry-1.docker.io", "localhost.example.com"] {
            assert!(!is_this_machine(host) && registries.improvises(host), "{host}");
        }
        assert!(!Registries::default().improvises("ghcr.io"));
    }
}
