//! The keys that AWS itself manages in each account and region, for a service each. They can be looked at and not changed.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk>

use serde_json::Value;

use super::{Key, keys};
use crate::{Call, Ids, Moment, World, partition};

/// The services, with the words for what their keys protect.
const SERVICES: [(&str, &str); 9] = [
    ("dynamodb", "DynamoDB"),
    ("ebs", "EBS volumes"),
    ("elasticfilesystem", "EFS filesystems"),
    ("lambda", "Lambda"),
    ("rds", "RDS"),
    ("s3", "S3 objects"),
    ("secretsmanager", "Secrets Manager data"),
    ("sns", "SNS data"),
    ("ssm", "SSM data"),
];

/// Returns the ARNs of the aliases with their keys.
pub(super) fn all(world: &World, call: &Call) -> impl Iterator<Item = (String, Key)> {
    SERVICES.into_iter().map(|(service, data)| {
        let arn = |tail: &str| partition::arn("kms", &call.region, &world.account, tail);
        let alias = arn(&format!("alias/aws/{service}"));
        // The same for the same alias.
        let seed = alias.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let id = Ids::new(seed).uuid();
        let key = Key {
            arn: arn(&format!("key/{id}")),
            id,
            description: format!("Default key that protects my {data} when no other key is defined"),
            policy: String::new(),
            created: Moment(0),
            deletion: None,
            rotation: None,
            tags: std::collections::BTreeMap::new(),
        };
        (alias, key)
    })
}

/// Returns the description of the key that the call names by its alias, its id or either ARN.
pub(super) fn described(world: &World, call: &Call) -> Option<Value> {
    let wanted = call.text("KeyId")?;
    let (_, key) = all(world, call).find(|(alias, key)| {
        *alias == wanted || alias.ends_with(&format!(":{wanted}")) || key.id == wanted || key.arn == wanted
    })?;
    let mut metadata = keys::metadata(&key);
    metadata["KeyManager"] = "AWS".into();
    Some(metadata)
}
