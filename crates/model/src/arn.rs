//! Amazon Resource Names.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An ARN: `arn:partition:service:region:account:resource`, as the IAM guide's "Amazon Resource Names" has it.
/// Region and account may be empty, as in IAM's and S3's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    text: String,
}

impl Arn {
    fn part(&self, index: usize) -> &str {
        self.text.splitn(6, ':').nth(index).unwrap_or_default()
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `aws`, `aws-cn`, `aws-us-gov`.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The service, such as `secretsmanager`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// The region; empty for global services.
    #[must_use]
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account's twelve digits; `aws` for AWS-managed policies.
    #[must_use]
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// Everything after the account, such as `role/api-execution`.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.part(5)
    }
}

impl FromStr for Arn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, InvalidArn> {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let well_formed = parts.len() == 6
            && parts[0] == "arn"
            && [1, 2, 5].iter().all(|&index| !parts[index].is_empty())
            && !text.contains(char::is_whitespace);
        if well_formed {
            Ok(Self { text: text.to_owned() })
        } else {
            Err(InvalidArn { text: text.to_owned() })
        }
    }
}

impl TryFrom<String> for Arn {
    type Error = InvalidArn;

    fn try_from(text: String) -> Result<Self, InvalidArn> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.text
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The error for a text that is not an [`Arn`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidArn {
    text: String,
}

impl fmt::Display for InvalidArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an ARN (arn:partition:service:region:account:resource)", self.text)
    }
}

impl std::error::Error for InvalidArn {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_into_its_parts() {
        let arn: Arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a/b-AbCdEf".parse().unwrap();
        assert_eq!(
            [arn.partition(), arn.service(), arn.region(), arn.account(), arn.resource()],
            ["aws", "secretsmanager", "eu-central-1", "123456789012", "secret:a/b-AbCdEf"]
        );
        assert_eq!("arn:aws:iam::aws:policy/x".parse::<Arn>().unwrap().region(), "");
    }

    #[test]
    fn refuses_what_is_none() {
        for bad in ["", "arn:aws:iam", "arn:aws:iam:::", "githubContainerRegistryAccess", "arn:aws:iam::1: x"]
        {
            assert!(bad.parse::<Arn>().is_err(), "{bad}");
        }
    }
}
