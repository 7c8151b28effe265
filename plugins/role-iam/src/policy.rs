//! Policy documents as Longshore writes them: few kinds of statements, in a stable order.

use std::collections::BTreeMap;

use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use serde::{Serialize, Serializer};

/// The most characters of all inline policies of a role together, white space aside (IAM user guide, "IAM and AWS STS
/// quotas").
pub(crate) const INLINE_QUOTA: usize = 10_240;

/// The policy language's current version.
const VERSION: &str = "2012-10-17";

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

/// A statement that allows something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: &'static str,
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<BTreeMap<&'static str, &'static str>>,
    action: &'static str,
    #[serde(skip_serializing_if = "Values::is_empty")]
    resource: Values,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: BTreeMap<&'static str, BTreeMap<&'static str, Values>>,
}

/// One or more texts. One stands alone, as IAM's own editor writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Values(Vec<String>);

impl Values {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Values {
    fn from(value: String) -> Self {
        Self(vec![value])
    }
}

impl From<&[String]> for Values {
    /// Sorted, each once: the same set always gives the same text.
    fn from(values: &[String]) -> Self {
        let mut values = values.to_vec();
        values.sort_unstable();
        values.dedup();
        Self(values)
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

/// Where a role is used: what its policies need to know of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) partition: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
}

impl Document {
    /// The trust policy: ECS may assume the role when it starts tasks. With `conditions`, only on behalf of this account
    /// and region (ECS developer guide, "Amazon ECS task execution IAM role"; IAM user guide, "The confused deputy
    /// problem").
    pub(crate) fn trust(place: &Place<'_>, conditions: bool) -> Self {
        let mut condition = BTreeMap::new();
        if conditions {
            let source = format!("arn:{}:ecs:{}:{}:*", place.partition, place.region, place.account);
            condition.insert("ArnLike", [("aws:SourceArn", source.into())].into());
            condition.insert("StringEquals", [("aws:SourceAccount", place.account.to_owned().into())].into());
        }
        Self::of([Statement {
            sid: "EcsTasks",
            effect: "Allow",
            principal: Some([("Service", "ecs-tasks.amazonaws.com")].into()),
            action: "sts:AssumeRole",
            resource: Values::default(),
            condition,
        }])
    }

    /// The inline policy: the role may read `secrets`, by their full ARNs, and decrypt them with `keys`, which only
    /// customer-managed keys need; nothing where there are no secrets.
    ///
    /// The keys may be used through Secrets Manager only, and for these secrets only (KMS developer guide, "How AWS
    /// Secrets Manager uses AWS KMS": its encryption context holds `SecretARN`).
    pub(crate) fn pull_credentials(place: &Place<'_>, secrets: &[String], keys: &[String]) -> Option<Self> {
        if secrets.is_empty() {
            return None;
        }
        let mut statements = vec![Statement {
            sid: "ReadPullCredentials",
            effect: "Allow",
            principal: None,
            action: "secretsmanager:GetSecretValue",
            resource: secrets.into(),
            condition: BTreeMap::new(),
        }];
        if !keys.is_empty() {
            let service = via_service(place.region);
            statements.push(Statement {
                sid: "DecryptPullCredentials",
                effect: "Allow",
                principal: None,
                action: "kms:Decrypt",
                resource: keys.into(),
                condition: [(
                    "StringEquals",
                    [(SECRET_ARN_CONTEXT, secrets.into()), (VIA_SERVICE, service.into())].into(),
                )]
                .into(),
            });
        }
        Some(Self::of(statements))
    }

    fn of(statements: impl Into<Vec<Statement>>) -> Self {
        Self { version: VERSION, statement: statements.into() }
    }

    /// The document as JSON without white space.
    pub(crate) fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("the policy document cannot be written: {error}"))
        })
    }
}

/// The condition key that holds the ARN of the secret which is being decrypted.
pub(crate) const SECRET_ARN_CONTEXT: &str = "kms:EncryptionContext:SecretARN";

/// The condition key that holds the service through which a key is used.
pub(crate) const VIA_SERVICE: &str = "kms:ViaService";

/// Secrets Manager of a region, as `kms:ViaService` names it. The domain is the same in all partitions (KMS developer
/// guide, "kms:ViaService").
pub(crate) fn via_service(region: &str) -> String {
    format!("secretsmanager.{region}.amazonaws.com")
}

/// Refuses an inline policy that IAM would refuse for its size.
pub(crate) fn check_size(role: &str, document: &str) -> Result<()> {
    let size = document.chars().filter(|c| !c.is_whitespace()).count();
    if size <= INLINE_QUOTA {
        return Ok(());
    }
    let message = format!(
        "the inline policy of the role `{role}` has {size} characters; IAM allows {INLINE_QUOTA} for all inline \
         policies of a role together"
    );
    Err(Failure::new(FailureKind::Invalid, message)
        .at(format!("iam:PutRolePolicy {role}"))
        .help("let fewer registries, and so fewer secrets, serve one service"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account: "123456789012" };

    fn secrets() -> [String; 2] {
        ["b-AbCdEf", "a-123456"]
            .map(|name| format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}"))
    }

    #[test]
    fn the_trust_policy_admits_ecs_for_this_account_and_region() {
        insta::assert_json_snapshot!("trust", Document::trust(&PLACE, true));
        insta::assert_json_snapshot!("trust_without_conditions", Document::trust(&PLACE, false));
    }

    #[test]
    fn the_inline_policy_names_exactly_the_secrets() {
        insta::assert_json_snapshot!("one_secret", Document::pull_credentials(&PLACE, &secrets()[..1], &[]));
        let keys = ["arn:aws:kms:eu-central-1:123456789012:key/1234".to_owned()];
        insta::assert_json_snapshot!(
            "two_secrets_and_a_key",
            Document::pull_credentials(&PLACE, &secrets(), &keys)
        );
        assert_eq!(Document::pull_credentials(&PLACE, &[], &keys), None);
    }

    #[test]
    fn the_same_set_gives_the_same_text() {
        let [a, b] = secrets();
        let document =
            |secrets: &[String]| Document::pull_credentials(&PLACE, secrets, &[]).unwrap().to_json().unwrap();
        assert_eq!(document(&[a.clone(), b.clone()]), document(&[b.clone(), a, b]));
    }

    #[test]
    fn a_policy_that_is_too_long_is_refused_before_iam_does() {
        let secrets: Vec<_> = (0..200).map(|index| format!("{}{index:03}", secrets()[0])).collect();
        let document = Document::pull_credentials(&PLACE, &secrets, &[]).unwrap().to_json().unwrap();
        insta::assert_snapshot!(check_size("shop-api-execution", &document).unwrap_err());
        assert_eq!(check_size("x", &format!("{}{}", "a".repeat(INLINE_QUOTA), " \n".repeat(9))), Ok(()));
    }
}
