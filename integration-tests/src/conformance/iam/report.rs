//! All roles at once.

use aws_sdk_iam::types::{EntityType, RoleDetail};

use super::{EXECUTION, allow, same_document, tag, trust};
use crate::conformance::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{Needed as _, either, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("iam:GetAccountAuthorizationDetails")
            .case(
                "a role",
                "trust as written, percent-encoded; p as written, percent-encoded; \
                 AmazonECSTaskExecutionRolePolicy; a=1; bounded by AmazonECSTaskExecutionRolePolicy",
                role,
            )
            .but(
                &[MOTO, LOCALSTACK],
                "trust as written, not encoded; p as written, percent-encoded; \
                 AmazonECSTaskExecutionRolePolicy; a=1; bounded by AmazonECSTaskExecutionRolePolicy",
                "“Policies returned by this operation are URL-encoded compliant with RFC 3986”: all of them.",
                api!(iam "GetAccountAuthorizationDetails"),
            )
            .case("of roles only", "roles only", only_roles)
            .case("one at a time", "both; 2 pages at least", pages)
            .but(
                &[MOTO, LOCALSTACK],
                "both; 1 page",
                "MaxItems is the number of results in a page; these have one page only.",
                api!(iam "GetAccountAuthorizationDetails"),
            )
            .alone(),
    ]
}

async fn new_role(a: &Account, name: &str) -> Result<(), Refused> {
    let create = a.iam.create_role().role_name(name).assume_role_policy_document(trust());
    create.permissions_boundary(EXECUTION).tags(tag("a", "1")?).send().await?;
    let put = a.iam.put_role_policy().role_name(name).policy_name("p");
    put.policy_document(allow("s3:GetObject", "*")).send().await?;
    a.iam.attach_role_policy().role_name(name).policy_arn(EXECUTION).send().await?;
    Ok(())
}

/// The details of a role, in whatever page they stand.
async fn find(a: &Account, name: &str) -> Result<RoleDetail, Refused> {
    let details = a.iam.get_account_authorization_details().filter(EntityType::Role).into_paginator();
    let pages: Vec<_> = details.send().collect::<Result<_, _>>().await?;
    let mut roles = pages.into_iter().flat_map(|page| page.role_detail_list.unwrap_or_default());
    roles.find(|role| role.role_name() == Some(name)).needed("role")
}

async fn role(a: Account) -> Answer {
    let name = a.name("role");
    new_role(&a, &name).await?;
    let role = find(&a, &name).await?;
    let inline: Vec<_> = role
        .role_policy_list()
        .iter()
        .map(|policy| {
            let document = policy.policy_document().unwrap_or_default();
            let same = same_document(document, &allow("s3:GetObject", "*"));
            format!("{} {same}", policy.policy_name().unwrap_or_default())
        })
        .collect();
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    Ok(format!(
        "trust {}; {}; {}; {}; bounded by {}",
        same_document(role.assume_role_policy_document().unwrap_or_default(), &trust()),
        inline.join(", "),
        sorted(role.attached_managed_policies().iter().filter_map(|policy| policy.policy_name())),
        sorted(role.tags().iter().map(|tag| format!("{}={}", tag.key(), tag.value()))),
        boundary.and_then(|arn| arn.rsplit('/').next()).unwrap_or("nothing"),
    ))
}

async fn only_roles(a: Account) -> Answer {
    new_role(&a, &a.name("only")).await?;
    let details = a.iam.get_account_authorization_details().filter(EntityType::Role).send().await?;
    let only = !details.role_detail_list().is_empty()
        && details.user_detail_list().is_empty()
        && details.group_detail_list().is_empty()
        && details.policies().is_empty();
    Ok(either(only, "roles only", "something else, too"))
}

async fn pages(a: Account) -> Answer {
    let names = [a.name("one"), a.name("two")];
    for name in &names {
        new_role(&a, name).await?;
    }
    let details = a.iam.get_account_authorization_details().filter(EntityType::Role).max_items(1);
    let pages: Vec<_> = details.into_paginator().send().collect::<Result<_, _>>().await?;
    let found: Vec<_> = pages.iter().flat_map(|page| page.role_detail_list()).collect();
    let times = |name: &String| found.iter().filter(|role| role.role_name() == Some(name)).count();
    Ok(format!(
        "{}; {}",
        either(names.iter().all(|name| times(name) == 1), "both", "not both"),
        either(pages.len() >= 2, "2 pages at least", "1 page")
    ))
}
