//! Deployments that succeed.

use std::time::Duration;

use longshore_model::{Action, Effect};
use serde_json::json;

use super::bench::{Bench, masked, name, seed, seed_with};
use crate::declaration::LaunchType;

#[tokio::test(start_paused = true)]
async fn the_seed_runs_and_then_nothing_changes() {
    let bench = Bench::settled().await;
    let plans = bench.deploy(&seed()).await.unwrap();
    insta::assert_snapshot!("first_plan", plans.shown());
    insta::assert_snapshot!("first_progress", masked(&bench.told().join("\n")));

    let again = bench.plan(&seed()).await.unwrap();
    assert!(again.is_quiet(), "{}", again.shown());
    assert_eq!(bench.calls("ecs:RegisterTaskDefinition") + bench.calls("ecs:CreateService"), 2);

    let status = bench.status(&seed()).await;
    assert_eq!(
        (status.state.as_deref(), status.desired, status.running, status.pending),
        (Some("ACTIVE"), 2, 2, 0)
    );
    assert_eq!(status.task_definition.as_deref(), Some("shop-api:1"));
    assert_eq!(status.tasks.len(), 2);
    for task in &status.tasks {
        assert_eq!((task.state.as_str(), task.task_definition.as_str()), ("RUNNING", "shop-api:1"));
        assert!(task.images[0].starts_with("ghcr.io/acme/api:1@sha256:"), "{:?}", task.images);
        assert!(task.started_at.as_ref().unwrap().starts_with("2026-11-23T00:"));
        assert_eq!(task.stopped_reason, None);
    }
    assert!(status.rollout.unwrap().starts_with("COMPLETED: "));
    assert!(status.events[0].message.ends_with("has reached a steady state."), "{:?}", status.events);
    assert!(status.events[0].at.starts_with("2026-11-23T00:"));
}

#[tokio::test(start_paused = true)]
async fn more_memory_is_one_new_revision_and_one_rolling_update() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let larger = seed_with(|container| container.memory = Some(1024));
    let plans = bench.deploy(&larger).await.unwrap();
    insta::assert_snapshot!(plans.shown());
    assert!(bench.plan(&larger).await.unwrap().is_quiet());
    assert_eq!((bench.calls("ecs:RegisterTaskDefinition"), bench.calls("ecs:UpdateService")), (2, 1));
    let status = bench.status(&larger).await;
    assert_eq!(status.task_definition.as_deref(), Some("shop-api:2"));
    let running = status.tasks.iter().filter(|task| task.state == "RUNNING");
    assert!(running.clone().all(|task| task.task_definition == "shop-api:2"));
    assert_eq!(running.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn scaling_starts_and_stops_tasks_without_a_deployment() {
    let bench = Bench::settled().await;
    let mut service = seed();
    bench.deploy(&service).await.unwrap();
    for (count, effect) in [(4, Effect::Scaling), (1, Effect::Scaling), (0, Effect::Stop)] {
        service.desired_count = Some(count);
        let plans = bench.deploy(&service).await.unwrap();
        let plan = plans.of("service.api");
        assert_eq!((plan.action, plan.effect, plan.changes.len()), (Action::Update, effect, 1));
        assert_eq!(bench.status(&service).await.running, count);
        assert!(bench.plan(&service).await.unwrap().is_quiet());
    }
    assert_eq!(bench.calls("ecs:RegisterTaskDefinition"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_without_tasks_is_created_and_done() {
    let bench = Bench::settled().await;
    let mut service = seed();
    service.desired_count = Some(0);
    bench.deploy(&service).await.unwrap();
    assert!(bench.plan(&service).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn deployment_settings_change_without_touching_tasks() {
    let bench = Bench::settled().await;
    let mut service = seed();
    bench.deploy(&service).await.unwrap();
    let before = bench.status(&service).await.tasks;
    service.deployment.minimum_healthy_percent = 50;
    service.deployment.rollback = false;
    service.logs.as_mut().unwrap().retention_days = 7;
    let plans = bench.deploy(&service).await.unwrap();
    insta::assert_snapshot!(plans.shown());
    assert_eq!(bench.status(&service).await.tasks, before);
    assert!(bench.plan(&service).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn another_network_rolls_the_tasks() {
    let bench = Bench::settled().await;
    let mut service = seed();
    bench.deploy(&service).await.unwrap();
    let subnets = bench.aws.reads().default_subnets().await.unwrap();
    service.network.subnets = vec![subnets.first().unwrap().into()];
    service.network.assign_public_ip = Some(true);
    let plans = bench.deploy(&service).await.unwrap();
    let plan = plans.of("service.api");
    assert_eq!((plan.effect, plan.changes.len()), (Effect::RollingUpdate, 1));
    assert_eq!(plan.changes[0].field, "networkConfiguration.awsvpcConfiguration.subnets");
    assert!(bench.plan(&service).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn another_launch_type_replaces_the_service() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let mut service = seed();
    service.launch_type = LaunchType::Ec2;
    let refused = bench.plan(&service).await.map(drop).unwrap_err();
    assert!(
        refused.help.as_ref().is_some_and(|help| help.contains("services.api.replace = true")),
        "{refused}"
    );
    service.options.values.insert("replace".to_owned(), true.into());
    let plan = bench.plan(&service).await.unwrap();
    assert_eq!(plan.of("service.api").action, Action::Replace);
    insta::assert_snapshot!(plan.shown());
}

#[tokio::test(start_paused = true)]
async fn replaced_service_keeps_its_undeclared_count() {
    let bench = Bench::settled().await;
    let mut service = seed();
    (service.launch_type, service.desired_count) = (LaunchType::Ec2, Some(0));
    bench.deploy(&service).await.unwrap();
    let ecs = bench.aws.ecs().await.unwrap();
    ecs.update_service().cluster("main").service("api").desired_count(3).send().await.unwrap();
    (service.launch_type, service.desired_count) = (LaunchType::Fargate, None);
    service.options.values.insert("replace".to_owned(), true.into());
    let plans = bench.deploy(&service).await.unwrap();
    assert_eq!(plans.of("service.api").action, Action::Replace);
    assert_eq!(bench.status(&service).await.running, 3);
}

#[tokio::test(start_paused = true)]
async fn service_in_another_cluster_keeps_its_undeclared_count() {
    let bench = Bench::settled().await;
    let mut service = seed();
    service.desired_count = None;
    bench.deploy(&service).await.unwrap();
    assert_eq!(bench.status(&service).await.running, 1);
    let ecs = bench.aws.ecs().await.unwrap();
    ecs.update_service().cluster("main").service("api").desired_count(3).send().await.unwrap();
    service.cluster = "other".to_owned();
    let plans = bench.deploy(&service).await.unwrap();
    let count = plans.of("service.api").changes.iter().find(|change| change.field == "desiredCount").unwrap();
    assert_eq!(count.new, Some(longshore_model::Shown::text(3)));
    assert_eq!(bench.status(&service).await.running, 3);
    assert!(bench.plan(&service).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_service_is_not_there_although_its_cluster_is() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let ecs = bench.aws.ecs().await.unwrap();
    ecs.delete_service().cluster("main").service("api").force(true).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let described = ecs.describe_services().cluster("main").services("api").send().await.unwrap();
    assert_eq!(described.services()[0].status(), Some("INACTIVE"), "ECS still shows it");
    let status = bench.status(&seed()).await;
    assert_eq!((status.state, status.events), (None, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn destroy_removes_everything_and_can_be_repeated() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    bench.deploy(&seed_with(|container| container.memory = Some(1024))).await.unwrap();
    let plans = bench.destroy(&seed()).await.unwrap();
    insta::assert_snapshot!(plans.shown());
    assert!(bench.destroy(&seed()).await.unwrap().is_quiet());
    assert!(bench.status(&seed()).await.tasks.is_empty());
    // The same names again, at once.
    let plans = bench.deploy(&seed()).await.unwrap();
    assert!(plans.actions().iter().all(|(_, action)| *action == Action::Create), "{}", plans.shown());
    assert_eq!(bench.status(&seed()).await.running, 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_somebody_deleted_is_made_again() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let ecs = bench.aws.ecs().await.unwrap();
    ecs.delete_service().cluster("main").service("api").force(true).send().await.unwrap();
    let plans = bench.deploy(&seed()).await.unwrap();
    assert_eq!(plans.of("service.api").action, Action::Create);
    // And once more after ECS has forgotten it: its token was used before.
    ecs.delete_service().cluster("main").service("api").force(true).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3 * 24 * 3600)).await;
    bench.deploy(&seed()).await.unwrap();
    assert_eq!(bench.status(&seed()).await.running, 2);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_in_progress_is_followed_by_the_next_run() {
    let bench = Bench::settled().await;
    let plans = bench.plan(&seed()).await.unwrap();
    // The run dies as soon as the service is there.
    tokio::select! {
        result = bench.apply(&plans) => panic!("{result:?}"),
        () = async {
            while bench.calls("ecs:CreateService") == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        } => {}
    }
    let plans = bench.deploy(&seed()).await.unwrap();
    let plan = plans.of("service.api");
    assert_eq!(plan.action, Action::Update);
    assert_eq!(plan.reason.as_deref(), Some("a deployment is in progress: it will be followed"));
    assert!(plan.changes.is_empty());
    assert_eq!(bench.calls("ecs:UpdateService"), 0);
    assert_eq!(bench.status(&seed()).await.running, 2);
    assert!(bench.plan(&seed()).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn what_the_stack_does_not_own_is_used_or_left_alone() {
    let bench = Bench::settled().await;
    let ecs = bench.aws.ecs().await.unwrap();
    ecs.create_cluster().cluster_name("main").send().await.unwrap();
    let logs = bench.aws.cloudwatchlogs().await.unwrap();
    logs.call("CreateLogGroup", json!({ "logGroupName": "/team/api" })).await.unwrap();
    let mut service = seed();
    service.logs.as_mut().unwrap().group = Some("/team/api".to_owned());
    let plans = bench.deploy(&service).await.unwrap();
    insta::assert_snapshot!("foreign_used", plans.shown());
    let plans = bench.destroy(&service).await.unwrap();
    insta::assert_snapshot!("foreign_stays", plans.shown());
    assert_eq!(
        ecs.describe_clusters().clusters("main").send().await.unwrap().clusters()[0].status(),
        Some("ACTIVE")
    );
}

#[tokio::test(start_paused = true)]
async fn another_stacks_service_is_a_conflict() {
    let mut bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    // The same service, declared by another stack: the family has another name, the service has not.
    bench.stack = name("blog");
    let failure = bench.plan(&seed()).await.err().unwrap();
    insta::assert_snapshot!("service_of_another_stack", failure);
}

/// Registers a revision of the family that carries no tag, and answers with its ARN.
async fn registered_by_hand(bench: &Bench) -> String {
    let ecs = bench.aws.ecs().await.unwrap();
    let latest = ecs.describe_task_definition().task_definition("shop-api").send().await.unwrap();
    let latest = latest.task_definition.unwrap();
    let register = ecs
        .register_task_definition()
        .family("shop-api")
        .set_execution_role_arn(latest.execution_role_arn)
        .set_network_mode(latest.network_mode)
        .set_requires_compatibilities(latest.requires_compatibilities)
        .set_runtime_platform(latest.runtime_platform)
        .set_cpu(latest.cpu)
        .set_memory(latest.memory)
        .set_container_definitions(latest.container_definitions);
    register.send().await.unwrap().task_definition.unwrap().task_definition_arn.unwrap()
}

#[tokio::test(start_paused = true)]
async fn revisions_that_others_have_registered_are_in_nobodys_way() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    registered_by_hand(&bench).await;
    assert!(bench.plan(&seed()).await.unwrap().is_quiet());
    // Nor without the service's note of its own.
    let ecs = bench.aws.ecs().await.unwrap();
    let described = ecs.describe_services().cluster("main").services("api").send().await.unwrap();
    let untag = ecs.untag_resource().resource_arn(described.services()[0].service_arn().unwrap());
    untag.tag_keys("longshore:task-definition").send().await.unwrap();
    let plans = bench.plan(&seed()).await.unwrap();
    assert!(plans.is_quiet(), "{}", plans.shown());

    let changed = seed_with(|api| api.memory = Some(1024));
    let plans = bench.deploy(&changed).await.unwrap();
    let plan = plans.of("task-definition.api");
    assert_eq!((plan.action, plan.reason.as_deref()), (Action::Update, Some("registers a new revision")));
    assert_eq!(bench.status(&changed).await.task_definition.as_deref(), Some("shop-api:3"));
    assert!(bench.plan(&changed).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn a_family_of_others_alone_is_a_conflict_until_it_is_adopted() {
    let mut bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let theirs = registered_by_hand(&bench).await;
    bench.destroy(&seed()).await.unwrap();
    let failure = bench.plan(&seed()).await.err().unwrap();
    insta::assert_snapshot!("revision_of_somebody_else", failure);
    bench.adopts = true;
    let plans = bench.deploy(&seed()).await.unwrap();
    let plan = plans.of("task-definition.api");
    assert_eq!((plan.action, plan.reason.as_deref()), (Action::Adopt, None));
    assert_eq!(plan.changes.len(), 3, "its tags: {}", plans.shown());
    bench.adopts = false;
    assert!(bench.plan(&seed()).await.unwrap().is_quiet());
    assert_eq!(bench.status(&seed()).await.task_definition.as_deref(), Some("shop-api:2"));
    assert!(theirs.ends_with("shop-api:2"));
}

#[tokio::test(start_paused = true)]
async fn an_adopted_family_gets_what_is_declared_and_is_given_back_when_that_is_undone() {
    let mut bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    registered_by_hand(&bench).await;
    bench.destroy(&seed()).await.unwrap();
    bench.adopts = true;
    let changed = seed_with(|api| api.memory = Some(1024));
    let plans = bench.deploy(&changed).await.unwrap();
    let (node, plan) = plans.0.iter().find(|(node, _)| node.id.as_str() == "task-definition.api").unwrap();
    assert_eq!((plan.action, plan.reason.as_deref()), (Action::Adopt, Some("registers a new revision")));
    assert_eq!(bench.status(&changed).await.task_definition.as_deref(), Some("shop-api:3"));
    node.step.undo(&bench.context_in(&plans.1, &node.id), plan).await.unwrap();
    let ecs = bench.aws.ecs().await.unwrap();
    let include = aws_sdk_ecs::types::TaskDefinitionField::Tags;
    let latest = ecs.describe_task_definition().task_definition("shop-api").include(include).send().await;
    let latest = latest.unwrap();
    assert_eq!((latest.task_definition().unwrap().revision, latest.tags().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_with_services_of_others_stays() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let ecs = bench.aws.ecs().await.unwrap();
    let subnets = bench.aws.reads().default_subnets().await.unwrap();
    let vpc = aws_sdk_ecs::types::AwsVpcConfiguration::builder().subnets(subnets.first().unwrap()).build();
    let network =
        aws_sdk_ecs::types::NetworkConfiguration::builder().awsvpc_configuration(vpc.unwrap()).build();
    let create = ecs.create_service().cluster("main").service_name("theirs").task_definition("shop-api");
    create
        .desired_count(0)
        .launch_type("FARGATE".into())
        .network_configuration(network)
        .send()
        .await
        .unwrap();
    let plans = bench.destroy(&seed()).await.unwrap();
    let plan = plans.of("cluster.main");
    assert_eq!(plan.action, Action::NoChange);
    assert!(plan.notes[0].contains("`theirs`"), "{:?}", plan.notes);
}

#[tokio::test(start_paused = true)]
async fn what_was_planned_is_what_is_applied() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let mut service = seed();
    service.desired_count = Some(3);
    let plans = bench.plan(&service).await.unwrap();
    let ecs = bench.aws.ecs().await.unwrap();
    ecs.update_service().cluster("main").service("api").desired_count(5).send().await.unwrap();
    let failure = bench.apply(&plans).await.unwrap_err();
    insta::assert_snapshot!(failure);
}
