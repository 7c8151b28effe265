//! Inline policies of roles.

use serde_json::{Value, json};

use super::{
    Iam,
    error::{limit, no_entity},
    render, validate,
};
use crate::{
    ApiError, Call,
    policy::{Document, Kind},
};

/// Characters of all inline policies of a role together, white space aside.
const QUOTA: usize = 10_240;

pub(super) fn put(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    let role = validate::role_name(call)?;
    let name = validate::name(call, "PolicyName", 128)?.to_owned();
    let document = validate::document(call, "PolicyDocument")?.to_owned();
    let (_, grants) = iam.required_role(role)?;
    Document::parse(&document, Kind::Identity)?.check_partition(iam.partition)?;
    let others =
        grants.inline.iter().filter(|(other, _)| **other != name).map(|(_, text)| validate::size(text));
    if others.sum::<usize>() + validate::size(&document) > QUOTA {
        return Err(limit(format!("Maximum policy size of {QUOTA} bytes exceeded for role {role}")));
    }
    iam.change_grants(call.now, role, |grants| {
        grants.inline.insert(name, document);
    })?;
    Ok(Value::Null)
}

pub(super) fn get(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let role = validate::role_name(call)?;
    let name = validate::name(call, "PolicyName", 128)?;
    let document = iam.required_role(role)?.1.inline.get(name).ok_or_else(|| no_policy(name))?;
    Ok(json!({ "RoleName": role, "PolicyName": name, "PolicyDocument": render::url_encoded(document) }))
}

pub(super) fn list(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let (_, grants) = iam.required_role(validate::role_name(call)?)?;
    let names = grants.inline.keys().map(|name| json!(name)).collect();
    let (names, next) = validate::listed(call, names)?;
    Ok(render::list("PolicyNames", names, next))
}

pub(super) fn delete(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    let role = validate::role_name(call)?;
    let name = validate::name(call, "PolicyName", 128)?;
    if !iam.required_role(role)?.1.inline.contains_key(name) {
        return Err(no_policy(name));
    }
    iam.change_grants(call.now, role, |grants| {
        grants.inline.remove(name);
    })?;
    Ok(Value::Null)
}

fn no_policy(name: &str) -> ApiError {
    no_entity(format!("The role policy with name {name} cannot be found."))
}
