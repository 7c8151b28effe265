//! The ECS agent's needs of an execution role: it reads secrets and parameters, which are decrypted on the role's
//! behalf.

use std::collections::BTreeSet;

use longshore_model::{Arn, Failure, FailureKind};
use longshore_plugin::Result;

/// The service that stores a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// In Secrets Manager.
    Secret,
    /// In Systems Manager Parameter Store.
    Parameter,
}

impl Kind {
    /// The action that reads it.
    pub(crate) const fn action(self) -> &'static str {
        match self {
            Self::Secret => "secretsmanager:GetSecretValue",
            Self::Parameter => "ssm:GetParameters",
        }
    }

    /// The condition key that holds the ARN of what is being decrypted (KMS developer guide, "How AWS Secrets Manager
    /// uses AWS KMS", "How AWS Systems Manager Parameter Store uses AWS KMS").
    pub(crate) const fn encryption_context(self) -> &'static str {
        match self {
            Self::Secret => "kms:EncryptionContext:SecretARN",
            Self::Parameter => "kms:EncryptionContext:PARAMETER_ARN",
        }
    }

    /// The service, as `kms:ViaService` names it. The domain is the same in all partitions (KMS developer guide,
    /// "kms:ViaService").
    pub(crate) fn via_service(self, region: &str) -> String {
        let service = match self {
            Self::Secret => "secretsmanager",
            Self::Parameter => "ssm",
        };
        format!("{service}.{region}.amazonaws.com")
    }
}

/// The condition key that holds the service through which a key is used.
pub(crate) const VIA_SERVICE: &str = "kms:ViaService";

/// The action that decrypts.
pub(crate) const DECRYPT: &str = "kms:Decrypt";

/// A secret or parameter that a role may read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Read {
    pub(crate) kind: Kind,
    /// Its full ARN.
    pub(crate) arn: String,
    pub(crate) region: String,
    /// The ARN of the customer-managed key that encrypts it.
    pub(crate) key: Option<String>,
}

impl Read {
    /// Returns the read of the value that an ARN names. A secret's ARN may end with a key of its JSON, which no policy
    /// knows.
    pub(crate) fn of(arn: &str, key: Option<String>) -> Result<Self> {
        let refuse = |why: &str| {
            Err(Failure::new(FailureKind::Invalid, format!("an execution role cannot read `{arn}`: {why}"))
                .help("name the full ARN of a secret or of a parameter"))
        };
        if arn.contains(['*', '?', '$']) {
            return refuse("a policy would take it for a pattern");
        }
        let Ok(parsed) = arn.parse::<Arn>() else { return refuse("it is no ARN") };
        let region = parsed.region().to_owned();
        if region.is_empty() || parsed.account().is_empty() {
            return refuse("it names no region or no account");
        }
        match (parsed.service(), parsed.resource().split_once([':', '/'])) {
            ("secretsmanager", Some(("secret", _))) => {
                let arn = arn.splitn(8, ':').take(7).collect::<Vec<_>>().join(":");
                Ok(Self { kind: Kind::Secret, arn, region, key })
            }
            ("ssm", Some(("parameter", _))) => {
                Ok(Self { kind: Kind::Parameter, arn: arn.to_owned(), region, key })
            }
            _ => refuse("ECS reads secrets and parameters only"),
        }
    }

    /// The condition keys with which the key is used for it.
    pub(crate) fn encryption(&self) -> Vec<(&'static str, String)> {
        vec![
            (VIA_SERVICE, self.kind.via_service(&self.region)),
            (self.kind.encryption_context(), self.arn.clone()),
        ]
    }
}

/// Something that a role must be allowed to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    /// Condition keys with their values.
    pub(crate) context: Vec<(&'static str, String)>,
}

/// Returns the permissions for reading all of `reads`.
pub(crate) fn needs(reads: &BTreeSet<Read>) -> Vec<Need> {
    let mut needs = Vec::new();
    for read in reads {
        let (action, resource) = (read.kind.action(), read.arn.clone());
        needs.push(Need { action, resource, context: Vec::new() });
        if let Some(key) = &read.key {
            needs.push(Need { action: DECRYPT, resource: key.clone(), context: read.encryption() });
        }
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_a_secrets_arn_is_no_part_of_it() {
        let secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf";
        for behind in ["", ":password::", "::AWSPREVIOUS:"] {
            let read = Read::of(&format!("{secret}{behind}"), None).unwrap();
            assert_eq!(
                (read.kind, read.arn.as_str(), read.region.as_str()),
                (Kind::Secret, secret, "eu-central-1")
            );
        }
        let parameter = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/shop/db";
        let read = Read::of(parameter, None).unwrap();
        assert_eq!((read.kind, read.arn.as_str()), (Kind::Parameter, parameter));
    }

    #[test]
    fn what_a_policy_would_misunderstand_is_refused() {
        let said = [
            "db",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/*",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/${aws:username}",
            "arn:aws:ssm:::parameter/db",
            "arn:aws:s3:eu-central-1:123456789012:x/y",
        ]
        .map(|arn| Read::of(arn, None).unwrap_err().to_string());
        insta::assert_snapshot!(said.join("\n"));
    }
}
