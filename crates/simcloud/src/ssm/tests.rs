//! Parameter Store with the real SDK client.

use aws_sdk_ssm::{
    Client,
    operation::put_parameter::builders::PutParameterFluentBuilder,
    types::{ParameterStringFilter, ParameterTier, ParameterType, ResourceTypeForTagging, Tag},
};

use super::{Unreadable, read_as};
use crate::{
    Cloud,
    testing::{allow, allow_role, cloud, code, message, sdk, task_role},
};

const ARN: &str = "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/db";

fn put(client: &Client, name: &str, value: &str) -> PutParameterFluentBuilder {
    client.put_parameter().name(name).value(value).r#type(ParameterType::SecureString)
}

async fn value(client: &Client, name: &str) -> Option<String> {
    let answer = client.get_parameter().name(name).with_decryption(true).send().await.unwrap();
    answer.parameter?.value
}

#[tokio::test(start_paused = true)]
async fn a_parameter_is_written_read_by_version_and_deleted() {
    let client = Client::new(&sdk(&cloud()));
    assert_eq!(put(&client, "/shop/db", "one").send().await.unwrap().version, 1);
    let again = put(&client, "/shop/db", "two").send().await;
    assert_eq!(code(&again), "ParameterAlreadyExists");
    assert_eq!(put(&client, "/shop/db", "two").overwrite(true).send().await.unwrap().version, 2);
    for (name, expected) in [("/shop/db", "two"), (ARN, "two"), ("/shop/db:1", "one")] {
        assert_eq!(value(&client, name).await.as_deref(), Some(expected), "{name}");
    }
    assert_eq!(code(&client.get_parameter().name("/shop/db:9").send().await), "ParameterVersionNotFound");
    let sealed = client.get_parameter().name("/shop/db").send().await.unwrap().parameter.unwrap();
    assert!(!sealed.value().unwrap().contains("two"));
    assert_eq!((sealed.arn(), sealed.version), (Some(ARN), 2));

    let several = client.get_parameters().names("/shop/db").names("/shop/none").with_decryption(true);
    let several = several.send().await.unwrap();
    assert_eq!(several.parameters()[0].value(), Some("two"));
    assert_eq!(several.invalid_parameters(), ["/shop/none"]);
    let history = client.get_parameter_history().name("/shop/db").with_decryption(true).send().await.unwrap();
    let values: Vec<_> = history.parameters().iter().filter_map(|version| version.value()).collect();
    assert_eq!(values, ["one", "two"]);

    client.delete_parameter().name("/shop/db").send().await.unwrap();
    assert_eq!(code(&client.delete_parameter().name("/shop/db").send().await), "ParameterNotFound");
    assert_eq!(code(&client.get_parameter().name("/shop/db").send().await), "ParameterNotFound");
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_is_refused() {
    let client = Client::new(&sdk(&cloud()));
    put(&client, "/shop/db", "one").send().await.unwrap();
    for name in ["", "a b", "/aws/x", "ssmx", "a/b", "/a//b", "/a/"] {
        assert_eq!(code(&put(&client, name, "v").send().await), "ValidationException", "{name}");
    }
    let deep = "/a".repeat(16);
    assert_eq!(code(&put(&client, &deep, "v").send().await), "HierarchyLevelLimitExceededException");
    let kind = put(&client, "/shop/db", "v").r#type(ParameterType::String).overwrite(true).send().await;
    assert_eq!(code(&kind), "HierarchyTypeMismatchException");
    let tag = Tag::builder().key("a").value("b").build().unwrap();
    let tagged = put(&client, "/shop/db", "v").overwrite(true).tags(tag).send().await;
    assert!(message(&tagged).contains("tags and overwrite can't be used together"));
    assert_eq!(code(&client.put_parameter().name("/x").value("v").send().await), "ValidationException");
    let key = put(&client, "/x", "v").key_id("alias/none").send().await;
    assert_eq!(code(&key), "InvalidKeyId");
    let empty = put(&client, "/x", "").send().await;
    assert_eq!(code(&empty), "ValidationException");
}

#[tokio::test(start_paused = true)]
async fn the_tier_decides_how_much_fits() {
    let client = Client::new(&sdk(&cloud()));
    let (fits, large, huge) = ("a".repeat(4096), "a".repeat(8192), "a".repeat(8193));
    assert_eq!(put(&client, "/a", &fits).send().await.unwrap().tier, Some(ParameterTier::Standard));
    let refused = put(&client, "/b", &large).send().await;
    assert!(message(&refused).contains("4096 characters") && !message(&refused).contains("aaaa"));
    let raised = put(&client, "/a", &large).tier(ParameterTier::IntelligentTiering).overwrite(true);
    assert_eq!(raised.send().await.unwrap().tier, Some(ParameterTier::Advanced));
    let back = put(&client, "/a", &fits).tier(ParameterTier::Standard).overwrite(true).send().await;
    assert!(message(&back).contains("can't downgrade"));
    assert_eq!(
        put(&client, "/a", "v").overwrite(true).send().await.unwrap().tier,
        Some(ParameterTier::Advanced)
    );
    let refused = put(&client, "/c", &huge).tier(ParameterTier::Advanced).send().await;
    assert!(message(&refused).contains("8192 characters"));
}

#[tokio::test(start_paused = true)]
async fn tags_and_lists() {
    let client = Client::new(&sdk(&cloud()));
    let tag = |key: &str| Tag::builder().key(key).value("v").build().unwrap();
    put(&client, "/shop/a", "v").tags(tag("one")).description("first").send().await.unwrap();
    put(&client, "/shop/deep/b", "v").send().await.unwrap();
    put(&client, "other", "v").send().await.unwrap();
    let parameter = ResourceTypeForTagging::Parameter;
    let add = client.add_tags_to_resource().resource_type(parameter.clone()).tags(tag("two"));
    add.clone().resource_id("/shop/a").send().await.unwrap();
    assert_eq!(code(&add.resource_id("/none").send().await), "InvalidResourceId");
    let remove = client.remove_tags_from_resource().resource_type(parameter.clone()).tag_keys("one");
    remove.resource_id("/shop/a").send().await.unwrap();
    let tags = client.list_tags_for_resource().resource_type(parameter).resource_id("/shop/a");
    let tags = tags.send().await.unwrap().tag_list.unwrap();
    assert_eq!(tags.iter().map(|tag| tag.key()).collect::<Vec<_>>(), ["two"]);

    let names = |key: &'static str, option: &'static str, value: &'static str| {
        let filter = ParameterStringFilter::builder().key(key).option(option).values(value).build().unwrap();
        let request = client.describe_parameters().parameter_filters(filter).max_results(1);
        async move {
            let pages: Vec<_> = request.into_paginator().send().collect::<Result<_, _>>().await.unwrap();
            let found = pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default());
            found.map(|found| found.name.unwrap()).collect::<Vec<_>>()
        }
    };
    assert_eq!(names("Name", "Equals", "other").await, ["other"]);
    assert_eq!(names("Path", "OneLevel", "/shop").await, ["/shop/a"]);
    assert_eq!(names("Path", "Recursive", "/shop/").await, ["/shop/a", "/shop/deep/b"]);
    assert_eq!(names("tag:two", "Equals", "v").await, ["/shop/a"]);
    assert_eq!(names("KeyId", "Equals", "alias/aws/ssm").await.len(), 3);
    let below = client.get_parameters_by_path().path("/shop").recursive(true).send().await.unwrap();
    assert_eq!(below.parameters().len(), 2);
}

async fn read(cloud: &Cloud, role: &str, names: &[&str]) -> Result<(), Unreadable> {
    let now = cloud.now();
    cloud.inspect(|world| read_as(world, now, "eu-central-1", role, "session", names)).await
}

#[tokio::test(start_paused = true)]
async fn the_agent_reads_what_the_role_may_read_and_decrypt() {
    let cloud = cloud();
    let client = Client::new(&sdk(&cloud));
    let kms = aws_sdk_kms::Client::new(&sdk(&cloud));
    let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    put(&client, "/shop/db", "one").key_id(&key).send().await.unwrap();
    put(&client, "/shop/other", "two").send().await.unwrap();
    let role = task_role(&cloud, "api", &allow(&["ssm:GetParameters"], &[ARN])).await;

    let Err(Unreadable::Refused(denied)) = read(&cloud, &role, &[ARN]).await else { panic!() };
    assert!(denied.message.starts_with("The ciphertext refers to"), "{denied}");
    let Err(Unreadable::Refused(denied)) = read(&cloud, &role, &[ARN, "/shop/other"]).await else { panic!() };
    assert!(
        denied.message.contains("ssm:GetParameters") && denied.message.contains("/shop/other"),
        "{denied}"
    );

    let scoped = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Effect": "Allow", "Action": "ssm:GetParameters", "Resource": format!("{ARN}*") },
            {
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": key,
                "Condition": { "StringEquals": {
                    "kms:ViaService": "ssm.eu-central-1.amazonaws.com",
                    "kms:EncryptionContext:PARAMETER_ARN": ARN,
                } },
            },
        ],
    });
    allow_role(&cloud, "api", &scoped.to_string()).await;
    assert_eq!(read(&cloud, &role, &["/shop/db"]).await, Ok(()));
    let gone = read(&cloud, &role, &[ARN, &format!("{ARN}2")]).await;
    assert_eq!(gone, Err(Unreadable::Invalid(vec!["/shop/db2".to_owned()])));
}

#[tokio::test(start_paused = true)]
async fn values_show_in_no_debug_output() {
    let cloud = cloud();
    put(&Client::new(&sdk(&cloud)), "/shop/db", "hush-hush").send().await.unwrap();
    let world = cloud.inspect(|world| format!("{world:?}")).await;
    assert!(world.contains("/shop/db") && !world.contains("hush-hush"));
}

#[tokio::test(start_paused = true)]
async fn secrets_are_read_by_reference() {
    let cloud = cloud();
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(&cloud));
    secrets.create_secret().name("shop/db").secret_string("hush").send().await.unwrap();
    let client = Client::new(&sdk(&cloud));
    let name = "/aws/reference/secretsmanager/shop/db";
    for (name, expected) in [(name.to_owned(), "hush"), (format!("{name}:AWSCURRENT"), "hush")] {
        assert_eq!(value(&client, &name).await.as_deref(), Some(expected), "{name}");
    }
    let sealed = client.get_parameter().name(name).send().await;
    assert_eq!(code(&sealed), "ValidationException");
    assert!(message(&sealed).contains("WithDecryption flag must be True"));
    let absent = client.get_parameter().name(format!("{name}x")).with_decryption(true).send().await;
    assert_eq!(code(&absent), "ParameterNotFound");
    let several = client.get_parameters().names(name).names(format!("{name}x")).with_decryption(true);
    let several = several.send().await.unwrap();
    assert_eq!(several.parameters()[0].value(), Some("hush"));
    assert_eq!(several.invalid_parameters(), [format!("{name}x")]);
}

#[tokio::test(start_paused = true)]
async fn published_parameters_are_images_alone() {
    let client = Client::new(&sdk(&cloud()));
    let name = "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended";
    let image = value(&client, &format!("{name}/image_id")).await.unwrap();
    assert!(image.starts_with("ami-"), "{image}");
    let whole: serde_json::Value = serde_json::from_str(&value(&client, name).await.unwrap()).unwrap();
    assert_eq!(whole["image_id"], image);
    let absent =
        client.get_parameter().name("/aws/service/ecs/optimized-ami/amigaos/recommended").send().await;
    assert_eq!(code(&absent), "ParameterNotFound");
    let other = client.get_parameter().name("/aws/service/bottlerocket/latest").send().await;
    assert!(
        message(&other).contains("does not have /aws/service/bottlerocket/latest"),
        "{}",
        message(&other)
    );
}

#[tokio::test(start_paused = true)]
async fn descriptions_have_pages_of_ten() {
    let client = Client::new(&sdk(&cloud()));
    for index in 0..11 {
        put(&client, &format!("/p/{index}"), "v").send().await.unwrap();
    }
    let page = client.describe_parameters().send().await.unwrap();
    assert_eq!((page.parameters().len(), page.next_token().is_some()), (10, true));
    let whole = client.describe_parameters().max_results(50).send().await.unwrap();
    assert_eq!(whole.parameters().len(), 11);
}
