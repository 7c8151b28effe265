//! Secrets Manager's state.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    error::{marked_for_deletion, not_found},
    replication::Replica,
};
use crate::{ApiError, Moment, Sealed};

/// All secrets, by ARN.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SecretsManager {
    pub(super) secrets: BTreeMap<String, Secret>,
}

/// A secret with its versions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secret {
    /// The full ARN, six characters of suffix included.
    pub arn: String,
    /// The name, unique in a region.
    pub name: String,
    /// The region.
    pub region: String,
    /// The description.
    pub description: Option<String>,
    /// The key as it was given: an id, an ARN or an alias. `None` is `aws/secretsmanager`.
    pub kms_key: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was created.
    pub created: Moment,
    /// When anything but its reading last changed.
    pub changed: Moment,
    /// When its value was last read.
    pub accessed: Option<Moment>,
    /// When it was deleted, and when the deletion takes effect.
    pub deleted: Option<(Moment, Moment)>,
    /// True if the deletion is without recovery: the name is still taken, and nothing else is left.
    pub forced: bool,
    /// The resource policy's document.
    pub policy: Option<String>,
    /// Replicas by region.
    pub replicas: BTreeMap<String, Replica>,
    /// The region of the primary, of a replica.
    pub primary: Option<String>,
    /// Versions by id, which is the ClientRequestToken that made them.
    pub versions: BTreeMap<String, Version>,
}

/// One version of a secret's value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Version {
    /// The value as text.
    pub string: Option<Sealed>,
    /// The value as bytes, in Base64.
    pub binary: Option<Sealed>,
    /// When it was written.
    pub created: Moment,
    /// When it was last read.
    pub accessed: Option<Moment>,
    /// Staging labels; a version without any is deprecated.
    pub stages: BTreeSet<String>,
}

impl SecretsManager {
    /// The secret that a name, a full ARN or an ARN without its suffix means, tombstones included.
    #[must_use]
    pub fn find(&self, region: &str, secret_id: &str) -> Option<&Secret> {
        let found = if secret_id.starts_with("arn:") {
            self.secrets.get(secret_id).or_else(|| {
                // A partial ARN has no suffix. AWS takes a name that looks suffixed for a full ARN.
                let name = secret_id.splitn(7, ':').nth(6).filter(|name| !looks_suffixed(name))?;
                self.named(region, name).filter(|secret| secret.arn.starts_with(secret_id))
            })
        } else {
            self.named(region, secret_id)
        };
        found.filter(|secret| secret.region == region && !secret.forced)
    }

    /// The same, to change it.
    pub fn find_mut(&mut self, region: &str, secret_id: &str) -> Option<&mut Secret> {
        let arn = self.find(region, secret_id)?.arn.clone();
        self.secrets.get_mut(&arn)
    }

    /// All secrets, by ARN.
    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        self.secrets.values()
    }

    /// The secret that has a name, even if nothing but the name is left of it.
    pub(super) fn named(&self, region: &str, name: &str) -> Option<&Secret> {
        self.secrets.values().find(|secret| secret.region == region && secret.name == name)
    }

    /// A secret that has to be there and not deleted.
    pub(super) fn required_mut(&mut self, region: &str, secret_id: &str) -> Result<&mut Secret, ApiError> {
        let secret = self.find_mut(region, secret_id).ok_or_else(not_found)?;
        if secret.deleted.is_some() { Err(marked_for_deletion()) } else { Ok(secret) }
    }
}

/// Returns true if a name ends in a hyphen and six characters, like an ARN's suffix.
fn looks_suffixed(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(before, after)| {
        !before.is_empty() && after.len() == 6 && after.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

impl Secret {
    /// The version that carries a staging label.
    #[must_use]
    pub fn staged(&self, stage: &str) -> Option<(&String, &Version)> {
        self.versions.iter().find(|(_, version)| version.stages.contains(stage))
    }
}
