//! Runs that end anywhere: the next one finishes what they began, with nothing missing and nothing twice.

use std::time::Duration;

use longshore_simcloud::{ApiError, Effect, Fault};
use tokio::time::sleep;

use super::bench::{Bench, seed, seed_with};

/// After whatever happened: a run makes it so, and the one after it finds nothing to do.
async fn converges(bench: &Bench, revisions: usize, what: &str) {
    let service = seed_with(|container| container.memory = Some(1024));
    bench.deploy(&service).await.unwrap_or_else(|failure| panic!("{what}: {failure}"));
    let plans = bench.plan(&service).await.unwrap();
    assert!(plans.is_quiet(), "{what}: {}", plans.shown());
    let status = bench.status(&service).await;
    assert_eq!((status.running, status.desired), (2, 2), "{what}");
    let ecs = bench.aws.ecs().await.unwrap();
    let found = ecs.list_task_definitions().family_prefix("shop-api").send().await.unwrap();
    assert_eq!(found.task_definition_arns().len(), revisions, "{what}: a revision twice");
    let services = ecs.list_services().cluster("main").send().await.unwrap();
    assert_eq!(services.service_arns().len(), 1, "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_at_any_moment_is_continued() {
    for tenths in (0..50).step_by(2) {
        let bench = Bench::new().await;
        let service = seed_with(|container| container.memory = Some(1024));
        tokio::select! {
            _ = bench.deploy(&service) => {}
            () = sleep(Duration::from_millis(tenths * 100)) => {}
        }
        converges(&bench, 1, &format!("first deploy, {tenths} tenths")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_that_dies_at_any_moment_is_continued() {
    for tenths in (0..20).step_by(2) {
        let bench = Bench::settled().await;
        bench.deploy(&seed()).await.unwrap();
        let service = seed_with(|container| container.memory = Some(1024));
        tokio::select! {
            _ = bench.deploy(&service) => {}
            () = sleep(Duration::from_millis(tenths * 100)) => {}
        }
        converges(&bench, 2, &format!("update, {tenths} tenths")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_dies_at_any_moment_is_continued() {
    for seconds in (0..40).step_by(4) {
        let bench = Bench::settled().await;
        let service = seed();
        bench.deploy(&service).await.unwrap();
        tokio::select! {
            _ = bench.destroy(&service) => {}
            () = sleep(Duration::from_secs(seconds)) => {}
        }
        bench.destroy(&seed()).await.unwrap();
        assert!(bench.destroy(&seed()).await.unwrap().is_quiet());
        let ecs = bench.aws.ecs().await.unwrap();
        assert!(ecs.list_task_definitions().send().await.unwrap().task_definition_arns().is_empty());
        assert!(ecs.list_clusters().send().await.unwrap().cluster_arns().is_empty());
    }
}

/// The writes of a deploy, and some of its reads.
const CALLS: [&str; 8] = [
    "ecs:CreateCluster",
    "logs:CreateLogGroup",
    "logs:PutRetentionPolicy",
    "ecs:RegisterTaskDefinition",
    "ecs:CreateService",
    "ecs:UpdateService",
    "ecs:DescribeServices",
    "ecs:ListServiceDeployments",
];

#[tokio::test(start_paused = true)]
async fn answers_that_are_lost_and_calls_that_are_refused_do_no_harm() {
    let refusal = ApiError::new("ServerException", "Service Unavailable. Please try again later.");
    let effects = [Effect::LoseAnswer, Effect::Refuse(refusal.with_status(500))];
    for (operation, effect) in CALLS.iter().flat_map(|call| effects.iter().map(move |effect| (call, effect)))
    {
        // Once, the SDK or the step tries again; six times, the run may fail and the next one goes on.
        for times in [1, 6] {
            if times == 1 && matches!(effect, Effect::Refuse(_)) {
                continue;
            }
            let what = format!("{operation} {times} times {effect:?}");
            let bench = Bench::settled().await;
            let first = seed();
            let second = seed_with(|container| container.memory = Some(1024));
            let fault =
                |times| Fault { operation: (*operation).into(), after: 0, times, effect: effect.clone() };
            for service in [&first, &second] {
                // An operation that is never called leaves its fault behind.
                if *operation != "ecs:UpdateService" || service == &second {
                    bench.cloud.inject(fault(times));
                }
                let result = bench.deploy(service).await;
                assert!(times > 1 || result.is_ok(), "{what}: {:?}", result.err());
                if result.is_err() {
                    bench.deploy(service).await.unwrap_or_else(|failure| panic!("{what}: {failure}"));
                }
            }
            converges(&bench, 2, &what).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_nobody_follows_to_its_end_leaves_nothing_to_do() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let plans = bench.deploy(&seed_with(|container| container.memory = Some(1024))).await.unwrap();
    let (node, plan) = plans.0.iter().find(|(node, _)| node.id.as_str() == "service.api").unwrap();
    let context = bench.context_in(&plans.1, &node.id);
    tokio::select! {
        result = node.step.undo(&context, plan) => panic!("{result:?}"),
        () = async {
            while bench.calls("ecs:UpdateService") < 2 {
                sleep(Duration::from_millis(10)).await;
            }
            sleep(Duration::from_secs(1)).await;
        } => {}
    }
    sleep(Duration::from_secs(120)).await;
    let before = bench.calls("ecs:DescribeTaskDefinition");
    let plans = bench.plan(&seed()).await.unwrap();
    assert!(plans.is_quiet(), "{}", plans.shown());
    assert_eq!(bench.status(&seed()).await.task_definition.as_deref(), Some("shop-api:1"));
    assert_eq!(bench.calls("ecs:DescribeTaskDefinition"), before, "the service notes what it runs again");
}
