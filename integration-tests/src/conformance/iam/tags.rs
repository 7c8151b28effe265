//! Tags of roles.

use super::{role, tag, trust};
use crate::conformance::{
    Account, Answer, Operation, Refused,
    answer::{either, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("iam:TagRole").case("a new tag and another value", "a=2 b=1 c=3", add).case(
            "what is not there",
            "NoSuchEntity",
            add_absent,
        ),
        Operation::new("iam:UntagRole").case("a tag, and one that is not there", "b=1", remove).case(
            "what is not there",
            "NoSuchEntity",
            remove_absent,
        ),
        Operation::new("iam:ListRoleTags")
            .case("in the order of keys", "a=1 b=1", list)
            .case("where there are none", "", none)
            .case("one at a time", "a=1 b=1; 2 pages at least", pages)
            .case("what is not there", "NoSuchEntity", list_absent),
    ]
}

/// Makes a role tagged b=1 and a=1.
async fn tagged(a: &Account, name: &str) -> Result<(), Refused> {
    let create = a.iam.create_role().role_name(name).assume_role_policy_document(trust());
    create.tags(tag("b", "1")?).tags(tag("a", "1")?).send().await?;
    Ok(())
}

fn words(tags: &[aws_sdk_iam::types::Tag]) -> Vec<String> {
    tags.iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect()
}

async fn tags(a: &Account, name: &str) -> Answer {
    Ok(words(a.iam.list_role_tags().role_name(name).send().await?.tags()).join(" "))
}

async fn add(a: Account) -> Answer {
    let name = a.name("add");
    tagged(&a, &name).await?;
    a.iam.tag_role().role_name(&name).tags(tag("a", "2")?).tags(tag("c", "3")?).send().await?;
    tags(&a, &name).await
}

async fn add_absent(a: Account) -> Answer {
    refusal(a.iam.tag_role().role_name(a.name("absent")).tags(tag("a", "1")?).send().await)
}

async fn remove(a: Account) -> Answer {
    let name = a.name("remove");
    tagged(&a, &name).await?;
    a.iam.untag_role().role_name(&name).tag_keys("a").tag_keys("z").send().await?;
    tags(&a, &name).await
}

async fn remove_absent(a: Account) -> Answer {
    refusal(a.iam.untag_role().role_name(a.name("absent")).tag_keys("a").send().await)
}

async fn list(a: Account) -> Answer {
    let name = a.name("list");
    tagged(&a, &name).await?;
    tags(&a, &name).await
}

async fn none(a: Account) -> Answer {
    let name = a.name("none");
    role(&a, &name).await?;
    tags(&a, &name).await
}

async fn pages(a: Account) -> Answer {
    let name = a.name("pages");
    tagged(&a, &name).await?;
    let list = a.iam.list_role_tags().role_name(&name).max_items(1).into_paginator();
    let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    let found: Vec<_> = pages.iter().flat_map(|page| words(page.tags())).collect();
    Ok(format!("{}; {}", found.join(" "), either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn list_absent(a: Account) -> Answer {
    refusal(a.iam.list_role_tags().role_name(a.name("absent")).send().await)
}
