//! Names that people give in a configuration.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of a stack, registry, store, service, container or port: letters, digits, hyphens and
/// underscores, at most 63 of them, beginning with a letter or digit.
///
/// That is what ECS allows in a service's name and IAM in a role's, so a name can be part of either.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Checks `text` and makes a name of it.
    ///
    /// # Errors
    /// When `text` is empty, too long, or has a character that AWS would refuse.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
        let text = text.into();
        let well_formed = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && text.len() <= 63;
        if well_formed { Ok(Self(text)) } else { Err(InvalidName { text }) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// The error for a text that is not a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName {
    text: String,
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a name: at most 63 letters, digits, hyphens and underscores, beginning with a letter or digit",
            self.text
        )
    }
}

impl std::error::Error for InvalidName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_ecs_accepts_and_refuses_the_rest() {
        for good in ["api", "Web_1", "0-a", &"a".repeat(63)] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a b", "ü", "a.b", "a/b", &"a".repeat(64)] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
    }
}
