//! Roles: creation, trust policy, boundary, deletion.

use serde_json::{Value, json};

use super::{
    Grants, Iam, Role,
    error::{conflict, exists, no_entity, no_role},
    render, validate,
};
use crate::{
    ApiError, Call, Ids,
    policy::{Document, Kind, Malformed},
};

pub(super) fn create(iam: &mut Iam, ids: &mut Ids, call: &Call) -> Result<Value, ApiError> {
    let name = validate::role_name(call)?.to_owned();
    let path = validate::path(call)?.to_owned();
    let trust = trust(iam, call, "AssumeRolePolicyDocument")?;
    let description = validate::description(call)?;
    let max_session = validate::max_session(call)?.unwrap_or(3600);
    let mut tags = Default::default();
    validate::merge_tags(&mut tags, validate::tags(call)?)?;
    let boundary = call.text("PermissionsBoundary").map(str::to_owned);
    if let Some(arn) = &boundary {
        boundary_exists(iam, arn)?;
    }
    if iam.roles.keys().any(|existing| existing.eq_ignore_ascii_case(&name)) {
        return Err(exists(format!("Role with name {name} already exists.")));
    }
    let arn = iam.arn(format_args!("role{path}{name}"));
    let role = Role {
        name: name.clone(),
        path,
        id: ids.iam("AROA"),
        created: call.now,
        description,
        max_session,
        tags,
    };
    let grants = Grants { arn, trust, boundary, ..Grants::default() };
    let answer = json!({ "Role": render::role(&role, &grants, true) });
    iam.roles.insert(name.clone(), role);
    iam.write_grants(call.now, &name, Some(grants));
    Ok(answer)
}

pub(super) fn get(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let (role, grants) = iam.required_role(validate::role_name(call)?)?;
    Ok(json!({ "Role": render::role(role, grants, true) }))
}

pub(super) fn list(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let prefix = call.text("PathPrefix").unwrap_or("/");
    let roles = iam
        .all_roles()
        .filter(|(role, _)| role.path.starts_with(prefix))
        .map(|(role, grants)| render::role(role, grants, false))
        .collect();
    let (roles, next) = validate::listed(call, roles)?;
    Ok(render::list("Roles", roles, next))
}

pub(super) fn update(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    let name = validate::role_name(call)?;
    let (description, max_session) = (validate::description(call)?, validate::max_session(call)?);
    let role = iam.roles.get_mut(name).ok_or_else(|| no_role(name))?;
    if let Some(description) = description {
        role.description = Some(description);
    }
    if let Some(seconds) = max_session {
        role.max_session = seconds;
    }
    Ok(json!({}))
}

pub(super) fn update_trust(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    let name = validate::role_name(call)?;
    iam.required_role(name)?;
    let trust = trust(iam, call, "PolicyDocument")?;
    iam.change_grants(call.now, name, |grants| grants.trust = trust)?;
    Ok(Value::Null)
}

pub(super) fn delete(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    let name = validate::role_name(call)?;
    let (_, grants) = iam.required_role(name)?;
    if !grants.attached.is_empty() {
        return Err(conflict("Cannot delete entity, must detach all policies first."));
    }
    if !grants.inline.is_empty() {
        return Err(conflict("Cannot delete entity, must delete policies first."));
    }
    iam.roles.remove(name);
    iam.write_grants(call.now, name, None);
    Ok(Value::Null)
}

pub(super) fn put_boundary(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    let name = validate::role_name(call)?;
    let arn = call.required("PermissionsBoundary", validate::CODE)?.to_owned();
    iam.required_role(name)?;
    boundary_exists(iam, &arn)?;
    iam.change_grants(call.now, name, |grants| grants.boundary = Some(arn))?;
    Ok(Value::Null)
}

pub(super) fn delete_boundary(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    let name = validate::role_name(call)?;
    if iam.required_role(name)?.1.boundary.is_none() {
        return Err(no_entity(format!("Role {name} does not have a permissions boundary.")));
    }
    iam.change_grants(call.now, name, |grants| grants.boundary = None)?;
    Ok(Value::Null)
}

/// Tools ask for instance profiles before they delete a role; the simulated account has none.
pub(super) fn list_instance_profiles(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    iam.required_role(validate::role_name(call)?)?;
    Ok(render::list("InstanceProfiles", Vec::new(), None))
}

fn boundary_exists(iam: &Iam, arn: &str) -> Result<(), ApiError> {
    match iam.latest_document(arn) {
        Some(_) => Ok(()),
        None => Err(no_entity(format!("Scope ARN: {arn} does not exist or is not attachable."))),
    }
}

/// A trust policy that parses, fits, and whose principals exist as far as they are this account's roles.
fn trust(iam: &Iam, call: &Call, key: &str) -> Result<String, ApiError> {
    let text = validate::document(call, key)?;
    let document = Document::parse(text, Kind::Trust)?;
    document.check_partition(iam.partition)?;
    validate::trust_size(text)?;
    let roles = iam.arn("role/");
    for (kind, value) in document.statements.iter().flat_map(|statement| statement.principals()) {
        if kind == "AWS" && value.starts_with(&roles) && !iam.role_exists(value) {
            return Err(Malformed(format!("Invalid principal in policy: \"AWS\":\"{value}\"")).into());
        }
    }
    Ok(text.to_owned())
}
