//! The declaration of a registry in a configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{
    Registry, Repository,
    digest::sha256,
    image::{self, Behaviour, PlatformName},
};
use crate::partition::ecr_registry;

/// A simulated registry, as it is declared.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RegistrySpec {
    /// The users that can log in.
    #[serde(default)]
    pub users: BTreeMap<String, UserSpec>,
    /// The repositories, by name without the host, such as `acme/api`.
    #[serde(default)]
    pub repositories: BTreeMap<String, RepositorySpec>,
    /// A fault that the registry has from the start.
    #[serde(default)]
    pub fault: Option<Fault>,
}

/// A user of a simulated registry.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UserSpec {
    /// The password or access token. Only its SHA-256 is kept.
    pub password: Password,
}

/// A repository of a simulated registry.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RepositorySpec {
    /// The visibility to clients without a login.
    #[serde(default)]
    pub visibility: Visibility,
    /// Users that may pull, where the repository is private.
    #[serde(default)]
    pub readers: BTreeSet<String>,
    /// Users that may pull and push.
    #[serde(default)]
    pub writers: BTreeSet<String>,
    /// The images, by tag.
    #[serde(default)]
    pub tags: BTreeMap<String, TagSpec>,
}

/// An image of a simulated registry.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TagSpec {
    /// The platforms, such as `linux/arm64`; `linux/amd64` where none is given.
    #[serde(default)]
    pub platforms: Vec<String>,
    /// True if the tag is an image index. If `None`, it is an index if there is more than one platform.
    #[serde(default)]
    pub index: Option<bool>,
    /// The exit code with which the container ends after its start, where it doesn't run on.
    #[serde(default)]
    pub exits: Option<i32>,
    /// The time for which the container runs before it exits, in seconds.
    #[serde(default)]
    pub exits_after_seconds: Option<u64>,
    /// The memory that the container takes, in MiB; with less it is killed.
    #[serde(default)]
    pub needs_memory_mib: Option<u64>,
    /// The HTTP status with which the container answers the health checks of a load balancer; 200 if `None`.
    #[serde(default)]
    pub health_status: Option<u16>,
    /// The CloudWatch alarms that go into the ALARM state a minute after the container has begun to take traffic.
    #[serde(default)]
    pub alarms: Vec<String>,
}

/// The visibility of a repository to clients without a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// Every client may read.
    Public,
    /// No client may read without a login.
    #[default]
    Private,
}

/// A fault of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Connections time out.
    Unreachable,
    /// Every request is answered 429, with a `Retry-After`.
    Throttled,
}

/// A password on its way from a configuration to its hash. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Wraps a password or token.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// Returns the hash, which is stored in the password's place.
    pub(super) fn hash(&self) -> String {
        sha256(self.0.as_bytes())
    }

    /// The value, for an `Authorization` header.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

/// A defect of a registry's declaration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A reader or writer is not among the users.
    #[error(
        "repository {host}/{repository} names the user {user:?}, which {host} does not have; declare users.{user}"
    )]
    UnknownUser {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// The user that is named and not declared.
        user: String,
    },
    /// A platform is not `os/architecture` or `os/architecture/variant`.
    #[error(
        "image {image} has the platform {platform:?}; a platform is os/architecture, such as linux/arm64"
    )]
    Platform {
        /// The image.
        image: String,
        /// The platform as it was found.
        platform: String,
    },
    /// An image that is no index has more than one platform.
    #[error("image {image} has {count} platforms and index = false; a single manifest has one platform")]
    ManyPlatforms {
        /// The image.
        image: String,
        /// The number of declared platforms.
        count: usize,
    },
}

impl RegistrySpec {
    pub(super) fn apply(&self, host: &str, registry: &mut Registry) -> Result<(), SpecError> {
        registry.fault = self.fault;
        for (name, user) in &self.users {
            registry.users.insert(name.clone(), user.password.hash());
        }
        for (name, spec) in &self.repositories {
            if let Some(user) =
                spec.readers.iter().chain(&spec.writers).find(|user| !registry.users.contains_key(*user))
            {
                return Err(SpecError::UnknownUser {
                    host: host.to_owned(),
                    repository: name.clone(),
                    user: user.clone(),
                });
            }
            let repository = registry.repositories.entry(name.clone()).or_default();
            // IAM decides who pulls from Amazon ECR: the agent asks it.
            let visibility = ecr_registry(host).map(|_| Visibility::Public);
            repository.visibility = visibility.unwrap_or(spec.visibility);
            repository.readers = spec.readers.clone();
            repository.writers = spec.writers.clone();
            for (tag, image) in &spec.tags {
                image.apply(&format!("{host}/{name}:{tag}"), tag, repository)?;
            }
        }
        Ok(())
    }
}

impl TagSpec {
    fn apply(&self, image: &str, tag: &str, repository: &mut Repository) -> Result<(), SpecError> {
        let default = ["linux/amd64".to_owned()];
        let declared = if self.platforms.is_empty() { &default[..] } else { &self.platforms };
        let platforms = declared
            .iter()
            .map(|platform| {
                PlatformName::parse(platform).ok_or_else(|| SpecError::Platform {
                    image: image.to_owned(),
                    platform: platform.clone(),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let index = self.index.unwrap_or(platforms.len() > 1);
        if !index && platforms.len() > 1 {
            return Err(SpecError::ManyPlatforms { image: image.to_owned(), count: platforms.len() });
        }
        let behaviour = Behaviour {
            exits: self.exits.or(self.exits_after_seconds.map(|_| 0)),
            exits_after_seconds: self.exits_after_seconds,
            needs_memory_mib: self.needs_memory_mib,
            health_status: self.health_status,
            alarms: self.alarms.clone(),
        };
        let digest = image::store(repository, image, &platforms, index, &behaviour);
        repository.tags.insert(tag.to_owned(), digest);
        Ok(())
    }
}
