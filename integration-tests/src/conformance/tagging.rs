//! The Resource Groups Tagging API: what has a tag, across services.

use aws_sdk_resourcegroupstagging::{
    operation::get_resources::builders::GetResourcesFluentBuilder,
    types::{ResourceTagMapping, TagFilter},
};

use super::{
    Account, Answer, LOCALSTACK, MOTO, Operation, Refused,
    answer::{Needed as _, either, refusal, sorted},
};

/// moto's answer once another test has made a cluster without tags.
const MOTO_BREAKS: &str = "tag:GetResources is refused: HTTP 500";
/// The reason for which moto's answer is wrong.
const MOTO_NEEDS_TAGS: &str = "The operation “does not return untagged resources”, and is not broken by them: moto is, by a \
                 cluster without tags.";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("tag:GetResources")
            .case("by a tag", "log-group parameter secret", by_tag)
            .but(
                &[MOTO],
                MOTO_BREAKS,
                MOTO_NEEDS_TAGS,
                api!(tag "GetResources"),
            )
            .case("by a tag's value", "log-group", by_value)
            .but(
                &[MOTO],
                MOTO_BREAKS,
                MOTO_NEEDS_TAGS,
                api!(tag "GetResources"),
            )
            .case("by two tags", "secret", by_two)
            .but(
                &[MOTO],
                MOTO_BREAKS,
                MOTO_NEEDS_TAGS,
                api!(tag "GetResources"),
            )
            .case("by a tag and type", "secret", by_type)
            .case("by ARN", "secret, with its tags", by_arn)
            .but(
                &[LOCALSTACK],
                "what is others', too",
                "ResourceARNList says “for which you want to retrieve tag data”, and what does not exist “simply isn't \
                 included in the response”. LocalStack does not look at it.",
                api!(tag "GetResources"),
            )
            .but(
                &[MOTO],
                "what is others', too | tag:GetResources is refused: HTTP 500",
                "ResourceARNList says “for which you want to retrieve tag data”. moto does not look at it, and breaks \
                 when it comes to a cluster without tags.",
                api!(tag "GetResources"),
            )
            .case("an ARN that is not there", "nothing", absent_arn)
            .but(
                &[LOCALSTACK],
                "what is others', too",
                "ResourceARNList says “for which you want to retrieve tag data”, and what does not exist “simply isn't \
                 included in the response”. LocalStack does not look at it.",
                api!(tag "GetResources"),
            )
            .but(
                &[MOTO],
                "what is others', too | tag:GetResources is refused: HTTP 500",
                "ResourceARNList says “for which you want to retrieve tag data”. moto does not look at it, and breaks \
                 when it comes to a cluster without tags.",
                api!(tag "GetResources"),
            )
            .case("clusters, task definitions and services", "cluster service task-definition", of_ecs)
            .but(
                &[MOTO],
                "nothing",
                "A type filter can be a service: “specifying a service of ec2 returns all Amazon EC2 \
                 resources”. moto knows full types only.",
                api!(tag "GetResources"),
            )
            .case("one at a time", "log-group parameter secret; 3 pages at least", pages)
            .but(
                &[MOTO],
                MOTO_BREAKS,
                MOTO_NEEDS_TAGS,
                api!(tag "GetResources"),
            )
            .case("by ARN and by tag", "InvalidParameterException", both)
            .but(
                &[MOTO],
                MOTO_BREAKS,
                MOTO_NEEDS_TAGS,
                api!(tag "GetResources"),
            )
            .but(
                &[LOCALSTACK],
                "accepted",
                "“You can't specify both this parameter and the TagFilters parameter in the same request.”",
                api!(tag "GetResources"),
            )
            .case("a tag that nothing has", "nothing", nothing)
            .but(
                &[MOTO],
                MOTO_BREAKS,
                MOTO_NEEDS_TAGS,
                api!(tag "GetResources"),
            )
            .case("after the tag was removed", "log-group parameter", untagged)
            .but(
                &[MOTO],
                MOTO_BREAKS,
                MOTO_NEEDS_TAGS,
                api!(tag "GetResources"),
            )
            .case("a secret that is scheduled for deletion", "log-group parameter secret", deleted)
            .but(
                &[MOTO],
                MOTO_BREAKS,
                MOTO_NEEDS_TAGS,
                api!(tag "GetResources"),
            ),
    ]
}

/// Makes a secret, a parameter and a log group of one name, which is the key of a tag that each has. The secret has
/// another one, too. Answers with the secret's ARN.
async fn tagged(a: &Account, name: &str) -> Result<String, Refused> {
    // Beside what has tags there is what has none, where a cloud has clusters at all.
    let _ = a.ecs.create_cluster().cluster_name(name).send().await;
    let tag =
        |key: &str, value: &str| aws_sdk_secretsmanager::types::Tag::builder().key(key).value(value).build();
    let create = a.secrets.create_secret().name(name).secret_string("one").tags(tag(name, "secret"));
    let secret = create.tags(tag(&format!("{name}-too"), "yes")).send().await?.arn.needed("ARN")?;
    let tag = aws_sdk_ssm::types::Tag::builder().key(name).value("parameter").build();
    let put = a.ssm.put_parameter().name(name).value("one").r#type(aws_sdk_ssm::types::ParameterType::String);
    put.tags(tag.map_err(|_| Refused::Missing("tag"))?).send().await?;
    a.logs.create_log_group().log_group_name(name).tags(name, "log group").send().await?;
    Ok(secret)
}

fn filter(key: &str, values: &[&str]) -> TagFilter {
    TagFilter::builder()
        .key(key)
        .set_values(Some(values.iter().map(|&value| value.to_owned()).collect()))
        .build()
}

/// The kinds of what is found.
fn kinds(found: &[ResourceTagMapping]) -> String {
    let kind = |found: &ResourceTagMapping| {
        let resource = found.resource_arn()?.splitn(6, ':').nth(5)?;
        Some(resource.split([':', '/']).next()?.to_owned())
    };
    sorted(found.iter().filter_map(kind))
}

/// Returns the resources that a query finds, once they are the expected ones: the index follows the resources with some
/// delay.
async fn found(a: &Account, expected: &str, query: impl Fn() -> GetResourcesFluentBuilder) -> Answer {
    a.settles(expected, || async {
        let pages = query().into_paginator().items();
        let all: Vec<ResourceTagMapping> = pages.send().collect::<Result<_, _>>().await?;
        let is_own =
            |found: &ResourceTagMapping| found.resource_arn().is_some_and(|arn| arn.contains(&a.name("")));
        let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_own);
        Ok(match (own.is_empty(), others.is_empty()) {
            (_, false) => "what is others', too".to_owned(),
            (true, true) => "nothing".to_owned(),
            (false, true) => kinds(&own),
        })
    })
    .await
}

const ALL: &str = "log-group parameter secret";

async fn by_tag(a: Account) -> Answer {
    let name = a.name("by-tag");
    tagged(&a, &name).await?;
    found(&a, ALL, || a.tagging.get_resources().tag_filters(filter(&name, &[]))).await
}

async fn by_value(a: Account) -> Answer {
    let name = a.name("by-value");
    tagged(&a, &name).await?;
    found(&a, "log-group", || a.tagging.get_resources().tag_filters(filter(&name, &["log group", "none"])))
        .await
}

async fn by_two(a: Account) -> Answer {
    let name = a.name("by-two");
    tagged(&a, &name).await?;
    let too = format!("{name}-too");
    let query =
        || a.tagging.get_resources().tag_filters(filter(&name, &[])).tag_filters(filter(&too, &["yes"]));
    found(&a, "secret", query).await
}

async fn by_type(a: Account) -> Answer {
    let name = a.name("by-type");
    tagged(&a, &name).await?;
    let query = || {
        a.tagging
            .get_resources()
            .tag_filters(filter(&name, &[]))
            .resource_type_filters("secretsmanager:secret")
    };
    found(&a, "secret", query).await
}

async fn by_arn(a: Account) -> Answer {
    let name = a.name("by-arn");
    let arn = tagged(&a, &name).await?;
    let query = || a.tagging.get_resources().resource_arn_list(&arn);
    let kinds = found(&a, "secret", query).await?;
    if kinds != "secret" {
        return Ok(kinds);
    }
    let answer = query().send().await?;
    let secret = answer.resource_tag_mapping_list().iter().find(|found| found.resource_arn() == Some(&arn));
    let tags = secret.map_or(0, |found| found.tags().len());
    Ok(format!("{kinds}, {}", either(tags == 2, "with its tags", "without its tags")))
}

async fn absent_arn(a: Account) -> Answer {
    let name = a.name("absent");
    let arn = tagged(&a, &name).await?.replace("absent", "beside");
    found(&a, "nothing", || a.tagging.get_resources().resource_arn_list(&arn)).await
}

async fn of_ecs(a: Account) -> Answer {
    let name = a.name("of-ecs");
    let tag = || aws_sdk_ecs::types::Tag::builder().key(&name).value("yes").build();
    a.ecs.create_cluster().cluster_name(&name).tags(tag()).send().await?;
    let container = aws_sdk_ecs::types::ContainerDefinition::builder().name("api").image("httpd").memory(128);
    let register = a.ecs.register_task_definition().family(&name).container_definitions(container.build());
    register.tags(tag()).send().await?;
    let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(&name);
    create.desired_count(0).tags(tag()).send().await?;
    let query = || a.tagging.get_resources().tag_filters(filter(&name, &[])).resource_type_filters("ecs");
    found(&a, "cluster service task-definition", query).await
}

async fn pages(a: Account) -> Answer {
    let name = a.name("pages");
    tagged(&a, &name).await?;
    let query = || a.tagging.get_resources().tag_filters(filter(&name, &[]));
    found(&a, ALL, query).await?;
    let pages: Vec<_> =
        query().resources_per_page(1).into_paginator().send().collect::<Result<_, _>>().await?;
    let all: Vec<_> = pages.iter().flat_map(|page| page.resource_tag_mapping_list().to_vec()).collect();
    Ok(format!("{}; {}", kinds(&all), either(pages.len() >= 3, "3 pages at least", "fewer pages")))
}

async fn both(a: Account) -> Answer {
    let name = a.name("both");
    let arn = tagged(&a, &name).await?;
    let query = a.tagging.get_resources().resource_arn_list(arn).tag_filters(filter(&name, &[]));
    refusal(query.send().await)
}

async fn nothing(a: Account) -> Answer {
    let name = a.name("nothing");
    found(&a, "nothing", || a.tagging.get_resources().tag_filters(filter(&name, &[]))).await
}

async fn untagged(a: Account) -> Answer {
    let name = a.name("untagged");
    let secret = tagged(&a, &name).await?;
    a.secrets.untag_resource().secret_id(secret).tag_keys(&name).send().await?;
    let query = || a.tagging.get_resources().tag_filters(filter(&name, &[]));
    found(&a, "log-group parameter", query).await
}

async fn deleted(a: Account) -> Answer {
    let name = a.name("deleted");
    let secret = tagged(&a, &name).await?;
    a.secrets.delete_secret().secret_id(secret).recovery_window_in_days(7).send().await?;
    found(&a, ALL, || a.tagging.get_resources().tag_filters(filter(&name, &[]))).await
}
