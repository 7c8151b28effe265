//! Changes made by hand.

use longshore_model::Action;
use serde_json::json;

use super::harness::{Harness, NAME, SECRET, text};

const DESCRIPTION: &str = "Execution role of the service api, kept by Longshore for the stack shop";

#[tokio::test(start_paused = true)]
async fn whatever_was_changed_by_hand_is_shown_and_put_right() {
    let harness = Harness::new(json!({}));
    harness.apply().await.unwrap();
    let client = harness.client().await;
    let statement = json!({"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"});
    let wide = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    for policy in ["read-secrets", "by-hand"] {
        let request = client.put_role_policy().role_name(NAME).policy_name(policy).policy_document(&wide);
        request.send().await.unwrap();
    }
    let who = json!({"Service": ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]});
    let trust = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who});
    let trust = json!({"Version": "2012-10-17", "Statement": trust}).to_string();
    client.update_assume_role_policy().role_name(NAME).policy_document(trust).send().await.unwrap();
    let task_execution = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
    client.detach_role_policy().role_name(NAME).policy_arn(task_execution).send().await.unwrap();
    let lambda = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    client.attach_role_policy().role_name(NAME).policy_arn(lambda).send().await.unwrap();
    client.untag_role().role_name(NAME).tag_keys("longshore:resource").send().await.unwrap();
    let update = client.update_role().role_name(NAME).description("mine").max_session_duration(7200);
    update.send().await.unwrap();

    insta::assert_snapshot!(text(&harness.plan().await.unwrap()));
    harness.apply().await.unwrap();
    assert_eq!(harness.action().await, Action::NoChange);
}

#[tokio::test(start_paused = true)]
async fn the_same_policy_written_differently_is_no_change() {
    let harness = Harness::new(json!({}));
    harness.apply().await.unwrap();
    let client = harness.client().await;
    let statement =
        json!({"Resource": [SECRET], "Action": ["secretsmanager:getSecretValue"], "Effect": "Allow"});
    let document =
        serde_json::to_string_pretty(&json!({"Statement": statement, "Version": "2012-10-17"})).unwrap();
    let request =
        client.put_role_policy().role_name(NAME).policy_name("read-secrets").policy_document(document);
    request.send().await.unwrap();
    assert_eq!(harness.action().await, Action::NoChange);
    let puts = harness.calls("iam:PutRolePolicy");
    harness.apply().await.unwrap();
    assert_eq!(harness.calls("iam:PutRolePolicy"), puts);
}

#[tokio::test(start_paused = true)]
async fn what_the_details_lack_is_seen_too_and_put_right() {
    let harness = Harness::new(json!({}));
    harness.apply().await.unwrap();
    let client = harness.client().await;
    let mut shown = Vec::new();
    for (description, seconds) in [("mine", 3600), ("", 3600), (DESCRIPTION, 43_200)] {
        let update = client.update_role().role_name(NAME).description(description);
        update.max_session_duration(seconds).send().await.unwrap();
        // With the list, and without: then the role itself is looked at.
        let plan = harness.plan().await.unwrap();
        harness.refuse("iam:ListRoles", 1, "AccessDenied", "no");
        let anew = harness.another_run();
        assert_eq!(anew.plan().await.unwrap(), plan);
        shown.push(text(&plan));
        harness.apply().await.unwrap();
        assert_eq!(harness.action().await, Action::NoChange);
        assert_eq!(anew.action().await, Action::NoChange);
    }
    insta::assert_snapshot!(shown.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn one_list_of_settings_is_enough_for_a_plan_without_changes() {
    let harness = Harness::new(json!({}));
    harness.apply().await.unwrap();
    let looks = |harness: &Harness| ["iam:ListRoles", "iam:GetRole"].map(|call| harness.calls(call));
    let [lists, roles] = looks(&harness);
    assert_eq!(harness.action().await, Action::NoChange);
    assert_eq!(looks(&harness), [lists + 1, roles]);
    // A call that was refused once is not repeated.
    let anew = harness.another_run();
    anew.refuse("iam:ListRoles", 1, "AccessDenied", "no");
    for times in 1..=2 {
        assert_eq!(anew.action().await, Action::NoChange);
        assert_eq!(looks(&anew), [lists + 2, roles + times]);
    }
}
