//! Differences between the actual and the declared secret. Pure.

use std::collections::{BTreeMap, BTreeSet};

use longshore_aws::{Ownership, tag_changes};
use longshore_model::{FieldChange, Secret, Shown};

use crate::{
    labels,
    observed::{Current, Observed, Replica},
    rotate::PENDING_STAGE,
    value,
};

/// The key that AWS manages, as AWS calls it.
const AWS_MANAGED_KEY: &str = "aws/secretsmanager";

/// A secret as it is declared.
#[derive(Clone, Debug)]
pub(crate) struct Desired<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    /// The full ARN of the key; nothing for the key that AWS manages.
    pub(crate) kms_key: Option<&'a str>,
    pub(crate) value: &'a Secret<String>,
    pub(crate) ownership: &'a Ownership,
    pub(crate) labels: &'a BTreeMap<String, String>,
    /// Tags of one's own.
    pub(crate) own_tags: &'a BTreeMap<String, String>,
    /// The other regions that have a replica; nothing leaves them as they are.
    pub(crate) replicate_to: Option<&'a BTreeSet<String>>,
}

/// The parts that have to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) description: bool,
    pub(crate) kms_key: bool,
    pub(crate) value: bool,
    /// The version that loses the stage of a pending one.
    pub(crate) unstage: Option<String>,
    /// Tags to be set.
    pub(crate) tags: Vec<(String, String)>,
    /// The keys of tags to be removed.
    pub(crate) surplus: Vec<String>,
    /// Regions that get a replica, or another try.
    pub(crate) replicate: Vec<String>,
    /// Regions that lose theirs.
    pub(crate) unreplicate: Vec<String>,
}

impl Difference {
    /// Compares a secret and its value with what is declared. A value that cannot be read now (the secret is scheduled
    /// for deletion) is left out.
    pub(crate) fn between(secret: &Observed, current: Option<&Current>, desired: &Desired<'_>) -> Self {
        let missing = desired.ownership.missing(secret.tags());
        let (labels, surplus) = labels::difference(&secret.tags, desired.labels);
        Self {
            description: secret.description != desired.description,
            kms_key: !same_key(secret.kms_key.as_deref(), desired.kms_key),
            value: current.is_some_and(|current| match current {
                Current::Text(text) => !value::same(text, desired.value),
                Current::Unreadable => true,
            }),
            unstage: secret.promoted_and_pending().map(str::to_owned),
            tags: missing
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .chain(labels)
                .chain(own_tags(secret, desired))
                .collect(),
            surplus,
            replicate: replicate(secret, desired),
            unreplicate: unreplicate(secret, desired),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The changes as a plan shows them.
    pub(crate) fn changes(&self, secret: &Observed, desired: &Desired<'_>) -> Vec<FieldChange> {
        let mut changes = Vec::new();
        if self.description {
            let (old, new) = (Shown::text(&secret.description), Shown::text(desired.description));
            changes.push(FieldChange::new("Description", Some(old), Some(new)));
        }
        if self.kms_key {
            let (old, new) = (shown_key(secret.kms_key.as_deref()), shown_key(desired.kms_key));
            changes.push(FieldChange::new("KmsKeyId", Some(old), Some(new)));
        }
        if self.value {
            changes.push(FieldChange::new("SecretString", Some(Shown::Secret), Some(Shown::Secret)));
        }
        if let Some(version) = &self.unstage {
            let field = format!("VersionIdsToStages.{PENDING_STAGE}");
            changes.push(FieldChange::new(field, Some(Shown::text(version)), None));
        }
        let new = self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        changes.extend(tag_changes("Tags.", new, secret.tags()));
        for key in &self.surplus {
            let old = secret.tags.get(key).map(Shown::text);
            changes.push(FieldChange::new(format!("Tags.{key}"), old, None));
        }
        let field = |region: &String| format!("ReplicationStatus.{region}");
        let status = |region: &String| secret.replicas.get(region).map(Shown::text);
        for region in &self.replicate {
            let new = Shown::text("InSync");
            changes.push(FieldChange::new(field(region), status(region), Some(new)));
        }
        for region in &self.unreplicate {
            changes.push(FieldChange::new(field(region), status(region), None));
        }
        changes
    }
}

/// The fields of a secret that is to be made.
pub(crate) fn of_creation(desired: &Desired<'_>) -> Vec<FieldChange> {
    let new = |field: &str, value: Shown| FieldChange::new(field, None, Some(value));
    let mut changes = vec![
        new("Name", Shown::text(desired.name)),
        new("Description", Shown::text(desired.description)),
        new("KmsKeyId", shown_key(desired.kms_key)),
        new("SecretString", Shown::Secret),
    ];
    changes.extend(tag_changes("Tags.", desired.ownership.tags(), []));
    for (label, value) in desired.labels {
        changes.push(new(&format!("Tags.{}", labels::tag(label)), Shown::text(value)));
    }
    let own = desired.own_tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    changes.extend(tag_changes("Tags.", own, []));
    for region in desired.replicate_to.into_iter().flatten() {
        changes.push(new(&format!("ReplicationStatus.{region}"), Shown::text("InSync")));
    }
    changes
}

/// The tags of one's own that a secret lacks, or that have another value there.
fn own_tags(secret: &Observed, desired: &Desired<'_>) -> Vec<(String, String)> {
    let missing = desired.own_tags.iter().filter(|(key, value)| secret.tags.get(*key) != Some(value));
    missing.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The declared regions without a replica, or whose replication failed.
fn replicate(secret: &Observed, desired: &Desired<'_>) -> Vec<String> {
    let lacks = |region: &&String| secret.replicas.get(*region).is_none_or(Replica::has_failed);
    desired.replicate_to.into_iter().flatten().filter(lacks).cloned().collect()
}

/// The regions with a replica that are not declared.
fn unreplicate(secret: &Observed, desired: &Desired<'_>) -> Vec<String> {
    let Some(declared) = desired.replicate_to else { return Vec::new() };
    secret.replicas.keys().filter(|region| !declared.contains(*region)).cloned().collect()
}

fn shown_key(key: Option<&str>) -> Shown {
    Shown::text(key.unwrap_or(AWS_MANAGED_KEY))
}

/// Returns true if a key is the one that AWS manages.
pub(crate) fn is_aws_managed(key: &str) -> bool {
    key.rsplit(':').next() == Some("alias/aws/secretsmanager")
}

/// Returns true if the key that a secret has is the declared one. Secrets Manager answers with the key as it was once given: an
/// ARN, an id or an alias. An alias that could not be looked up counts as another key; only that of the key that AWS
/// manages is known.
fn same_key(observed: Option<&str>, desired: Option<&str>) -> bool {
    match (observed.filter(|key| !is_aws_managed(key)), desired) {
        (None, None) => true,
        (Some(observed), Some(desired)) => {
            observed == desired || desired.rsplit_once(":key/").is_some_and(|(_, id)| id == observed)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-central-1:1:key/1234";

    #[test]
    fn keys_are_the_same_in_each_of_their_forms() {
        assert!(same_key(None, None));
        assert!(same_key(Some("alias/aws/secretsmanager"), None));
        assert!(same_key(Some("arn:aws:kms:eu-central-1:1:alias/aws/secretsmanager"), None));
        assert!(same_key(Some(KEY), Some(KEY)));
        assert!(same_key(Some("1234"), Some(KEY)));
        assert!(!same_key(Some("alias/shop"), Some(KEY)));
        assert!(!same_key(Some(KEY), None));
        assert!(!same_key(None, Some(KEY)));
    }

    #[test]
    fn a_plan_shows_each_difference_and_no_value() {
        let ownership = Ownership::new("shop", "test", "publish-credential.ghcr");
        let value = Secret::new(r#"{"username":"acme","password":"ghp_new"}"#.to_owned());
        let desired = Desired {
            name: "longshore/shop/ghcr/pull",
            description: "pull credential",
            kms_key: Some(KEY),
            value: &value,
            ownership: &ownership,
            labels: &BTreeMap::new(),
            own_tags: &[("team".to_owned(), "shop".to_owned())].into(),
            replicate_to: Some(&["eu-west-1".to_owned(), "us-east-1".to_owned()].into()),
        };
        let secret = Observed {
            description: "by hand".into(),
            tags: [("longshore:stack".into(), "shop".into()), ("longshore:resource".into(), "old".into())]
                .into(),
            replicas: [
                ("us-east-1".into(), Replica::Failed("it exists".into())),
                ("us-west-2".into(), Replica::InSync),
            ]
            .into(),
            ..Observed::default()
        };
        let current = Current::Text(Secret::new("ghp_old".to_owned()));
        let difference = Difference::between(&secret, Some(&current), &desired);
        insta::assert_json_snapshot!(difference.changes(&secret, &desired));
        insta::assert_json_snapshot!("of_creation", of_creation(&desired));
    }
}
