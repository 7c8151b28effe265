//! Managed policies: the account's own, and AWS's. Each has one version.

use serde_json::{Value, json};

use super::{
    CustomerPolicy, Iam,
    attached::policy_arn,
    error::{conflict, exists, limit, no_entity},
    render, validate,
};
use crate::{
    ApiError, Call, Ids,
    policy::{Document, Kind},
};

/// Characters of a managed policy, white space aside.
const QUOTA: usize = 6_144;

pub(super) fn create(iam: &mut Iam, ids: &mut Ids, call: &Call) -> Result<Value, ApiError> {
    let name = validate::name(call, "PolicyName", 128)?.to_owned();
    let path = validate::path(call)?.to_owned();
    let document = validate::document(call, "PolicyDocument")?.to_owned();
    Document::parse(&document, Kind::Managed)?.check_partition(iam.partition)?;
    if validate::size(&document) > QUOTA {
        return Err(limit(format!("Cannot exceed quota for PolicySize: {QUOTA}")));
    }
    if iam.policies.values().any(|policy| policy.name.eq_ignore_ascii_case(&name)) {
        return Err(exists(format!(
            "A policy called {name} already exists. Duplicate names are not allowed."
        )));
    }
    let mut tags = Default::default();
    validate::merge_tags(&mut tags, validate::tags(call)?)?;
    let arn = iam.arn(format_args!("policy{path}{name}"));
    let description = validate::description(call)?;
    let policy = CustomerPolicy { name, path, id: ids.iam("ANPA"), description, created: call.now, tags };
    iam.policies.insert(arn.clone(), policy);
    iam.write_document(call.now, &arn, Some(document));
    Ok(json!({ "Policy": rendered(iam, &arn)? }))
}

pub(super) fn get(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    Ok(json!({ "Policy": rendered(iam, policy_arn(iam, call)?)? }))
}

pub(super) fn get_version(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let arn = policy_arn(iam, call)?;
    let wanted = call.required("VersionId", validate::CODE)?;
    let (id, mut version) = version(iam, arn)?;
    if wanted != id {
        return Err(no_entity(format!("Policy {arn} version {wanted} does not exist or is not attachable.")));
    }
    version["Document"] = json!(render::url_encoded(iam.latest_document(arn).unwrap_or_default()));
    Ok(json!({ "PolicyVersion": version }))
}

pub(super) fn delete(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    let arn = policy_arn(iam, call)?;
    if !iam.policies.contains_key(arn) {
        return Err(no_entity(format!("Policy {arn} was not found.")));
    }
    if iam.attached_to(arn).chain(iam.bounded_by(arn)).next().is_some() {
        return Err(conflict("Cannot delete a policy attached to entities."));
    }
    iam.policies.remove(arn);
    iam.write_document(call.now, arn, None);
    Ok(Value::Null)
}

fn rendered(iam: &Iam, arn: &str) -> Result<Value, ApiError> {
    match (iam.of_aws(arn), iam.policies.get(arn)) {
        (Some(policy), _) => Ok(render::managed_policy(iam, policy)),
        (None, Some(policy)) => Ok(render::customer_policy(iam, arn, policy)),
        (None, None) => Err(no_entity(format!("Policy {arn} was not found."))),
    }
}

/// The one version of a policy, without its document.
fn version(iam: &Iam, arn: &str) -> Result<(&'static str, Value), ApiError> {
    let (id, created) = match (iam.of_aws(arn), iam.policies.get(arn)) {
        (Some(policy), _) => (policy.version, policy.created.to_owned()),
        (None, Some(policy)) => ("v1", policy.created.iso()),
        (None, None) => return Err(no_entity(format!("Policy {arn} was not found."))),
    };
    Ok((id, json!({ "VersionId": id, "IsDefaultVersion": true, "CreateDate": created })))
}
