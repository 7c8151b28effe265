//! A role that is there already.

use longshore_model::{Action, FailureKind, Known};
use longshore_plugin::Readable;
use serde_json::{Value, json};

use super::harness::{ARN, Harness, NAME, SECRET, log_stream, text};

/// Creates a role of another owner, which may do `action` on the secret.
async fn with_role(service: &str, action: &str) -> Harness {
    let harness = Harness::new(json!({"arn": ARN}));
    let client = harness.client().await;
    let document = |statement: Value| json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    let trust = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}});
    let request = client.create_role().role_name(NAME).assume_role_policy_document(document(trust));
    request.send().await.unwrap();
    let policy = json!({"Effect": "Allow", "Action": action, "Resource": SECRET});
    let request = client.put_role_policy().role_name(NAME).policy_name("theirs");
    request.policy_document(document(policy)).send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    harness
}

const WRITES: [&str; 6] =
    ["CreateRole", "PutRolePolicy", "TagRole", "AttachRolePolicy", "UpdateAssumeRolePolicy", "DeleteRole"];

#[tokio::test(start_paused = true)]
async fn it_is_checked_and_never_changed() {
    let mut harness = with_role("ecs-tasks.amazonaws.com", "secretsmanager:GetSecretValue").await;
    let before = WRITES.map(|call| harness.calls(&format!("iam:{call}")));
    insta::assert_snapshot!("used", text(&harness.plan().await.unwrap()));
    harness.spec.secrets.push(Readable { arn: Known::AfterApply, foreseen: None, key: None });
    insta::assert_snapshot!("used_later", text(&harness.plan().await.unwrap()));
    harness.spec.secrets.pop();
    assert_eq!(harness.apply().await.unwrap(), ARN);
    harness.configure(json!({"arn": NAME}));
    assert_eq!(harness.apply().await.unwrap(), ARN);
    insta::assert_snapshot!("stays", text(&harness.plan_removal().await.unwrap()));
    harness.remove().await.unwrap();
    assert!(harness.exists().await);
    assert_eq!(WRITES.map(|call| harness.calls(&format!("iam:{call}"))), before);
    assert!(harness.warnings.0.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_it_may_not_do_is_said_when_planning() {
    let mut harness = with_role("ecs-tasks.amazonaws.com", "secretsmanager:DescribeSecret").await;
    let denied = harness.plan().await.unwrap_err();
    assert_eq!((denied.kind, harness.apply().await.unwrap_err()), (FailureKind::Denied, denied.clone()));
    let trust = with_role("ec2.amazonaws.com", "secretsmanager:GetSecretValue").await.plan().await;
    harness.configure(json!({"arn": ARN.replace("role/", "role/path/")}));
    let path = harness.plan().await;
    harness.configure(json!({"arn": ARN.replace("123456789012", "210987654321")}));
    let account = harness.plan().await;
    let said = [Err(denied), trust, path, account].map(|result| result.unwrap_err().to_string());
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn what_its_tasks_need_beside_what_is_there_is_checked_when_planning() {
    let mut logs = with_role("ecs-tasks.amazonaws.com", "secretsmanager:GetSecretValue").await;
    logs.spec.log_streams = vec![log_stream()];
    let mut image = with_role("ecs-tasks.amazonaws.com", "secretsmanager:GetSecretValue").await;
    image.spec.images = vec!["210987654321.dkr.ecr.us-east-1.amazonaws.com/acme/api:1".parse().unwrap()];
    let mut later = with_role("ecs-tasks.amazonaws.com", "secretsmanager:GetSecretValue").await;
    let foreseen = Some(SECRET.replace("ghcr", "hub"));
    later.spec.secrets.push(Readable { arn: Known::AfterApply, foreseen, key: None });
    let mut said = Vec::new();
    for harness in [logs, image, later] {
        let failure = harness.plan().await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied);
        said.push(failure.to_string());
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn what_it_may_read_besides_is_noted() {
    let mut harness = with_role("ecs-tasks.amazonaws.com", "secretsmanager:GetSecretValue").await;
    harness.spec.others = vec![SECRET.replace("ghcr", "hub")];
    assert_eq!(harness.plan().await.unwrap().notes.len(), 1);
    let client = harness.client().await;
    let wide = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let wide = json!({"Version": "2012-10-17", "Statement": wide}).to_string();
    let request = client.put_role_policy().role_name(NAME).policy_name("wide").policy_document(wide);
    request.send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    insta::assert_snapshot!("wide", text(&harness.plan().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_found_out_is_noted() {
    let harness = with_role("ecs-tasks.amazonaws.com", "secretsmanager:GetSecretValue").await;
    harness.refuse("iam:SimulatePrincipalPolicy", 1, "AccessDenied", "no");
    let plan = harness.plan().await.unwrap();
    assert_eq!((plan.action, plan.notes.len()), (Action::NoChange, 2));
    harness.refuse("iam:SimulatePrincipalPolicy", 1, "AccessDenied", "no");
    harness.apply().await.unwrap();
    let warnings = harness.warnings.0.lock().unwrap().clone();
    assert_eq!(warnings, plan.notes[1..]);
}
