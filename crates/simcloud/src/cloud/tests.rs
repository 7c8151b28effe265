use std::{path::Path, time::Duration};

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::Request;

use super::{Effect, Fault, OpenError};
use crate::{
    ApiError, Blueprint, Cloud, Moment,
    testing::{START, allow, cloud, code, message, sdk, sdk_with, trust},
};

fn open(path: &Path) -> Result<Cloud, OpenError> {
    Cloud::open(path, &Blueprint::default(), START)
}

#[tokio::test(start_paused = true)]
async fn what_was_done_is_there_when_the_file_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".longshore").join("cloud.json");
    let cloud = open(&path).unwrap();
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(&cloud));
    let arn = secrets.create_secret().name("s").secret_string("hush").send().await.unwrap().arn;
    secrets.delete_secret().secret_id("s").recovery_window_in_days(7).send().await.unwrap();
    let now = cloud.now();
    // Nothing is saved on the way out: as if the process had been killed.
    drop((cloud, secrets));

    let cloud = open(&path).unwrap();
    assert!(cloud.now() >= now, "time goes on");
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(&cloud));
    assert_eq!(secrets.describe_secret().secret_id("s").send().await.unwrap().arn, arn);
    tokio::time::sleep(Duration::from_secs(7 * 86_400)).await;
    let gone = secrets.describe_secret().secret_id("s").send().await;
    assert_eq!(code(&gone), "ResourceNotFoundException", "the agenda was saved too");
    cloud.save().await.unwrap();
    drop((cloud, secrets));
    assert!(open(&path).unwrap().now() >= START + Duration::from_secs(7 * 86_400));
    let later = START + Duration::from_secs(30 * 86_400);
    assert_eq!(Cloud::open(&path, &Blueprint::default(), later).unwrap().now(), later);
}

#[tokio::test(start_paused = true)]
async fn looking_does_not_write_the_file_whatever_has_happened_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cloud.json");
    let cloud = open(&path).unwrap();
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(&cloud));
    secrets.create_secret().name("s").secret_string("hush").send().await.unwrap();
    secrets.delete_secret().secret_id("s").recovery_window_in_days(7).send().await.unwrap();
    let written = std::fs::read(&path).unwrap();
    tokio::time::sleep(Duration::from_secs(7 * 86_400)).await;
    let gone = secrets.describe_secret().secret_id("s").send().await;
    assert_eq!(code(&gone), "ResourceNotFoundException");
    // The world of a large stack is large, and is looked at all the time while its tasks start.
    assert!(std::fs::read(&path).unwrap() == written, "the file was written");
    secrets.create_secret().name("t").send().await.unwrap();
    assert!(std::fs::read(&path).unwrap() != written, "a change is written at once");
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn the_file_is_for_its_owner_alone_and_not_for_git() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".longshore").join("cloud.json");
    open(&path).unwrap().save().await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(std::fs::read_to_string(path.with_file_name(".gitignore")).unwrap(), "*\n");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_does_not_fit_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cloud.json");
    for (text, why) in [
        ("", "not JSON"),
        (r#"{"name": "package"}"#, "its `format`"),
        (r#"{"format": "longshore-simcloud", "version": 99}"#, "its version is 99"),
        (r#"{"format": "longshore-simcloud", "version": 2, "world": {"now": "hush"}}"#, "damaged at line 1"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = open(&path).unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()) && error.contains(why), "{error}");
        assert!(error.contains("move it away or delete it") && !error.contains("hush"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    std::fs::remove_file(&path).unwrap();
    let cloud = open(&path).unwrap();
    cloud.save().await.unwrap();
    assert!(matches!(open(&path), Err(OpenError::Locked { .. })));
    drop(cloud);
    let other = Blueprint { account: "111111111111".to_owned(), ..Blueprint::default() };
    assert!(matches!(Cloud::open(&path, &other, START), Err(OpenError::Account { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_calls_give_the_same_world() {
    async fn run(seed: u64) -> String {
        let cloud = crate::testing::cloud_of(&Blueprint { seed, ..Blueprint::default() });
        let iam = aws_sdk_iam::Client::new(&sdk(&cloud));
        iam.create_role()
            .role_name("a")
            .assume_role_policy_document(trust("ecs-tasks.amazonaws.com"))
            .send()
            .await
            .unwrap();
        aws_sdk_secretsmanager::Client::new(&sdk(&cloud)).create_secret().name("s").send().await.unwrap();
        cloud.inspect(|world| serde_json::to_string(world).unwrap()).await
    }
    assert_eq!(run(7).await, run(7).await);
    assert_ne!(run(7).await, run(8).await);
}

#[tokio::test(start_paused = true)]
async fn faults_refuse_delay_and_lose_answers_and_calls_are_counted() {
    let cloud = cloud();
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(&cloud));
    let fault = |operation: &str, effect: Effect| Fault {
        operation: operation.to_owned(),
        after: 0,
        times: 1,
        effect,
    };
    cloud.inject(fault("secretsmanager:Create*", Effect::Refuse(ApiError::new("EncryptionFailure", "no"))));
    assert_eq!(code(&secrets.create_secret().name("s").send().await), "EncryptionFailure");

    // The SDK tries again with the same token, and the second attempt finds its own work.
    cloud.inject(fault("secretsmanager:CreateSecret", Effect::LoseAnswer));
    secrets.create_secret().name("s").secret_string("v").send().await.unwrap();
    assert_eq!(cloud.calls()["secretsmanager:CreateSecret"], 3);

    cloud.inject(fault("secretsmanager:DescribeSecret", Effect::Delay(Duration::from_secs(9))));
    let before = cloud.now();
    secrets.describe_secret().secret_id("s").send().await.unwrap();
    assert_eq!(cloud.now().since(before), Duration::from_millis(9_040));
}

#[tokio::test(start_paused = true)]
async fn a_session_may_do_what_its_role_may() {
    let cloud = cloud();
    let (iam, sts) = (aws_sdk_iam::Client::new(&sdk(&cloud)), aws_sdk_sts::Client::new(&sdk(&cloud)));
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(&cloud));
    let mine = secrets.create_secret().name("mine").secret_string("v").send().await.unwrap().arn.unwrap();
    secrets.create_secret().name("other").secret_string("w").send().await.unwrap();
    assert_eq!(
        sts.get_caller_identity().send().await.unwrap().arn(),
        Some("arn:aws:iam::123456789012:user/longshore")
    );

    let create = |name: &str, trust: String| {
        iam.create_role().role_name(name).assume_role_policy_document(trust).send()
    };
    let ours = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}}"#;
    let reader = create("reader", ours.to_owned()).await.unwrap().role.unwrap().arn;
    let tasks = create("tasks", trust("ecs-tasks.amazonaws.com")).await.unwrap().role.unwrap().arn;
    let policy = allow(&["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], &[&mine]);
    iam.put_role_policy().role_name("reader").policy_name("p").policy_document(policy).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;

    let assume = |role: &str| sts.assume_role().role_arn(role).role_session_name("me").send();
    assert_eq!(code(&assume(&tasks).await), "AccessDenied");
    let given = assume(&reader).await.unwrap().credentials.unwrap();
    let credentials = |token: &str| {
        Credentials::new(&given.access_key_id, &given.secret_access_key, Some(token.to_owned()), None, "test")
    };
    let session = sdk_with(&cloud, credentials(&given.session_token));
    let caller = aws_sdk_sts::Client::new(&session).get_caller_identity().send().await.unwrap();
    assert_eq!(caller.arn(), Some("arn:aws:sts::123456789012:assumed-role/reader/me"));
    let read = aws_sdk_secretsmanager::Client::new(&session);
    assert_eq!(read.get_secret_value().secret_id("mine").send().await.unwrap().secret_string(), Some("v"));
    assert_eq!(code(&read.get_secret_value().secret_id("other").send().await), "AccessDeniedException");
    let delete = read.delete_secret().secret_id("mine").send().await;
    assert!(message(&delete).contains(&format!("secretsmanager:DeleteSecret on resource: {mine}")));
    let roles = aws_sdk_iam::Client::new(&session).list_roles().send().await;
    assert_eq!(code(&roles), "AccessDenied");

    let forged = aws_sdk_sts::Client::new(&sdk_with(&cloud, credentials("forged")));
    assert_eq!(code(&forged.get_caller_identity().send().await), "InvalidClientTokenId");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(code(&read.get_secret_value().secret_id("mine").send().await), "ExpiredTokenException");
}

/// A request as a client without an SDK would write it.
fn request(service: &str, target: Option<&str>, body: &str) -> Request<Bytes> {
    let mut builder = Request::post("http://127.0.0.1:4566/");
    if !service.is_empty() {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20261123/eu-central-1/{service}/aws4_request, Signature=0"
        );
        builder = builder.header("authorization", credential);
    }
    if let Some(target) = target {
        builder = builder.header("x-amz-target", target).header("content-type", "application/x-amz-json-1.1");
    }
    builder.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_it_does_not_know_it_refuses_by_name() {
    let cloud = cloud();
    for (service, target, body, status, expected) in [
        ("", None, "Action=ListRoles", 403, "<Code>MissingAuthenticationToken</Code>"),
        ("", Some("secretsmanager.ListSecrets"), "{}", 403, "MissingAuthenticationTokenException"),
        (
            "s3",
            None,
            "",
            400,
            "the simulated cloud does not know the service s3; it knows application-autoscaling, ec2, ecr",
        ),
        ("iam", None, "Action=CreateUser", 400, "the simulated cloud does not know iam:CreateUser"),
        ("ec2", None, "Action=RunInstances", 400, "<Code>InvalidAction</Code>"),
        ("sqs", Some("AmazonSQS.SendMessage"), "{}", 400, "does not know the target AmazonSQS.SendMessage"),
        ("secretsmanager", Some("secretsmanager.RotateSecret"), "{}", 400, "secretsmanager:RotateSecret"),
        ("secretsmanager", Some("secretsmanager.GetSecretValue"), "[]", 400, "SerializationException"),
        ("secretsmanager", Some("secretsmanager.GetSecretValue"), "{}", 400, "'secretId' failed to satisfy"),
        ("iam", None, "Action=GetRole&Version=2010-05-08", 400, "<Code>ValidationError</Code>"),
    ] {
        let response = cloud.aws_request(request(service, target, body)).await.unwrap();
        let text = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(text.contains(expected), "{service} {target:?} {body}: {text}");
        assert_eq!(response.status(), status, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn registries_answer_for_their_hosts_alone() {
    let registries = serde_json::from_value(serde_json::json!({
        "ghcr.io": { "repositories": { "acme/api": { "visibility": "public", "tags": { "1": {} } } } },
        "slow.example": { "fault": "unreachable" },
    }));
    let cloud =
        crate::testing::cloud_of(&Blueprint { registries: registries.unwrap(), ..Blueprint::default() });
    let ask = |uri: &str| cloud.registry_request(Request::get(uri).body(Bytes::new()).unwrap());
    assert_eq!(ask("https://ghcr.io/v2/").await.unwrap().unwrap().status(), 401);
    assert!(ask("https://quay.io/v2/").await.is_none());
    let before: Moment = cloud.now();
    assert!(ask("https://slow.example/v2/").await.unwrap().is_err());
    assert!(cloud.now().since(before) >= Duration::from_secs(10));
}
