//! KMS's state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Moment;

/// The customer managed keys, by ARN, and aliases.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Kms {
    pub(super) keys: BTreeMap<String, Key>,
    /// By ARN of the alias: the key's ARN.
    pub(super) aliases: BTreeMap<String, String>,
}

/// A symmetric key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Key {
    /// The id: a UUID.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The description.
    pub description: String,
    /// The key policy.
    pub policy: String,
    /// When it was created.
    pub created: Moment,
    /// When it will be deleted, if it was scheduled.
    pub deletion: Option<Moment>,
    /// The days between rotations, and when rotation was enabled.
    pub rotation: Option<(u32, Moment)>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Kms {
    /// The key that an id, an ARN, `alias/NAME` or an alias' ARN means in a region.
    #[must_use]
    pub fn find(&self, region: &str, key: &str) -> Option<&Key> {
        let key = self.aliased(region, key).unwrap_or(key);
        self.keys
            .values()
            .find(|found| region_of(&found.arn) == region && (found.arn == key || found.id == key))
    }

    /// The same, to change it.
    pub(super) fn find_mut(&mut self, region: &str, key: &str) -> Option<&mut Key> {
        let arn = self.find(region, key)?.arn.clone();
        self.keys.get_mut(&arn)
    }

    /// The keys of a region, by ARN.
    pub fn in_region<'a>(&'a self, region: &'a str) -> impl Iterator<Item = &'a Key> {
        self.keys.values().filter(move |key| region_of(&key.arn) == region)
    }

    fn aliased(&self, region: &str, name: &str) -> Option<&str> {
        let (_, arn) = self.aliases.iter().find(|(alias, _)| {
            region_of(alias) == region && (*alias == name || alias.ends_with(&format!(":{name}")))
        })?;
        Some(arn)
    }
}

/// The fourth part of an ARN.
pub(super) fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}
