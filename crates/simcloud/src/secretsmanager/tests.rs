use std::time::Duration;

use aws_sdk_secretsmanager::{
    Client,
    types::{Filter, ReplicaRegionType, StatusType},
};

use super::read_as;
use crate::{
    Cloud,
    testing::{allow, cloud, code, message, sdk, task_role},
};

const TOKEN: &str = "00000000-0000-4000-8000-000000000001";
const OTHER: &str = "00000000-0000-4000-8000-000000000002";

async fn create(client: &Client, name: &str, value: &str) -> String {
    client.create_secret().name(name).secret_string(value).send().await.unwrap().arn.unwrap()
}

async fn value(client: &Client, id: &str) -> String {
    client.get_secret_value().secret_id(id).send().await.unwrap().secret_string.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_found_by_name_full_and_partial_arn() {
    let client = Client::new(&sdk(&cloud()));
    let arn = create(&client, "longshore/ghcr", "v").await;
    let (partial, suffix) = arn.rsplit_once('-').unwrap();
    assert_eq!(partial, "arn:aws:secretsmanager:eu-central-1:123456789012:secret:longshore/ghcr");
    assert_eq!(suffix.len(), 6);
    for id in ["longshore/ghcr", &arn, partial] {
        assert_eq!(value(&client, id).await, "v", "{id}");
    }
    let wrong = client.get_secret_value().secret_id(format!("{partial}-zzzzzz")).send().await;
    assert!(wrong.as_ref().unwrap_err().as_service_error().unwrap().is_resource_not_found_exception());
    assert_eq!(message(&wrong), "Secrets Manager can't find the specified secret.");
}

#[tokio::test(start_paused = true)]
async fn a_token_makes_one_version_and_repeats_are_no_ops() {
    let client = Client::new(&sdk(&cloud()));
    let create = |token: &str, text: &str| {
        client.create_secret().name("s").client_request_token(token).secret_string(text).send()
    };
    let arn = create(TOKEN, "one").await.unwrap().arn;
    assert_eq!(create(TOKEN, "one").await.unwrap().arn, arn);
    assert_eq!(code(&create(TOKEN, "two").await), "ResourceExistsException");
    assert_eq!(code(&create(OTHER, "one").await), "ResourceExistsException");

    let put = |token: &str, text: &str| {
        client.put_secret_value().secret_id("s").client_request_token(token).secret_string(text).send()
    };
    put(OTHER, "two").await.unwrap();
    assert_eq!(put(OTHER, "two").await.unwrap().version_stages(), ["AWSCURRENT"]);
    assert_eq!(code(&put(OTHER, "three").await), "ResourceExistsException");
    assert_eq!(code(&put("short", "three").await), "ValidationException");
    // The first version's token again: nothing moves back.
    put(TOKEN, "one").await.unwrap();
    assert_eq!(value(&client, "s").await, "two");
}

#[tokio::test(start_paused = true)]
async fn stages_follow_the_current_version() {
    let client = Client::new(&sdk(&cloud()));
    client.create_secret().name("s").client_request_token(TOKEN).secret_string("one").send().await.unwrap();
    let pending = client.put_secret_value().secret_id("s").client_request_token(OTHER).secret_string("two");
    pending.version_stages("AWSPENDING").send().await.unwrap();
    assert_eq!(value(&client, "s").await, "one");

    let step = || client.update_secret_version_stage().secret_id("s").version_stage("AWSCURRENT");
    let unnamed = step().move_to_version_id(OTHER).send().await;
    assert_eq!(code(&unnamed), "InvalidParameterException");
    assert!(message(&unnamed).contains(TOKEN));
    let removed = step().remove_from_version_id(TOKEN).send().await;
    assert_eq!(code(&removed), "InvalidParameterException");
    step().remove_from_version_id(TOKEN).move_to_version_id(OTHER).send().await.unwrap();

    assert_eq!(value(&client, "s").await, "two");
    let stages = client.describe_secret().secret_id("s").send().await.unwrap().version_ids_to_stages.unwrap();
    assert_eq!(stages[TOKEN], ["AWSPREVIOUS"]);
    assert_eq!(stages[OTHER], ["AWSCURRENT", "AWSPENDING"]);
    client.put_secret_value().secret_id("s").secret_string("three").send().await.unwrap();
    let versions = client.list_secret_version_ids().secret_id("s").send().await.unwrap().versions.unwrap();
    assert_eq!(versions.len(), 2, "the first version has no label any more");
    let previous =
        client.get_secret_value().secret_id("s").version_stage("AWSPREVIOUS").send().await.unwrap();
    assert_eq!(previous.secret_string(), Some("two"));
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_keeps_the_name_until_the_window_ends() {
    let client = Client::new(&sdk(&cloud()));
    let arn = create(&client, "s", "v").await;
    let short = client.delete_secret().secret_id("s").recovery_window_in_days(6).send().await;
    assert_eq!(code(&short), "InvalidParameterException");
    client.delete_secret().secret_id("s").recovery_window_in_days(7).send().await.unwrap();

    let again = client.create_secret().name("s").secret_string("v").send().await;
    assert_eq!(code(&again), "InvalidRequestException");
    assert!(message(&again).ends_with("a secret with this name is already scheduled for deletion."));
    let read = client.get_secret_value().secret_id("s").send().await;
    assert_eq!(code(&read), "InvalidRequestException");
    assert!(client.describe_secret().secret_id("s").send().await.unwrap().deleted_date.is_some());
    assert!(client.list_secrets().send().await.unwrap().secret_list().is_empty());
    client.restore_secret().secret_id(&arn).send().await.unwrap();
    assert_eq!(value(&client, "s").await, "v");

    client.delete_secret().secret_id("s").recovery_window_in_days(7).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(7 * 86_400)).await;
    let new = create(&client, "s", "v").await;
    assert_ne!(new, arn, "a new secret has a new suffix");
}

#[tokio::test(start_paused = true)]
async fn a_forced_deletion_takes_a_moment() {
    let client = Client::new(&sdk(&cloud()));
    create(&client, "s", "v").await;
    let force = || client.delete_secret().secret_id("s").force_delete_without_recovery(true).send();
    force().await.unwrap();
    assert_eq!(code(&client.describe_secret().secret_id("s").send().await), "ResourceNotFoundException");
    let early = client.create_secret().name("s").secret_string("v").send().await;
    assert_eq!(code(&early), "InvalidRequestException");
    tokio::time::sleep(Duration::from_secs(4)).await;
    create(&client, "s", "v").await;
    force().await.unwrap();
    // A forced deletion succeeds even if the secret is gone.
    force().await.unwrap();
}

async fn read(cloud: &Cloud, role: &str, id: &str) -> Result<String, String> {
    let session = "arn:aws:sts::123456789012:assumed-role/api/0123456789abcdef";
    cloud
        .inspect(|world| read_as(world, world.now, "eu-central-1", role, session, id))
        .await
        .map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_role_reads_what_its_policies_name_and_nothing_else() {
    let cloud = cloud();
    let client = Client::new(&sdk(&cloud));
    let (mine, other) = (create(&client, "mine", "v").await, create(&client, "other", "w").await);
    let role = task_role(&cloud, "api", &allow(&["secretsmanager:GetSecretValue"], &[&mine])).await;
    assert_eq!(read(&cloud, &role, &mine).await, Ok("v".to_owned()));
    assert_eq!(read(&cloud, &role, "mine").await, Ok("v".to_owned()));
    assert_eq!(
        read(&cloud, &role, &other).await,
        Err(format!(
            "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/api/0123456789abcdef is not authorized to \
             perform: secretsmanager:GetSecretValue on resource: {other} because no identity-based policy allows the \
             secretsmanager:GetSecretValue action"
        ))
    );
    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Deny", "Principal": {{"AWS": "{role}"}}, "Action": "secretsmanager:*", "Resource": "*"}}]}}"#
    );
    client.put_resource_policy().secret_id("mine").resource_policy(policy).send().await.unwrap();
    assert!(
        read(&cloud, &role, &mine).await.unwrap_err().ends_with("explicit deny in a resource-based policy")
    );
    client.delete_secret().secret_id("other").send().await.unwrap();
    client.delete_resource_policy().secret_id("mine").send().await.unwrap();
    client.delete_secret().secret_id("mine").send().await.unwrap();
    assert!(read(&cloud, &role, &mine).await.unwrap_err().starts_with("InvalidRequestException"));
}

#[tokio::test(start_paused = true)]
async fn a_customer_managed_key_needs_its_own_permission() {
    let cloud = cloud();
    let client = Client::new(&sdk(&cloud));
    let unknown =
        client.create_secret().name("s").secret_string("v").kms_key_id("alias/nothing").send().await;
    assert_eq!(code(&unknown), "InvalidParameterException");
    let key = cloud
        .edit(|world| {
            let call = crate::Call {
                operation: "CreateKey".to_owned(),
                region: "eu-central-1".to_owned(),
                input: serde_json::json!({}),
                now: world.now,
                caller: "arn:aws:iam::123456789012:user/longshore".to_owned(),
            };
            let answer = crate::kms::handle(world, &call).unwrap();
            answer["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
        })
        .await;
    let created = client.create_secret().name("s").secret_string("v").kms_key_id(&key).send().await.unwrap();
    let arn = created.arn.unwrap();
    let role = task_role(&cloud, "api", &allow(&["secretsmanager:GetSecretValue"], &[&arn])).await;
    assert_eq!(
        read(&cloud, &role, &arn).await,
        Err("AccessDeniedException: Access to KMS is not allowed".to_owned())
    );
    let scoped = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn },
            {
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": key,
                "Condition": { "StringEquals": {
                    "kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com",
                    "kms:EncryptionContext:SecretARN": arn,
                } },
            },
        ],
    });
    let iam = aws_sdk_iam::Client::new(&sdk(&cloud));
    iam.put_role_policy()
        .role_name("api")
        .policy_name("p")
        .policy_document(scoped.to_string())
        .send()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(read(&cloud, &role, &arn).await, Ok("v".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn lists_are_filtered_and_batches_report_what_failed() {
    let client = Client::new(&sdk(&cloud()));
    for name in ["longshore/a", "longshore/b", "else"] {
        create(&client, name, name).await;
    }
    let filter = |key: &str, value: &str| Filter::builder().key(key.into()).values(value).build();
    let listed = client.list_secrets().filters(filter("name", "longshore/")).max_results(1).into_paginator();
    let pages: Vec<_> = listed.send().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(pages.len(), 2);
    let not = client.list_secrets().filters(filter("name", "!longshore/")).send().await.unwrap();
    assert_eq!(not.secret_list()[0].name(), Some("else"));

    let batch =
        client.batch_get_secret_value().secret_id_list("else").secret_id_list("none").send().await.unwrap();
    assert_eq!(batch.secret_values()[0].secret_string(), Some("else"));
    assert_eq!(batch.errors()[0].error_code(), Some("ResourceNotFoundException"));
}

#[tokio::test(start_paused = true)]
async fn values_show_in_no_debug_output_and_no_error() {
    let cloud = cloud();
    let client = Client::new(&sdk(&cloud));
    create(&client, "s", "hush-hush").await;
    let world = cloud.inspect(|world| format!("{world:?}")).await;
    assert!(world.contains("[redacted]") && !world.contains("hush-hush"));
    let long = "hush-hush".repeat(8_000);
    let refused = client.put_secret_value().secret_id("s").secret_string(long).send().await;
    assert_eq!(code(&refused), "ValidationException");
    assert!(!message(&refused).contains("hush"));
}

#[tokio::test(start_paused = true)]
async fn replicas_follow_their_primary() {
    let cloud = cloud();
    let client = Client::new(&sdk(&cloud));
    let arn = create(&client, "s", "one").await;
    let region = |name: &str| ReplicaRegionType::builder().region(name).build();
    let replicate = || client.replicate_secret_to_regions().secret_id("s");
    for wrong in ["eu-central-1", "nowhere"] {
        assert_eq!(
            code(&replicate().add_replica_regions(region(wrong)).send().await),
            "InvalidParameterException"
        );
    }
    let answer = replicate().add_replica_regions(region("eu-west-1")).send().await.unwrap();
    assert_eq!(answer.replication_status()[0].status(), Some(&StatusType::InProgress));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let described = client.describe_secret().secret_id("s").send().await.unwrap();
    assert_eq!(described.replication_status()[0].status(), Some(&StatusType::InSync));
    assert_eq!(described.primary_region(), Some("eu-central-1"));

    let there = Client::from_conf(
        aws_sdk_secretsmanager::config::Builder::from(&sdk(&cloud))
            .region(aws_sdk_sts::config::Region::new("eu-west-1"))
            .build(),
    );
    client.put_secret_value().secret_id("s").secret_string("two").send().await.unwrap();
    assert_eq!(value(&there, &arn.replace("eu-central-1", "eu-west-1")).await, "two");
    let written = there.put_secret_value().secret_id("s").secret_string("three").send().await;
    assert!(message(&written).contains("replica secret"));
    let deleted = client.delete_secret().secret_id("s").send().await;
    assert!(message(&deleted).contains("still has replica regions [eu-west-1]."));

    let remove = client.remove_regions_from_replication().secret_id("s").remove_replica_regions("eu-west-1");
    assert!(remove.send().await.unwrap().replication_status().is_empty());
    assert_eq!(code(&there.describe_secret().secret_id("s").send().await), "ResourceNotFoundException");

    // A secret of that name in the other region is in the way, until it is overwritten.
    create(&there, "s", "theirs").await;
    replicate().add_replica_regions(region("eu-west-1")).send().await.unwrap();
    let described = client.describe_secret().secret_id("s").send().await.unwrap();
    let [status] = described.replication_status() else { panic!() };
    assert!(status.status_message().unwrap().contains("already exists in region eu-west-1"));
    let force = replicate().add_replica_regions(region("eu-west-1")).force_overwrite_replica_secret(true);
    force.send().await.unwrap();
    assert_eq!(value(&there, "s").await, "two");
}
