//! AWS Identity and Access Management: roles, policies, and what they permit.

mod attached;
mod authorize;
mod delayed;
mod error;
mod inline;
mod managed;
mod policies;
mod render;
mod report;
mod roles;
mod simulate;
mod state;
mod tags;
mod validate;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use authorize::Denial;
pub use state::{CustomerPolicy, Grants, Iam, Role};

pub use crate::policy::{Context, Decision};
use crate::{ApiError, Call, World};

/// Answers a call.
///
/// # Errors
/// IAM's own, or `InvalidAction` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let World { iam, ids, .. } = world;
    match call.operation.as_str() {
        "CreateRole" => roles::create(iam, ids, call),
        "GetRole" => roles::get(iam, call),
        "ListRoles" => roles::list(iam, call),
        "UpdateRole" => roles::update(iam, call),
        "UpdateAssumeRolePolicy" => roles::update_trust(iam, call),
        "DeleteRole" => roles::delete(iam, call),
        "PutRolePermissionsBoundary" => roles::put_boundary(iam, call),
        "DeleteRolePermissionsBoundary" => roles::delete_boundary(iam, call),
        "ListInstanceProfilesForRole" => roles::list_instance_profiles(iam, call),
        "TagRole" => tags::tag_role(iam, call),
        "UntagRole" => tags::untag_role(iam, call),
        "ListRoleTags" => tags::list_role_tags(iam, call),
        "PutRolePolicy" => inline::put(iam, call),
        "GetRolePolicy" => inline::get(iam, call),
        "ListRolePolicies" => inline::list(iam, call),
        "DeleteRolePolicy" => inline::delete(iam, call),
        "AttachRolePolicy" => attached::attach(iam, call),
        "DetachRolePolicy" => attached::detach(iam, call),
        "ListAttachedRolePolicies" => attached::list(iam, call),
        "CreatePolicy" => policies::create(iam, ids, call),
        "GetPolicy" => policies::get(iam, call),
        "GetPolicyVersion" => policies::get_version(iam, call),
        "DeletePolicy" => policies::delete(iam, call),
        "SimulatePrincipalPolicy" => simulate::principal(iam, call),
        "GetAccountAuthorizationDetails" => report::details(iam, call),
        other => Err(ApiError::unknown_operation("iam", other)),
    }
}
