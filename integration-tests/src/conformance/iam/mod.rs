//! IAM: roles, and what they permit.

mod attached;
mod boundary;
mod inline;
mod policies;
mod report;
mod roles;
mod simulate;
mod tags;

use aws_sdk_iam::types::Tag;
use serde_json::{Value, json};

use super::{Account, Operation, Refused, answer::Needed as _};

pub(super) fn operations() -> Vec<Operation> {
    [
        roles::operations(),
        boundary::operations(),
        tags::operations(),
        inline::operations(),
        attached::operations(),
        policies::operations(),
        simulate::operations(),
        report::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The managed policy that execution roles have most often.
const EXECUTION: &str = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";

/// A trust policy for a principal, which is JSON.
pub(super) fn trust_of(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}]}}"#
    )
}

/// The trust policy of execution roles.
pub(super) fn trust() -> String {
    trust_of(r#"{"Service":"ecs-tasks.amazonaws.com"}"#)
}

/// A policy that allows an action on a resource.
pub(super) fn allow(action: &str, resource: &str) -> String {
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": resource });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// Makes a role that tasks may have. Answers with its ARN.
pub(super) async fn role(account: &Account, name: &str) -> Result<String, Refused> {
    let create = account.iam.create_role().role_name(name).assume_role_policy_document(trust());
    Ok(create.send().await?.role.needed("role")?.arn)
}

/// Makes a managed policy. Answers with its ARN.
async fn policy(account: &Account, name: &str, document: &str) -> Result<String, Refused> {
    let create = account.iam.create_policy().policy_name(name).policy_document(document);
    create.send().await?.policy.needed("policy")?.arn.needed("ARN")
}

fn tag(key: &str, value: &str) -> Result<Tag, Refused> {
    Tag::builder().key(key).value(value).build().map_err(|_| Refused::Missing("tag"))
}

/// A document that IAM answered with: percent-encoded as RFC 3986 has it.
fn document(encoded: &str) -> Result<Value, Refused> {
    let mut bytes = Vec::new();
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: Vec<u8> = rest.by_ref().take(2).collect();
        let digits = std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(digits.needed("percent-encoded document")?);
    }
    serde_json::from_slice(&bytes).map_err(|_| Refused::Missing("document"))
}

/// Returns true if a document is what was written, and percent-encoded.
fn same_document(encoded: &str, written: &str) -> String {
    let same = document(encoded).ok() == serde_json::from_str(written).ok();
    match (same, encoded.starts_with("%7B")) {
        (true, true) => "as written, percent-encoded".to_owned(),
        (true, false) => "as written, not encoded".to_owned(),
        (false, _) => "another document".to_owned(),
    }
}
