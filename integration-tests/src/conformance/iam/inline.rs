//! Inline policies of roles.

use super::{allow, document, role, same_document};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{either, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("iam:PutRolePolicy")
            .case("another document under the same name", "secretsmanager:GetSecretValue", replace)
            .case("what is no JSON", "MalformedPolicyDocument", no_json)
            .case("without a resource", "MalformedPolicyDocument", no_resource)
            .case("with a principal", "MalformedPolicyDocument", with_principal)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "“You cannot use the Principal element in an identity-based policy.”",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
            )
            .case("an action without a service", "MalformedPolicyDocument", bad_action)
            .case("10,241 characters in two policies", "LimitExceeded", too_long)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "The inline policies of a role together have 10,240 characters at most, white space aside.",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
            )
            .case("10,241 characters, of which many are spaces", "accepted", spaces)
            .case("what is not there", "NoSuchEntity", absent),
        Operation::new("iam:GetRolePolicy")
            .case("a policy", "as written, percent-encoded", get)
            .case("a policy that is not there", "NoSuchEntity", get_no_policy)
            .case("a role that is not there", "NoSuchEntity", get_absent),
        Operation::new("iam:ListRolePolicies")
            .case("their names", "p q", list)
            .case("one at a time", "p q; 2 pages at least", pages)
            .but(
                &[MOTO, LOCALSTACK],
                "p q; 1 page",
                "MaxItems is the number of results in a page; these have one page only.",
                api!(iam "ListRolePolicies"),
            )
            .case("where there are none", "", none)
            .case("what is not there", "NoSuchEntity", list_absent),
        Operation::new("iam:DeleteRolePolicy")
            .case("a policy", "NoSuchEntity", delete)
            .case("a policy that is not there", "NoSuchEntity", delete_no_policy)
            .case("a role that is not there", "NoSuchEntity", delete_absent),
    ]
}

async fn put(a: &Account, role: &str, name: &str, document: &str) -> Result<(), Refused> {
    a.iam.put_role_policy().role_name(role).policy_name(name).policy_document(document).send().await?;
    Ok(())
}

async fn replace(a: Account) -> Answer {
    let name = a.name("replace");
    role(&a, &name).await?;
    put(&a, &name, "p", &allow("s3:GetObject", "*")).await?;
    put(&a, &name, "p", &allow("secretsmanager:GetSecretValue", "*")).await?;
    let read = a.iam.get_role_policy().role_name(&name).policy_name("p").send().await?;
    let document = document(read.policy_document())?;
    Ok(document["Statement"][0]["Action"].as_str().unwrap_or_default().to_owned())
}

/// Returns the refusal of a policy.
async fn refused(a: &Account, document: &str) -> Answer {
    let name = a.name("refused");
    role(a, &name).await?;
    refusal(a.iam.put_role_policy().role_name(&name).policy_name("p").policy_document(document).send().await)
}

async fn no_json(a: Account) -> Answer {
    refused(&a, "perhaps").await
}

async fn no_resource(a: Account) -> Answer {
    refused(&a, r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject"}]}"#).await
}

async fn with_principal(a: Account) -> Answer {
    let document = allow("s3:GetObject", "*").replace(r#""Resource""#, r#""Principal":"*","Resource""#);
    refused(&a, &document).await
}

async fn bad_action(a: Account) -> Answer {
    refused(&a, &allow("GetObject", "*")).await
}

/// A policy of so many characters, none of them a space.
fn of_length(length: usize) -> String {
    let empty = allow("s3:GetObject", "arn:aws:s3:::").len();
    allow("s3:GetObject", &format!("arn:aws:s3:::{}", "x".repeat(length - empty)))
}

async fn too_long(a: Account) -> Answer {
    let name = a.name("long");
    role(&a, &name).await?;
    put(&a, &name, "p", &of_length(5_000)).await?;
    let put = a.iam.put_role_policy().role_name(&name).policy_name("q").policy_document(of_length(5_241));
    refusal(put.send().await)
}

async fn spaces(a: Account) -> Answer {
    let name = a.name("spaces");
    role(&a, &name).await?;
    let document = format!("{}{}", of_length(5_000), " ".repeat(5_241));
    refusal(a.iam.put_role_policy().role_name(&name).policy_name("p").policy_document(document).send().await)
}

async fn absent(a: Account) -> Answer {
    let put = a.iam.put_role_policy().role_name(a.name("absent")).policy_name("p");
    refusal(put.policy_document(allow("s3:GetObject", "*")).send().await)
}

async fn get(a: Account) -> Answer {
    let name = a.name("get");
    role(&a, &name).await?;
    let document = allow("s3:GetObject", "arn:aws:s3:::bucket/100 %+ü");
    put(&a, &name, "p", &document).await?;
    let read = a.iam.get_role_policy().role_name(&name).policy_name("p").send().await?;
    Ok(same_document(read.policy_document(), &document))
}

async fn get_no_policy(a: Account) -> Answer {
    let name = a.name("get");
    role(&a, &name).await?;
    refusal(a.iam.get_role_policy().role_name(&name).policy_name("p").send().await)
}

async fn get_absent(a: Account) -> Answer {
    refusal(a.iam.get_role_policy().role_name(a.name("absent")).policy_name("p").send().await)
}

/// Makes a role with the policies q and p.
async fn with_two(a: &Account, name: &str) -> Result<(), Refused> {
    role(a, name).await?;
    for policy in ["q", "p"] {
        put(a, name, policy, &allow("s3:GetObject", "*")).await?;
    }
    Ok(())
}

async fn list(a: Account) -> Answer {
    let name = a.name("list");
    with_two(&a, &name).await?;
    // In which order they come, the reference does not say.
    let list = a.iam.list_role_policies().role_name(&name).send().await?;
    Ok(crate::conformance::answer::sorted(list.policy_names()))
}

async fn pages(a: Account) -> Answer {
    let name = a.name("pages");
    with_two(&a, &name).await?;
    let list = a.iam.list_role_policies().role_name(&name).max_items(1).into_paginator();
    let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    let found = crate::conformance::answer::sorted(pages.iter().flat_map(|page| page.policy_names()));
    Ok(format!("{found}; {}", either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn none(a: Account) -> Answer {
    let name = a.name("none");
    role(&a, &name).await?;
    Ok(a.iam.list_role_policies().role_name(&name).send().await?.policy_names().join(" "))
}

async fn list_absent(a: Account) -> Answer {
    refusal(a.iam.list_role_policies().role_name(a.name("absent")).send().await)
}

async fn delete(a: Account) -> Answer {
    let name = a.name("delete");
    with_two(&a, &name).await?;
    a.iam.delete_role_policy().role_name(&name).policy_name("p").send().await?;
    refusal(a.iam.get_role_policy().role_name(&name).policy_name("p").send().await)
}

async fn delete_no_policy(a: Account) -> Answer {
    let name = a.name("delete");
    role(&a, &name).await?;
    refusal(a.iam.delete_role_policy().role_name(&name).policy_name("p").send().await)
}

async fn delete_absent(a: Account) -> Answer {
    refusal(a.iam.delete_role_policy().role_name(a.name("absent")).policy_name("p").send().await)
}
