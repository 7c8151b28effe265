//! Differences between the actual and the declared parameter. Pure.

use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use longshore_aws::{Ownership, tag_changes};
use longshore_model::{Failure, FailureKind, FieldChange, Secret, Shown};
use longshore_plugin::Result;

use crate::{
    observed::{Current, Observed},
    value::Tier,
};

/// The key that AWS manages, as AWS calls it.
pub(crate) const AWS_MANAGED_KEY: &str = "alias/aws/ssm";

/// A parameter as it is declared.
#[derive(Clone, Debug)]
pub(crate) struct Desired<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    /// The full ARN of the key; nothing for the key that AWS manages.
    pub(crate) key: Option<&'a str>,
    pub(crate) tier: Tier,
    pub(crate) value: &'a Secret<String>,
    pub(crate) ownership: &'a Ownership,
}

/// The parts that have to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) description: bool,
    pub(crate) key: bool,
    pub(crate) tier: bool,
    pub(crate) value: bool,
    /// Tags to be set.
    pub(crate) tags: Vec<(String, String)>,
}

impl Difference {
    /// Compares. `key` is the full ARN of the key that the parameter has, where one is known.
    pub(crate) fn between(
        observed: &Observed,
        key: Option<&str>,
        current: &Current,
        desired: &Desired<'_>,
    ) -> Self {
        let missing = desired.ownership.missing(observed.tags());
        Self {
            description: observed.description != desired.description,
            key: key != desired.key,
            tier: observed.tier.as_ref().is_some_and(|tier| *tier != desired.tier_for(observed)),
            value: current.value != *desired.value,
            tags: missing.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        }
    }

    /// Returns true if a new version is to be written.
    pub(crate) fn writes(&self) -> bool {
        self.description || self.key || self.tier || self.value
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The changes as a plan shows them.
    pub(crate) fn changes(&self, observed: &Observed, desired: &Desired<'_>) -> Vec<FieldChange> {
        let mut changes = Vec::new();
        let mut change = |field: &str, old: Option<Shown>, new: Shown| {
            changes.push(FieldChange::new(field, old, Some(new)));
        };
        if self.description {
            let old = Shown::text(&observed.description);
            change("Description", Some(old), Shown::text(desired.description));
        }
        if self.key {
            change("KeyId", observed.key.as_ref().map(Shown::text), desired.shown_key());
        }
        if self.tier {
            let tier = desired.tier_for(observed);
            change("Tier", observed.tier.as_ref().map(Shown::text), Shown::text(tier));
        }
        if self.value {
            change("Value", Some(Shown::Secret), Shown::Secret);
        }
        if self.writes() {
            change("Version", Some(Shown::text(observed.version)), Shown::AfterApply);
        }
        let new = self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        changes.extend(tag_changes("Tags.", new, observed.tags()));
        changes
    }
}

impl Desired<'_> {
    fn shown_key(&self) -> Shown {
        Shown::text(self.key.unwrap_or(AWS_MANAGED_KEY))
    }

    fn tier_for(&self, observed: &Observed) -> ParameterTier {
        self.tier.resolved(self.value, observed.tier.as_ref())
    }

    /// The fields of a parameter that is to be made.
    pub(crate) fn creation(&self) -> Vec<FieldChange> {
        let new = |field: &str, value: Shown| FieldChange::new(field, None, Some(value));
        let mut changes = vec![
            new("Name", Shown::text(self.name)),
            new("Type", Shown::text(ParameterType::SecureString)),
            new("Description", Shown::text(self.description)),
            new("KeyId", self.shown_key()),
            new("Tier", Shown::text(self.tier.resolved(self.value, None))),
            new("Value", Shown::Secret),
        ];
        changes.extend(tag_changes("Tags.", self.ownership.tags(), []));
        changes
    }

    /// Refuses what Parameter Store cannot change.
    pub(crate) fn require_possible(&self, observed: &Observed) -> Result<()> {
        let refuse = |message: String, help: &str| {
            let at = format!("ssm:DescribeParameters {}", self.name);
            Err(Failure::new(FailureKind::Conflict, message).at(at).help(help))
        };
        if let Some(kind) = observed.kind.as_ref().filter(|kind| **kind != ParameterType::SecureString) {
            let message =
                format!("the parameter `{}` is a {kind}, and its type cannot be changed", self.name);
            return refuse(message, "delete it, so that it can be made anew as a SecureString");
        }
        if self.tier == Tier::Standard && observed.tier == Some(ParameterTier::Advanced) {
            let message = format!(
                "the parameter `{}` is in the advanced tier, and AWS does not bring it back to the standard one",
                self.name
            );
            return refuse(
                message,
                "set tier = \"advanced\" or tier = \"intelligent\" of the store, or delete the parameter",
            );
        }
        Ok(())
    }
}
