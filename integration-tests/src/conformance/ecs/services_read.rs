//! Describing and listing services.

use aws_sdk_ecs::types::{LaunchType, ServiceField};

use super::{cluster, end, idle_service, registered, tag, words};
use crate::conformance::{
    Account, Answer, MOTO, Operation, Refused,
    answer::{either, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ecs:DescribeServices")
            .case("one that is there and one that is not", "ACTIVE; absent MISSING", describe)
            .case("by ARN", "ACTIVE", by_arn)
            .case("its tags, where they are asked for", "without: ; with: a=1", tags)
            .case("11 of them", "InvalidParameterException", too_many)
            .but(
                &[MOTO],
                "accepted",
                "“You may specify up to 10 services to describe in a single operation.”",
                api!(ecs "DescribeServices"),
            )
            .case("none", "InvalidParameterException", none)
            .but(
                &[MOTO],
                "accepted",
                "services is required: there is nothing to describe.",
                api!(ecs "DescribeServices"),
            )
            .case("in a cluster that is not there", "ClusterNotFoundException", no_cluster),
        Operation::new("ecs:ListServices")
            .case("of a cluster", "a b", list)
            .case("of a launch type", "EC2: a b; FARGATE: ", by_launch_type)
            .case("one at a time", "a b; 2 pages at least", pages)
            .but(
                &[MOTO],
                "a b; 1 page",
                "maxResults is the number of results in a page; moto has one page only.",
                api!(ecs "ListServices"),
            )
            .case("more than 10, without a page size", "10, and more to come", default_page)
            .but(
                &[MOTO],
                "11, and no more to come",
                "“If this parameter isn't used, then ListServices returns up to 10 results and a nextToken \
                 value if applicable.”",
                api!(ecs "ListServices"),
            )
            .case("after one was deleted", "b", after_deletion)
            .but(
                &[MOTO],
                "a b",
                "A deleted service “is no longer visible in the console or in the ListServices API operation”.",
                api!(ecs "DeleteService"),
            )
            .case("in a cluster that is not there", "ClusterNotFoundException", list_no_cluster),
    ]
}

async fn describe(a: Account) -> Answer {
    let name = a.name("describe");
    idle_service(&a, &name).await?;
    let describe = a.ecs.describe_services().cluster(&name).services(&name).services("absent").send().await?;
    let found = sorted(describe.services().iter().filter_map(|service| service.status()));
    let failures = describe.failures().iter().map(|failure| {
        format!("{} {}", end(failure.arn().unwrap_or_default()), failure.reason().unwrap_or_default())
    });
    Ok(format!("{found}; {}", sorted(failures)))
}

async fn by_arn(a: Account) -> Answer {
    let name = a.name("by-arn");
    let arn = idle_service(&a, &name).await?.service_arn.unwrap_or_default();
    let describe = a.ecs.describe_services().cluster(&name).services(arn).send().await?;
    Ok(sorted(describe.services().iter().filter_map(|service| service.status())))
}

async fn tags(a: Account) -> Answer {
    let name = a.name("tags");
    cluster(&a, &name).await?;
    let definition = registered(&a, &name).await?;
    let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(definition);
    create.desired_count(0).tags(tag("a", "1")).send().await?;
    let describe = || a.ecs.describe_services().cluster(&name).services(&name);
    let without = describe().send().await?;
    let with = describe().include(ServiceField::Tags).send().await?;
    let tags = |services: &[aws_sdk_ecs::types::Service]| {
        services.first().map(|service| words(service.tags())).unwrap_or_default()
    };
    Ok(format!("without: {}; with: {}", tags(without.services()), tags(with.services())))
}

async fn too_many(a: Account) -> Answer {
    let name = a.name("many");
    cluster(&a, &name).await?;
    let names = (0..11).map(|number| format!("s{number}")).collect();
    refusal(a.ecs.describe_services().cluster(&name).set_services(Some(names)).send().await)
}

async fn none(a: Account) -> Answer {
    let name = a.name("none");
    cluster(&a, &name).await?;
    refusal(a.ecs.describe_services().cluster(&name).set_services(Some(Vec::new())).send().await)
}

async fn no_cluster(a: Account) -> Answer {
    refusal(a.ecs.describe_services().cluster(a.name("absent")).services("api").send().await)
}

/// A cluster with services of these names.
async fn with(a: &Account, name: &str, services: &[&str]) -> Result<(), Refused> {
    cluster(a, name).await?;
    let definition = registered(a, name).await?;
    for service in services {
        let create = a.ecs.create_service().cluster(name).service_name(*service).task_definition(&definition);
        create.desired_count(0).send().await?;
    }
    Ok(())
}

fn names(arns: &[String]) -> String {
    sorted(arns.iter().map(|arn| end(arn)))
}

async fn list(a: Account) -> Answer {
    let name = a.name("list");
    with(&a, &name, &["a", "b"]).await?;
    Ok(names(a.ecs.list_services().cluster(&name).send().await?.service_arns()))
}

async fn by_launch_type(a: Account) -> Answer {
    let name = a.name("launch-type");
    with(&a, &name, &["a", "b"]).await?;
    let list = |kind: LaunchType| a.ecs.list_services().cluster(&name).launch_type(kind).send();
    let (instances, fargate) = (list(LaunchType::Ec2).await?, list(LaunchType::Fargate).await?);
    Ok(format!("EC2: {}; FARGATE: {}", names(instances.service_arns()), names(fargate.service_arns())))
}

async fn pages(a: Account) -> Answer {
    let name = a.name("pages");
    with(&a, &name, &["a", "b"]).await?;
    let list = a.ecs.list_services().cluster(&name).max_results(1).into_paginator();
    let pages: Vec<_> = list.send().collect::<Result<_, _>>().await?;
    let arns: Vec<String> = pages.iter().flat_map(|page| page.service_arns().to_vec()).collect();
    Ok(format!("{}; {}", names(&arns), either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn default_page(a: Account) -> Answer {
    let name = a.name("default");
    with(&a, &name, &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]).await?;
    let list = a.ecs.list_services().cluster(&name).send().await?;
    let more = either(list.next_token().is_some(), "and more to come", "and no more to come");
    Ok(format!("{}, {more}", list.service_arns().len()))
}

async fn after_deletion(a: Account) -> Answer {
    let name = a.name("after");
    with(&a, &name, &["a", "b"]).await?;
    // The answer is the same while the service drains and once it is inactive.
    a.ecs.delete_service().cluster(&name).service("a").force(true).send().await?;
    Ok(names(a.ecs.list_services().cluster(&name).send().await?.service_arns()))
}

async fn list_no_cluster(a: Account) -> Answer {
    refusal(a.ecs.list_services().cluster(a.name("absent")).send().await)
}
