//! The caller's identity.

use longshore_model::{Arn, Failure, FailureKind};
use longshore_plugin::Result;

use crate::failure;

const CALL: &str = "sts:GetCallerIdentity";

/// The caller's identity, as STS returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account's twelve digits.
    pub account: String,
    /// The caller's ARN.
    pub arn: String,
    /// The partition: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

impl Identity {
    pub(crate) async fn of(sts: &aws_sdk_sts::Client) -> Result<Self> {
        let answer = sts.get_caller_identity().send().await.map_err(|error| failure(&error, CALL))?;
        let arn = answer.arn.unwrap_or_default();
        let partition = arn.parse::<Arn>().map_err(|error| {
            Failure::new(FailureKind::Internal, format!("the caller's identity is not understood: {error}"))
                .at(CALL)
        })?;
        let partition = partition.partition().to_owned();
        Ok(Self { account: answer.account.unwrap_or_default(), arn, partition })
    }

    pub(crate) fn guard(&self, expected: &str) -> Result<()> {
        if self.account == expected {
            return Ok(());
        }
        let message = format!(
            "the stack belongs to the AWS account {expected}, but the credentials are of {} ({})",
            self.account, self.arn
        );
        Err(Failure::new(FailureKind::Denied, message)
            .at(CALL)
            .help("use credentials of that account (AWS_PROFILE, `aws.profile`), or correct `aws.account`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_lets_only_the_expected_account_pass() {
        let identity = Identity {
            account: "111111111111".into(),
            arn: "arn:aws:iam::111111111111:user/ci".into(),
            partition: "aws".into(),
        };
        assert_eq!(identity.guard("111111111111"), Ok(()));
        insta::assert_snapshot!(identity.guard("222222222222").unwrap_err());
    }
}
