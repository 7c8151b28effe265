//! Revisions that rollouts leave behind.

use aws_sdk_ecs::types::TaskDefinitionStatus;

use super::bench::{Bench, Seed, seed};

/// The seed with `memory` MiB, which keeps three revisions.
fn keeping_three(memory: u32) -> Seed {
    let mut service = seed();
    service.deployment.keep_revisions = 3;
    service.containers.values_mut().for_each(|container| container.memory = Some(memory));
    service
}

/// The numbers of the family's ACTIVE revisions.
async fn active(bench: &Bench) -> Vec<String> {
    let list = bench.aws.ecs().await.unwrap().list_task_definitions().family_prefix("shop-api");
    let listed = list.status(TaskDefinitionStatus::Active).send().await.unwrap();
    let number = |arn: &String| arn.rsplit(':').next().unwrap().to_owned();
    listed.task_definition_arns().iter().map(number).collect()
}

#[tokio::test(start_paused = true)]
async fn rollouts_keep_the_newest_revisions() {
    let bench = Bench::settled().await;
    for memory in [512, 600, 700] {
        bench.deploy(&keeping_three(memory)).await.unwrap();
    }
    assert_eq!(active(&bench).await, ["1", "2", "3"]);

    // A rollout that fails deregisters nothing.
    let mut failing = keeping_three(800);
    failing.containers.values_mut().for_each(|api| api.image = "ghcr.io/acme/api:crash".parse().unwrap());
    let plans = bench.plan(&keeping_three(800)).await.unwrap();
    assert_eq!(
        plans.of("service.api").notes,
        [
            "deregisters shop-api:1 after the rollout: the newest 3 revisions stay (`deployment.keep-revisions`)"
        ]
    );
    assert!(bench.deploy(&failing).await.is_err());
    assert_eq!(active(&bench).await, ["1", "2", "3", "4"]);

    bench.deploy(&keeping_three(900)).await.unwrap();
    assert_eq!(active(&bench).await, ["3", "4", "5"]);
    assert!(bench.plan(&keeping_three(900)).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn rollouts_leave_revisions_of_others() {
    let bench = Bench::settled().await;
    let ecs = bench.aws.ecs().await.unwrap();
    bench.deploy(&keeping_three(512)).await.unwrap();
    bench.deploy(&keeping_three(600)).await.unwrap();
    let described = ecs.describe_task_definition().task_definition("shop-api:1").send().await.unwrap();
    let arn = described.task_definition.unwrap().task_definition_arn.unwrap();
    ecs.untag_resource().resource_arn(&arn).tag_keys("longshore:stack").send().await.unwrap();
    for memory in [700, 800, 900] {
        bench.deploy(&keeping_three(memory)).await.unwrap();
    }
    assert_eq!(active(&bench).await, ["1", "3", "4", "5"]);
}
