use std::time::Duration;

use aws_sdk_ecs::types::{ContainerDefinition, Tag as EcsTag};
use aws_sdk_resourcegroupstagging::{
    Client,
    types::{ResourceTagMapping, TagFilter},
};

use crate::{
    Cloud,
    testing::{allow, cloud, code, json, sdk, sdk_with, trust},
};

const STACK: &str = "longshore:stack";

fn stack(name: &str) -> TagFilter {
    TagFilter::builder().key(STACK).values(name).build()
}

fn arns(list: &[ResourceTagMapping]) -> Vec<&str> {
    list.iter().filter_map(ResourceTagMapping::resource_arn).map(|arn| &arn["arn:aws:".len()..]).collect()
}

/// One resource of each kind that is tagged with the stack `shop`, and a secret of another one.
async fn shop(cloud: &Cloud) {
    let config = sdk(cloud);
    let ecs = aws_sdk_ecs::Client::new(&config);
    let tag = || EcsTag::builder().key(STACK).value("shop").build();
    ecs.create_cluster().cluster_name("main").tags(tag()).send().await.unwrap();
    let container = ContainerDefinition::builder().name("api").image("nginx:1").memory(64).build();
    ecs.register_task_definition()
        .family("api")
        .container_definitions(container)
        .tags(tag())
        .send()
        .await
        .unwrap();
    let service = ecs.create_service().cluster("main").service_name("api").task_definition("api");
    service.desired_count(0).tags(tag()).send().await.unwrap();
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    logs.create_log_group().log_group_name("/shop/api").tags(STACK, "shop").send().await.unwrap();
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    for name in ["shop", "bar"] {
        let tag = aws_sdk_secretsmanager::types::Tag::builder().key(STACK).value(name).build();
        secrets.create_secret().name(name).secret_string("v").tags(tag).send().await.unwrap();
    }
    let ssm = aws_sdk_ssm::Client::new(&config);
    let tag = aws_sdk_ssm::types::Tag::builder().key(STACK).value("shop").build().unwrap();
    let put = ssm.put_parameter().name("/shop/x").value("v").r#type("String".into()).tags(tag);
    put.send().await.unwrap();
    ssm.put_parameter().name("/bare").value("v").r#type("String".into()).send().await.unwrap();
    let iam = aws_sdk_iam::Client::new(&config);
    let tag = aws_sdk_iam::types::Tag::builder().key(STACK).value("shop").build().unwrap();
    let role =
        iam.create_role().role_name("shop").assume_role_policy_document(trust("ecs-tasks.amazonaws.com"));
    role.tags(tag).send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_has_a_tag_is_found_across_services_and_page_by_page() {
    let cloud = cloud();
    shop(&cloud).await;
    let client = Client::new(&sdk(&cloud));
    let all = client.get_resources().tag_filters(stack("shop")).send().await.unwrap();
    let found = arns(all.resource_tag_mapping_list());
    let secret = found.iter().position(|arn| arn.contains(":secret:shop-")).unwrap();
    let mut expected = vec![
        "ecs:eu-central-1:123456789012:cluster/main",
        "ecs:eu-central-1:123456789012:service/main/api",
        "ecs:eu-central-1:123456789012:task-definition/api:1",
        "logs:eu-central-1:123456789012:log-group:/shop/api",
        found[secret],
        "ssm:eu-central-1:123456789012:parameter/shop/x",
    ];
    expected.sort_unstable();
    // IAM is global, and its roles are not found.
    assert_eq!(found, expected);
    let tags = all.resource_tag_mapping_list()[0].tags();
    assert_eq!((tags[0].key(), tags[0].value()), (STACK, "shop"));
    assert_eq!(all.pagination_token(), Some(""));

    let mut pages =
        client.get_resources().tag_filters(stack("shop")).resources_per_page(4).into_paginator().send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.unwrap().resource_tag_mapping_list().len());
    }
    assert_eq!(sizes, [4, 2]);

    let kinds = ["ecs:service", "ssm"].map(str::to_owned).to_vec();
    let some = client.get_resources().tag_filters(stack("shop")).set_resource_type_filters(Some(kinds));
    assert_eq!(some.send().await.unwrap().resource_tag_mapping_list().len(), 2);
    // Any value of the key will do where none is given.
    let any = client.get_resources().tag_filters(TagFilter::builder().key(STACK).build());
    assert_eq!(any.send().await.unwrap().resource_tag_mapping_list().len(), 7);
    let one =
        client.get_resources().resource_arn_list("arn:aws:ssm:eu-central-1:123456789012:parameter/shop/x");
    assert_eq!(one.send().await.unwrap().resource_tag_mapping_list().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_or_no_longer_tagged_is_gone() {
    let cloud = cloud();
    shop(&cloud).await;
    let config = sdk(&cloud);
    let client = Client::new(&config);
    let ecs = aws_sdk_ecs::Client::new(&config);
    let of_ecs = async || {
        let found = client.get_resources().tag_filters(stack("shop")).resource_type_filters("ecs");
        let found = found.send().await.unwrap();
        found
            .resource_tag_mapping_list()
            .iter()
            .map(|one| one.resource_arn().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = of_ecs().await;
    ecs.untag_resource().resource_arn(&all[0]).tag_keys(STACK).send().await.unwrap();
    assert_eq!(of_ecs().await, all[1..]);
    ecs.tag_resource()
        .resource_arn(&all[0])
        .tags(EcsTag::builder().key(STACK).value("shop").build())
        .send()
        .await
        .unwrap();
    assert_eq!(of_ecs().await, all);

    ecs.delete_service().cluster("main").service("api").send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    ecs.delete_cluster().cluster("main").send().await.unwrap();
    // A deregistered task definition keeps its tags until it is deleted.
    ecs.deregister_task_definition().task_definition("api:1").send().await.unwrap();
    assert_eq!(of_ecs().await, all[2..]);
    ecs.delete_task_definitions().task_definitions("api:1").send().await.unwrap();
    assert!(of_ecs().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn limits_and_combinations_are_those_of_the_api() {
    let cloud = cloud();
    shop(&cloud).await;
    let client = Client::new(&sdk(&cloud));
    let ask = || client.get_resources();
    let value = |name: &str| (0..21).map(|n| format!("{name}{n}")).collect::<Vec<_>>();
    let many = TagFilter::builder().key(STACK).set_values(Some(value("v"))).build();
    let arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/x";
    for (what, wrong) in [
        ("a page of none", ask().resources_per_page(0)),
        ("too long a page", ask().resources_per_page(101)),
        ("too few tags", ask().tags_per_page(99)),
        ("too many values", ask().tag_filters(many)),
        ("too many filters", ask().set_tag_filters(Some(vec![stack("shop"); 51]))),
        ("too many ARNs", ask().set_resource_arn_list(Some(vec![arn.to_owned(); 101]))),
        ("ARNs with a filter", ask().resource_arn_list(arn).tag_filters(stack("shop"))),
        ("ARNs with a page", ask().resource_arn_list(arn).resources_per_page(5)),
        ("a token of elsewhere", ask().pagination_token("bm9wZQ==")),
    ] {
        assert_eq!(code(&wrong.send().await), "InvalidParameterException", "{what}");
    }
    let page = ask().resources_per_page(1).send().await.unwrap();
    let token = page.pagination_token().unwrap();
    ask().pagination_token(token).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(15 * 60 + 1)).await;
    assert_eq!(code(&ask().pagination_token(token).send().await), "PaginationTokenExpiredException");
}

#[tokio::test(start_paused = true)]
async fn a_session_needs_the_action_of_this_api() {
    let cloud = cloud();
    let config = sdk(&cloud);
    let iam = aws_sdk_iam::Client::new(&config);
    let ours = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}}"#;
    let role = iam.create_role().role_name("reader").assume_role_policy_document(ours).send().await.unwrap();
    let arn = role.role.unwrap().arn;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let assumed = aws_sdk_sts::Client::new(&config).assume_role().role_arn(arn).role_session_name("me");
    let given = assumed.send().await.unwrap().credentials.unwrap();
    let credentials = aws_credential_types::Credentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        None,
        "test",
    );
    let client = Client::new(&sdk_with(&cloud, credentials));
    assert_eq!(code(&client.get_resources().send().await), "AccessDeniedException");
    let policy = allow(&["tag:GetResources"], &["*"]);
    iam.put_role_policy().role_name("reader").policy_name("p").policy_document(policy).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    client.get_resources().send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn keys_and_values_are_listed_once() {
    let cloud = cloud();
    let logs = async |name: &str, value: &str| {
        let input = serde_json::json!({ "logGroupName": name, "tags": { "stage": value, "team": "web" } });
        json(&cloud, "logs", "Logs_20140328.CreateLogGroup", &input).await.unwrap();
    };
    logs("/a", "test").await;
    logs("/b", "live").await;
    logs("/c", "test").await;
    let tagging = async |operation: &str, input: serde_json::Value| {
        json(&cloud, "tagging", &format!("ResourceGroupsTaggingAPI_20170126.{operation}"), &input).await
    };
    let keys = tagging("GetTagKeys", serde_json::json!({})).await.unwrap();
    assert_eq!(keys["TagKeys"], serde_json::json!(["stage", "team"]));
    let values = tagging("GetTagValues", serde_json::json!({ "Key": "stage" })).await.unwrap();
    assert_eq!(values["TagValues"], serde_json::json!(["live", "test"]));
}
