//! IAM's structures as they stand in answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{CustomerPolicy, Grants, Iam, Role, managed::Managed};

/// Percent-encoding as RFC 3986 has it: IAM answers documents in it.
pub(super) fn url_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

pub(super) fn tags(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// A role as `GetRole` has it. Lists leave tags and boundary out.
pub(super) fn role(role: &Role, grants: &Grants, complete: bool) -> Value {
    let mut value = json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": grants.arn,
        "CreateDate": role.created.iso(),
        "AssumeRolePolicyDocument": url_encoded(&grants.trust),
        "Description": role.description,
        "MaxSessionDuration": role.max_session,
    });
    if complete && let Value::Object(object) = &mut value {
        if !role.tags.is_empty() {
            object.insert("Tags".to_owned(), tags(&role.tags));
        }
        if let Some(arn) = &grants.boundary {
            object.insert("PermissionsBoundary".to_owned(), boundary(arn));
        }
        object.insert("RoleLastUsed".to_owned(), json!({}));
    }
    value
}

pub(super) fn boundary(arn: &str) -> Value {
    json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn })
}

/// The name in a managed policy's ARN.
pub(super) fn policy_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

pub(super) fn attached(grants: &Grants) -> Vec<Value> {
    let mut list: Vec<_> = grants.attached.iter().collect();
    list.sort_by_key(|arn| policy_name(arn));
    list.into_iter().map(|arn| json!({ "PolicyName": policy_name(arn), "PolicyArn": arn })).collect()
}

/// A customer managed policy as `GetPolicy` has it.
pub(super) fn customer_policy(iam: &Iam, arn: &str, policy: &CustomerPolicy) -> Value {
    let mut value = json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": arn,
        "Path": policy.path,
        "DefaultVersionId": "v1",
        "Description": policy.description,
        "CreateDate": policy.created.iso(),
        "UpdateDate": policy.created.iso(),
    });
    usage(iam, arn, &mut value);
    if !policy.tags.is_empty() {
        value["Tags"] = tags(&policy.tags);
    }
    value
}

/// One of AWS's policies as `GetPolicy` has it.
pub(super) fn managed_policy(iam: &Iam, policy: &Managed) -> Value {
    let arn = policy.arn(iam.partition);
    let mut value = json!({
        "PolicyName": policy.name(),
        "PolicyId": policy.id,
        "Arn": arn,
        "Path": policy.path(),
        "DefaultVersionId": policy.version,
        "CreateDate": policy.created,
        "UpdateDate": policy.created,
    });
    usage(iam, &arn, &mut value);
    value
}

fn usage(iam: &Iam, arn: &str, value: &mut Value) {
    value["AttachmentCount"] = json!(iam.attached_to(arn).count());
    value["PermissionsBoundaryUsageCount"] = json!(iam.bounded_by(arn).count());
    value["IsAttachable"] = json!(true);
}

/// A list's answer with its marker.
pub(super) fn list(name: &str, items: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = Map::new();
    answer.insert(name.to_owned(), Value::Array(items));
    answer.insert("IsTruncated".to_owned(), Value::Bool(next.is_some()));
    if let Some(next) = next {
        answer.insert("Marker".to_owned(), Value::String(next));
    }
    Value::Object(answer)
}
