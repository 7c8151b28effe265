//! Deployments that fail, and how.

use std::time::Duration;

use longshore_model::{Action, Effect, FailureKind};
use longshore_simcloud::{ApiError, Effect::Refuse, Fault};
use serde_json::json;

use super::bench::{Bench, masked, seed, seed_with};

#[tokio::test(start_paused = true)]
async fn a_task_that_cannot_start_ends_the_deployment_with_its_reason() {
    let bench = Bench::settled().await;
    bench.allow(&[("logs:*", "*")]).await;
    let failure = bench.deploy(&seed()).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    insta::assert_snapshot!(masked(&failure.to_string()).replace(&bench.secret, "SECRET"));
    assert!(bench.told().iter().any(|told| told.contains("stopped: ResourceInitializationError")));

    // With the statement back, the next run begins a new deployment and says why.
    bench.allow(&[("secretsmanager:GetSecretValue", &bench.secret), ("logs:*", "*")]).await;
    let plans = bench.deploy(&seed()).await.unwrap();
    let plan = plans.of("service.api");
    assert_eq!((plan.action, plan.effect), (Action::Update, Effect::RollingUpdate));
    let reason = plan.reason.as_ref().unwrap();
    assert!(reason.starts_with("the last deployment failed: "), "{reason}");
    assert_eq!(bench.status(&seed()).await.running, 2);
    assert!(bench.plan(&seed()).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn a_rollback_by_the_circuit_breaker_is_a_failure_although_the_service_is_steady() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let broken = seed_with(|container| container.image = "ghcr.io/acme/api:9".parse().unwrap());
    let failure = bench.deploy(&broken).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    insta::assert_snapshot!("rolled_back", masked(&failure.to_string()));
    let status = bench.status(&broken).await;
    assert_eq!((status.running, status.task_definition.as_deref()), (2, Some("shop-api:1")));
    let stopped: Vec<_> = status.tasks.iter().filter_map(|task| task.stopped_reason.as_deref()).collect();
    assert!(stopped.iter().any(|reason| reason.contains("not found")), "{stopped:?}");
    // The next plan knows what happened.
    insta::assert_snapshot!("after_the_rollback", bench.plan(&broken).await.unwrap().shown());
    // And that what runs is what was declared before.
    let plans = bench.plan(&seed()).await.unwrap();
    assert!(plans.is_quiet(), "{}", plans.shown());
}

#[tokio::test(start_paused = true)]
async fn without_the_circuit_breaker_a_hopeless_deployment_ends_early() {
    let bench = Bench::settled().await;
    let mut service = seed_with(|container| container.image = "ghcr.io/acme/api:arm".parse().unwrap());
    service.deployment.circuit_breaker = false;
    let start = tokio::time::Instant::now();
    let failure = bench.deploy(&service).await.err().unwrap();
    assert!(start.elapsed() < service.deployment.timeout);
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    insta::assert_snapshot!(masked(&failure.to_string()));
}

#[tokio::test(start_paused = true)]
async fn tasks_that_end_again_and_again_end_the_deployment_early() {
    // The circuit breaker does not see them: they have run.
    for breaks in [true, false] {
        let bench = Bench::settled().await;
        let mut service = seed_with(|container| container.image = "ghcr.io/acme/api:crash".parse().unwrap());
        service.deployment.circuit_breaker = breaks;
        let start = tokio::time::Instant::now();
        let failure = bench.deploy(&service).await.err().unwrap();
        assert!(start.elapsed() < Duration::from_secs(240), "{:?}", start.elapsed());
        assert_eq!(failure.kind, FailureKind::DeploymentFailed);
        insta::assert_snapshot!(format!("ended_again_and_again_{breaks}"), masked(&failure.to_string()));

        // The next run goes on, and does not hold against the tasks of now what ended before it.
        let start = tokio::time::Instant::now();
        let failure = bench.deploy(&service).await.err().unwrap();
        assert!(start.elapsed() > Duration::from_secs(20), "{:?}", start.elapsed());
        assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_once_or_twice_does_not_end_the_following() {
    let bench = Bench::settled().await;
    let mut service = seed_with(|container| container.image = "ghcr.io/acme/api:crash".parse().unwrap());
    service.deployment.timeout = Duration::from_secs(30);
    let failure = bench.deploy(&service).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DeadlineExceeded);
    let text = failure.to_string();
    assert!(text.starts_with("after 30s "), "{text}");
    assert!(text.contains("Essential container in task exited; api: exit code 1"), "{text}");
    assert!(text.contains("aws logs tail /longshore/shop/api"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_waited_for_until_the_deadline() {
    let bench = Bench::settled().await;
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}]}"#;
    let iam = bench.aws.iam().await.unwrap();
    let update = iam.update_assume_role_policy().role_name("shop-api").policy_document(trust);
    update.send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut service = seed();
    service.deployment.circuit_breaker = false;
    let failure = bench.deploy(&service).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DeadlineExceeded);
    let text = failure.to_string();
    assert!(text.starts_with("after 15m "), "{text}");
    assert!(text.contains("unable to assume the role"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_at_once_the_one_whose_deployment_was_replaced_has_not_succeeded() {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let (small, large) = (seed_with(|it| it.memory = Some(800)), seed_with(|it| it.memory = Some(900)));
    let (first, second) = (bench.plan(&small).await.unwrap(), bench.plan(&large).await.unwrap());
    let (first, second) = tokio::join!(bench.apply(&first), bench.apply(&second));
    let (won, lost) = if first.is_ok() { (first, second) } else { (second, first) };
    won.unwrap();
    let failure = lost.unwrap_err();
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    assert!(failure.message.contains("another deployment has taken its place"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn broken_json_in_the_secret_is_named() {
    let bench = Bench::settled().await;
    bench.write_secret("ghp_plain").await;
    let failure = bench.deploy(&seed()).await.err().unwrap();
    assert!(failure.help.as_ref().unwrap().contains("is not the JSON that ECS reads"), "{failure}");
    assert!(!failure.to_string().contains("ghp_plain"));
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_stops_waiting() {
    let bench = Bench::settled().await;
    let plans = bench.plan(&seed()).await.unwrap();
    let interrupt = bench.interrupt.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(8)).await;
        interrupt.cancel();
    });
    let failure = bench.apply(&plans).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Interrupted);
    insta::assert_snapshot!(failure);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_says_what_was_seen() {
    let bench = Bench::settled().await;
    let mut service = seed();
    service.deployment.timeout = Duration::from_secs(5);
    let failure = bench.deploy(&service).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DeadlineExceeded);
    insta::assert_snapshot!(masked(&failure.to_string()));
}

#[tokio::test(start_paused = true)]
async fn without_a_default_vpc_the_subnets_have_to_be_given() {
    let bench = Bench::settled().await;
    let ec2 = bench.aws.ec2().await.unwrap();
    let vpcs = ec2.call("DescribeVpcs", json!({})).await.unwrap();
    let subnets = ec2.call("DescribeSubnets", json!({})).await.unwrap();
    for subnet in subnets.items("subnetSet") {
        let id = json!({ "SubnetId": subnet.text_of("subnetId") });
        ec2.call("DeleteSubnet", id).await.unwrap();
    }
    insta::assert_snapshot!("no_subnets", masked(&bench.plan(&seed()).await.err().unwrap().to_string()));
    let vpc = vpcs.items("vpcSet").next().unwrap().text_of("vpcId");
    let gateways = ec2.call("DescribeInternetGateways", json!({})).await.unwrap();
    let gateway = gateways.items("internetGatewaySet").next().unwrap().text_of("internetGatewayId");
    let attachment = json!({ "InternetGatewayId": gateway, "VpcId": vpc });
    ec2.call("DetachInternetGateway", attachment).await.unwrap();
    ec2.call("DeleteVpc", json!({ "VpcId": vpc })).await.unwrap();
    insta::assert_snapshot!("no_vpc", bench.plan(&seed()).await.err().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_may_not_see_service_deployments_follows_the_service() {
    let bench = Bench::settled().await;
    let refused = ApiError::new(
        "AccessDeniedException",
        "User is not authorized to perform: ecs:ListServiceDeployments",
    );
    let operation = "ecs:ListServiceDeployments".to_owned();
    bench.cloud.inject(Fault { operation, after: 0, times: 1000, effect: Refuse(refused) });
    bench.deploy(&seed()).await.unwrap();
    assert_eq!(bench.status(&seed()).await.running, 2);
    let broken = seed_with(|container| container.image = "ghcr.io/acme/api:9".parse().unwrap());
    let failure = bench.deploy(&broken).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    assert!(failure.message.contains("not found"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_may_not_pass_the_role_is_told_so() {
    let bench = Bench::settled().await;
    let refused = ApiError::new(
        "AccessDeniedException",
        "User is not authorized to perform: iam:PassRole on resource: x",
    );
    let operation = "ecs:RegisterTaskDefinition".to_owned();
    bench.cloud.inject(Fault { operation, after: 0, times: 1, effect: Refuse(refused) });
    let failure = bench.deploy(&seed()).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.help.unwrap().starts_with("allow `iam:PassRole`"));
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_does_not_end_the_following() {
    let bench = Bench::settled().await;
    let plans = bench.plan(&seed()).await.unwrap();
    let down = ApiError::new("ServerException", "Service Unavailable.").with_status(500);
    // More than the SDK's attempts, so that it reaches the step.
    let operation = "ecs:DescribeServiceDeployments".to_owned();
    bench.cloud.inject(Fault { operation, after: 1, times: 12, effect: Refuse(down) });
    bench.apply(&plans).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_role_that_is_not_there_is_named_at_once() {
    let bench = Bench::settled().await;
    let nobody = Some("arn:aws:iam::123456789012:role/nobody".into());
    let failure = bench.deploy(&seed().with(|service| service.task_role = nobody)).await.err().unwrap();
    insta::assert_snapshot!(failure);
    assert_eq!(bench.calls("ecs:RegisterTaskDefinition"), 0, "nothing is made");
}

#[tokio::test(start_paused = true)]
async fn where_ecs_may_mean_either_role_both_are_named() {
    let mut bench = Bench::settled().await;
    let role = std::mem::replace(&mut bench.role, "arn:aws:iam::123456789012:role/gone".to_owned());
    let failure =
        bench.deploy(&seed().with(|service| service.task_role = Some(role.into()))).await.err().unwrap();
    insta::assert_snapshot!(failure);
    assert!(bench.calls("ecs:RegisterTaskDefinition") > 1, "IAM may not have told ECS yet");
    assert_eq!(bench.calls("iam:GetRole"), 2, "for the plan, and where ECS refuses one of both");
}
