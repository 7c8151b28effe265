//! Tags of what ECS has.

use super::{cluster, definition, idle_service, tag, words};
use crate::conformance::{
    Account, Answer, MOTO, Operation, Refused,
    answer::{Needed as _, refusal},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ecs:TagResource")
            .case("a cluster: a new tag and another value", "a=2 b=1 c=3", of_cluster)
            .case("a task definition", "a=2 b=1 c=3", of_definition)
            .case("a service", "a=2 c=3", of_service)
            .case("what is no ARN", "InvalidParameterException", no_arn)
            .case("a cluster that is not there", "ClusterNotFoundException", absent)
            .case("a cluster that was deleted", "InvalidParameterException", deleted)
            .but(
                &[MOTO],
                "accepted",
                "Tags are for resources that are there; a deleted cluster is INACTIVE.",
                api!(ecs "TagResource"),
            )
            .case("a key of AWS's own", "InvalidParameterException", reserved)
            .but(
                &[MOTO],
                "accepted",
                "“Do not use aws:, AWS:, or any upper or lowercase combination of such as a prefix for either \
                 keys or values.”",
                api!(ecs "TagResource"),
            ),
        Operation::new("ecs:UntagResource").case("a tag, and one that is not there", "b=1", untag),
        Operation::new("ecs:ListTagsForResource").case("where there are none", "", none).case(
            "a cluster that is not there",
            "ClusterNotFoundException",
            list_absent,
        ),
    ]
}

async fn tags(a: &Account, arn: &str) -> Answer {
    Ok(words(a.ecs.list_tags_for_resource().resource_arn(arn).send().await?.tags()))
}

async fn more_tags(a: &Account, arn: &str) -> Answer {
    a.ecs.tag_resource().resource_arn(arn).tags(tag("a", "2")).tags(tag("c", "3")).send().await?;
    tags(a, arn).await
}

/// Makes a cluster tagged a=1 and b=1. Answers with its ARN.
async fn tagged(a: &Account, name: &str) -> Result<String, Refused> {
    let create = a.ecs.create_cluster().cluster_name(name).tags(tag("a", "1")).tags(tag("b", "1"));
    create.send().await?.cluster.needed("cluster")?.cluster_arn.needed("ARN")
}

async fn of_cluster(a: Account) -> Answer {
    more_tags(&a, &tagged(&a, &a.name("cluster")).await?).await
}

async fn of_definition(a: Account) -> Answer {
    let register = definition(&a, &a.name("definition")).tags(tag("a", "1")).tags(tag("b", "1"));
    let definition = register.send().await?.task_definition.needed("task definition")?;
    more_tags(&a, definition.task_definition_arn().needed("ARN")?).await
}

async fn of_service(a: Account) -> Answer {
    let service = idle_service(&a, &a.name("service")).await?;
    more_tags(&a, service.service_arn().needed("ARN")?).await
}

async fn no_arn(a: Account) -> Answer {
    refusal(a.ecs.tag_resource().resource_arn("perhaps").tags(tag("a", "1")).send().await)
}

/// The ARN of a cluster that is not there.
async fn absent_arn(a: &Account) -> Answer {
    Ok(cluster(a, &a.name("beside")).await?.replace("beside", "absent"))
}

async fn absent(a: Account) -> Answer {
    refusal(a.ecs.tag_resource().resource_arn(absent_arn(&a).await?).tags(tag("a", "1")).send().await)
}

async fn deleted(a: Account) -> Answer {
    let name = a.name("deleted");
    let arn = cluster(&a, &name).await?;
    a.ecs.delete_cluster().cluster(&name).send().await?;
    refusal(a.ecs.tag_resource().resource_arn(arn).tags(tag("a", "1")).send().await)
}

async fn reserved(a: Account) -> Answer {
    let arn = cluster(&a, &a.name("reserved")).await?;
    refusal(a.ecs.tag_resource().resource_arn(arn).tags(tag("aws:a", "1")).send().await)
}

async fn untag(a: Account) -> Answer {
    let arn = tagged(&a, &a.name("untag")).await?;
    a.ecs.untag_resource().resource_arn(&arn).tag_keys("a").tag_keys("z").send().await?;
    tags(&a, &arn).await
}

async fn none(a: Account) -> Answer {
    let arn = cluster(&a, &a.name("none")).await?;
    tags(&a, &arn).await
}

async fn list_absent(a: Account) -> Answer {
    refusal(a.ecs.list_tags_for_resource().resource_arn(absent_arn(&a).await?).send().await)
}
