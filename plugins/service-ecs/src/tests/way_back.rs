//! Rollouts that fail over tasks that ran before.

use std::time::Duration;

use longshore_model::FailureKind;
use longshore_simcloud::{ApiError, Effect, Fault};
use tokio::time::sleep;

use super::bench::{Bench, Seed, masked, seed, seed_with};

/// The seed with an image whose container ends.
fn crashing() -> Seed {
    seed_with(|container| container.image = "ghcr.io/acme/api:crash".parse().unwrap())
}

async fn runs(bench: &Bench, revision: &str, tasks: u32) {
    let status = bench.status(&seed()).await;
    assert_eq!((status.running, status.task_definition.as_deref()), (tasks, Some(revision)));
}

#[tokio::test(start_paused = true)]
async fn failed_rollout_restores_everything_it_changed() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let subnets = bench.aws.reads().default_subnets().await.unwrap();
    let mut service = crashing();
    service.network.subnets = vec![subnets.first().unwrap().into()];
    service.network.assign_public_ip = Some(true);
    service.desired_count = Some(3);
    service.deployment.minimum_healthy_percent = 50;
    let failure = bench.deploy(&service).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    insta::assert_snapshot!(masked(&failure.to_string()));
    assert!(bench.told().iter().any(|told| told.ends_with("the service goes back to shop-api:1")));
    runs(&bench, "shop-api:1", 2).await;
    let before = bench.calls("ecs:DescribeTaskDefinition");
    let plans = bench.plan(&seed()).await.unwrap();
    assert!(plans.is_quiet(), "{}", plans.shown());
    assert_eq!(bench.calls("ecs:DescribeTaskDefinition"), before, "the service notes what it runs again");
    let again = bench.plan(&service).await.unwrap();
    assert!(again.shown().contains("taskDefinition: shop-api:1 → shop-api:2"), "{}", again.shown());
}

#[tokio::test(start_paused = true)]
async fn undo_does_not_go_back_twice() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let plans = bench.plan(&crashing()).await.unwrap();
    bench.apply(&plans).await.unwrap_err();
    let calls = || [bench.calls("ecs:UpdateService"), bench.calls("ecs:StopServiceDeployment")];
    let before = calls();
    assert_eq!(before, [1, 1]);
    let (node, plan) = plans.0.iter().find(|(node, _)| node.id.as_str() == "service.api").unwrap();
    node.step.undo(&bench.context_in(&plans.1, &node.id), plan).await.unwrap();
    assert_eq!(calls(), before);
    runs(&bench, "shop-api:1", 2).await;
}

#[tokio::test(start_paused = true)]
async fn service_stays_where_rollback_is_false() {
    for breaks in [true, false] {
        let bench = Bench::settled().await;
        bench.deploy(&seed()).await.unwrap();
        let mut service = crashing();
        service.deployment.rollback = false;
        service.deployment.circuit_breaker = breaks;
        let failure = bench.deploy(&service).await.err().unwrap();
        assert!(failure.message.contains("because its `deployment.rollback` is false"), "{failure}");
        assert!(failure.message.contains("ECS goes on trying"), "{failure}");
        assert_eq!(bench.status(&service).await.task_definition.as_deref(), Some("shop-api:2"));
    }
}

#[tokio::test(start_paused = true)]
async fn first_deployment_has_no_way_back() {
    let bench = Bench::settled().await;
    let failure = bench.deploy(&crashing()).await.err().unwrap();
    assert!(failure.message.ends_with("nothing to go back to: this run has made the service"), "{failure}");
    let mut unpullable = seed_with(|container| container.image = "ghcr.io/acme/api:9".parse().unwrap());
    let failure = bench.deploy(&unpullable).await.err().unwrap();
    assert!(failure.message.ends_with("no deployment of another revision has succeeded"), "{failure}");
    unpullable.deployment.rollback = false;
    let failure = bench.deploy(&unpullable).await.err().unwrap();
    assert!(failure.message.contains("(STOPPED)"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_failed_rollout_goes_back() {
    // Each case: the service, the circuit breaker, the timeout and the beginning of the failure.
    let unpullable = seed_with(|container| container.image = "ghcr.io/acme/api:9".parse().unwrap());
    for (service, breaks, timeout, begins) in [
        (crashing(), true, 900, "the tasks of api start, but do not go on running"),
        (crashing(), false, 900, "the tasks of api start, but do not go on running"),
        (unpullable.clone(), true, 900, "the deployment of api failed, and ECS rolled it back"),
        (unpullable.clone(), false, 900, "the tasks of api cannot start"),
        (unpullable, true, 20, "after 20s 0 of 2 tasks are running"),
        (seed_with(|container| container.memory = Some(900)), true, 5, "after 5s 0 of 2 tasks are running"),
    ] {
        let bench = Bench::settled().await;
        bench.deploy(&seed()).await.unwrap();
        let mut service = service;
        service.deployment.circuit_breaker = breaks;
        service.deployment.timeout = Duration::from_secs(timeout);
        let failure = bench.deploy(&service).await.err().unwrap();
        assert!(failure.message.starts_with(begins), "{failure}");
        assert!(failure.message.ends_with("the service runs shop-api:1 again, 2 of 2 tasks"), "{failure}");
        assert!(!failure.to_string().contains("ECS goes on"), "{failure}");
        runs(&bench, "shop-api:1", 2).await;
        let before = bench.calls("ecs:DescribeTaskDefinition");
        let mut old = seed();
        old.deployment.circuit_breaker = breaks || begins.contains("rolled it back");
        bench.plan(&old).await.unwrap();
        assert_eq!(bench.calls("ecs:DescribeTaskDefinition"), before, "{begins}: the note is that of before");
    }
}

#[tokio::test(start_paused = true)]
async fn interrupted_rollout_goes_back_in_the_next_run() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let crashing = crashing();
    tokio::select! {
        result = bench.deploy(&crashing) => panic!("{:?}", result.map(|plans| plans.shown())),
        () = async {
            while bench.calls("ecs:UpdateService") < 1 {
                sleep(Duration::from_millis(10)).await;
            }
            sleep(Duration::from_secs(3)).await;
        } => {}
    }
    // The service already ran the failing revision before this run.
    let failure = bench.deploy(&crashing).await.err().unwrap();
    assert!(failure.message.ends_with("the service runs shop-api:1 again, 2 of 2 tasks"), "{failure}");
    runs(&bench, "shop-api:1", 2).await;
}

#[tokio::test(start_paused = true)]
async fn first_interrupt_does_not_stop_the_way_back() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let plans = bench.plan(&crashing()).await.unwrap();
    let (applied, ()) = tokio::join!(bench.apply(&plans), async {
        while bench.calls("ecs:StopServiceDeployment") < 1 {
            sleep(Duration::from_millis(10)).await;
        }
        bench.interrupt.cancel();
    });
    let failure = applied.unwrap_err();
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    assert!(failure.message.ends_with("the service runs shop-api:1 again, 2 of 2 tasks"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn unanswered_reads_do_not_count_as_failed_rollout() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let mut service = seed_with(|container| container.memory = Some(900));
    service.deployment.timeout = Duration::from_secs(120);
    let plans = bench.plan(&service).await.unwrap();
    let (applied, ()) = tokio::join!(bench.apply(&plans), async {
        while bench.calls("ecs:UpdateService") < 1 {
            sleep(Duration::from_millis(10)).await;
        }
        let broken = ApiError::new("ServerException", "Service Unavailable.").with_status(500);
        let effect = Effect::Refuse(broken);
        bench.cloud.inject(Fault {
            operation: "ecs:DescribeServices".into(),
            after: 0,
            times: u32::MAX,
            effect,
        });
    });
    bench.cloud.heal();
    let failure = applied.unwrap_err();
    assert_eq!(bench.calls("ecs:UpdateService"), 1, "{failure}");
    runs(&bench, "shop-api:2", 2).await;
}

#[tokio::test(start_paused = true)]
async fn lost_execution_role_is_named_beside_the_failure() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    // ECS's own rollback keeps the tasks that run, and needs no role.
    let operation = "ecs:StopServiceDeployment".to_owned();
    let denied = Effect::Refuse(ApiError::new("AccessDeniedException", "not authorized"));
    bench.cloud.inject(Fault { operation, after: 0, times: u32::MAX, effect: denied });
    let mut service = crashing();
    service.deployment.circuit_breaker = false;
    service.deployment.timeout = Duration::from_secs(60);
    let plans = bench.plan(&service).await.unwrap();
    let (applied, ()) = tokio::join!(bench.apply(&plans), async {
        while bench.calls("ecs:UpdateService") < 1 {
            sleep(Duration::from_millis(10)).await;
        }
        let iam = bench.aws.iam().await.unwrap();
        iam.delete_role_policy().role_name("shop-api").policy_name("pull").send().await.unwrap();
        iam.delete_role().role_name("shop-api").send().await.unwrap();
    });
    let failure = applied.unwrap_err();
    assert!(
        failure.message.contains("the service cannot go back to shop-api:1: its execution role"),
        "{failure}"
    );
    let (node, plan) = plans.0.iter().find(|(node, _)| node.id.as_str() == "service.api").unwrap();
    let stuck = node.step.undo(&bench.context_in(&plans.1, &node.id), plan).await.unwrap_err();
    assert_eq!(stuck.kind, FailureKind::Stuck);
}
