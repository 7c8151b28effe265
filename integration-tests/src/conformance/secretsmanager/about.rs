//! Tags and resource policies.

use super::{deleted, secret, tag, tags};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation,
    answer::{either, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("secretsmanager:TagResource")
            .case("a new tag and another value", "a=2 b=1 c=3", tagged)
            .case("a secret that is not there", "ResourceNotFoundException", tag_absent)
            .case("a secret that is scheduled for deletion", "InvalidRequestException", tag_deleted)
            .but(
                &[MOTO],
                "accepted",
                "InvalidRequestException is what a secret that is scheduled for deletion answers with.",
                api!(secretsmanager "TagResource"),
            ),
        Operation::new("secretsmanager:UntagResource")
            .case("a tag, and one that is not there", "b=1", untagged)
            .case("a secret that is not there", "ResourceNotFoundException", untag_absent),
        Operation::new("secretsmanager:PutResourcePolicy")
            .case("a policy", "it is there", put_policy)
            .case("what is no policy", "MalformedPolicyDocumentException", malformed)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“The resource policy has syntax errors” is a MalformedPolicyDocumentException.",
                api!(secretsmanager "PutResourcePolicy"),
            )
            .case("a secret that is not there", "ResourceNotFoundException", put_policy_absent),
        Operation::new("secretsmanager:GetResourcePolicy")
            .case("where there is none", "the secret's name; no policy", no_policy)
            .case("a secret that is not there", "ResourceNotFoundException", get_policy_absent),
        Operation::new("secretsmanager:DeleteResourcePolicy")
            .case("a policy", "no policy", delete_policy)
            .case("where there is none", "accepted", delete_none)
            .case("a secret that is not there", "ResourceNotFoundException", delete_policy_absent),
    ]
}

async fn tagged(a: Account) -> Answer {
    let name = a.name("tagged");
    let create = a.secrets.create_secret().name(&name).secret_string("one");
    create.tags(tag("a", "1")).tags(tag("b", "1")).send().await?;
    a.secrets.tag_resource().secret_id(&name).tags(tag("a", "2")).tags(tag("c", "3")).send().await?;
    Ok(tags(a.secrets.describe_secret().secret_id(&name).send().await?.tags()))
}

async fn tag_absent(a: Account) -> Answer {
    refusal(a.secrets.tag_resource().secret_id(a.name("absent")).tags(tag("a", "1")).send().await)
}

async fn tag_deleted(a: Account) -> Answer {
    let name = a.name("deleted");
    deleted(&a, &name).await?;
    refusal(a.secrets.tag_resource().secret_id(&name).tags(tag("a", "1")).send().await)
}

async fn untagged(a: Account) -> Answer {
    let name = a.name("untagged");
    let create = a.secrets.create_secret().name(&name).secret_string("one");
    create.tags(tag("a", "1")).tags(tag("b", "1")).send().await?;
    a.secrets.untag_resource().secret_id(&name).tag_keys("a").tag_keys("z").send().await?;
    Ok(tags(a.secrets.describe_secret().secret_id(&name).send().await?.tags()))
}

async fn untag_absent(a: Account) -> Answer {
    refusal(a.secrets.untag_resource().secret_id(a.name("absent")).tag_keys("a").send().await)
}

/// A policy that denies everybody from outside the organisation: it names no principal that has to exist.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",
    "Action":"secretsmanager:DeleteSecret","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/x":"y"}}}]}"#;

async fn put_policy(a: Account) -> Answer {
    let name = a.name("policy");
    secret(&a, &name).await?;
    a.secrets.put_resource_policy().secret_id(&name).resource_policy(POLICY).send().await?;
    let policy = a.secrets.get_resource_policy().secret_id(&name).send().await?.resource_policy;
    let there = policy.is_some_and(|policy| policy.contains("aws:PrincipalTag/x"));
    Ok(either(there, "it is there", "it is not there"))
}

async fn malformed(a: Account) -> Answer {
    let name = a.name("malformed");
    secret(&a, &name).await?;
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps"}]}"#;
    refusal(a.secrets.put_resource_policy().secret_id(&name).resource_policy(policy).send().await)
}

async fn put_policy_absent(a: Account) -> Answer {
    let put = a.secrets.put_resource_policy().secret_id(a.name("absent"));
    refusal(put.resource_policy(POLICY).send().await)
}

async fn no_policy(a: Account) -> Answer {
    let name = a.name("without");
    secret(&a, &name).await?;
    let answer = a.secrets.get_resource_policy().secret_id(&name).send().await?;
    Ok(format!(
        "{}; {}",
        either(answer.name() == Some(&name), "the secret's name", "another name"),
        either(answer.resource_policy().is_none(), "no policy", "a policy"),
    ))
}

async fn get_policy_absent(a: Account) -> Answer {
    refusal(a.secrets.get_resource_policy().secret_id(a.name("absent")).send().await)
}

async fn delete_policy(a: Account) -> Answer {
    let name = a.name("delete");
    secret(&a, &name).await?;
    a.secrets.put_resource_policy().secret_id(&name).resource_policy(POLICY).send().await?;
    a.secrets.delete_resource_policy().secret_id(&name).send().await?;
    let answer = a.secrets.get_resource_policy().secret_id(&name).send().await?;
    Ok(either(answer.resource_policy().is_none(), "no policy", "a policy"))
}

async fn delete_none(a: Account) -> Answer {
    let name = a.name("none");
    secret(&a, &name).await?;
    refusal(a.secrets.delete_resource_policy().secret_id(&name).send().await)
}

async fn delete_policy_absent(a: Account) -> Answer {
    refusal(a.secrets.delete_resource_policy().secret_id(a.name("absent")).send().await)
}
