//! A role is right when IAM says so.

use longshore_model::FailureKind;
use longshore_simcloud::iam::Context as Keys;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::harness::{Harness, SECRET, log_stream, secret};

fn policy(effect: &str, action: &str) -> Value {
    let statement = json!({"Effect": effect, "Action": action, "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

#[tokio::test(start_paused = true)]
async fn a_boundary_that_stays_in_the_way_is_named_at_the_deadline() {
    let mut harness = Harness::new(json!({}));
    let boundary = harness.policy("boundary", policy("Allow", "logs:*")).await;
    harness.configure(json!({"permissions-boundary": boundary}));
    let start = Instant::now();
    let failure = harness.apply().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(start.elapsed() >= Duration::from_secs(60) && start.elapsed() < Duration::from_secs(65));
    insta::assert_snapshot!("boundary", failure);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_denies_is_named() {
    let mut harness = Harness::new(json!({}));
    let deny = harness.policy("no-secrets", policy("Deny", "secretsmanager:*")).await;
    harness.spec.managed_policies.push(deny);
    insta::assert_snapshot!("explicit", harness.apply().await.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn where_the_simulator_cannot_be_asked_a_warning_says_so() {
    for (code, message) in [
        ("InvalidAction", "Could not find operation SimulatePrincipalPolicy"),
        ("AccessDenied", "User: ci is not authorized to perform: iam:SimulatePrincipalPolicy"),
    ] {
        let mut harness = Harness::new(json!({}));
        harness.spec.secrets.push(secret(&SECRET.replace("ghcr", "hub")));
        harness.refuse("iam:SimulatePrincipalPolicy", 9, code, message);
        harness.apply().await.unwrap();
        let warnings = harness.warnings.0.lock().unwrap().clone();
        assert_eq!(warnings.len(), 1);
        insta::assert_snapshot!(format!("unknown_{code}"), warnings[0]);
    }
}

/// A role that reads one secret, and what was warned of when it was made with a policy beside AWS's own.
async fn warnings_beside(statement: Value) -> Vec<String> {
    let mut harness = Harness::new(json!({}));
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    harness.spec.managed_policies.push(harness.policy("theirs", document).await);
    harness.spec.others = vec![SECRET.replace("ghcr", "hub")];
    harness.apply().await.unwrap();
    harness.warnings.0.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn an_attached_policy_that_opens_what_others_read_is_warned_of() {
    let allow =
        |action: &str, resource: &str| json!({"Effect": "Allow", "Action": action, "Resource": resource});
    let mut said = Vec::new();
    for (action, resource) in [
        ("*", "*".to_owned()),
        ("secretsmanager:GetSecretValue", SECRET.replace("ghcr/pull-AbCdEf", "*")),
        ("ssm:GetParameters", "*".to_owned()),
    ] {
        let warnings = warnings_beside(allow(action, &resource)).await;
        assert_eq!(warnings.len(), 1, "{action} on {resource}: {warnings:?}");
        said.extend(warnings);
    }
    insta::assert_snapshot!("opens_more", said.join("\n"));
    for (action, resource) in [("secretsmanager:GetSecretValue", SECRET), ("s3:*", "*")] {
        assert_eq!(warnings_beside(allow(action, resource)).await, Vec::<String>::new(), "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_attached_later_is_looked_at_once_it_is_effective() {
    let mut harness = Harness::new(json!({}));
    harness.apply().await.unwrap();
    harness.spec.managed_policies.push("AdministratorAccess".into());
    harness.apply().await.unwrap();
    assert_eq!(harness.warnings.0.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_role_no_longer_reads_is_waited_for_until_it_may_not() {
    let other = SECRET.replace("ghcr", "hub");
    let mut harness = Harness::new(json!({}));
    harness.spec.secrets.push(secret(&other));
    harness.apply().await.unwrap();
    assert!(harness.allows("secretsmanager:GetSecretValue", &other, Keys::new()).await);
    // Another service reads it from now on.
    harness.spec.secrets = vec![secret(SECRET)];
    harness.spec.others = vec![other.clone()];
    harness.apply().await.unwrap();
    assert!(!harness.allows("secretsmanager:GetSecretValue", &other, Keys::new()).await);
    assert_eq!(*harness.warnings.0.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn one_request_asks_everything_and_one_for_each_action_where_iam_wants_that() {
    let mut harness = Harness::new(json!({}));
    harness.spec.log_streams = vec![log_stream()];
    harness.apply().await.unwrap();
    let asked = harness.calls("iam:SimulatePrincipalPolicy");
    harness.apply().await.unwrap();
    assert_eq!(harness.calls("iam:SimulatePrincipalPolicy"), asked + 1);

    let message = "Invalid Input Actions: [logs:PutLogEvents] and [secretsmanager:GetSecretValue] require different \
                   authorization information.";
    harness.refuse("iam:SimulatePrincipalPolicy", 1, "InvalidInput", message);
    harness.apply().await.unwrap();
    // Reading secrets and parameters, creating streams and writing them.
    assert_eq!(harness.calls("iam:SimulatePrincipalPolicy"), asked + 1 + 1 + 4);
    assert_eq!(*harness.warnings.0.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_the_tasks_need_beside_secrets_is_proved_too() {
    let mut harness = Harness::new(json!({}));
    harness.spec.log_streams = vec![log_stream()];
    let deny = harness.policy("no-logs", policy("Deny", "logs:PutLogEvents")).await;
    harness.spec.managed_policies.push(deny);
    let failure = harness.apply().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(
        failure.message.contains("logs:PutLogEvents on arn:aws:logs:eu-central-1:123456789012:log-group:")
    );
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_names_another_secret_of_the_stack_by_its_full_arn_is_warned_of() {
    let mut harness = Harness::new(json!({}));
    let secrets = harness.aws.secretsmanager().await.unwrap();
    let tag = aws_sdk_secretsmanager::types::Tag::builder().key("longshore:stack").value("shop").build();
    let create = secrets.create_secret().name("longshore/shop/hub/pull").tags(tag).secret_string("x");
    let arn = create.send().await.unwrap().arn.unwrap();
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn},
    ]});
    harness.spec.managed_policies.push(harness.policy("theirs", document).await);
    harness.spec.others = vec![SECRET.replace("ghcr/pull-AbCdEf", "hub/pull-XXXXXX")];
    // Two roles of one run: both are planned before anything changes.
    let mut second = harness.another_role("web");
    second.spec.others = harness.spec.others.clone();
    for role in [&harness, &second] {
        role.plan().await.unwrap();
    }
    for role in [&harness, &second] {
        role.apply().await.unwrap();
        let warnings = role.warnings.0.lock().unwrap().clone();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(&arn), "{}", warnings[0]);
    }
    assert_eq!(harness.calls("secretsmanager:ListSecrets"), 1);
}

#[tokio::test(start_paused = true)]
async fn secrets_are_not_listed_for_a_role_that_nobody_else_gives_anything() {
    let mut harness = Harness::new(json!({}));
    harness.spec.others = vec![SECRET.replace("ghcr/pull-AbCdEf", "hub/pull-XXXXXX")];
    harness.plan().await.unwrap();
    harness.apply().await.unwrap();
    assert_eq!(harness.calls("secretsmanager:ListSecrets"), 0);
}
