//! Ways back to images that ran, where their tag names others since.

use std::{sync::Arc, time::Duration};

use longshore_model::{Action, Effect, Failure, Inputs, StepId, StepPlan};
use longshore_plugin::Step;
use longshore_simcloud::{ApiError, Effect as Answer, Fault};
use serde_json::json;
use tokio::time::sleep;

use super::bench::{Bench, Seed, masked, seed, seed_with};

/// A cloud in which the seed runs, with the digest of its image.
async fn deployed() -> (Bench, String) {
    deployed_as(&seed()).await
}

/// The same of another service.
async fn deployed_as(service: &Seed) -> (Bench, String) {
    let bench = Bench::settled().await;
    let digest = bench.push(json!({})).await;
    bench.deploy(service).await.unwrap();
    (bench, digest)
}

/// The seed with its circuit breaker on or off.
fn breaking(breaks: bool) -> Seed {
    let mut service = seed();
    service.deployment.circuit_breaker = breaks;
    service
}

/// Returns the number of revisions of the family.
async fn revisions(bench: &Bench) -> usize {
    let ecs = bench.aws.ecs().await.unwrap();
    let found = ecs.list_task_definitions().family_prefix("shop-api").send().await.unwrap();
    found.task_definition_arns().len()
}

async fn runs(bench: &Bench, revision: &str, digest: &str) {
    let status = bench.status(&seed()).await;
    assert_eq!((status.running, status.task_definition.as_deref()), (2, Some(revision)));
    assert_eq!(bench.running().await, [digest]);
}

/// Deploys an image that works, and then finds nothing to do.
async fn converges(bench: &Bench, service: &Seed) {
    let good = bench.push(json!({ "needs-memory-mib": 32 })).await;
    let plans = bench.deploy(service).await.unwrap();
    assert_eq!(plans.of("service.api").effect, Effect::RollingUpdate);
    runs(bench, "shop-api:1", &good).await;
    let plans = bench.plan(service).await.unwrap();
    assert!(plans.is_quiet(), "{}", plans.shown());
}

/// Refuses to stop service deployments.
fn refuse_to_stop(bench: &Bench, error: ApiError) {
    let operation = "ecs:StopServiceDeployment".to_owned();
    bench.cloud.inject(Fault { operation, after: 0, times: u32::MAX, effect: Answer::Refuse(error) });
}

#[tokio::test(start_paused = true)]
async fn lost_answer_to_stop_does_no_harm() {
    let (bench, ran) = deployed().await;
    let operation = "ecs:StopServiceDeployment".to_owned();
    bench.cloud.inject(Fault { operation, after: 0, times: 1, effect: Answer::LoseAnswer });
    bench.push(json!({ "exits": 1 })).await;
    let failure = bench.deploy(&breaking(false)).await.err().unwrap();
    assert!(failure.message.ends_with("the service runs shop-api:1 again, 2 of 2 tasks"), "{failure}");
    runs(&bench, "shop-api:1", &ran).await;
}

/// Plans and applies a step of an operation.
async fn operate(bench: &Bench, step: Arc<dyn Step>) -> Result<StepPlan, Failure> {
    let context = bench.context(&StepId::new("service", "api"));
    let plan = step.plan(&context, &Inputs::default()).await?;
    if plan.action != Action::NoChange {
        step.apply(&context, &Inputs::default(), &plan).await?;
    }
    Ok(plan)
}

fn rollback(bench: &Bench, to: Option<&str>) -> Arc<dyn Step> {
    bench.rollback(&seed(), to)
}

#[tokio::test(start_paused = true)]
async fn bad_image_under_same_tag_goes_back() {
    // Each case: the image, the circuit breaker, the timeout, the beginning of the failure and the calls to stop it.
    let crash = json!({ "exits": 1 });
    let arm = json!({ "platforms": ["linux/arm64"] });
    for (image, breaks, timeout, begins, stops) in [
        (&crash, true, 900, "the tasks of api start, but do not go on running", 1),
        (&crash, false, 900, "the tasks of api start, but do not go on running", 1),
        (&arm, true, 900, "the deployment of api failed, and ECS rolled it back", 0),
        (&arm, false, 900, "the tasks of api cannot start", 1),
        (&arm, true, 20, "after 20s 0 of 2 tasks are running", 1),
        (&arm, false, 20, "after 20s 0 of 2 tasks are running", 1),
    ] {
        let (bench, ran) = deployed().await;
        let mut service = breaking(breaks);
        service.deployment.timeout = Duration::from_secs(timeout);
        let bad = bench.push(image.clone()).await;
        let failure = bench.deploy(&service).await.err().unwrap();
        assert!(failure.message.starts_with(begins), "{failure}");
        assert!(failure.message.ends_with("the service runs shop-api:1 again, 2 of 2 tasks"), "{failure}");
        assert_eq!(bench.calls("ecs:StopServiceDeployment"), stops, "{begins}");
        runs(&bench, "shop-api:1", &ran).await;
        // The tag still names the bad image: the plan says so, and no other revision is needed.
        let plans = bench.plan(&service).await.unwrap();
        let change = format!("containerImages.api.imageDigest: {ran} → {bad}");
        assert!(plans.shown().contains(&change), "{}", plans.shown());
        converges(&bench, &breaking(breaks)).await;
        assert_eq!(revisions(&bench).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn failure_names_the_images_that_ran() {
    let (bench, ran) = deployed().await;
    let bad = bench.push(json!({ "exits": 1 })).await;
    let failure = bench.deploy(&breaking(false)).await.err().unwrap();
    let text = failure.to_string().replace(&ran, "RAN").replace(&bad, "BAD");
    insta::assert_snapshot!(masked(&text));
    let told = bench.told().join("\n");
    assert!(told.contains("ECS stops the deployment and rolls back to shop-api:1"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn counts_and_settings_come_back_with_the_image() {
    let (bench, ran) = deployed().await;
    bench.push(json!({ "exits": 1 })).await;
    let mut service = breaking(false);
    service.desired_count = Some(3);
    service.deployment.minimum_healthy_percent = 50;
    bench.deploy(&service).await.err().unwrap();
    runs(&bench, "shop-api:1", &ran).await;
    bench.push(json!({})).await;
    let plans = bench.plan(&seed()).await.unwrap();
    assert!(plans.is_quiet(), "{}", plans.shown());
}

#[tokio::test(start_paused = true)]
async fn interrupted_way_back_is_continued() {
    for seconds in (0..140).step_by(20) {
        let (bench, ran) = deployed().await;
        bench.push(json!({ "exits": 1 })).await;
        let service = breaking(false);
        tokio::select! {
            _ = bench.deploy(&service) => {}
            () = sleep(Duration::from_secs(seconds)) => {}
        }
        // The image fails in this run, or the rollback that an earlier run has begun is followed.
        let failure = bench.deploy(&service).await.err().unwrap();
        assert!(
            failure.message.ends_with("the service runs shop-api:1 again, 2 of 2 tasks"),
            "{seconds}: {failure}"
        );
        runs(&bench, "shop-api:1", &ran).await;
        converges(&bench, &service).await;
    }
}

#[tokio::test(start_paused = true)]
async fn failed_restart_goes_back() {
    for moved in [true, false] {
        let (bench, ran) = deployed_as(&breaking(false)).await;
        if moved {
            bench.push(json!({ "exits": 1 })).await;
        } else {
            bench.write_secret("broken").await;
        }
        let restart = bench.restart(&breaking(false));
        let failure = operate(&bench, restart).await.unwrap_err();
        assert!(failure.message.ends_with("the service runs shop-api:1 again, 2 of 2 tasks"), "{failure}");
        runs(&bench, "shop-api:1", &ran).await;
    }
}

#[tokio::test(start_paused = true)]
async fn refused_stop_pins_the_images_that_ran() {
    for error in [
        ApiError::new(
            "AccessDeniedException",
            "User is not authorized to perform: ecs:StopServiceDeployment",
        ),
        ApiError::new("ConflictException", "The service deployment cannot be stopped in its current status."),
        ApiError::new("UnsupportedFeatureException", "The feature is not supported in this Region."),
        ApiError::new("UnknownOperationException", ""),
    ] {
        let (bench, ran) = deployed().await;
        refuse_to_stop(&bench, error);
        bench.push(json!({ "exits": 1 })).await;
        let service = breaking(false);
        let failure = bench.deploy(&service).await.err().unwrap();
        assert!(failure.message.ends_with("the service runs shop-api:2 again, 2 of 2 tasks"), "{failure}");
        runs(&bench, "shop-api:2", &ran).await;
        let plans = bench.plan(&service).await.unwrap();
        assert!(plans.shown().contains("taskDefinition: shop-api:2 → shop-api:1"), "{}", plans.shown());
        converges(&bench, &service).await;
        bench.destroy(&service).await.unwrap();
        assert_eq!(revisions(&bench).await, 0, "what pins is the stack's");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_stop_without_other_images_is_named() {
    let (bench, _) = deployed_as(&breaking(false)).await;
    let denied = "User is not authorized to perform: ecs:StopServiceDeployment";
    refuse_to_stop(&bench, ApiError::new("AccessDeniedException", denied));
    // The same image runs in a task already, so that another deployment of it would not be a way back.
    let mut service = seed();
    service.deployment.timeout = Duration::from_secs(20);
    let restart = bench.restart(&service);
    let failure = operate(&bench, restart).await.unwrap_err();
    assert!(failure.message.starts_with("after 20s "), "{failure}");
    assert!(failure.message.contains("did not come back to the revision before"), "{failure}");
    assert!(failure.message.contains(denied), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn undo_brings_the_image_back() {
    let (bench, ran) = deployed().await;
    bench.push(json!({ "needs-memory-mib": 64 })).await;
    let plans = bench.deploy(&seed()).await.unwrap();
    let (node, plan) = plans.0.iter().find(|(node, _)| node.id.as_str() == "service.api").unwrap();
    node.step.undo(&bench.context_in(&plans.1, &node.id), plan).await.unwrap();
    runs(&bench, "shop-api:2", &ran).await;
    converges(&bench, &seed()).await;
}

#[tokio::test(start_paused = true)]
async fn tag_that_only_the_new_deployment_resolves_is_pinned() {
    let (bench, ran) = deployed().await;
    let plans =
        bench.deploy(&seed_with(|it| it.image = "ghcr.io/acme/api:2".parse().unwrap())).await.unwrap();
    // Nothing that runs tells that the tag from before names another image.
    bench.push(json!({ "needs-memory-mib": 64 })).await;
    let (node, plan) = plans.0.iter().find(|(node, _)| node.id.as_str() == "service.api").unwrap();
    node.step.undo(&bench.context_in(&plans.1, &node.id), plan).await.unwrap();
    runs(&bench, "shop-api:3", &ran).await;
}

#[tokio::test(start_paused = true)]
async fn rollback_returns_to_earlier_images() {
    let (bench, first) = deployed().await;
    let second = bench.push(json!({ "needs-memory-mib": 64 })).await;
    bench.deploy(&seed()).await.unwrap();
    let plan = operate(&bench, rollback(&bench, None)).await.unwrap();
    let changes: Vec<_> = plan.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(changes, ["containerImages.api.imageDigest"]);
    assert!(plan.notes[0].starts_with("registers a revision"), "{:?}", plan.notes);
    runs(&bench, "shop-api:2", &first).await;
    // It goes on backwards: there is nothing before the image that is pinned.
    let failure = operate(&bench, rollback(&bench, None)).await.unwrap_err();
    assert!(failure.message.contains("there is no earlier revision of shop-api:2"), "{failure}");
    // The declaration is a change again, and the way back from it leads to the same image.
    let plans = bench.deploy(&seed()).await.unwrap();
    assert!(plans.shown().contains("taskDefinition: shop-api:2 → shop-api:1"), "{}", plans.shown());
    runs(&bench, "shop-api:1", &second).await;
    operate(&bench, rollback(&bench, None)).await.unwrap();
    assert_eq!(bench.running().await, [first]);
}

#[tokio::test(start_paused = true)]
async fn named_rollback_brings_its_images_along() {
    let (bench, ran) = deployed().await;
    bench.deploy(&seed_with(|it| it.memory = Some(1024))).await.unwrap();
    bench.push(json!({ "needs-memory-mib": 64 })).await;
    let restart = bench.restart(&seed());
    operate(&bench, restart).await.unwrap();
    operate(&bench, rollback(&bench, Some("1"))).await.unwrap();
    runs(&bench, "shop-api:3", &ran).await;
}

#[tokio::test(start_paused = true)]
async fn rollback_stops_the_deployment_in_progress() {
    let (bench, ran) = deployed().await;
    bench.push(json!({ "exits": 1 })).await;
    let mut service = breaking(false);
    service.deployment.rollback = false;
    let failure = bench.deploy(&service).await.err().unwrap();
    assert!(failure.message.contains("`deployment.rollback` is false"), "{failure}");
    let plan = operate(&bench, rollback(&bench, None)).await.unwrap();
    assert_eq!(plan.notes, ["ECS stops the deployment in progress and rolls it back"]);
    runs(&bench, "shop-api:1", &ran).await;
    assert_eq!((revisions(&bench).await, bench.calls("ecs:StopServiceDeployment")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn ended_deployment_is_replaced_by_the_images_that_ran() {
    let (bench, ran) = deployed().await;
    bench.push(json!({ "platforms": ["linux/arm64"] })).await;
    let mut service = seed();
    service.deployment.rollback = false;
    let failure = bench.deploy(&service).await.err().unwrap();
    assert!(failure.message.contains("(STOPPED)"), "{failure}");
    // ECS has given it up, so there is nothing to stop.
    operate(&bench, rollback(&bench, None)).await.unwrap();
    runs(&bench, "shop-api:2", &ran).await;
    assert_eq!(bench.calls("ecs:StopServiceDeployment"), 0);
    converges(&bench, &seed()).await;
}
