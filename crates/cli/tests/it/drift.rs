//! A stack that was changed by hand: `drift` names what it was, `deploy` puts it right, and what is not the stack's any
//! more is refused.

use aws_sdk_ecs::types as ecs;
use aws_sdk_iam::types as iam;
use aws_sdk_secretsmanager::types as secretsmanager;
use longshore_aws::Aws;
use longshore_cli::Exit;
use longshore_model::EventKind;
use serde_json::json;

use crate::{
    assert_shown,
    hand::{by_hand, register_by_hand},
    project::Project,
};

const ROLE: &str = "shop-api-execution";
const SECRET: &str = "longshore/shop/ghcr/pull";
const LOG_GROUP: &str = "/longshore/shop/api";
const STACK_TAG: &str = "longshore:stack";
const RESOURCE_TAG: &str = "longshore:resource";

/// The effect of the next deploy on a change.
enum Then {
    /// The next deploy puts it right.
    Mended,
    /// The stack does not own the resource any more: nothing is changed.
    Refused,
}
use Then::{Mended, Refused};

/// Deploys, lets `change` happen, and expects `drift` to name it in these words.
fn drifted(words: &[&str], then: &Then, change: impl AsyncFnOnce(&Aws)) {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let before = project.run(&["drift"]);
    assert_eq!(
        (before.exit, before.stdout.as_str()),
        (Exit::Done, "There is no drift: everything is as declared.\n")
    );
    by_hand(&project, change);

    let drift = project.run(&["drift"]);
    assert_eq!(drift.exit, Exit::Changes, "{}{}", drift.stdout, drift.stderr);
    for word in words {
        assert!(drift.stdout.contains(word), "`{word}` is missing: {}", drift.stdout);
    }
    let deploy = project.run(&["deploy", "--yes"]);
    match then {
        Mended => {
            assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
            let after = project.run(&["drift"]);
            assert_eq!(after.exit, Exit::Done, "not mended: {}{}", after.stdout, after.stderr);
        }
        Refused => {
            assert_eq!(deploy.exit, Exit::Failed, "{}", deploy.stdout);
            assert!(deploy.stdout.contains("nothing was created or changed"), "{}", deploy.stdout);
            assert!(deploy.stderr.contains("adopt"), "{}", deploy.stderr);
            let after = project.run(&["drift"]);
            assert_eq!(after.stdout, drift.stdout, "nothing was touched");
        }
    }
}

async fn service(aws: &Aws) -> ecs::Service {
    let answer = aws.ecs().await.unwrap().describe_services().services("api").send().await.unwrap();
    answer.services.unwrap().remove(0)
}

#[test]
fn a_service_that_was_scaled() {
    let words = ["service default/api  was changed", "desiredCount  declared 2, found 5"];
    drifted(&words, &Mended, async |aws: &Aws| {
        aws.ecs().await.unwrap().update_service().service("api").desired_count(5).send().await.unwrap();
    });
}

#[test]
fn a_service_with_another_task_definition() {
    let words = ["service default/api  was changed", "taskDefinition  declared shop-api:1, found hand:1"];
    drifted(&words, &Mended, async |aws: &Aws| {
        register_another(aws).await;
        let ecs = aws.ecs().await.unwrap();
        ecs.update_service().service("api").task_definition("hand").send().await.unwrap();
    });
}

/// Registers a definition of another family, whose containers have a role.
async fn register_another(aws: &Aws) {
    let ecs = aws.ecs().await.unwrap();
    let definition = ecs.describe_task_definition().task_definition("shop-api").send().await.unwrap();
    let definition = definition.task_definition.unwrap();
    ecs.register_task_definition()
        .family("hand")
        .set_container_definitions(definition.container_definitions)
        .set_task_role_arn(definition.execution_role_arn.clone())
        .set_execution_role_arn(definition.execution_role_arn)
        .set_network_mode(definition.network_mode)
        .set_requires_compatibilities(definition.requires_compatibilities)
        .set_runtime_platform(definition.runtime_platform)
        .cpu("512")
        .memory("1024")
        .send()
        .await
        .unwrap();
}

#[test]
fn a_service_in_whose_tasks_commands_can_be_executed() {
    let words = ["service default/api  was changed", "enableExecuteCommand  declared false, found true"];
    drifted(&words, &Mended, async |aws: &Aws| {
        register_another(aws).await;
        let call = aws.ecs().await.unwrap().update_service().service("api");
        call.task_definition("hand").enable_execute_command(true).send().await.unwrap();
    });
}

#[test]
fn a_service_whose_tasks_are_not_tagged() {
    let words = [
        "service default/api  was changed",
        "enableECSManagedTags  declared true, found false",
        "declared SERVICE, found TASK_DEFINITION",
    ];
    drifted(&words, &Mended, async |aws: &Aws| {
        let call = aws.ecs().await.unwrap().update_service().service("api");
        let call = call.propagate_tags(ecs::PropagateTags::TaskDefinition);
        call.enable_ecs_managed_tags(false).send().await.unwrap();
    });
}

#[test]
fn a_service_on_an_older_platform() {
    let words = ["service default/api  was changed", "platformVersion  declared LATEST, found 1.3.0"];
    drifted(&words, &Mended, async |aws: &Aws| {
        let call = aws.ecs().await.unwrap().update_service().service("api");
        call.platform_version("1.3.0").send().await.unwrap();
    });
}

#[test]
fn a_revision_that_somebody_registered() {
    drifted(&["service default/api  was changed", "taskDefinition"], &Mended, async |aws: &Aws| {
        register_by_hand(aws).await;
        let ecs = aws.ecs().await.unwrap();
        ecs.update_service().service("api").task_definition("shop-api").send().await.unwrap();
    });
}

#[test]
fn a_service_that_is_rolled_out_otherwise() {
    let words = [
        "service default/api  was changed",
        "deploymentConfiguration.maximumPercent  declared 200, found 150",
    ];
    drifted(&words, &Mended, async |aws: &Aws| {
        let configuration = ecs::DeploymentConfiguration::builder()
            .maximum_percent(150)
            .minimum_healthy_percent(100)
            .deployment_circuit_breaker(
                ecs::DeploymentCircuitBreaker::builder().enable(true).rollback(true).build(),
            )
            .build();
        let call = aws.ecs().await.unwrap().update_service().service("api");
        call.deployment_configuration(configuration).send().await.unwrap();
    });
}

#[test]
fn a_service_elsewhere_in_the_network() {
    let words = ["service default/api  was changed", "assignPublicIp", "declared ENABLED, found DISABLED"];
    drifted(&words, &Mended, async |aws: &Aws| {
        let network = service(aws).await.network_configuration.unwrap().awsvpc_configuration.unwrap();
        let vpc = ecs::AwsVpcConfiguration::builder()
            .set_subnets(Some(network.subnets))
            .assign_public_ip(ecs::AssignPublicIp::Disabled)
            .build()
            .unwrap();
        let network = ecs::NetworkConfiguration::builder().awsvpc_configuration(vpc).build();
        let call = aws.ecs().await.unwrap().update_service().service("api");
        call.network_configuration(network).send().await.unwrap();
    });
}

#[test]
fn a_rollout_in_progress_is_none() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    by_hand(&project, async |aws: &Aws| {
        let call = aws.ecs().await.unwrap().update_service().service("api");
        call.force_new_deployment(true).send().await.unwrap();
    });
    let drift = project.run(&["drift"]);
    assert_eq!(drift.exit, Exit::Done, "{}{}", drift.stdout, drift.stderr);
    let plan = project.run(&["plan"]);
    assert!(plan.stdout.contains("a deployment is in progress"), "{}", plan.stdout);
}

#[test]
fn a_service_that_was_deleted() {
    drifted(&["service default/api  is missing"], &Mended, async |aws: &Aws| {
        aws.ecs().await.unwrap().delete_service().service("api").force(true).send().await.unwrap();
    });
}

#[test]
fn a_service_that_lost_the_tag_of_its_step() {
    let words = [
        "service default/api  was changed",
        "tags.longshore:resource  declared service.api, found (nothing)",
    ];
    drifted(&words, &Mended, async |aws: &Aws| {
        let arn = service(aws).await.service_arn.unwrap();
        let call = aws.ecs().await.unwrap().untag_resource().resource_arn(arn);
        call.tag_keys(RESOURCE_TAG).send().await.unwrap();
    });
}

#[test]
fn a_service_that_lost_the_tag_of_the_stack() {
    drifted(&["service default/api  is not this stack's"], &Refused, async |aws: &Aws| {
        let arn = service(aws).await.service_arn.unwrap();
        let call = aws.ecs().await.unwrap().untag_resource().resource_arn(arn);
        call.tag_keys(STACK_TAG).send().await.unwrap();
    });
}

#[test]
fn a_cluster_that_lost_the_tag_of_its_step() {
    drifted(&["cluster default  was changed", "tags.longshore:resource"], &Mended, async |aws: &Aws| {
        let arn = service(aws).await.cluster_arn.unwrap();
        let call = aws.ecs().await.unwrap().untag_resource().resource_arn(arn);
        call.tag_keys(RESOURCE_TAG).send().await.unwrap();
    });
}

#[test]
fn a_role_that_was_deleted() {
    drifted(&["role shop-api-execution  is missing"], &Mended, async |aws: &Aws| {
        let iam = aws.iam().await.unwrap();
        let attached = iam.list_attached_role_policies().role_name(ROLE).send().await.unwrap();
        for policy in attached.attached_policies.unwrap_or_default() {
            iam.detach_role_policy()
                .role_name(ROLE)
                .policy_arn(policy.policy_arn.unwrap())
                .send()
                .await
                .unwrap();
        }
        iam.delete_role_policy().role_name(ROLE).policy_name("read-secrets").send().await.unwrap();
        iam.delete_role().role_name(ROLE).send().await.unwrap();
    });
}

async fn put_policy(aws: &Aws, name: &str) {
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let call = aws.iam().await.unwrap().put_role_policy().role_name(ROLE).policy_name(name);
    call.policy_document(document).send().await.unwrap();
}

#[test]
fn a_policy_that_was_widened() {
    drifted(&["role shop-api-execution  was changed", "read-secrets"], &Mended, async |aws: &Aws| {
        put_policy(aws, "read-secrets").await;
    });
}

#[test]
fn a_policy_that_was_added() {
    drifted(&["role shop-api-execution  was changed", "everything"], &Mended, async |aws: &Aws| {
        put_policy(aws, "everything").await;
    });
}

const MANAGED: &str = "arn:aws:iam::aws:policy/service-role/";

#[test]
fn a_managed_policy_that_was_attached() {
    let words = ["role shop-api-execution  was changed", "AWSLambdaBasicExecutionRole"];
    drifted(&words, &Mended, async |aws: &Aws| {
        let call = aws.iam().await.unwrap().attach_role_policy().role_name(ROLE);
        call.policy_arn(format!("{MANAGED}AWSLambdaBasicExecutionRole")).send().await.unwrap();
    });
}

#[test]
fn a_managed_policy_that_was_detached() {
    let words = ["role shop-api-execution  was changed", "AmazonECSTaskExecutionRolePolicy"];
    drifted(&words, &Mended, async |aws: &Aws| {
        let call = aws.iam().await.unwrap().detach_role_policy().role_name(ROLE);
        call.policy_arn(format!("{MANAGED}AmazonECSTaskExecutionRolePolicy")).send().await.unwrap();
    });
}

#[test]
fn a_role_that_others_may_assume() {
    drifted(&["role shop-api-execution  was changed", "ec2.amazonaws.com"], &Mended, async |aws: &Aws| {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let call = aws.iam().await.unwrap().update_assume_role_policy().role_name(ROLE);
        call.policy_document(trust).send().await.unwrap();
    });
}

#[test]
fn a_role_with_another_description() {
    let words =
        ["role shop-api-execution  was changed", "Description  declared Execution role", "found mine"];
    drifted(&words, &Mended, async |aws: &Aws| {
        let call = aws.iam().await.unwrap().update_role().role_name(ROLE);
        call.description("mine").max_session_duration(3600).send().await.unwrap();
    });
}

#[test]
fn a_role_with_longer_sessions() {
    let words = ["role shop-api-execution  was changed", "MaxSessionDuration  declared 3600, found 43200"];
    drifted(&words, &Mended, async |aws: &Aws| {
        let call = aws.iam().await.unwrap().update_role().role_name(ROLE);
        call.max_session_duration(43_200).send().await.unwrap();
    });
}

#[test]
fn a_role_that_lost_the_tag_of_the_stack() {
    drifted(&["role shop-api-execution  is not this stack's"], &Refused, async |aws: &Aws| {
        let call = aws.iam().await.unwrap().untag_role().role_name(ROLE);
        call.tag_keys(STACK_TAG).send().await.unwrap();
    });
}

#[test]
fn a_role_that_another_stack_has_taken() {
    let tag = iam::Tag::builder().key(STACK_TAG).value("blog").build().unwrap();
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    by_hand(&project, async |aws: &Aws| {
        aws.iam().await.unwrap().tag_role().role_name(ROLE).tags(tag).send().await.unwrap();
    });
    let drift = project.run(&["drift"]);
    assert_eq!(drift.exit, Exit::Changes);
    assert_shown!(drift.stdout);
    assert_eq!(project.run(&["adopt", "role.api"]).exit, Exit::Failed, "it is not nobody's");
}

#[test]
fn what_stands_behind_a_conflict_is_looked_at_too() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    by_hand(&project, async |aws: &Aws| {
        let call = aws.iam().await.unwrap().untag_role().role_name(ROLE);
        call.tag_keys(STACK_TAG).send().await.unwrap();
        aws.ecs().await.unwrap().update_service().service("api").desired_count(5).send().await.unwrap();
        put_undeclared_secret(aws).await;
    });
    let drift = project.run(&["drift"]);
    assert_eq!(drift.exit, Exit::Changes, "{}", drift.stderr);
    assert_shown!(drift.stdout);
    let told = project.run(&["drift", "--output", "json"]).events();
    let drifts = told.iter().find_map(|event| match &event.event {
        EventKind::Drift { drifts, .. } => Some(drifts),
        _ => None,
    });
    let told: Vec<_> = drifts.unwrap().iter().map(|drift| (drift.step.as_str(), drift.blocks)).collect();
    let expected = [("role.api", true), ("service.api", false), ("undeclared-secrets.secretsmanager", false)];
    assert_eq!(told, expected);
    assert_eq!(project.run(&["adopt", "role.api"]).exit, Exit::Done);
    assert_eq!(project.run(&["deploy", "--prune"]).exit, Exit::Done);
    assert_eq!(project.run(&["drift"]).exit, Exit::Done, "the rest was put right");
}

#[test]
fn a_secret_with_another_value() {
    drifted(&["secret longshore/shop/ghcr/pull  was changed", "(secret)"], &Mended, async |aws: &Aws| {
        let call = aws.secretsmanager().await.unwrap().put_secret_value().secret_id(SECRET);
        call.secret_string(r#"{"username":"x","password":"y"}"#).send().await.unwrap();
    });
}

#[test]
fn a_secret_with_another_description() {
    let words = ["secret longshore/shop/ghcr/pull  was changed", "found mine"];
    drifted(&words, &Mended, async |aws: &Aws| {
        let call = aws.secretsmanager().await.unwrap().update_secret().secret_id(SECRET);
        call.description("mine").send().await.unwrap();
    });
}

#[test]
fn a_secret_that_was_deleted() {
    drifted(
        &["secret longshore/shop/ghcr/pull  is missing", "scheduled for deletion"],
        &Mended,
        async |aws: &Aws| {
            aws.secretsmanager().await.unwrap().delete_secret().secret_id(SECRET).send().await.unwrap();
        },
    );
}

#[test]
fn a_secret_that_lost_the_tag_of_the_stack() {
    drifted(&["secret longshore/shop/ghcr/pull  is not this stack's"], &Refused, async |aws: &Aws| {
        let call = aws.secretsmanager().await.unwrap().untag_resource().secret_id(SECRET);
        call.tag_keys(STACK_TAG).send().await.unwrap();
    });
}

#[test]
fn a_secret_of_the_stack_that_nothing_declares() {
    let words = ["longshore/shop/old/pull  is there, and nothing declares it", "made by credential.old"];
    drifted(&words, &Mended, put_undeclared_secret);
}

async fn put_undeclared_secret(aws: &Aws) {
    let tag = |key, value| secretsmanager::Tag::builder().key(key).value(value).build();
    let call = aws.secretsmanager().await.unwrap().create_secret().name("longshore/shop/old/pull");
    let call = call.tags(tag(STACK_TAG, "shop")).tags(tag(RESOURCE_TAG, "credential.old"));
    call.secret_string("{}").send().await.unwrap();
}

#[test]
fn log_events_that_are_kept_for_another_time() {
    let words = ["log group /longshore/shop/api  was changed", "retentionInDays  declared 30, found 1"];
    drifted(&words, &Mended, async |aws: &Aws| {
        let logs = aws.cloudwatchlogs().await.unwrap();
        let put = json!({ "logGroupName": LOG_GROUP, "retentionInDays": 1 });
        logs.call("PutRetentionPolicy", put).await.unwrap();
    });
}

#[test]
fn deregistered_revision_is_drift() {
    let words =
        ["task definition shop-api  is missing", "shop-api:1, which the service runs, was deregistered"];
    drifted(&words, &Mended, async |aws: &Aws| {
        let call = aws.ecs().await.unwrap().deregister_task_definition().task_definition("shop-api:1");
        call.send().await.unwrap();
    });
}

#[test]
fn a_log_group_that_was_deleted() {
    drifted(&["log group /longshore/shop/api  is missing"], &Mended, async |aws: &Aws| {
        let logs = aws.cloudwatchlogs().await.unwrap();
        logs.call("DeleteLogGroup", json!({ "logGroupName": LOG_GROUP })).await.unwrap();
    });
}

#[test]
fn a_log_group_that_lost_its_tags() {
    let words = ["log group /longshore/shop/api  is not this stack's"];
    drifted(&words, &Refused, async |aws: &Aws| {
        let logs = aws.cloudwatchlogs().await.unwrap();
        let prefix = json!({ "logGroupNamePrefix": LOG_GROUP });
        let groups = logs.call("DescribeLogGroups", prefix).await.unwrap();
        let arn = &groups["logGroups"][0]["logGroupArn"];
        let untag = json!({ "resourceArn": arn, "tagKeys": [STACK_TAG, RESOURCE_TAG] });
        logs.call("UntagResource", untag).await.unwrap();
        let put = json!({ "logGroupName": LOG_GROUP, "retentionInDays": 1 });
        logs.call("PutRetentionPolicy", put).await.unwrap();
    });
}
