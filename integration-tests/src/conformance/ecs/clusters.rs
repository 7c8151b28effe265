//! Clusters.

use aws_sdk_ecs::types::{CapacityProviderStrategyItem, ClusterField, ClusterSetting, ClusterSettingName};

use super::{cluster, idle_service, tag, tasks, words};
use crate::conformance::{
    Account, Answer, MOTO, Operation,
    answer::{Needed as _, either, refusal, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("ecs:CreateCluster")
            .case("a new cluster", "ACTIVE, cluster/NAME, 0 services, 0 tasks", create)
            .case("a cluster that is there", "the same cluster; 1 in all", again)
            .case("a character that is not allowed in names", "InvalidParameterException", bad_name)
            .but(
                &[MOTO],
                "accepted",
                "A name has up to 255 letters, digits, underscores and hyphens.",
                api!(ecs "CreateCluster"),
            ),
        Operation::new("ecs:DescribeClusters")
            .case("one that is there and one that is not", "ACTIVE; cluster/ABSENT MISSING", describe)
            .case("its tags, where they are asked for", "without: ; with: a=1", tags)
            .case("by ARN", "ACTIVE", by_arn),
        Operation::new("ecs:ListClusters")
            .case("all", "both, once", list)
            .case("one at a time", "both, once; 2 pages at least", pages)
            .but(
                &[MOTO],
                "both, once; 1 page",
                "maxResults is the number of results in a page; moto has one page only.",
                api!(ecs "ListClusters"),
            )
            .alone(),
        Operation::new("ecs:DeleteCluster")
            .case("a cluster", "INACTIVE; described as INACTIVE or MISSING", delete)
            .case("with a service", "ClusterContainsServicesException", with_service)
            .but(
                &[MOTO],
                "accepted",
                "“You can't delete a cluster that contains services.”",
                api!(ecs "DeleteCluster"),
            )
            .case("with a task", "ClusterContainsTasksException; afterwards accepted", with_task)
            .but(
                &[MOTO],
                "ecs:RunTask is refused: an answer that cannot be read",
                "cpu and memory of a container in a task are strings; moto writes numbers, which the SDK cannot \
                 read.",
                api!(ecs "Container"),
            )
            .case("what is not there", "ClusterNotFoundException", absent)
            .case("and making it again", "ACTIVE", and_again),
        Operation::new("ecs:PutClusterCapacityProviders")
            .case("Fargate's, with a strategy", "FARGATE FARGATE_SPOT; FARGATE_SPOT 1", providers)
            .case("of a cluster that is not there", "ClusterNotFoundException", providers_of_absent),
        Operation::new("ecs:UpdateCluster")
            .case("Container Insights", "containerInsights enabled", insights)
            .case("what is not there", "ClusterNotFoundException", update_absent),
    ]
}

async fn providers(a: Account) -> Answer {
    let name = a.name("providers");
    cluster(&a, &name).await?;
    let item = CapacityProviderStrategyItem::builder().capacity_provider("FARGATE_SPOT").weight(1).build();
    let call = a.ecs.put_cluster_capacity_providers().cluster(&name).capacity_providers("FARGATE");
    let call =
        call.capacity_providers("FARGATE_SPOT").default_capacity_provider_strategy(item.ok().needed("item")?);
    let changed = call.send().await?.cluster.needed("cluster")?;
    let providers = sorted(changed.capacity_providers().iter().map(String::as_str));
    let strategy = changed.default_capacity_provider_strategy().first().needed("strategy")?;
    Ok(format!("{providers}; {} {}", strategy.capacity_provider(), strategy.weight()))
}

async fn providers_of_absent(a: Account) -> Answer {
    let call = a.ecs.put_cluster_capacity_providers().cluster(a.name("absent")).capacity_providers("FARGATE");
    refusal(call.set_default_capacity_provider_strategy(Some(Vec::new())).send().await)
}

async fn insights(a: Account) -> Answer {
    let name = a.name("insights");
    cluster(&a, &name).await?;
    let setting =
        ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value("enabled").build();
    let changed = a.ecs.update_cluster().cluster(&name).settings(setting).send().await?;
    let changed = changed.cluster.needed("cluster")?;
    let setting = changed.settings().first().needed("setting")?;
    let name = setting.name().map(ClusterSettingName::as_str).unwrap_or_default();
    Ok(format!("{name} {}", setting.value().unwrap_or_default()))
}

async fn update_absent(a: Account) -> Answer {
    refusal(a.ecs.update_cluster().cluster(a.name("absent")).send().await)
}

async fn create(a: Account) -> Answer {
    let name = a.name("create");
    let made = a.ecs.create_cluster().cluster_name(&name).send().await?.cluster.needed("cluster")?;
    let arn = made.cluster_arn().unwrap_or_default();
    Ok(format!(
        "{}, {}, {} services, {} tasks",
        made.status().unwrap_or_default(),
        if arn.ends_with(&format!(":cluster/{name}")) { "cluster/NAME" } else { arn },
        made.active_services_count(),
        made.running_tasks_count(),
    ))
}

async fn again(a: Account) -> Answer {
    let name = a.name("again");
    let (first, second) = (cluster(&a, &name).await?, cluster(&a, &name).await?);
    let described = a.ecs.describe_clusters().clusters(&name).send().await?;
    let same = either(first == second, "the same cluster", "another cluster");
    Ok(format!("{same}; {} in all", described.clusters().len()))
}

async fn bad_name(a: Account) -> Answer {
    refusal(a.ecs.create_cluster().cluster_name(a.name("a space")).send().await)
}

async fn describe(a: Account) -> Answer {
    let (name, absent) = (a.name("describe"), a.name("absent"));
    cluster(&a, &name).await?;
    let described = a.ecs.describe_clusters().clusters(&name).clusters(&absent).send().await?;
    let found = sorted(described.clusters().iter().filter_map(|cluster| cluster.status()));
    let failures = described.failures().iter().map(|failure| {
        let arn = failure.arn().unwrap_or_default();
        let which = if arn.ends_with(&format!(":cluster/{absent}")) { "cluster/ABSENT" } else { arn };
        format!("{which} {}", failure.reason().unwrap_or_default())
    });
    Ok(format!("{found}; {}", sorted(failures)))
}

async fn tags(a: Account) -> Answer {
    let name = a.name("tags");
    a.ecs.create_cluster().cluster_name(&name).tags(tag("a", "1")).send().await?;
    let without = a.ecs.describe_clusters().clusters(&name).send().await?;
    let with = a.ecs.describe_clusters().clusters(&name).include(ClusterField::Tags).send().await?;
    let tags = |clusters: &[aws_sdk_ecs::types::Cluster]| {
        clusters.first().map(|cluster| words(cluster.tags())).unwrap_or_default()
    };
    Ok(format!("without: {}; with: {}", tags(without.clusters()), tags(with.clusters())))
}

async fn by_arn(a: Account) -> Answer {
    let arn = cluster(&a, &a.name("by-arn")).await?;
    let described = a.ecs.describe_clusters().clusters(arn).send().await?;
    Ok(sorted(described.clusters().iter().filter_map(|cluster| cluster.status())))
}

/// Returns true if both of two new clusters are in a list, once each.
fn both_once(arns: &[String; 2], listed: &[String]) -> String {
    let times = |arn: &String| listed.iter().filter(|listed| *listed == arn).count();
    either(arns.iter().all(|arn| times(arn) == 1), "both, once", "not both, or not once")
}

async fn list(a: Account) -> Answer {
    let arns = [cluster(&a, &a.name("one")).await?, cluster(&a, &a.name("two")).await?];
    let listed: Vec<String> =
        a.ecs.list_clusters().into_paginator().items().send().collect::<Result<_, _>>().await?;
    Ok(both_once(&arns, &listed))
}

async fn pages(a: Account) -> Answer {
    let arns = [cluster(&a, &a.name("one")).await?, cluster(&a, &a.name("two")).await?];
    let pages = a.ecs.list_clusters().max_results(1).into_paginator();
    let pages: Vec<_> = pages.send().collect::<Result<_, _>>().await?;
    let listed: Vec<String> = pages.iter().flat_map(|page| page.cluster_arns().to_vec()).collect();
    Ok(format!("{}; {}", both_once(&arns, &listed), either(pages.len() >= 2, "2 pages at least", "1 page")))
}

async fn delete(a: Account) -> Answer {
    let name = a.name("delete");
    cluster(&a, &name).await?;
    let deleted = a.ecs.delete_cluster().cluster(&name).send().await?.cluster.needed("cluster")?;
    // It may be discoverable for some time.
    let described = a.ecs.describe_clusters().clusters(&name).send().await?;
    let status = described.clusters().first().and_then(|cluster| cluster.status());
    let reason = described.failures().first().and_then(|failure| failure.reason());
    let gone = status == Some("INACTIVE") || reason == Some("MISSING");
    let deleted = deleted.status().unwrap_or_default();
    Ok(format!("{deleted}; described as {}", either(gone, "INACTIVE or MISSING", "something else")))
}

async fn with_service(a: Account) -> Answer {
    let name = a.name("with-service");
    idle_service(&a, &name).await?;
    refusal(a.ecs.delete_cluster().cluster(&name).send().await)
}

async fn with_task(a: Account) -> Answer {
    let name = a.name("with-task");
    let task = tasks::running(&a, &name).await?.task_arn.needed("ARN")?;
    let refused = refusal(a.ecs.delete_cluster().cluster(&name).send().await)?;
    a.ecs.stop_task().cluster(&name).task(task).send().await?;
    let afterwards =
        a.settles("accepted", || async { refusal(a.ecs.delete_cluster().cluster(&name).send().await) });
    Ok(format!("{refused}; afterwards {}", afterwards.await?))
}

async fn absent(a: Account) -> Answer {
    refusal(a.ecs.delete_cluster().cluster(a.name("absent")).send().await)
}

async fn and_again(a: Account) -> Answer {
    let name = a.name("and-again");
    cluster(&a, &name).await?;
    a.ecs.delete_cluster().cluster(&name).send().await?;
    let made = a.ecs.create_cluster().cluster_name(&name).send().await?.cluster.needed("cluster")?;
    Ok(made.status.unwrap_or_default())
}
