//! Staging labels.

use serde_json::{Value, json};

use super::{Secret, SecretsManager, error::parameter, validate};
use crate::{ApiError, Call};

/// The version that is read when none is asked for.
pub(super) const CURRENT: &str = "AWSCURRENT";

/// The version that was current before.
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";

/// Moves a label to a version; the version that loses `AWSCURRENT` becomes `AWSPREVIOUS`.
pub(super) fn attach(secret: &mut Secret, label: &str, to: &str) {
    let from = detach(secret, label);
    if let Some(version) = secret.versions.get_mut(to) {
        version.stages.insert(label.to_owned());
    }
    if label == CURRENT
        && let Some(from) = from.filter(|from| from != to)
    {
        detach(secret, PREVIOUS);
        if let Some(version) = secret.versions.get_mut(&from) {
            version.stages.insert(PREVIOUS.to_owned());
        }
    }
}

/// Takes a label off whichever version has it, and says which.
fn detach(secret: &mut Secret, label: &str) -> Option<String> {
    let (id, version) = secret.versions.iter_mut().find(|(_, version)| version.stages.contains(label))?;
    version.stages.remove(label);
    Some(id.clone())
}

pub(super) fn update(secrets: &mut SecretsManager, call: &Call) -> Result<Value, ApiError> {
    let id = validate::secret_id(call)?;
    let label = call.required("VersionStage", validate::CODE)?;
    let (remove, to) = (call.text("RemoveFromVersionId"), call.text("MoveToVersionId"));
    let secret = secrets.required_mut(&call.region, id)?;
    for version in [remove, to].into_iter().flatten() {
        if !secret.versions.contains_key(version) {
            return Err(parameter(format!("Not a valid version: {version}")));
        }
    }
    let holder = secret.staged(label).map(|(id, _)| id.clone());
    match (&holder, remove) {
        (Some(holder), None) if to != Some(holder) => {
            return Err(parameter(format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to version \
                 {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            )));
        }
        (holder, Some(remove)) if holder.as_deref() != Some(remove) => {
            return Err(parameter(format!(
                "RemoveFromVersionId is {remove}, and staging label {label} is not attached to that version."
            )));
        }
        _ => {}
    }
    match to {
        Some(to) => attach(secret, label, to),
        None if remove.is_none() => {
            return Err(parameter("You must provide RemoveFromVersionId, MoveToVersionId, or both."));
        }
        None if label == CURRENT => {
            return Err(parameter(
                "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
            ));
        }
        None => {
            detach(secret, label);
        }
    }
    secret.changed = call.now;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
}
