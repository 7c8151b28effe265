//! Options of new tasks beside their definition: changes by hand are found and corrected, and restored if a run is
//! rolled back.

use aws_sdk_ecs::{
    operation::update_service::builders::UpdateServiceFluentBuilder,
    types::{PropagateTags, Service as EcsService, Task},
};
use longshore_model::{Action, Effect};

use super::bench::{Bench, Seed, seed};

/// The seed with a role for its containers: ECS executes no commands without one.
async fn deployed() -> (Bench, Seed) {
    let bench = Bench::settled().await;
    let service = seed().with(|service| service.task_role = Some((&bench.role).into()));
    bench.deploy(&service).await.unwrap();
    (bench, service)
}

async fn update(
    bench: &Bench,
    change: impl FnOnce(UpdateServiceFluentBuilder) -> UpdateServiceFluentBuilder,
) {
    let call = bench.aws.ecs().await.unwrap().update_service().cluster("main").service("api");
    change(call).send().await.unwrap();
}

async fn described(bench: &Bench) -> EcsService {
    let ecs = bench.aws.ecs().await.unwrap();
    let described = ecs.describe_services().cluster("main").services("api").send().await.unwrap();
    described.services.unwrap().remove(0)
}

async fn tasks(bench: &Bench) -> Vec<Task> {
    let ecs = bench.aws.ecs().await.unwrap();
    let arns = ecs.list_tasks().cluster("main").send().await.unwrap().task_arns;
    let described = ecs.describe_tasks().cluster("main").set_tasks(arns).send().await.unwrap();
    described.tasks.unwrap()
}

/// Returns the plan for the service: the fields that change, and the effect on its tasks.
async fn planned(bench: &Bench, service: &Seed) -> (Vec<String>, Effect) {
    let plans = bench.plan(service).await.unwrap();
    let plan = plans.of("service.api");
    assert_eq!(plan.action, Action::Update, "{}", plans.shown());
    (plan.changes.iter().map(|change| change.field.clone()).collect(), plan.effect)
}

#[tokio::test(start_paused = true)]
async fn commands_that_could_be_executed_cannot_be_in_the_tasks_that_are_left() {
    let (bench, service) = deployed().await;
    update(&bench, |call| call.enable_execute_command(true).force_new_deployment(true)).await;
    tokio::time::sleep(std::time::Duration::from_secs(300)).await;
    assert!(tasks(&bench).await.iter().all(|task| task.enable_execute_command));

    assert_eq!(
        planned(&bench, &service).await,
        (vec!["enableExecuteCommand".to_owned()], Effect::RollingUpdate)
    );
    bench.deploy(&service).await.unwrap();
    let left = tasks(&bench).await;
    assert!(left.len() == 2 && left.iter().all(|task| !task.enable_execute_command), "{left:#?}");
    assert!(bench.plan(&service).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn commands_can_be_executed_where_that_is_declared() {
    let (bench, before) = deployed().await;
    let service = before.clone().with(|service| service.execute_command = true);
    assert_eq!(
        planned(&bench, &service).await,
        (vec!["enableExecuteCommand".to_owned()], Effect::RollingUpdate)
    );
    let plans = bench.deploy(&service).await.unwrap();
    let executes = |tasks: Vec<Task>| -> Vec<_> {
        tasks
            .iter()
            .filter(|task| task.last_status() == Some("RUNNING"))
            .map(|task| task.enable_execute_command)
            .collect()
    };
    assert_eq!(executes(tasks(&bench).await), [true; 2]);
    assert!(bench.plan(&service).await.unwrap().is_quiet());

    // The rollback disables the execution of commands, also in tasks that run already.
    let (node, plan) = plans.0.iter().find(|(node, _)| node.id.as_str() == "service.api").unwrap();
    node.step.undo(&bench.context_in(&plans.1, &node.id), plan).await.unwrap();
    assert_eq!(executes(tasks(&bench).await), [false; 2]);
    assert!(bench.plan(&before).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn tags_are_for_the_next_tasks() {
    let (bench, service) = deployed().await;
    let before = bench.status(&service).await.tasks;
    update(&bench, |call| call.propagate_tags(PropagateTags::None).enable_ecs_managed_tags(false)).await;
    let fields = ["enableECSManagedTags", "propagateTags"].map(str::to_owned);
    assert_eq!(planned(&bench, &service).await, (fields.to_vec(), Effect::None));
    bench.deploy(&service).await.unwrap();
    assert_eq!(bench.status(&service).await.tasks, before);
    assert!(bench.plan(&service).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn an_older_platform_is_left() {
    let (bench, service) = deployed().await;
    update(&bench, |call| call.platform_version("1.3.0")).await;
    tokio::time::sleep(std::time::Duration::from_secs(300)).await;
    assert_eq!(planned(&bench, &service).await, (vec!["platformVersion".to_owned()], Effect::RollingUpdate));
    bench.deploy(&service).await.unwrap();
    assert!(tasks(&bench).await.iter().all(|task| task.platform_version() == Some("1.4.0")));
    assert!(bench.plan(&service).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn without_tasks_none_is_replaced() {
    let (bench, service) = deployed().await;
    let service = service.with(|service| service.desired_count = Some(0));
    bench.deploy(&service).await.unwrap();
    update(&bench, |call| call.platform_version("1.3.0").enable_execute_command(true)).await;
    let (fields, effect) = planned(&bench, &service).await;
    assert_eq!((fields.len(), effect), (2, Effect::None));
    bench.deploy(&service).await.unwrap();
    assert!(bench.plan(&service).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_taken_back_leaves_them_as_they_were() {
    let (bench, service) = deployed().await;
    update(&bench, |call| {
        let call = call.enable_ecs_managed_tags(false).propagate_tags(PropagateTags::TaskDefinition);
        call.enable_execute_command(true).platform_version("1.3.0")
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(300)).await;
    let options = |service: &EcsService| {
        let version = service.platform_version().unwrap().to_owned();
        let tags = (service.enable_ecs_managed_tags, service.propagate_tags().cloned());
        (tags, service.enable_execute_command, version)
    };
    let before = options(&described(&bench).await);
    let plans = bench.deploy(&service).await.unwrap();
    assert_ne!(options(&described(&bench).await), before);

    let (node, plan) = plans.0.iter().find(|(node, _)| node.id.as_str() == "service.api").unwrap();
    node.step.undo(&bench.context_in(&plans.1, &node.id), plan).await.unwrap();
    assert_eq!(options(&described(&bench).await), before);
    assert!(tasks(&bench).await.iter().all(|task| task.platform_version() == Some("1.3.0")));
}
