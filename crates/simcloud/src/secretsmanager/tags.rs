//! Tags of secrets.

use serde_json::{Value, json};

use super::{Secret, SecretsManager, validate};
use crate::{ApiError, Call, input::missing};

pub(super) fn tag(secrets: &mut SecretsManager, call: &Call) -> Result<Value, ApiError> {
    let id = validate::secret_id(call)?;
    let new = validate::tags(call)?;
    let secret = secrets.required_mut(&call.region, id)?;
    let mut tags = secret.tags.clone();
    tags.extend(new);
    validate::tag_count(&tags)?;
    secret.tags = tags;
    secret.changed = call.now;
    Ok(Value::Null)
}

pub(super) fn untag(secrets: &mut SecretsManager, call: &Call) -> Result<Value, ApiError> {
    let id = validate::secret_id(call)?;
    let keys = call.texts("TagKeys");
    if keys.is_empty() {
        return Err(missing("TagKeys", validate::CODE));
    }
    let secret = secrets.required_mut(&call.region, id)?;
    secret.tags.retain(|key, _| !keys.contains(key));
    secret.changed = call.now;
    Ok(Value::Null)
}

pub(super) fn rendered(secret: &Secret) -> Value {
    secret.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}
