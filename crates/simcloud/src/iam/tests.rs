use std::time::Duration;

use aws_sdk_iam::{Client, types::PolicyEvaluationDecisionType as Verdict};

use super::{Context, Decision};
use crate::testing::{allow, cloud, code, message, sdk, trust};

const ECS: &str = "ecs-tasks.amazonaws.com";
const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ghcr-AbCdEf";
const EXECUTION: &str = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";

async fn role(iam: &Client, name: &str) -> String {
    let created = iam.create_role().role_name(name).assume_role_policy_document(trust(ECS)).send().await;
    created.unwrap().role.unwrap().arn
}

#[tokio::test(start_paused = true)]
async fn a_role_with_its_policies_reads_back_and_goes_only_when_they_are_gone() {
    let iam = Client::new(&sdk(&cloud()));
    let arn = role(&iam, "api-execution").await;
    assert_eq!(arn, "arn:aws:iam::123456789012:role/api-execution");
    let policy = allow(&["secretsmanager:GetSecretValue"], &[SECRET]);
    iam.put_role_policy()
        .role_name("api-execution")
        .policy_name("pull")
        .policy_document(&policy)
        .send()
        .await
        .unwrap();
    iam.attach_role_policy().role_name("api-execution").policy_arn(EXECUTION).send().await.unwrap();

    let read = iam.get_role_policy().role_name("api-execution").policy_name("pull").send().await.unwrap();
    assert!(read.policy_document.starts_with("%7B%22Statement%22%3A"), "{}", read.policy_document);
    let attached = iam.list_attached_role_policies().role_name("api-execution").send().await.unwrap();
    assert_eq!(attached.attached_policies()[0].policy_name(), Some("AmazonECSTaskExecutionRolePolicy"));
    let details = iam.get_account_authorization_details().send().await.unwrap();
    assert_eq!(details.role_detail_list()[0].role_policy_list()[0].policy_name(), Some("pull"));
    assert_eq!(details.policies()[0].policy_version_list().len(), 1);
    let roles = iam.get_account_authorization_details().filter("Role".into()).send().await.unwrap();
    assert_eq!((roles.role_detail_list().len(), roles.policies().len()), (1, 0));
    let odd = iam.get_account_authorization_details().filter("Roles".into()).send().await;
    assert_eq!(code(&odd), "ValidationError");

    let again =
        iam.create_role().role_name("API-execution").assume_role_policy_document(trust(ECS)).send().await;
    assert_eq!(code(&again), "EntityAlreadyExists");
    let early = iam.delete_role().role_name("api-execution").send().await;
    assert_eq!(code(&early), "DeleteConflict");
    iam.detach_role_policy().role_name("api-execution").policy_arn(EXECUTION).send().await.unwrap();
    iam.delete_role_policy().role_name("api-execution").policy_name("pull").send().await.unwrap();
    iam.delete_role().role_name("api-execution").send().await.unwrap();
    let gone = iam.get_role().role_name("api-execution").send().await;
    assert!(gone.as_ref().unwrap_err().as_service_error().unwrap().is_no_such_entity_exception());
    assert_eq!(message(&gone), "The role with name api-execution cannot be found.");
}

#[tokio::test(start_paused = true)]
async fn authorisation_sees_changes_after_the_propagation_delay() {
    let cloud = cloud();
    let iam = Client::new(&sdk(&cloud));
    let arn = role(&iam, "api").await;
    let policy = allow(&["secretsmanager:GetSecretValue"], &[SECRET]);
    iam.put_role_policy().role_name("api").policy_name("pull").policy_document(policy).send().await.unwrap();
    // IAM's own reads are up to date.
    iam.get_role_policy().role_name("api").policy_name("pull").send().await.unwrap();

    let look = || {
        cloud.inspect(|world| {
            let context = Context::new();
            let decision =
                world.iam.evaluate(world.now, &arn, "secretsmanager:GetSecretValue", SECRET, &context);
            (world.iam.assume(world.now, &arn, ECS, &context).is_ok(), decision)
        })
    };
    assert_eq!(look().await, (false, Decision::ImplicitDeny));
    let simulated =
        || iam.simulate_principal_policy().policy_source_arn(&arn).action_names("logs:PutLogEvents");
    let denied = simulated().send().await.unwrap();
    assert_eq!(denied.evaluation_results()[0].eval_decision(), &Verdict::ImplicitDeny);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(look().await, (true, Decision::Allowed));

    iam.attach_role_policy().role_name("api").policy_arn(EXECUTION).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let allowed = simulated().send().await.unwrap();
    let result = &allowed.evaluation_results()[0];
    assert_eq!(result.eval_decision(), &Verdict::Allowed);
    assert_eq!(result.matched_statements()[0].source_policy_id(), Some("AmazonECSTaskExecutionRolePolicy"));

    iam.delete_role_policy().role_name("api").policy_name("pull").send().await.unwrap();
    assert_eq!(look().await.1, Decision::Allowed);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(look().await.1, Decision::ImplicitDeny);
}

#[tokio::test(start_paused = true)]
async fn malformed_documents_are_refused() {
    let iam = Client::new(&sdk(&cloud()));
    role(&iam, "api").await;
    let document = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*"}}"#;
    let refused =
        iam.put_role_policy().role_name("api").policy_name("p").policy_document(document).send().await;
    assert_eq!(code(&refused), "MalformedPolicyDocument");
    assert_eq!(message(&refused), "Policy statement must contain resources.");
    let version = r#"{"Version": "2020-01-01", "Statement": []}"#;
    let trusts = [
        (version, "valid version"),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}}"#,
            "Missing required field Principal",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs"}}}"#,
            "Invalid principal in policy",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"AWS": "arn:aws:iam::123456789012:role/nobody"}}}"#,
            "Invalid principal in policy",
        ),
    ];
    for (document, complaint) in trusts {
        let refused = iam.create_role().role_name("b").assume_role_policy_document(document).send().await;
        assert_eq!(code(&refused), "MalformedPolicyDocument", "{document}");
        assert!(message(&refused).contains(complaint), "{document}: {}", message(&refused));
    }
}

#[tokio::test(start_paused = true)]
async fn names_sizes_and_counts_have_limits() {
    let iam = Client::new(&sdk(&cloud()));
    role(&iam, "api").await;
    let create =
        |name: &str| iam.create_role().role_name(name).assume_role_policy_document(trust(ECS)).send();
    assert_eq!(code(&create(&"x".repeat(65)).await), "ValidationError");
    assert_eq!(code(&create("a/b").await), "ValidationError");
    create(&"x".repeat(64)).await.unwrap();

    let put = |name: &str, resources: usize| {
        let policy = allow(&["s3:GetObject"], &vec!["arn:aws:s3:::bucket/with/a/long/name/*"; resources]);
        iam.put_role_policy().role_name("api").policy_name(name).policy_document(policy).send()
    };
    put("one", 200).await.unwrap();
    assert_eq!(code(&put("two", 200).await), "LimitExceeded");
    // The quota is on all of them together, and one that is replaced does not count.
    put("one", 201).await.unwrap();

    let policy = allow(&["s3:*"], &["*"]);
    for number in 0..11 {
        let name = format!("p{number}");
        let created = iam.create_policy().policy_name(&name).policy_document(&policy).send().await.unwrap();
        let arn = created.policy.unwrap().arn.unwrap();
        let attached = iam.attach_role_policy().role_name("api").policy_arn(&arn).send().await;
        assert_eq!(code(&attached), if number < 10 { "Ok" } else { "LimitExceeded" });
    }
    let unknown =
        iam.attach_role_policy().role_name("api").policy_arn("arn:aws:iam::aws:policy/Nothing").send().await;
    assert_eq!(code(&unknown), "NoSuchEntity");
}

#[tokio::test(start_paused = true)]
async fn a_boundary_limits_and_a_deny_wins() {
    let cloud = cloud();
    let iam = Client::new(&sdk(&cloud));
    let arn = role(&iam, "api").await;
    let all = allow(&["secretsmanager:*", "logs:*"], &["*"]);
    iam.put_role_policy().role_name("api").policy_name("all").policy_document(all).send().await.unwrap();
    let boundary = allow(&["logs:*"], &["*"]);
    let created =
        iam.create_policy().policy_name("only-logs").policy_document(boundary).send().await.unwrap();
    let boundary = created.policy.unwrap().arn.unwrap();
    iam.put_role_permissions_boundary()
        .role_name("api")
        .permissions_boundary(&boundary)
        .send()
        .await
        .unwrap();
    let deny = r#"{"Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Action": "LOGS:put*", "Resource": "*"}}"#;
    iam.put_role_policy().role_name("api").policy_name("deny").policy_document(deny).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;

    let decide = |action: &'static str| {
        let arn = arn.clone();
        cloud.inspect(move |world| world.iam.evaluate(world.now, &arn, action, "*", &Context::new()))
    };
    assert_eq!(decide("secretsmanager:GetSecretValue").await, Decision::ImplicitDeny);
    assert_eq!(decide("logs:CreateLogStream").await, Decision::Allowed);
    assert_eq!(decide("logs:PutLogEvents").await, Decision::ExplicitDeny);
    let used = iam.delete_policy().policy_arn(&boundary).send().await;
    assert_eq!(code(&used), "DeleteConflict");
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages_and_tags_are_case_insensitive() {
    let iam = Client::new(&sdk(&cloud()));
    for name in ["a", "b", "c"] {
        role(&iam, name).await;
    }
    let mut names = Vec::new();
    let mut pages = iam.list_roles().into_paginator().page_size(2).send();
    while let Some(page) = pages.next().await {
        names.extend(page.unwrap().roles.into_iter().map(|role| role.role_name));
    }
    assert_eq!(names, ["a", "b", "c"]);

    let tag =
        |key: &str, value: &str| aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap();
    iam.tag_role().role_name("a").tags(tag("Owner", "x")).send().await.unwrap();
    iam.tag_role().role_name("a").tags(tag("owner", "y")).send().await.unwrap();
    let tags = iam.list_role_tags().role_name("a").send().await.unwrap().tags;
    assert_eq!(tags, [tag("owner", "y")]);
    let reserved = iam.tag_role().role_name("a").tags(tag("aws:x", "y")).send().await;
    assert_eq!(code(&reserved), "InvalidInput");
}
