//! Task definitions.

use aws_sdk_ecs::types::{RepositoryCredentials, SortOrder, TaskDefinitionField, TaskDefinitionStatus};

use super::{
    container, container_instances, definition, end, fargate_definition, refusals, registered, tag, words,
};
use crate::conformance::{
    Account, Answer, MOTO, Operation,
    answer::{Needed as _, either, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    let register = Operation::new("ecs:RegisterTaskDefinition")
        .case("a new family", "FAMILY:1, ACTIVE", first)
        .case("the same again", "FAMILY:2, ACTIVE", second)
        .case("after the last revision was deregistered", "FAMILY:2, ACTIVE", after_deregistered)
        .case("what is filled in", "EC2 compatible; cpu 0; no ports, environment, mounts, volumes", filled_in)
        .case("repository credentials", "the secret's ARN, as it was given", credentials)
        .case("tags", "a=1 b=2", tagged)
        .but(
            &[MOTO],
            "",
            "The answer has the tags of the task definition, beside it.",
            api!(ecs "RegisterTaskDefinition"),
        );
    vec![
        container_instances::of_definitions(refusals::add(register)),
        Operation::new("ecs:DescribeTaskDefinition")
            .case("by family", "FAMILY:2", by_family)
            .case("by family and revision", "FAMILY:1", by_revision)
            .case("by ARN", "FAMILY:1", by_arn)
            .case("a deregistered one, by ARN", "INACTIVE", inactive)
            .case("its tags, where they are asked for", "without: ; with: a=1", describe_tags)
            .case("a family that is not there", "ClientException", absent)
            .case("a revision that is not there", "ClientException", absent_revision)
            .case("a family without an active revision", "ClientException", family_inactive)
            .but(
                &[MOTO],
                "accepted",
                "A family alone means its latest ACTIVE revision, and there is none.",
                api!(ecs "DescribeTaskDefinition"),
            ),
        Operation::new("ecs:ListTaskDefinitions")
            .case("of a family, the newest last", "1 2 3", list)
            .case("of a family, the newest first", "3 2 1", newest_first)
            .but(
                &[MOTO],
                "1 2 3",
                "“Setting this parameter to DESC reverses the sort order on family name and revision.”",
                api!(ecs "ListTaskDefinitions"),
            )
            .case("of a family whose name another one begins with", "1", not_a_prefix)
            .case("active ones only", "2", active)
            .case("two at a time", "1 2 3; 2 pages at least", pages)
            .but(
                &[MOTO],
                "1 2 3; 1 page",
                "maxResults is the number of results in a page; moto has one page only.",
                api!(ecs "ListTaskDefinitions"),
            )
            .case("of a family that is not there", "", list_absent),
        Operation::new("ecs:DeregisterTaskDefinition")
            .case("a revision", "INACTIVE", deregister)
            .case("without a revision", "ClientException", no_revision)
            .case("what is not there", "ClientException", deregister_absent),
    ]
}

/// `FAMILY:1` for the first revision of a family.
fn shown(arn: &str, family: &str) -> String {
    end(arn).replace(family, "FAMILY")
}

async fn register(a: &Account, family: &str) -> Answer {
    let definition = definition(a, family).send().await?.task_definition.needed("task definition")?;
    let status = definition.status().map_or("no status", |status| status.as_str());
    Ok(format!("{}, {status}", shown(definition.task_definition_arn().unwrap_or_default(), family)))
}

async fn first(a: Account) -> Answer {
    register(&a, &a.name("first")).await
}

async fn second(a: Account) -> Answer {
    let family = a.name("second");
    registered(&a, &family).await?;
    register(&a, &family).await
}

async fn after_deregistered(a: Account) -> Answer {
    let family = a.name("after");
    let arn = registered(&a, &family).await?;
    a.ecs.deregister_task_definition().task_definition(arn).send().await?;
    register(&a, &family).await
}

async fn filled_in(a: Account) -> Answer {
    let definition =
        definition(&a, &a.name("filled")).send().await?.task_definition.needed("task definition")?;
    let container = definition.container_definitions().first().needed("container")?;
    let ec2 = definition.compatibilities().iter().any(|compatibility| compatibility.as_str() == "EC2");
    let empty = container.port_mappings.as_ref().is_some_and(Vec::is_empty)
        && container.environment.as_ref().is_some_and(Vec::is_empty)
        && container.mount_points.as_ref().is_some_and(Vec::is_empty)
        && container.volumes_from.as_ref().is_some_and(Vec::is_empty)
        && definition.volumes.as_ref().is_some_and(Vec::is_empty);
    Ok(format!(
        "{}; cpu {}; {}",
        either(ec2, "EC2 compatible", "not EC2 compatible"),
        container.cpu(),
        either(empty, "no ports, environment, mounts, volumes", "lists that are missing, or not empty"),
    ))
}

const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:longshore/pull-AbCdEf";

async fn credentials(a: Account) -> Answer {
    let credentials = RepositoryCredentials::builder().credentials_parameter(SECRET).build();
    let credentials = credentials.map_err(|_| crate::conformance::Refused::Missing("credentials"))?;
    let container = container().image("ghcr.io/acme/api:1").repository_credentials(credentials).build();
    let register = fargate_definition(&a, &a.name("credentials")).container_definitions(container);
    let register = register.execution_role_arn(refusals::execution_role(&a).await?);
    let definition = register.send().await?.task_definition.needed("task definition")?;
    let container = definition.container_definitions().first().needed("container")?;
    let given = container.repository_credentials().map(|given| given.credentials_parameter());
    Ok(either(given == Some(SECRET), "the secret's ARN, as it was given", "something else"))
}

async fn tagged(a: Account) -> Answer {
    let register = definition(&a, &a.name("tagged")).tags(tag("b", "2")).tags(tag("a", "1"));
    Ok(words(register.send().await?.tags()))
}

/// The definition that a name means, by family and revision.
async fn described(a: &Account, family: &str, name: &str) -> Answer {
    let described = a.ecs.describe_task_definition().task_definition(name).send().await?;
    let definition = described.task_definition.needed("task definition")?;
    Ok(shown(definition.task_definition_arn().unwrap_or_default(), family))
}

async fn by_family(a: Account) -> Answer {
    let family = a.name("family");
    registered(&a, &family).await?;
    registered(&a, &family).await?;
    described(&a, &family, &family).await
}

async fn by_revision(a: Account) -> Answer {
    let family = a.name("revision");
    registered(&a, &family).await?;
    registered(&a, &family).await?;
    described(&a, &family, &format!("{family}:1")).await
}

async fn by_arn(a: Account) -> Answer {
    let family = a.name("by-arn");
    let arn = registered(&a, &family).await?;
    registered(&a, &family).await?;
    described(&a, &family, &arn).await
}

async fn inactive(a: Account) -> Answer {
    let arn = registered(&a, &a.name("inactive")).await?;
    a.ecs.deregister_task_definition().task_definition(&arn).send().await?;
    let described = a.ecs.describe_task_definition().task_definition(arn).send().await?;
    let status = described.task_definition.needed("task definition")?.status;
    Ok(status.map_or("no status".to_owned(), |status| status.as_str().to_owned()))
}

async fn describe_tags(a: Account) -> Answer {
    let family = a.name("tags");
    definition(&a, &family).tags(tag("a", "1")).send().await?;
    let describe = || a.ecs.describe_task_definition().task_definition(&family);
    let without = describe().send().await?;
    let with = describe().include(TaskDefinitionField::Tags).send().await?;
    Ok(format!("without: {}; with: {}", words(without.tags()), words(with.tags())))
}

async fn absent(a: Account) -> Answer {
    refusal(a.ecs.describe_task_definition().task_definition(a.name("absent")).send().await)
}

async fn absent_revision(a: Account) -> Answer {
    let family = a.name("absent");
    registered(&a, &family).await?;
    refusal(a.ecs.describe_task_definition().task_definition(format!("{family}:7")).send().await)
}

async fn family_inactive(a: Account) -> Answer {
    let family = a.name("inactive");
    let arn = registered(&a, &family).await?;
    a.ecs.deregister_task_definition().task_definition(arn).send().await?;
    refusal(a.ecs.describe_task_definition().task_definition(family).send().await)
}

/// The revisions in a list, in its order.
fn revisions(arns: &[String]) -> String {
    let revisions: Vec<_> = arns.iter().filter_map(|arn| arn.rsplit(':').next()).collect();
    revisions.join(" ")
}

async fn three(a: &Account, family: &str) -> Result<(), crate::conformance::Refused> {
    for _ in 0..3 {
        registered(a, family).await?;
    }
    Ok(())
}

async fn list(a: Account) -> Answer {
    let family = a.name("list");
    three(&a, &family).await?;
    Ok(revisions(a.ecs.list_task_definitions().family_prefix(family).send().await?.task_definition_arns()))
}

async fn newest_first(a: Account) -> Answer {
    let family = a.name("newest");
    three(&a, &family).await?;
    let list = a.ecs.list_task_definitions().family_prefix(family).sort(SortOrder::Desc);
    Ok(revisions(list.send().await?.task_definition_arns()))
}

async fn not_a_prefix(a: Account) -> Answer {
    let family = a.name("prefix");
    registered(&a, &family).await?;
    three(&a, &format!("{family}-and-more")).await?;
    Ok(revisions(a.ecs.list_task_definitions().family_prefix(family).send().await?.task_definition_arns()))
}

async fn active(a: Account) -> Answer {
    let family = a.name("active");
    let arn = registered(&a, &family).await?;
    registered(&a, &family).await?;
    a.ecs.deregister_task_definition().task_definition(arn).send().await?;
    let list = a.ecs.list_task_definitions().family_prefix(family).status(TaskDefinitionStatus::Active);
    Ok(revisions(list.send().await?.task_definition_arns()))
}

async fn pages(a: Account) -> Answer {
    let family = a.name("pages");
    three(&a, &family).await?;
    let list = a.ecs.list_task_definitions().family_prefix(family).max_results(2).into_paginator();
    let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    let arns: Vec<String> = pages.iter().flat_map(|page| page.task_definition_arns().to_vec()).collect();
    Ok(format!("{}; {}", revisions(&arns), either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn list_absent(a: Account) -> Answer {
    let list = a.ecs.list_task_definitions().family_prefix(a.name("absent")).send().await?;
    Ok(revisions(list.task_definition_arns()))
}

async fn deregister(a: Account) -> Answer {
    let arn = registered(&a, &a.name("deregister")).await?;
    let answer = a.ecs.deregister_task_definition().task_definition(arn).send().await?;
    let status = answer.task_definition.needed("task definition")?.status;
    Ok(status.map_or("no status".to_owned(), |status| status.as_str().to_owned()))
}

async fn no_revision(a: Account) -> Answer {
    let family = a.name("no-revision");
    registered(&a, &family).await?;
    refusal(a.ecs.deregister_task_definition().task_definition(family).send().await)
}

async fn deregister_absent(a: Account) -> Answer {
    refusal(
        a.ecs.deregister_task_definition().task_definition(format!("{}:1", a.name("absent"))).send().await,
    )
}
