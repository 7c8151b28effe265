//! Families of task definitions.

use aws_sdk_ecs::types::TaskDefinitionFamilyStatus;

use super::registered;
use crate::conformance::{
    Account, Answer, MOTO, Operation, Refused,
    answer::{either, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ecs:ListTaskDefinitionFamilies")
            .case("by a prefix", "PREFIX-a PREFIX-b", by_prefix)
            .case("of two revisions", "PREFIX-a", two_revisions)
            .case("active ones", "PREFIX-b", active)
            .but(
                &[MOTO],
                "PREFIX-a PREFIX-b",
                "ACTIVE is for “only task definition families that have an ACTIVE task definition revision”; moto does not look at \
                 it.",
                api!(ecs "ListTaskDefinitionFamilies"),
            )
            .case("inactive ones", "PREFIX-a", inactive)
            .but(
                &[MOTO],
                "PREFIX-a PREFIX-b",
                "INACTIVE is for “only task definition families that do not have any ACTIVE task definition revisions”; moto \
                 does not look at it.",
                api!(ecs "ListTaskDefinitionFamilies"),
            )
            .case("active and inactive ones", "PREFIX-a PREFIX-b", all)
            .case("one at a time", "PREFIX-a PREFIX-b; 2 pages at least", pages)
            .but(
                &[MOTO],
                "PREFIX-a PREFIX-b; 1 page",
                "maxResults is the number of results in a page; moto has one page only.",
                api!(ecs "ListTaskDefinitionFamilies"),
            )
            .case("a prefix that nothing has", "", absent),
    ]
}

/// Families, with the prefix that they have in common left out.
fn shown(families: &[String], prefix: &str) -> String {
    sorted(families.iter().map(|family| family.replace(prefix, "PREFIX")))
}

/// Makes two families, of which one has no active revision any more. Answers with their prefix.
async fn one_inactive(a: &Account, what: &str) -> Result<String, Refused> {
    let prefix = a.name(what);
    let arn = registered(a, &format!("{prefix}-a")).await?;
    registered(a, &format!("{prefix}-b")).await?;
    a.ecs.deregister_task_definition().task_definition(arn).send().await?;
    Ok(prefix)
}

async fn of_status(a: &Account, prefix: &str, status: TaskDefinitionFamilyStatus) -> Answer {
    let list = a.ecs.list_task_definition_families().family_prefix(prefix).status(status);
    Ok(shown(list.send().await?.families(), prefix))
}

async fn by_prefix(a: Account) -> Answer {
    let prefix = a.name("prefixed");
    registered(&a, &format!("{prefix}-a")).await?;
    registered(&a, &format!("{prefix}-b")).await?;
    registered(&a, &format!("other-{prefix}")).await?;
    let list = a.ecs.list_task_definition_families().family_prefix(&prefix);
    Ok(shown(list.send().await?.families(), &prefix))
}

async fn two_revisions(a: Account) -> Answer {
    let prefix = a.name("once");
    registered(&a, &format!("{prefix}-a")).await?;
    registered(&a, &format!("{prefix}-a")).await?;
    let list = a.ecs.list_task_definition_families().family_prefix(&prefix);
    Ok(shown(list.send().await?.families(), &prefix))
}

async fn active(a: Account) -> Answer {
    let prefix = one_inactive(&a, "active-families").await?;
    of_status(&a, &prefix, TaskDefinitionFamilyStatus::Active).await
}

async fn inactive(a: Account) -> Answer {
    let prefix = one_inactive(&a, "inactive-families").await?;
    of_status(&a, &prefix, TaskDefinitionFamilyStatus::Inactive).await
}

async fn all(a: Account) -> Answer {
    let prefix = one_inactive(&a, "all-families").await?;
    of_status(&a, &prefix, TaskDefinitionFamilyStatus::All).await
}

async fn pages(a: Account) -> Answer {
    let prefix = a.name("paged");
    registered(&a, &format!("{prefix}-a")).await?;
    registered(&a, &format!("{prefix}-b")).await?;
    let list = a.ecs.list_task_definition_families().family_prefix(&prefix).max_results(1).into_paginator();
    let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    let families: Vec<String> = pages.iter().flat_map(|page| page.families().to_vec()).collect();
    let count = either(pages.len() >= 2, "2 pages at least", "1 page");
    Ok(format!("{}; {count}", shown(&families, &prefix)))
}

async fn absent(a: Account) -> Answer {
    let prefix = a.name("absent");
    let list = a.ecs.list_task_definition_families().family_prefix(&prefix);
    Ok(shown(list.send().await?.families(), &prefix))
}
