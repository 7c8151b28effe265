//! Creating secrets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Secret,
    error::{exists, request},
    replication, validate, write,
};
use crate::{ApiError, Call, World, dispatch::who, partition};

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let name = validate::name(call)?;
    let token = validate::token(call)?;
    let value = validate::value(call)?;
    let description = validate::description(call)?;
    let kms_key = validate::kms_key(world, call, who(world, call))?;
    let tags = validate::tags(call)?;
    validate::tag_count(&tags)?;
    if let Some(existing) = world.secrets.named(&call.region, name) {
        if existing.deleted.is_some() {
            return Err(request(
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ));
        }
        // The same request once more, whose first answer did not arrive.
        return match (existing.versions.get(token), value) {
            (Some(version), Some(value)) if write::holds(version, &value) => {
                Ok(json!({ "ARN": existing.arn, "Name": existing.name, "VersionId": token }))
            }
            _ => Err(exists(format!("The operation failed because the secret {name} already exists."))),
        };
    }
    let suffix = world.ids.secret_suffix();
    let tail = format_args!("secret:{name}-{suffix}");
    let arn = partition::arn("secretsmanager", &call.region, &world.account, tail);
    let mut secret = Secret {
        arn: arn.clone(),
        name: name.to_owned(),
        region: call.region.clone(),
        description,
        kms_key,
        tags,
        created: call.now,
        changed: call.now,
        accessed: None,
        deleted: None,
        forced: false,
        policy: None,
        replicas: BTreeMap::new(),
        primary: None,
        versions: BTreeMap::new(),
    };
    let mut answer = json!({ "ARN": arn, "Name": name });
    if let Some(value) = value {
        write::add_version(&mut secret, token, value, &["AWSCURRENT".to_owned()], call.now)?;
        answer["VersionId"] = json!(token);
    }
    world.secrets.secrets.insert(arn.clone(), secret);
    if call.list("AddReplicaRegions").is_empty() {
        return Ok(answer);
    }
    match replication::add(world, call, &arn) {
        Ok(()) => {
            answer["ReplicationStatus"] = replication::status(&world.secrets, call, &arn);
            Ok(answer)
        }
        Err(error) => {
            world.secrets.secrets.remove(&arn);
            Err(error)
        }
    }
}
