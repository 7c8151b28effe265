//! Managed policies on roles.

use serde_json::Value;

use super::{
    Iam,
    error::{limit, no_entity, validation},
    render, validate,
};
use crate::{ApiError, Call};

/// Managed policies on one role.
const QUOTA: usize = 10;

pub(super) fn attach(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    let role = validate::role_name(call)?;
    let arn = policy_arn(iam, call)?.to_owned();
    let (_, grants) = iam.required_role(role)?;
    if iam.latest_document(&arn).is_none() {
        let ours = if arn.contains(":iam::aws:policy/") {
            " (or the simulated cloud does not have this policy of AWS's)"
        } else {
            ""
        };
        return Err(no_entity(format!("Policy {arn} does not exist or is not attachable.{ours}")));
    }
    if !grants.attached.contains(&arn) && grants.attached.len() >= QUOTA {
        return Err(limit(format!("Cannot exceed quota for PoliciesPerRole: {QUOTA}")));
    }
    iam.change_grants(call.now, role, |grants| {
        grants.attached.insert(arn);
    })?;
    Ok(Value::Null)
}

pub(super) fn detach(iam: &mut Iam, call: &Call) -> Result<Value, ApiError> {
    let role = validate::role_name(call)?;
    let arn = policy_arn(iam, call)?;
    if !iam.required_role(role)?.1.attached.contains(arn) {
        return Err(no_entity(format!("Policy {arn} was not found.")));
    }
    iam.change_grants(call.now, role, |grants| {
        grants.attached.remove(arn);
    })?;
    Ok(Value::Null)
}

pub(super) fn list(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let (_, grants) = iam.required_role(validate::role_name(call)?)?;
    let prefix = call.text("PathPrefix").unwrap_or("/");
    let mut policies = render::attached(grants);
    // The path stands in the ARN: `…:policy/service-role/AmazonECSTaskExecutionRolePolicy`.
    policies.retain(|policy| {
        let path = policy["PolicyArn"].as_str().and_then(|arn| arn.split_once(":policy"));
        path.is_some_and(|(_, path)| path.starts_with(prefix))
    });
    let (policies, next) = validate::listed(call, policies)?;
    Ok(render::list("AttachedPolicies", policies, next))
}

/// The required ARN of a managed policy.
pub(super) fn policy_arn<'a>(iam: &Iam, call: &'a Call) -> Result<&'a str, ApiError> {
    let arn = call.required("PolicyArn", validate::CODE)?;
    if arn.starts_with(&format!("arn:{}:iam::", iam.partition)) && arn.contains(":policy/") {
        Ok(arn)
    } else {
        Err(validation(format!("ARN {arn} is not valid.")))
    }
}
