//! Reads of a simulated cloud, and how many requests they take.

use std::time::Duration;

use futures_util::future::join_all;
use longshore_model::ImageReference;
use longshore_simcloud::{ApiError, Blueprint, Cloud, Effect, Fault, Moment, TokioClock};
use serde_json::json;

use super::*;
use crate::{Embedded, RESOURCE_TAG, STACK_TAG, Target};

fn connect() -> (Cloud, Aws) {
    let clock = Arc::new(TokioClock::starting_at(Moment(1_795_000_000_000)));
    let cloud = Cloud::new(&Blueprint::default(), clock).unwrap();
    let embedded = Embedded::new(cloud.connector(), cloud.clone());
    let region = Some("eu-central-1".to_owned());
    (cloud, Aws::connect(Target { region, ..Target::default() }, Some(embedded)))
}

fn calls(cloud: &Cloud, operation: &str) -> u64 {
    cloud.calls().get(operation).copied().unwrap_or_default()
}

fn refuse(cloud: &Cloud, operation: &str, status: u16, code: &str) {
    let error = ApiError::new(code, "no").with_status(status);
    let effect = Effect::Refuse(error);
    cloud.inject(Fault { operation: operation.to_owned(), after: 0, times: u32::MAX, effect });
}

async fn roles(aws: &Aws, stack: &str, count: usize) {
    let client = aws.iam().await.unwrap();
    for index in 0..count {
        let tag = aws_sdk_iam::types::Tag::builder().key(STACK_TAG).value(stack).build().unwrap();
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}"#;
        let request = client.create_role().role_name(format!("{stack}-{index:04}")).tags(tag);
        request.assume_role_policy_document(trust).send().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stack_owns_is_found_by_its_tag_in_one_request_for_all() {
    let (cloud, aws) = connect();
    let ecs = aws.ecs().await.unwrap();
    for stack in ["shop", "blog"] {
        let tag = |key: &str, value: &str| aws_sdk_ecs::types::Tag::builder().key(key).value(value).build();
        let request = ecs.create_cluster().cluster_name(stack).tags(tag(STACK_TAG, stack));
        request.tags(tag(RESOURCE_TAG, "cluster.main")).send().await.unwrap();
        let logs = aws.cloudwatchlogs().await.unwrap();
        let tags = json!({ (STACK_TAG): stack, (RESOURCE_TAG): "log-group.api" });
        let group = json!({ "logGroupName": format!("/longshore/{stack}/api"), "tags": tags });
        logs.call("CreateLogGroup", group).await.unwrap();
    }
    ecs.create_cluster().cluster_name("default").send().await.unwrap();
    let reads = aws.reads();
    for _ in 0..2 {
        let owned = reads.owned("shop", Freshness::Planned).await.unwrap().unwrap();
        let shown: Vec<_> = owned.iter().map(|one| (one.arn.resource(), one.resource().unwrap())).collect();
        assert_eq!(
            shown,
            [("cluster/shop", "cluster.main"), ("log-group:/longshore/shop/api", "log-group.api")]
        );
    }
    assert_eq!(calls(&cloud, "tag:GetResources"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_without_the_tagging_api_is_told_from_a_caller_who_may_not_use_it() {
    let (cloud, aws) = connect();
    refuse(&cloud, "tag:GetResources", 501, "NotImplemented");
    assert_eq!(aws.reads().owned("shop", Freshness::Now).await, Ok(None));
    cloud.heal();
    refuse(&cloud, "tag:GetResources", 400, "AccessDeniedException");
    let failure = aws.reads().owned("shop", Freshness::Now).await.unwrap_err();
    insta::assert_snapshot!(failure);
}

#[tokio::test(start_paused = true)]
async fn services_and_clusters_are_read_in_batches() {
    let (cloud, aws) = connect();
    aws.ecs().await.unwrap().create_cluster().cluster_name("main").send().await.unwrap();
    let names: Vec<_> = (0..25).map(|index| format!("service-{index}")).collect();
    let reads = aws.reads();
    for name in &names {
        reads.expect_service("main", name);
    }
    let found = join_all(names.iter().map(|name| reads.service("main", name, Freshness::Planned))).await;
    assert!(found.iter().all(|service| *service == Ok(None)));
    assert_eq!(calls(&cloud, "ecs:DescribeServices"), 3);
    // A cluster that is not there has no services either.
    assert_eq!(reads.service("other", "x", Freshness::Now).await, Ok(None));

    let found = join_all(["main", "other"].map(|name| reads.cluster(name, Freshness::Now))).await;
    assert!(found[0].as_ref().unwrap().is_some() && found[1] == Ok(None));
    assert_eq!(calls(&cloud, "ecs:DescribeClusters"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_what_was_asked_for() {
    let (cloud, aws) = connect();
    refuse(&cloud, "ecs:DescribeServices", 400, "AccessDeniedException");
    let loads = ["api", "web"].map(|name| aws.reads().service("main", name, Freshness::Now));
    let lines: Vec<_> =
        join_all(loads).await.into_iter().map(|failure| failure.unwrap_err().to_string()).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn roles_come_from_one_list() {
    let (cloud, aws) = connect();
    roles(&aws, "shop", 30).await;
    roles(&aws, "blog", 2).await;
    let reads = aws.reads();
    for index in 0..30 {
        let ListedRole::Found(role) = reads.listed_role(&format!("shop-{index:04}")).await.unwrap() else {
            panic!("{index} is missing");
        };
        assert!(role.assume_role_policy_document().is_some());
    }
    assert_eq!(reads.listed_role("shop-9999").await, Ok(ListedRole::Absent));
    assert_eq!(reads.tagged_roles(STACK_TAG, "shop").await.unwrap().unwrap().len(), 30);
    assert_eq!(calls(&cloud, "iam:GetAccountAuthorizationDetails"), 1);
    // What the run changes is read anew.
    roles(&aws, "other", 1).await;
    assert!(matches!(reads.listed_role("other-0000").await, Ok(ListedRole::Found(_))));
    assert_eq!(calls(&cloud, "iam:GetAccountAuthorizationDetails"), 2);
}

#[tokio::test(start_paused = true)]
async fn how_roles_are_set_comes_from_one_list() {
    let (cloud, aws) = connect();
    roles(&aws, "shop", 3).await;
    let reads = aws.reads();
    for index in 0..3 {
        let Listed::Found(role) = reads.role_settings(&format!("shop-{index:04}")).await.unwrap() else {
            panic!("{index} is missing");
        };
        assert_eq!((role.description.as_deref(), role.max_session_duration), (None, Some(3600)));
    }
    assert_eq!(reads.role_settings("shop-9999").await, Ok(Listed::Absent));
    assert_eq!(calls(&cloud, "iam:ListRoles"), 1);

    // Two pages, and one role to look for: it is cheaper to look at it.
    let (cloud, aws) = connect();
    roles(&aws, "crowd", 1100).await;
    assert_eq!(aws.reads().role_settings("x").await, Ok(Listed::Unknown));
    assert_eq!(calls(&cloud, "iam:ListRoles"), 1);
    aws.reads().expect_role("y");
    assert_eq!(aws.reads().role_settings("x").await, Ok(Listed::Absent));
    assert_eq!(calls(&cloud, "iam:ListRoles"), 2);

    let (cloud, aws) = connect();
    refuse(&cloud, "iam:ListRoles", 403, "AccessDenied");
    for _ in 0..2 {
        assert_eq!(aws.reads().role_settings("x").await, Ok(Listed::Unknown));
    }
    assert_eq!(calls(&cloud, "iam:ListRoles"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_refused_or_too_long_is_left() {
    let (cloud, aws) = connect();
    refuse(&cloud, "iam:GetAccountAuthorizationDetails", 403, "AccessDenied");
    for _ in 0..2 {
        assert_eq!(aws.reads().listed_role("x").await, Ok(ListedRole::Unknown));
    }
    assert_eq!(aws.reads().tagged_roles(STACK_TAG, "shop").await, Ok(None));
    assert_eq!(calls(&cloud, "iam:GetAccountAuthorizationDetails"), 1);

    // More than four pages, and one role to look for.
    let (cloud, aws) = connect();
    roles(&aws, "crowd", 4200).await;
    assert_eq!(aws.reads().listed_role("x").await, Ok(ListedRole::Unknown));
    assert_eq!(calls(&cloud, "iam:GetAccountAuthorizationDetails"), 4);
    aws.reads().expect_role("y");
    assert_eq!(aws.reads().listed_role("x").await, Ok(ListedRole::Absent));
    assert_eq!(calls(&cloud, "iam:GetAccountAuthorizationDetails"), 5);
}

#[tokio::test(start_paused = true)]
async fn log_groups_are_listed_once_for_a_stack() {
    let (cloud, aws) = connect();
    let logs = aws.cloudwatchlogs().await.unwrap();
    for index in 0..60 {
        let name = format!("/longshore/shop/{index}");
        logs.call("CreateLogGroup", json!({ "logGroupName": name })).await.unwrap();
    }
    let reads = aws.reads();
    for index in 0..60 {
        let name = format!("/longshore/shop/{index}");
        assert!(reads.log_group("/longshore/shop/", &name, Freshness::Planned).await.unwrap().is_some());
    }
    assert_eq!(calls(&cloud, "logs:DescribeLogGroups"), 2);
    assert_eq!(reads.log_group("/longshore/shop/", "/other", Freshness::Planned).await, Ok(None));
    assert_eq!(reads.log_group("/longshore/shop/", "/longshore/shop/x", Freshness::Now).await, Ok(None));
    assert_eq!(calls(&cloud, "logs:DescribeLogGroups"), 4);
}

#[tokio::test(start_paused = true)]
async fn subnets_are_read_once() {
    let (cloud, aws) = connect();
    let subnets = aws.reads().default_subnets().await.unwrap();
    assert!(subnets.len() >= 2 && subnets.iter().all(|id| id.starts_with("subnet-")), "{subnets:?}");
    aws.ecs().await.unwrap().create_cluster().cluster_name("main").send().await.unwrap();
    assert_eq!(aws.reads().default_subnets().await, Ok(subnets));
    assert_eq!(calls(&cloud, "ec2:DescribeSubnets"), 1);
}

#[tokio::test(start_paused = true)]
async fn secrets_are_listed_once_and_their_values_read_together() {
    let (cloud, aws) = connect();
    let client = aws.secretsmanager().await.unwrap();
    let mut arns = Vec::new();
    for index in 0..21 {
        let tag = aws_sdk_secretsmanager::types::Tag::builder().key(STACK_TAG);
        // A filter finds whatever begins so.
        let tag = tag.value(if index == 20 { "shopping" } else { "shop" }).build();
        let request = client.create_secret().name(format!("secret-{index}")).tags(tag);
        let created = request.secret_string(format!("value-{index}")).send().await.unwrap();
        arns.push(created.arn.unwrap());
    }
    let reads = aws.reads();
    let listed = reads.secrets("shop", Freshness::Planned).await.unwrap();
    assert_eq!((listed.len(), listed.contains_key("secret-20")), (20, false));
    reads.secrets("shop", Freshness::Planned).await.unwrap();
    assert_eq!(calls(&cloud, "secretsmanager:ListSecrets"), 1);

    let values = join_all(arns.iter().map(|arn| reads.secret_value(arn))).await;
    let texts: Vec<_> =
        values.into_iter().map(|value| value.unwrap().unwrap().text.unwrap().expose().to_owned()).collect();
    let expected: Vec<_> = (0..21).map(|index| format!("value-{index}")).collect();
    assert_eq!(texts, expected);
    assert_eq!(calls(&cloud, "secretsmanager:BatchGetSecretValue"), 2);

    refuse(&cloud, "secretsmanager:BatchGetSecretValue", 400, "AccessDeniedException");
    for _ in 0..2 {
        assert!(reads.secret_value(&arns[0]).await.unwrap().is_none());
    }
    assert_eq!(calls(&cloud, "secretsmanager:BatchGetSecretValue"), 3);
}

/// Runs `count` services of one task each in the cluster `main`, and waits until their tasks have begun.
async fn run_services(aws: &Aws, count: usize) -> Vec<String> {
    use aws_sdk_ecs::types::{AwsVpcConfiguration, Compatibility, ContainerDefinition, LaunchType};

    let ecs = aws.ecs().await.unwrap();
    ecs.create_cluster().cluster_name("main").send().await.unwrap();
    let container = ContainerDefinition::builder().name("web").image("public.ecr.aws/nginx/nginx:1").build();
    let definition = ecs.register_task_definition().family("web").container_definitions(container);
    let definition =
        definition.network_mode(aws_sdk_ecs::types::NetworkMode::Awsvpc).cpu("256").memory("512");
    definition.requires_compatibilities(Compatibility::Fargate).send().await.unwrap();
    let subnets = aws.reads().default_subnets().await.unwrap();
    let network =
        AwsVpcConfiguration::builder().set_subnets(Some(subnets.iter().cloned().collect())).build().unwrap();
    let network = aws_sdk_ecs::types::NetworkConfiguration::builder().awsvpc_configuration(network).build();
    let names: Vec<_> = (0..count).map(|index| format!("service-{index}")).collect();
    for name in &names {
        let service = ecs.create_service().cluster("main").service_name(name).task_definition("web");
        let service = service.launch_type(LaunchType::Fargate).desired_count(1);
        service.network_configuration(network.clone()).send().await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    names
}

#[tokio::test(start_paused = true)]
async fn tasks_of_many_services_are_listed_together() {
    use aws_sdk_ecs::types::DesiredStatus::Running;

    let (cloud, aws) = connect();
    let names = run_services(&aws, 8).await;
    let together = join_all(names.iter().map(|name| aws.reads().service_tasks("main", name, Running))).await;
    assert_eq!(calls(&cloud, "ecs:ListTasks"), 1);
    for (name, tasks) in names.iter().zip(together) {
        let tasks = tasks.unwrap();
        assert_eq!(
            tasks.iter().filter_map(|task| task.group()).collect::<Vec<_>>(),
            [format!("service:{name}")]
        );
        assert_eq!(aws.reads().service_tasks("main", name, Running).await, Ok(tasks));
    }
    assert_eq!(calls(&cloud, "ecs:ListTasks"), 1 + 8);
    assert_eq!(aws.reads().service_tasks("other", "x", Running).await, Ok(Vec::new()));
}

/// Pushes an index without images to a repository, under each of the tags.
async fn push(aws: &Aws, repository: &ImageReference, tags: &[&str]) {
    const INDEX: &str =
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let registry = repository.ecr().unwrap();
    let ecr = aws.ecr(&registry).await.unwrap();
    let (account, name) = (registry.account, repository.repository());
    let made = json!({ "registryId": account, "repositoryName": name });
    ecr.call("CreateRepository", made).await.unwrap();
    for tag in tags {
        let manifest = INDEX.replace(":2", &format!(": {}2", " ".repeat(tag.len())));
        let image = json!({ "registryId": account, "repositoryName": name, "imageTag": tag, "imageManifest": manifest });
        ecr.call("PutImage", image).await.unwrap();
    }
}

async fn ecr_image(aws: &Aws, image: &ImageReference) -> Result<EcrImage> {
    aws.reads().ecr_image(image, image.ecr().unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn images_of_a_repository_are_read_together() {
    let (cloud, aws) = connect();
    let image = |text: &str| text.parse::<ImageReference>().unwrap();
    let here = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme/api";
    let there = "123456789012.dkr.ecr.us-east-1.amazonaws.com/acme/api";
    push(&aws, &image(here), &["1", "22"]).await;
    push(&aws, &image(there), &["1"]).await;
    let first = ecr_image(&aws, &image(&format!("{here}:1"))).await.unwrap();
    assert_eq!(first.media_type, "application/vnd.oci.image.index.v1+json");
    let before = calls(&cloud, "ecr:BatchGetImage");
    let images = [
        image(&format!("{here}:22")),
        image(&format!("{here}@{}", first.digest)),
        image(&format!("{here}:none")),
        image(&format!("{there}:1")),
    ];
    let read = join_all(images.iter().map(|image| ecr_image(&aws, image))).await;
    assert_ne!(read[0].as_ref().unwrap().digest, first.digest);
    assert_eq!(read[1].as_ref().unwrap(), &first);
    let absent = read[2].as_ref().unwrap_err();
    assert_eq!(absent.kind, FailureKind::NotFound, "{absent}");
    assert!(read[3].is_ok());
    assert_eq!(calls(&cloud, "ecr:BatchGetImage"), before + 2, "one for each repository");
}

#[tokio::test(start_paused = true)]
async fn unread_images_have_their_reasons() {
    let (cloud, aws) = connect();
    let image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme/api:1".parse().unwrap();
    let absent = ecr_image(&aws, &image).await.unwrap_err();
    refuse(&cloud, "ecr:BatchGetImage", 400, "AccessDeniedException");
    let denied = ecr_image(&aws, &image).await.unwrap_err();
    assert_eq!((absent.kind, denied.kind), (FailureKind::NotFound, FailureKind::Denied));
    insta::assert_snapshot!(format!("{absent}\n{denied}"));
}
