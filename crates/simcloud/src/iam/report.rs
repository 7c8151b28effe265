//! `GetAccountAuthorizationDetails`: many roles and policies with all that they grant.

use serde_json::{Value, json};

use super::{CustomerPolicy, Grants, Iam, Role, managed, managed::Managed, render, validate};
use crate::{ApiError, Call, input::violated};

enum Entry<'a> {
    Role(&'a Role, &'a Grants),
    Own(&'a str, &'a CustomerPolicy),
    Aws(&'static Managed),
}

pub(super) fn details(iam: &Iam, call: &Call) -> Result<Value, ApiError> {
    let filter = call.texts("Filter");
    const KINDS: [&str; 5] = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];
    if filter.iter().any(|kind| !KINDS.contains(&kind.as_str())) {
        let constraint = format!(
            "Member must satisfy constraint: [Member must satisfy enum value set: [{}]]",
            KINDS.join(", ")
        );
        return Err(violated(&format!("[{}]", filter.join(", ")), "Filter", &constraint, validate::CODE));
    }
    let wanted = |kind: &str| filter.is_empty() || filter.iter().any(|wanted| wanted == kind);
    let mut entries = Vec::new();
    if wanted("Role") {
        entries.extend(iam.all_roles().map(|(role, grants)| Entry::Role(role, grants)));
    }
    if wanted("LocalManagedPolicy") {
        entries.extend(iam.policies.iter().map(|(arn, policy)| Entry::Own(arn, policy)));
    }
    if wanted("AWSManagedPolicy") {
        // Only those in use, as IAM does.
        let used = |policy: &&'static Managed| iam.attached_to(&policy.arn(iam.partition)).next().is_some();
        entries.extend(managed::ALL.iter().filter(used).map(Entry::Aws));
    }
    let (entries, next) = validate::listed(call, entries)?;
    let (mut roles, mut policies) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Role(role, grants) => roles.push(role_detail(role, grants)),
            Entry::Own(arn, policy) => {
                let document = iam.latest_document(arn).unwrap_or_default();
                policies.push(policy_detail(render::customer_policy(iam, arn, policy), document));
            }
            Entry::Aws(policy) => {
                policies.push(policy_detail(render::managed_policy(iam, policy), policy.document));
            }
        }
    }
    let mut answer = render::list("RoleDetailList", roles, next);
    answer["Policies"] = Value::Array(policies);
    answer["UserDetailList"] = json!([]);
    answer["GroupDetailList"] = json!([]);
    Ok(answer)
}

fn role_detail(role: &Role, grants: &Grants) -> Value {
    let inline: Vec<_> = grants
        .inline
        .iter()
        .map(|(name, text)| json!({ "PolicyName": name, "PolicyDocument": render::url_encoded(text) }))
        .collect();
    json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": grants.arn,
        "CreateDate": role.created.iso(),
        "AssumeRolePolicyDocument": render::url_encoded(&grants.trust),
        "InstanceProfileList": [],
        "RolePolicyList": inline,
        "AttachedManagedPolicies": render::attached(grants),
        "PermissionsBoundary": grants.boundary.as_deref().map(render::boundary),
        "Tags": render::tags(&role.tags),
        "RoleLastUsed": {},
    })
}

fn policy_detail(mut policy: Value, document: &str) -> Value {
    policy["PolicyVersionList"] = json!([{
        "Document": render::url_encoded(document),
        "VersionId": policy["DefaultVersionId"],
        "IsDefaultVersion": true,
        "CreateDate": policy["CreateDate"],
    }]);
    policy
}
