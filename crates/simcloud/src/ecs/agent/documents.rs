//! The JSON documents of registries and their token servers, as far as a pull needs them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// An image manifest, which has a configuration, or an image index, which has manifests.
#[derive(Deserialize)]
pub(super) struct Manifest {
    pub(super) config: Option<Descriptor>,
    #[serde(default)]
    pub(super) manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
pub(super) struct Descriptor {
    pub(super) digest: String,
    pub(super) platform: Option<Platform>,
}

#[derive(Deserialize)]
pub(super) struct Platform {
    pub(super) architecture: String,
    pub(super) os: String,
}

#[derive(Deserialize)]
pub(super) struct Config {
    pub(super) architecture: String,
    pub(super) os: String,
    pub(super) config: Option<ContainerConfig>,
}

#[derive(Deserialize)]
pub(super) struct ContainerConfig {
    #[serde(rename = "Labels")]
    pub(super) labels: Option<BTreeMap<String, String>>,
}

/// The token server's answer: one of two names for the same thing.
#[derive(Deserialize)]
pub(super) struct Token {
    pub(super) token: Option<String>,
    pub(super) access_token: Option<String>,
}

/// The registry's own words.
#[derive(Deserialize)]
pub(super) struct Errors {
    pub(super) errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
pub(super) struct ErrorEntry {
    pub(super) message: String,
}
