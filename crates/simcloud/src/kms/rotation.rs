//! The yearly rotation of keys: its state alone, for the simulated cloud has no key material.

use std::time::Duration;

use serde_json::{Value, json};

use super::{CODE, Kms, keys};
use crate::{ApiError, Call, input::violated};

/// The days after which a key is rotated if the call says nothing else.
const DAYS: i64 = 365;

pub(super) fn enable(kms: &mut Kms, call: &Call) -> Result<Value, ApiError> {
    let days = call.number("RotationPeriodInDays").unwrap_or(DAYS);
    if !(90..=2560).contains(&days) {
        let constraint = "Member must have value between 90 and 2560";
        return Err(violated(&days.to_string(), "RotationPeriodInDays", constraint, CODE));
    }
    let days = u32::try_from(days).unwrap_or_default();
    keys::usable_mut(kms, call)?.rotation = Some((days, call.now));
    Ok(Value::Null)
}

pub(super) fn status(kms: &Kms, call: &Call) -> Result<Value, ApiError> {
    let key = keys::find(kms, call)?;
    let mut answer = json!({ "KeyId": key.arn, "KeyRotationEnabled": key.rotation.is_some() });
    if let Some((days, since)) = key.rotation {
        let next = since + Duration::from_secs(u64::from(days) * 86_400);
        answer["RotationPeriodInDays"] = json!(days);
        answer["NextRotationDate"] = json!(next.epoch_seconds());
    }
    Ok(answer)
}
