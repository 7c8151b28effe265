//! Deletion: a tombstone first, the end when the recovery window has run out.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    SecretsManager,
    error::{not_found, parameter, request},
    validate,
};
use crate::{ApiError, Call, Due, Moment, World, partition};

/// The duration of a deletion without recovery, in milliseconds. AWS only says that it is asynchronous.
const FORCED_MS: u64 = 3_000;

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = validate::secret_id(call)?;
    let forced = call.flag("ForceDeleteWithoutRecovery").unwrap_or(false);
    let window = call.number("RecoveryWindowInDays");
    if forced && window.is_some() {
        return Err(parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    let days = window.unwrap_or(30);
    if !(7..=30).contains(&days) {
        return Err(parameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."));
    }
    let Some(secret) = world.secrets.find_mut(&call.region, id) else {
        if !forced {
            return Err(not_found());
        }
        // As AWS documents: forced deletion of what is not there is no error.
        let name = id.splitn(7, ':').nth(6).unwrap_or(id);
        return Ok(json!({
            "ARN": partition::arn("secretsmanager", &call.region, &world.account, format_args!("secret:{name}")),
            "Name": name,
            "DeletionDate": call.now.epoch_seconds(),
        }));
    };
    if secret.deleted.is_some() && !forced {
        return Err(request(
            "You can't perform this operation on the secret because it was already scheduled for deletion.",
        ));
    }
    super::replication::refuse_replicated(secret)?;
    let (ends, told) = if forced {
        (call.now + Duration::from_millis(FORCED_MS), call.now)
    } else {
        let ends = call.now + Duration::from_secs(days.unsigned_abs() * 86_400);
        (ends, ends)
    };
    secret.deleted = Some((call.now, ends));
    secret.forced = forced;
    let answer = json!({ "ARN": secret.arn, "Name": secret.name, "DeletionDate": told.epoch_seconds() });
    let arn = secret.arn.clone();
    world.agenda.at(ends, Due::SecretDeletion { arn });
    Ok(answer)
}

pub(super) fn restore(secrets: &mut SecretsManager, call: &Call) -> Result<Value, ApiError> {
    let id = validate::secret_id(call)?;
    let secret = secrets.find_mut(&call.region, id).ok_or_else(not_found)?;
    secret.deleted = None;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
}

impl SecretsManager {
    /// Removes a secret whose recovery window ended, unless it was restored.
    pub(crate) fn purge(&mut self, arn: &str, now: Moment) {
        if self.secrets.get(arn).is_some_and(|secret| secret.deleted.is_some_and(|(_, ends)| ends <= now)) {
            self.secrets.remove(arn);
        }
    }
}
