//! `longshore adopt`, and `[adopt]` in the configuration.

use std::time::Duration;

use aws_sdk_ecs::types::{
    CapacityProviderStrategyItem, DeploymentConfiguration, PropagateTags, ServiceField,
};
use longshore_aws::Aws;
use longshore_cli::Exit;

use crate::{
    assert_shown,
    hand::{by_hand, register_by_hand},
    project::Project,
};

const ROLE: &str = "shop-api-execution";
const SECRET: &str = "longshore/shop/ghcr/pull";
const STACK_TAG: &str = "longshore:stack";
const RESOURCE_TAG: &str = "longshore:resource";

#[test]
fn what_lost_its_tag_is_the_stacks_again_once_it_is_adopted() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    by_hand(&project, async |aws: &Aws| {
        let call = aws.iam().await.unwrap().untag_role().role_name(ROLE).tag_keys(STACK_TAG);
        call.tag_keys(RESOURCE_TAG).send().await.unwrap();
        let call = aws.secretsmanager().await.unwrap().untag_resource().secret_id(SECRET);
        call.tag_keys(STACK_TAG).send().await.unwrap();
        // A step that is not chosen is neither shown nor done.
        aws.ecs().await.unwrap().update_service().service("api").desired_count(5).send().await.unwrap();
    });
    let unknown = project.run(&["adopt", "role.ap"]);
    assert_eq!(unknown.exit, Exit::Failed);
    assert!(unknown.stderr.contains("did you mean `role.api`?"), "{}", unknown.stderr);
    let adopted = project.run(&["adopt", "role.api", "credential.ghcr"]);
    assert_eq!(adopted.exit, Exit::Done, "{}{}", adopted.stdout, adopted.stderr);
    assert_shown!(adopted.stdout);
    let left = project.run(&["drift"]).stdout;
    assert!(left.contains("declared 2, found 5") && left.contains("1 resource drifted"), "{left}");
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let again = project.run(&["adopt", "role.api"]);
    assert_eq!(again.exit, Exit::Failed, "there is nothing left to adopt");

    // The same by the configuration.
    by_hand(&project, async |aws: &Aws| {
        let call = aws.iam().await.unwrap().untag_role().role_name(ROLE);
        call.tag_keys(STACK_TAG).send().await.unwrap();
    });
    let deployed = project.run(&["deploy", "--set", "adopt.\"role.api\"=true"]);
    assert_eq!(deployed.exit, Exit::Done, "{}{}", deployed.stdout, deployed.stderr);
    assert!(deployed.stdout.contains("1 adopted"), "{}", deployed.stdout);
    let misspelt = project.run(&["plan", "--set", "adopt.\"role.apy\"=true"]);
    assert!(misspelt.stderr.contains("there is no such step"), "{}", misspelt.stderr);
}

#[test]
fn a_revision_of_somebody_else_is_in_the_way_only_when_there_is_none_of_the_stack() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    by_hand(&project, register_by_hand);
    let drift = project.run(&["drift"]);
    assert_eq!(drift.exit, Exit::Done, "{}{}", drift.stdout, drift.stderr);
    let changed = project.run(&["deploy", "--set", "services.api.memory=1024"]);
    assert_eq!(changed.exit, Exit::Done, "{}{}", changed.stdout, changed.stderr);

    assert_eq!(project.run(&["destroy", "--yes"]).exit, Exit::Done);
    let refused = project.run(&["deploy"]);
    assert_eq!(refused.exit, Exit::Failed);
    assert!(refused.stderr.contains("longshore adopt task-definition.api"), "{}", refused.stderr);
    // A new revision names the role, which the deploy makes before.
    let adopted = project.run(&["deploy", "--set", "adopt.\"task-definition.api\"=true"]);
    assert_eq!(adopted.exit, Exit::Done, "{}{}", adopted.stdout, adopted.stderr);
    assert!(adopted.stdout.contains("1 adopted"), "{}", adopted.stdout);
    let deployed = project.run(&["deploy"]);
    assert_eq!(deployed.exit, Exit::Done, "{}{}", deployed.stdout, deployed.stderr);
    assert_eq!(project.run(&["drift"]).exit, Exit::Done);
}

/// Deletes the role, and takes the tags of the task definition.
async fn delete_role(aws: &Aws) {
    let iam = aws.iam().await.unwrap();
    let policies = iam.list_role_policies().role_name(ROLE).send().await.unwrap().policy_names;
    for policy in policies {
        iam.delete_role_policy().role_name(ROLE).policy_name(policy).send().await.unwrap();
    }
    let attached = iam.list_attached_role_policies().role_name(ROLE).send().await.unwrap();
    for policy in attached.attached_policies.unwrap_or_default() {
        let call = iam.detach_role_policy().role_name(ROLE);
        call.set_policy_arn(policy.policy_arn).send().await.unwrap();
    }
    iam.delete_role().role_name(ROLE).send().await.unwrap();
    let ecs = aws.ecs().await.unwrap();
    let services = ecs.describe_services().services("api").send().await.unwrap().services.unwrap();
    let arn = services[0].task_definition().unwrap();
    let tags = ecs.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    let keys = tags.tags.unwrap_or_default().into_iter().filter_map(|tag| tag.key).collect();
    ecs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send().await.unwrap();
}

#[test]
fn adopting_names_a_missing_role_at_once() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    by_hand(&project, delete_role);
    let memory = ["--set", "services.api.memory=1024"];
    let adopted = project.run(&[&["adopt", "task-definition.api"][..], &memory].concat());
    assert_eq!(adopted.exit, Exit::Done, "{}{}", adopted.stdout, adopted.stderr);
    assert_shown!(adopted.stdout);
    // ECS accepts no revision with a role that does not exist: the next deploy creates the role, then registers one.
    let deployed = project.run(&[&["deploy"][..], &memory].concat());
    assert_eq!(deployed.exit, Exit::Done, "{}{}", deployed.stdout, deployed.stderr);
}

/// Makes the project's service that of others: without tags, with settings that no configuration declares.
async fn hand_over(aws: &Aws) {
    let ecs = aws.ecs().await.unwrap();
    let call = ecs.put_cluster_capacity_providers().cluster("default").capacity_providers("FARGATE_SPOT");
    call.set_default_capacity_provider_strategy(Some(Vec::new())).send().await.unwrap();
    let service = ecs.describe_services().services("api").include(ServiceField::Tags).send().await.unwrap();
    let service = service.services.unwrap().remove(0);
    let keys = service.tags().iter().filter_map(|tag| tag.key().map(str::to_owned));
    let call = ecs.untag_resource().resource_arn(service.service_arn().unwrap());
    call.set_tag_keys(Some(keys.collect())).send().await.unwrap();
    let spot = CapacityProviderStrategyItem::builder().capacity_provider("FARGATE_SPOT").weight(1).build();
    let settings =
        DeploymentConfiguration::builder().minimum_healthy_percent(50).maximum_percent(150).build();
    ecs.update_service()
        .service("api")
        .desired_count(7)
        .capacity_provider_strategy(spot.unwrap())
        .deployment_configuration(settings)
        .propagate_tags(PropagateTags::None)
        .enable_ecs_managed_tags(false)
        .platform_version("1.4.0")
        .force_new_deployment(true)
        .send()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[test]
fn adopted_service_keeps_undeclared_settings() {
    let project = Project::new();
    let base = std::fs::read_to_string(project.path("configs/base.toml")).unwrap();
    project.write("configs/base.toml", &base.replace("desired-count = 2\n", ""));
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    by_hand(&project, hand_over);
    let adopt = ["--set", "adopt.\"service.api\"=true"];
    let plan = project.run(&[&["plan"][..], &adopt].concat());
    assert_eq!(plan.exit, Exit::Done, "{}", plan.stderr);
    assert_shown!(plan.stdout);
    let deploy = project.run(&[&["deploy"][..], &adopt].concat());
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    let again = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.exit, Exit::Done, "{}", again.stdout);
    assert_shown!(project.run(&["drift", "--all"]).stdout);
    assert_shown!(project.run(&["plan", "--set", "services.api.memory=1024"]).stdout);
    let declared = project.run(&["plan", "--set", "services.api.deployment.maximum-percent=200"]);
    assert_shown!(declared.stdout);
}
