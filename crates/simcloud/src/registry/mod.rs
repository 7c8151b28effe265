//! Container registries: repositories, users, a token server, and the OCI distribution protocol.
//!
//! The images are real bytes with real digests, so that a real client can pull them. Refusals and
//! their words follow GHCR where registries differ.

mod auth;
mod blob;
mod dialect;
mod digest;
mod http;
mod image;
mod improvised;
mod manifest;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub(crate) use self::{auth::Challenge, digest::is_digest, manifest::Absent};
pub use self::{
    dialect::canonical_host,
    digest::sha256,
    http::http,
    image::Behaviour,
    improvised::{Improvised, is_this_machine},
    spec::{Fault, Password, RegistrySpec, RepositorySpec, SpecError, TagSpec, UserSpec, Visibility},
};

/// All simulated registries, by the host that stands in an image's name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Registries {
    hosts: BTreeMap<String, Registry>,
    /// The improvised registries. If `None`, registries that are not declared do not answer.
    #[serde(default)]
    improvised: Option<Improvised>,
    /// The digests of images in real registries, by their names.
    #[serde(default)]
    seen: BTreeMap<String, String>,
}

/// One registry.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Registry {
    /// The SHA-256 of each user's password or token.
    users: BTreeMap<String, String>,
    repositories: BTreeMap<String, Repository>,
    tokens: auth::Tokens,
    uploads: BTreeMap<String, blob::Upload>,
    /// The number of uploads that were begun: the next one's id.
    uploads_begun: u64,
    fault: Option<Fault>,
    /// True if the registry is not declared: every user and password is right.
    #[serde(default)]
    improvised: bool,
}

/// One repository.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Repository {
    visibility: Visibility,
    readers: BTreeSet<String>,
    writers: BTreeSet<String>,
    /// From tag to manifest digest.
    tags: BTreeMap<String, String>,
    /// From digest to manifest.
    manifests: BTreeMap<String, manifest::Manifest>,
    /// From digest to content.
    blobs: BTreeMap<String, blob::Blob>,
}

impl Repository {
    fn can_read(&self, user: Option<&str>) -> bool {
        self.visibility == Visibility::Public
            || user.is_some_and(|user| self.readers.contains(user) || self.writers.contains(user))
    }

    fn can_write(&self, user: Option<&str>) -> bool {
        user.is_some_and(|user| self.writers.contains(user))
    }
}

impl Registries {
    /// The registries that a configuration declares, by host. `docker.io` and its other names are one.
    ///
    /// # Errors
    ///
    /// When a declaration refers to a user that the registry doesn't have, or a platform is malformed.
    pub fn from_spec(specs: &BTreeMap<String, RegistrySpec>) -> Result<Self, SpecError> {
        let mut registries = Self::default();
        registries.apply(specs)?;
        Ok(registries)
    }

    /// Brings what `specs` declares into being and leaves alone what was pushed or declared besides, so
    /// that a stored world follows its configuration.
    ///
    /// # Errors
    ///
    /// As [`Registries::from_spec`].
    pub fn apply(&mut self, specs: &BTreeMap<String, RegistrySpec>) -> Result<(), SpecError> {
        for (host, spec) in specs {
            let registry = self.hosts.entry(canonical_host(host).into_owned()).or_default();
            spec.apply(host, registry)?;
        }
        Ok(())
    }

    /// Returns true if `host` (with its port, if it has one) is a simulated registry, or the token server of one.
    #[must_use]
    pub fn knows(&self, host: &str) -> bool {
        self.hosts.contains_key(&*canonical_host(host)) || self.improvises(host)
    }

    /// Returns true if connections to `host` succeed. The transport of a request asks before it calls [`http()`], and
    /// reports a failure to connect where they don't.
    #[must_use]
    pub fn reachable(&self, host: &str) -> bool {
        self.hosts
            .get(&*canonical_host(host))
            .map_or_else(|| self.improvises(host), |registry| registry.fault != Some(Fault::Unreachable))
    }

    /// Injects a fault into the registry at `host`, or ends it. Answers whether there is such a registry.
    pub fn set_fault(&mut self, host: &str, fault: Option<Fault>) -> bool {
        self.hosts.get_mut(&*canonical_host(host)).map(|registry| registry.fault = fault).is_some()
    }

    /// Returns true if the registry at `host` has a repository of this name.
    #[must_use]
    pub fn has_repository(&self, host: &str, name: &str) -> bool {
        self.hosts
            .get(&*canonical_host(host))
            .is_some_and(|registry| registry.repositories.contains_key(name))
    }

    /// Returns the digest that a tag of the repository `name` has.
    #[must_use]
    pub fn digest(&self, host: &str, name: &str, tag: &str) -> Option<&str> {
        let repository = self.hosts.get(&*canonical_host(host))?.repositories.get(name)?;
        repository.tags.get(tag).map(String::as_str)
    }

    /// The hosts of all registries.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.keys().map(String::as_str)
    }
}
