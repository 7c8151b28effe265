//! Policy documents as Longshore writes them: few kinds of statements, in a stable order.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use serde::{Serialize, Serializer};

use crate::{
    files::{Files, GET_OBJECT, LOCATE_BUCKET},
    needs::{DECRYPT, Kind, Read, VIA_SERVICE},
    pull_and_log::{AUTHORIZE, CREATE_GROUP, LOG, PULL, PullAndLog},
};

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
    sid: String,
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<BTreeMap<&'static str, &'static str>>,
    action: Values,
    #[serde(skip_serializing_if = "Values::is_empty")]
    resource: Values,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: BTreeMap<&'static str, BTreeMap<&'static str, Values>>,
}

impl Statement {
    fn allow(sid: impl Into<String>, actions: &[&str], resources: Vec<String>) -> Self {
        let actions: Vec<_> = actions.iter().map(|action| (*action).to_owned()).collect();
        let (action, resource) = (Values::from(actions.as_slice()), Values::from(resources.as_slice()));
        Self {
            sid: sid.into(),
            effect: "Allow",
            principal: None,
            action,
            resource,
            condition: BTreeMap::new(),
        }
    }
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

/// The target in which a role is used, as far as its policies name it.
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
            sid: "EcsTasks".to_owned(),
            effect: "Allow",
            principal: Some([("Service", "ecs-tasks.amazonaws.com")].into()),
            action: "sts:AssumeRole".to_owned().into(),
            resource: Values::default(),
            condition,
        }])
    }

    /// The inline policy: the role may read exactly `reads`, and use their keys for them only and through their own
    /// services only; nothing where there is nothing to read. Statements are merged and in order, so that the same set
    /// gives the same document.
    pub(crate) fn reads(reads: &BTreeSet<Read>) -> Option<Self> {
        let mut statements = Vec::new();
        for (kind, sid) in [(Kind::Secret, "ReadSecrets"), (Kind::Parameter, "ReadParameters")] {
            let arns: Vec<_> =
                reads.iter().filter(|read| read.kind == kind).map(|read| read.arn.clone()).collect();
            if !arns.is_empty() {
                statements.push(Statement::allow(sid, &[kind.action()], arns));
            }
        }
        let mut uses = BTreeMap::<_, Vec<String>>::new();
        for read in reads {
            if let Some(key) = &read.key {
                uses.entry((read.kind, &read.region, key)).or_default().push(read.arn.clone());
            }
        }
        // Keys for the same things stand together.
        let mut merged = BTreeMap::<_, Vec<String>>::new();
        for ((kind, region, key), arns) in uses {
            merged.entry((kind, region, arns)).or_default().push(key.clone());
        }
        for (index, ((kind, region, arns), keys)) in merged.into_iter().enumerate() {
            let mut statement = Statement::allow(format!("Decrypt{}", index + 1), &[DECRYPT], keys);
            let service = Values::from(kind.via_service(region));
            let values =
                [(kind.encryption_context(), Values::from(arns.as_slice())), (VIA_SERVICE, service)].into();
            statement.condition = [("StringEquals", values)].into();
            statements.push(statement);
        }
        (!statements.is_empty()).then(|| Self::of(statements))
    }

    /// The inline policy for images and logs: the role may pull from exactly these repositories, and write to exactly these
    /// log groups; nothing where there are none.
    pub(crate) fn pulls_and_logs(purpose: &PullAndLog) -> Option<Self> {
        let mut statements = Vec::new();
        if !purpose.repositories.is_empty() {
            let repositories = purpose.repositories.iter().cloned().collect();
            statements.push(Statement::allow("LogInToEcr", &[AUTHORIZE], vec!["*".to_owned()]));
            statements.push(Statement::allow("PullImages", &PULL, repositories));
        }
        if !purpose.groups.is_empty() {
            // As policies name a log group with its streams (CloudWatch Logs user guide, "CloudWatch Logs resources and
            // operations").
            let groups = purpose.groups.iter().map(|group| format!("{group}:*"));
            statements.push(Statement::allow("WriteLogs", &LOG, groups.collect()));
        }
        if !purpose.created.is_empty() {
            let groups = purpose.created.iter().map(|group| format!("{group}:*"));
            statements.push(Statement::allow("CreateLogGroups", &[CREATE_GROUP], groups.collect()));
        }
        (!statements.is_empty()).then(|| Self::of(statements))
    }

    /// The inline policy for files: the role may read exactly these objects; nothing where there are none.
    pub(crate) fn files(files: &Files) -> Option<Self> {
        let objects = files.objects();
        if objects.is_empty() {
            return None;
        }
        Some(Self::of([
            Statement::allow("ReadFiles", &[GET_OBJECT], objects),
            Statement::allow("LocateBuckets", &[LOCATE_BUCKET], files.buckets()),
        ]))
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

/// Refuses inline policies that IAM would refuse for their size.
pub(crate) fn check_size<'a>(role: &str, documents: impl IntoIterator<Item = &'a String>) -> Result<()> {
    let characters = documents.into_iter().flat_map(|document| document.chars());
    let size = characters.filter(|c| !c.is_whitespace()).count();
    if size <= INLINE_QUOTA {
        return Ok(());
    }
    let message = format!(
        "the inline policy of the role `{role}` has {size} characters; IAM allows {INLINE_QUOTA} for all inline \
         policies of a role together"
    );
    Err(Failure::new(FailureKind::Invalid, message)
        .at(format!("iam:PutRolePolicy {role}"))
        .help(
            "let one secret hold several variables as JSON and reference it with `arn = \"ARN:KEY::\"`, divide the containers \
             among several services, or give the service a role of your own with `execution-role.arn`",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account: "123456789012" };

    fn reads(count: usize, key: Option<&str>) -> BTreeSet<Read> {
        let arn = |name: usize| {
            format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/{name:03}-AbCdEf")
        };
        (0..count).map(|name| Read::of(&arn(name), key.map(str::to_owned)).unwrap()).collect()
    }

    #[test]
    fn the_trust_policy_admits_ecs_for_this_account_and_region() {
        insta::assert_json_snapshot!("trust", Document::trust(&PLACE, true));
        insta::assert_json_snapshot!("trust_without_conditions", Document::trust(&PLACE, false));
    }

    #[test]
    fn the_inline_policy_names_exactly_what_is_read() {
        insta::assert_json_snapshot!("one_secret", Document::reads(&reads(1, None)));
        let key = "arn:aws:kms:eu-central-1:123456789012:key/1234";
        let parameter = "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/db";
        let mut all = reads(2, Some(key));
        all.extend(reads(3, None));
        all.insert(Read::of(parameter, Some(key.replace("key/1234", "key/5678"))).unwrap());
        insta::assert_json_snapshot!("secrets_parameters_and_keys", Document::reads(&all));
        assert_eq!(Document::reads(&BTreeSet::new()), None);
    }

    proptest::proptest! {
        /// However much there is to read: the policy is one that IAM takes, or it is refused with the way out.
        #[test]
        fn any_amount_fits_or_is_refused(count in 1_usize..120, keys in 0_usize..4) {
            let key = |index: usize| format!("arn:aws:kms:eu-central-1:123456789012:key/{index}");
            let reads: BTreeSet<_> = reads(count, None)
                .into_iter()
                .enumerate()
                .map(|(index, read)| Read { key: (keys > 0).then(|| key(index % keys.max(1))), ..read })
                .collect();
            let document = Document::reads(&reads).unwrap().to_json().unwrap();
            // A secret is named once for itself and once for its key.
            let least = count * (1 + usize::from(keys > 0)) * "arn:aws:secretsmanager:eu-central-1:".len();
            match check_size("r", [&document]) {
                Ok(()) => proptest::prop_assert!(document.len() <= INLINE_QUOTA && least <= INLINE_QUOTA),
                Err(failure) => {
                    proptest::prop_assert!(document.len() > INLINE_QUOTA);
                    proptest::prop_assert!(failure.help.unwrap().contains("execution-role.arn"));
                }
            }
        }
    }

    #[test]
    fn a_policy_that_is_too_long_is_refused_before_iam_does() {
        let document = Document::reads(&reads(200, None)).unwrap().to_json().unwrap();
        insta::assert_snapshot!(check_size("shop-api-execution", [&document]).unwrap_err());
        assert_eq!(check_size("x", [&format!("{}{}", "a".repeat(INLINE_QUOTA), " \n".repeat(9))]), Ok(()));
    }
}
