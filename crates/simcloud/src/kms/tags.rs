//! Tags of keys.

use serde_json::{Value, json};

use super::{Kms, keys, page};
use crate::{ApiError, Call};

/// The most tags that a key has.
const MOST: usize = 50;

pub(super) fn tag(kms: &mut Kms, call: &Call) -> Result<Value, ApiError> {
    let key = keys::usable_mut(kms, call)?;
    let mut tags = key.tags.clone();
    tags.extend(call.pairs("Tags", "TagKey", "TagValue"));
    if tags.len() > MOST {
        return Err(ApiError::new("LimitExceededException", format!("A key can have at most {MOST} tags.")));
    }
    key.tags = tags;
    Ok(Value::Null)
}

pub(super) fn untag(kms: &mut Kms, call: &Call) -> Result<Value, ApiError> {
    let key = keys::usable_mut(kms, call)?;
    for tag in call.texts("TagKeys") {
        key.tags.remove(&tag);
    }
    Ok(Value::Null)
}

pub(super) fn list(kms: &Kms, call: &Call) -> Result<Value, ApiError> {
    let key = keys::find(kms, call)?;
    let tags = key.tags.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value }));
    page(call, "Tags", tags.collect(), 50)
}
