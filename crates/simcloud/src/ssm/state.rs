//! Parameter Store's state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Moment, Sealed};

/// The key that AWS manages for Systems Manager, as AWS calls it.
pub(super) const AWS_MANAGED_KEY: &str = "alias/aws/ssm";

/// All parameters, by ARN.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ParameterStore {
    pub(super) parameters: BTreeMap<String, Parameter>,
}

/// A parameter with its versions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parameter {
    /// The ARN.
    pub arn: String,
    /// The name, as it was given when the parameter was made.
    pub name: String,
    /// The region.
    pub region: String,
    /// The type of its value.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The versions, the oldest first; never empty.
    pub versions: Vec<Version>,
}

/// One version of a parameter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Version {
    /// Its number, from 1.
    pub number: u64,
    /// The value.
    pub value: Sealed,
    /// The key as it was given, of a `SecureString`: an id, an ARN or an alias. `None` is `alias/aws/ssm`.
    pub key: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The pattern of allowed values: a regular expression, which is kept and not applied.
    pub allowed_pattern: Option<String>,
    /// The tier.
    pub tier: Tier,
    /// When it was written.
    pub written: Moment,
    /// The writer's ARN.
    pub writer: String,
}

/// The type of a parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Type {
    /// Plain text.
    String,
    /// Plain texts, with commas in between.
    StringList,
    /// A text that KMS encrypts.
    SecureString,
}

impl Type {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::StringList => "StringList",
            Self::SecureString => "SecureString",
        }
    }
}

/// The tier of a parameter, which sets its size limit and price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tier {
    /// Values of 4 KB.
    Standard,
    /// Values of 8 KB.
    Advanced,
}

impl Tier {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::Advanced => "Advanced",
        }
    }
}

impl ParameterStore {
    /// The parameter that a name or an ARN means in a region. `/x` and `x` are one parameter of the root.
    #[must_use]
    pub fn find(&self, region: &str, account: &str, name: &str) -> Option<&Parameter> {
        self.parameters.get(&super::arn(region, account, name))
    }

    /// All parameters, by ARN.
    pub fn all(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.values()
    }
}

impl Parameter {
    /// The newest version.
    #[must_use]
    pub fn newest(&self) -> Option<&Version> {
        self.versions.last()
    }
}
