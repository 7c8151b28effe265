//! From nothing to a role, through its changes, and to its removal.

use longshore_model::{Action, Known};
use longshore_plugin::Readable;
use longshore_simcloud::iam::Context as Keys;
use serde_json::json;
use tokio::time::{Duration, Instant};

use super::harness::{ARN, Harness, NAME, SECRET, log_stream, secret, text};

const READ: &str = "secretsmanager:GetSecretValue";

#[tokio::test(start_paused = true)]
async fn a_role_is_made_changed_and_removed() {
    let mut harness = Harness::new(json!({}));
    harness.spec.managed_policies.push("service-role/AWSLambdaBasicExecutionRole".into());
    harness.spec.secrets = vec![Readable { arn: Known::AfterApply, foreseen: None, key: None }];
    insta::assert_snapshot!("create", text(&harness.plan().await.unwrap()));

    harness.spec.secrets = vec![secret(SECRET)];
    let start = Instant::now();
    assert_eq!(harness.apply().await.unwrap(), ARN);
    // The step ends when the change is effective: IAM needs two seconds here.
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(harness.allows(READ, SECRET, Keys::new()).await);
    assert!(!harness.allows(READ, &SECRET.replace("ghcr", "other"), Keys::new()).await);
    assert!(harness.allows("logs:PutLogEvents", "*", Keys::new()).await);
    insta::assert_snapshot!("no_change", text(&harness.plan().await.unwrap()));

    let other = SECRET.replace("ghcr", "hub");
    harness.spec.secrets.push(secret(&other));
    insta::assert_snapshot!("another_secret", text(&harness.plan().await.unwrap()));
    harness.apply().await.unwrap();
    assert!(harness.allows(READ, &other, Keys::new()).await);
    assert_eq!(harness.action().await, Action::NoChange);

    insta::assert_snapshot!("delete", text(&harness.plan_removal().await.unwrap()));
    harness.remove().await.unwrap();
    assert!(!harness.exists().await);
    assert_eq!(harness.plan_removal().await.unwrap().action, Action::NoChange);
    harness.remove().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_may_be_used_through_secrets_manager_and_for_the_secret_only() {
    let mut harness = Harness::new(json!({}));
    let key = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    harness.spec.secrets[0].key = Some(key.into());
    harness.apply().await.unwrap();
    assert_eq!(harness.action().await, Action::NoChange);

    let keys = |service: &str, secret: &str| {
        Keys::new().with("kms:ViaService", service).with("kms:EncryptionContext:SecretARN", secret)
    };
    let service = "secretsmanager.eu-central-1.amazonaws.com";
    assert!(harness.allows("kms:Decrypt", key, keys(service, SECRET)).await);
    assert!(!harness.allows("kms:Decrypt", key, keys("s3.eu-central-1.amazonaws.com", SECRET)).await);
    assert!(!harness.allows("kms:Decrypt", key, keys(service, &SECRET.replace("ghcr", "hub"))).await);
    assert!(!harness.allows("kms:Decrypt", key, Keys::new()).await);
}

#[tokio::test(start_paused = true)]
async fn a_role_without_secrets_has_no_inline_policy() {
    let mut harness = Harness::new(json!({}));
    harness.apply().await.unwrap();
    harness.spec.secrets.clear();
    insta::assert_snapshot!("no_secrets", text(&harness.plan().await.unwrap()));
    harness.apply().await.unwrap();
    let policies = harness.client().await.list_role_policies().role_name(NAME).send().await.unwrap();
    assert!(policies.policy_names().is_empty());
    assert_eq!(harness.action().await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn without_the_policy_of_aws_the_role_gets_what_its_tasks_need_and_no_more() {
    let mut harness = Harness::new(json!({}));
    let (pull, push) = ("ecr:BatchGetImage", "ecr:PutImage");
    harness.spec.managed_policies.clear();
    harness.spec.log_streams = vec![log_stream()];
    harness.spec.images = vec!["210987654321.dkr.ecr.us-east-1.amazonaws.com/acme/api:1".parse().unwrap()];
    insta::assert_snapshot!("pull_and_log", text(&harness.plan().await.unwrap()));
    harness.apply().await.unwrap();
    assert_eq!(harness.action().await, Action::NoChange);
    let group = "arn:aws:logs:eu-central-1:123456789012:log-group:/longshore/shop/";
    let repository = "arn:aws:ecr:us-east-1:210987654321:repository/acme/";
    assert!(
        harness.allows("logs:PutLogEvents", &format!("{group}api:log-stream:ecs/api/1"), Keys::new()).await
    );
    assert!(
        !harness.allows("logs:PutLogEvents", &format!("{group}web:log-stream:ecs/web/1"), Keys::new()).await
    );
    assert!(harness.allows(pull, &format!("{repository}api"), Keys::new()).await);
    assert!(!harness.allows(push, &format!("{repository}api"), Keys::new()).await);
    assert!(!harness.allows(pull, &format!("{repository}web"), Keys::new()).await);

    // With it, the role is as it always was.
    harness.spec.managed_policies.push(super::harness::TASK_EXECUTION.into());
    insta::assert_snapshot!("task_execution", text(&harness.plan().await.unwrap()));
    harness.apply().await.unwrap();
    let policies = harness.client().await.list_role_policies().role_name(NAME).send().await.unwrap();
    assert_eq!(policies.policy_names(), ["read-secrets"]);
}

#[tokio::test(start_paused = true)]
async fn role_reads_exactly_its_files() {
    let mut harness = Harness::new(json!({}));
    harness.apply().await.unwrap();
    harness.spec.files = vec!["arn:aws:s3:::acme/api.env".to_owned()];
    assert_eq!(harness.action().await, Action::Update);
    harness.apply().await.unwrap();
    assert_eq!(harness.action().await, Action::NoChange);
    assert!(harness.allows("s3:GetObject", "arn:aws:s3:::acme/api.env", Keys::new()).await);
    assert!(harness.allows("s3:GetBucketLocation", "arn:aws:s3:::acme", Keys::new()).await);
    assert!(!harness.allows("s3:GetObject", "arn:aws:s3:::acme/web.env", Keys::new()).await);

    harness.spec.files.clear();
    harness.apply().await.unwrap();
    let policies = harness.client().await.list_role_policies().role_name(NAME).send().await.unwrap();
    assert_eq!(policies.policy_names(), ["read-secrets"]);
    harness.spec.files = vec!["arn:aws:s3:::acme".to_owned()];
    assert!(harness.plan().await.unwrap_err().message.contains("cannot read the environment file"));
}

#[tokio::test(start_paused = true)]
async fn name_path_boundary_and_trust_are_as_configured() {
    let mut harness = Harness::new(json!({}));
    let statement = json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]);
    let boundary = harness.policy("boundary", json!({"Version": "2012-10-17", "Statement": statement})).await;
    harness.configure(json!({
        "path": "/longshore/",
        "permissions-boundary": boundary,
        "confused-deputy-conditions": false,
    }));
    harness.spec.name = Some("own-name".into());
    assert_eq!(harness.apply().await.unwrap(), "arn:aws:iam::123456789012:role/longshore/own-name");
    assert_eq!(harness.action().await, Action::NoChange);
    let role = harness.client().await.get_role().role_name("own-name").send().await.unwrap().role.unwrap();
    assert!(!role.assume_role_policy_document().unwrap().contains("Condition"));
    assert_eq!(role.permissions_boundary().unwrap().permissions_boundary_arn(), Some(boundary.as_str()));

    harness.configure(json!({"path": "/longshore/"}));
    insta::assert_snapshot!("conditions_and_an_undeclared_boundary", text(&harness.plan().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_not_there_is_found_before_anything_is_made() {
    let mut harness = Harness::new(json!({}));
    harness.spec.managed_policies = vec!["service-role/AmazonECSTaskExecutionRolePolcy".into()];
    insta::assert_snapshot!("no_such_policy", harness.plan().await.unwrap_err());
    let boundary = "arn:aws:iam::123456789012:policy/boundary";
    harness.configure(json!({"permissions-boundary": boundary}));
    harness.spec.managed_policies.clear();
    insta::assert_snapshot!("no_such_boundary", harness.plan().await.unwrap_err());
    // Not found at plan, because the caller may not look: the refusal comes at once all the same.
    let start = Instant::now();
    harness.apply().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(!harness.exists().await);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_will_be_too_long_is_found_before_its_secrets_are_made() {
    let mut harness = Harness::new(json!({}));
    let foreseen = |number: usize| Readable {
        arn: Known::AfterApply,
        foreseen: Some(SECRET.replace("ghcr", &format!("registry-{number:03}"))),
        key: None,
    };
    harness.spec.secrets = (0..60).map(foreseen).collect();
    assert_eq!(harness.action().await, Action::Create);
    harness.spec.secrets = (0..130).map(foreseen).collect();
    insta::assert_snapshot!("foreseen_too_long", harness.plan().await.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn a_long_name_is_shortened_the_same_way_each_time() {
    let mut harness = Harness::new(json!({}));
    harness.spec.service = longshore_model::Name::new("a".repeat(63)).unwrap();
    let arn = harness.apply().await.unwrap();
    assert_eq!(arn.rsplit('/').next().unwrap().len(), 64);
    assert_eq!(harness.action().await, Action::NoChange);
}
