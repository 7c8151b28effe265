//! The note of its task definition on a service.

use longshore_model::Action;

use super::bench::{Bench, seed, seed_with};

fn described(bench: &Bench) -> u64 {
    bench.cloud.calls().get("ecs:DescribeTaskDefinition").copied().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_service_is_planned_without_a_look_at_its_task_definition() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let before = described(&bench);
    assert!(bench.plan(&seed()).await.unwrap().is_quiet());
    assert_eq!(described(&bench), before);
    // A changed definition is read, and noted again.
    let changed = seed_with(|api| api.memory = Some(1024));
    assert_eq!(bench.plan(&changed).await.unwrap().of("task-definition.api").action, Action::Update);
    bench.deploy(&changed).await.unwrap();
    let before = described(&bench);
    assert!(bench.plan(&changed).await.unwrap().is_quiet());
    assert_eq!(described(&bench), before);
}

#[tokio::test(start_paused = true)]
async fn a_task_definition_that_was_swapped_by_hand_is_noticed_and_put_back() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let ecs = bench.aws.ecs().await.unwrap();
    let other = aws_sdk_ecs::types::ContainerDefinition::builder()
        .name("api")
        .image("ghcr.io/acme/api:1")
        .memory(512)
        .build();
    let registered = ecs
        .register_task_definition()
        .family("by-hand")
        .network_mode(aws_sdk_ecs::types::NetworkMode::Awsvpc)
        .requires_compatibilities(aws_sdk_ecs::types::Compatibility::Fargate)
        .cpu("256")
        .memory("1024")
        .container_definitions(other)
        .send()
        .await
        .unwrap();
    let arn = registered.task_definition.and_then(|definition| definition.task_definition_arn).unwrap();
    ecs.update_service().cluster("main").service("api").task_definition(&arn).send().await.unwrap();

    let plans = bench.plan(&seed()).await.unwrap();
    assert_eq!(plans.of("task-definition.api").action, Action::NoChange);
    let service = plans.of("service.api");
    assert_eq!(service.action, Action::Update);
    assert!(service.changes.iter().any(|change| change.field == "taskDefinition"), "{service:?}");
    bench.deploy(&seed()).await.unwrap();
    assert!(bench.plan(&seed()).await.unwrap().is_quiet());
}
