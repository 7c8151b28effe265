//! Deletion, which is final and at once.

use serde_json::{Value, json};

use super::{
    error::not_found,
    read::permit,
    validate::{self, CODE, arn},
};
use crate::{ApiError, Call, World, dispatch::who};

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = arn(&call.region, &world.account, call.required("Name", CODE)?);
    world.ssm.parameters.remove(&arn).map(|_| Value::Null).ok_or_else(not_found)
}

/// Up to ten; those that are not there stand under `InvalidParameters`.
pub(super) fn delete_several(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let names = validate::names(call)?;
    permit(world, call.now, &call.region, who(world, call), "ssm:DeleteParameters", &names)?;
    let (mut deleted, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        let arn = arn(&call.region, &world.account, &name);
        match world.ssm.parameters.remove(&arn) {
            Some(_) => deleted.push(name),
            None => missing.push(name),
        }
    }
    Ok(json!({ "DeletedParameters": deleted, "InvalidParameters": missing }))
}
