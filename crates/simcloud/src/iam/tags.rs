//! Tags of roles and policies.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Iam, error::no_role, render, validate};
use crate::{ApiError, Call};

type Tags = BTreeMap<String, String>;

pub(super) fn tag_role(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    tag(role(iam, call)?, call)
}

pub(super) fn untag_role(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    untag(role(iam, call)?, call)
}

pub(super) fn list_role_tags(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    list(role(iam, call)?, call)
}

fn role<'a>(iam: &'a mut Iam, call: &Call) -> Result<&'a mut Tags, ApiError> {
    let name = validate::role_name(call)?;
    iam.roles.get_mut(name).map(|role| &mut role.tags).ok_or_else(|| no_role(name))
}

fn tag(tags: &mut Tags, call: &Call) -> Result<Value, ApiError> {
    validate::merge_tags(tags, validate::tags(call)?)?;
    Ok(Value::Null)
}

fn untag(tags: &mut Tags, call: &Call) -> Result<Value, ApiError> {
    for key in validate::required_list(call, "TagKeys")? {
        tags.retain(|found, _| !found.eq_ignore_ascii_case(&key));
    }
    Ok(Value::Null)
}

fn list(tags: &Tags, call: &Call) -> Result<Value, ApiError> {
    let Value::Array(tags) = render::tags(tags) else { return Ok(Value::Null) };
    let (tags, next) = validate::listed(call, tags)?;
    Ok(render::list("Tags", tags, next))
}
