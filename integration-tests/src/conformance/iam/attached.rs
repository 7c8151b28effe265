//! Managed policies on roles.

use super::{EXECUTION, allow, policy, role};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{either, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("iam:AttachRolePolicy")
            .case("one of AWS's, twice", "AmazonECSTaskExecutionRolePolicy", twice)
            .case("a policy that is not there", "NoSuchEntity", no_policy)
            .case("an eleventh", "LimitExceeded", eleventh)
            .but(
                &[MOTO, LOCALSTACK],
                "accepted",
                "A role has 10 managed policies by default (a quota that can be raised).",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
            )
            .case("a role that is not there", "NoSuchEntity", absent),
        Operation::new("iam:ListAttachedRolePolicies")
            .case("one of AWS's and one's own", "AmazonECSTaskExecutionRolePolicy, own", list)
            .case("those below a path", "AmazonECSTaskExecutionRolePolicy", by_path)
            .case("one at a time", "2 policies; 2 pages at least", pages)
            .case("where there are none", "", none)
            .case("a role that is not there", "NoSuchEntity", list_absent),
        Operation::new("iam:DetachRolePolicy")
            .case("a policy", "", detach)
            .case("a policy that is not attached", "NoSuchEntity", detach_other)
            .case("a role that is not there", "NoSuchEntity", detach_absent),
    ]
}

async fn attach(a: &Account, role: &str, arn: &str) -> Result<(), Refused> {
    a.iam.attach_role_policy().role_name(role).policy_arn(arn).send().await?;
    Ok(())
}

async fn attached(a: &Account, role: &str) -> Answer {
    let list = a.iam.list_attached_role_policies().role_name(role).send().await?;
    Ok(sorted(list.attached_policies().iter().filter_map(|policy| policy.policy_name())))
}

async fn twice(a: Account) -> Answer {
    let name = a.name("twice");
    role(&a, &name).await?;
    attach(&a, &name, EXECUTION).await?;
    attach(&a, &name, EXECUTION).await?;
    attached(&a, &name).await
}

async fn no_policy(a: Account) -> Answer {
    let name = a.name("role");
    let arn = role(&a, &name).await?.replace(":role/", ":policy/absent-");
    refusal(a.iam.attach_role_policy().role_name(&name).policy_arn(arn).send().await)
}

async fn eleventh(a: Account) -> Answer {
    let name = a.name("eleventh");
    role(&a, &name).await?;
    let mut arns = Vec::new();
    for number in 0..11 {
        arns.push(policy(&a, &a.name(&format!("p{number}")), &allow("s3:GetObject", "*")).await?);
    }
    for arn in &arns[..10] {
        attach(&a, &name, arn).await?;
    }
    refusal(a.iam.attach_role_policy().role_name(&name).policy_arn(&arns[10]).send().await)
}

async fn absent(a: Account) -> Answer {
    refusal(a.iam.attach_role_policy().role_name(a.name("absent")).policy_arn(EXECUTION).send().await)
}

/// Makes a role with one of AWS's policies and one of its own.
async fn with_two(a: &Account, name: &str) -> Result<(), Refused> {
    role(a, name).await?;
    attach(a, name, EXECUTION).await?;
    let own = policy(a, &a.name("own"), &allow("s3:GetObject", "*")).await?;
    attach(a, name, &own).await
}

async fn list(a: Account) -> Answer {
    let name = a.name("list");
    with_two(&a, &name).await?;
    let names = attached(&a, &name).await?;
    Ok(names.replace(&format!(" {}", a.name("own")), ", own"))
}

async fn by_path(a: Account) -> Answer {
    let name = a.name("path");
    with_two(&a, &name).await?;
    let list = a.iam.list_attached_role_policies().role_name(&name).path_prefix("/service-role/");
    let list = list.send().await?;
    Ok(sorted(list.attached_policies().iter().filter_map(|policy| policy.policy_name())))
}

async fn pages(a: Account) -> Answer {
    let name = a.name("pages");
    with_two(&a, &name).await?;
    let list = a.iam.list_attached_role_policies().role_name(&name).max_items(1).into_paginator();
    let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    let policies: usize = pages.iter().map(|page| page.attached_policies().len()).sum();
    Ok(format!("{policies} policies; {}", either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn none(a: Account) -> Answer {
    let name = a.name("none");
    role(&a, &name).await?;
    attached(&a, &name).await
}

async fn list_absent(a: Account) -> Answer {
    refusal(a.iam.list_attached_role_policies().role_name(a.name("absent")).send().await)
}

async fn detach(a: Account) -> Answer {
    let name = a.name("detach");
    role(&a, &name).await?;
    attach(&a, &name, EXECUTION).await?;
    a.iam.detach_role_policy().role_name(&name).policy_arn(EXECUTION).send().await?;
    attached(&a, &name).await
}

async fn detach_other(a: Account) -> Answer {
    let name = a.name("other");
    role(&a, &name).await?;
    refusal(a.iam.detach_role_policy().role_name(&name).policy_arn(EXECUTION).send().await)
}

async fn detach_absent(a: Account) -> Answer {
    refusal(a.iam.detach_role_policy().role_name(a.name("absent")).policy_arn(EXECUTION).send().await)
}
