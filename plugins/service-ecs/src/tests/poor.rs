//! Endpoints that know no service deployments, as emulators, and start no tasks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use longshore_model::FailureKind;
use serde_json::{Value, json};

use super::{
    bench::{Bench, Seed, cloud, connect_to, seed},
    endpoint::Endpoint,
};

const CLUSTER: &str = "arn:aws:ecs:eu-central-1:123456789012:cluster/main";
const DEFINITION: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/shop-api:1";

/// A service that `looks` describes: its deployments, at the n-th look.
fn endpoint(looks: impl Fn(u32) -> Value + Send + Sync + 'static) -> Endpoint {
    let look = Arc::new(AtomicU32::new(0));
    Endpoint::new(move |call, _| {
        let service = |deployments: Value| {
            json!({
                "serviceArn": "arn:aws:ecs:eu-central-1:123456789012:service/main/api",
                "serviceName": "api",
                "status": "ACTIVE",
                "desiredCount": 2,
                "launchType": "FARGATE",
                "deployments": deployments,
                "events": [],
            })
        };
        let created = json!([{ "id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": DEFINITION }]);
        match call {
            "DescribeClusters" => {
                (200, json!({ "clusters": [{ "clusterArn": CLUSTER, "status": "ACTIVE" }] }))
            }
            "DescribeTaskDefinition" => (
                400,
                json!({ "__type": "ClientException", "message": "Unable to describe task definition." }),
            ),
            "RegisterTaskDefinition" => {
                (200, json!({ "taskDefinition": { "taskDefinitionArn": DEFINITION } }))
            }
            "DescribeServices" => match look.fetch_add(1, Ordering::Relaxed) {
                // Planning and applying look before there is a service.
                0 | 1 => (200, json!({ "services": [], "failures": [{ "reason": "MISSING" }] })),
                look => match looks(look - 1) {
                    Value::Null => (200, json!({ "services": [], "failures": [{ "reason": "MISSING" }] })),
                    deployments => (200, json!({ "services": [service(deployments)] })),
                },
            },
            "CreateService" => (200, json!({ "service": service(created) })),
            "GetResources" => (200, json!({ "ResourceTagMappingList": [] })),
            "ListTasks" => (200, json!({ "taskArns": [] })),
            "ListServiceDeployments" => (500, json!("<title>500 Internal Server Error</title>")),
            // EC2, which is not asked in JSON.
            "" => (400, Value::Null),
            other => panic!("{other} was not expected"),
        }
    })
}

/// The seed without what only EC2 and CloudWatch Logs can tell.
fn service() -> Seed {
    let mut service = seed();
    service.logs = None;
    service.network.subnets = vec!["subnet-1".into()];
    service
}

fn deployment(id: u32, status: &str, running: u32, state: Option<&str>) -> Value {
    json!({
        "id": format!("ecs-svc/{id}"),
        "status": status,
        "taskDefinition": DEFINITION,
        "desiredCount": 2,
        "runningCount": running,
        // Emulators that start nothing may count what they should start as pending for ever.
        "pendingCount": if running == 0 && status == "PRIMARY" { 2 } else { 0 },
        "rolloutState": state,
        "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start.",
    })
}

async fn deploy(endpoint: &Endpoint, service: &Seed) -> Result<(), longshore_model::Failure> {
    let bench = Bench::empty(cloud(), connect_to(endpoint.client()));
    bench.deploy(service).await.map(|_| ())
}

#[tokio::test(start_paused = true)]
async fn where_nothing_starts_tasks_the_deadline_says_so() {
    let endpoint = endpoint(|_| json!([deployment(1, "PRIMARY", 0, None)]));
    let failure = deploy(&endpoint, &service()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::DeadlineExceeded);
    insta::assert_snapshot!(failure);
}

#[tokio::test(start_paused = true)]
async fn without_service_deployments_the_service_itself_is_followed() {
    let start = tokio::time::Instant::now();
    let endpoint = endpoint(|look| match look {
        1..5 => json!([deployment(1, "PRIMARY", 1, Some("IN_PROGRESS"))]),
        // All run, but the rollout is not over.
        5..10 => json!([deployment(1, "PRIMARY", 2, Some("IN_PROGRESS"))]),
        _ => json!([deployment(1, "PRIMARY", 2, Some("COMPLETED"))]),
    });
    deploy(&endpoint, &service()).await.unwrap();
    let took = start.elapsed();
    assert!(took > Duration::from_secs(25), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn without_service_deployments_a_rollback_is_still_a_failure() {
    let endpoint = endpoint(|look| match look {
        1..3 => json!([deployment(1, "PRIMARY", 0, Some("IN_PROGRESS"))]),
        _ => json!([
            deployment(7, "PRIMARY", 2, Some("COMPLETED")),
            deployment(1, "ACTIVE", 0, Some("FAILED"))
        ]),
    });
    let failure = deploy(&endpoint, &service()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    insta::assert_snapshot!(failure);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_another_one_replaced_has_not_succeeded() {
    let endpoint = endpoint(|look| match look {
        1..3 => json!([deployment(1, "PRIMARY", 0, Some("IN_PROGRESS"))]),
        _ => json!([deployment(7, "PRIMARY", 2, Some("COMPLETED"))]),
    });
    let failure = deploy(&endpoint, &service()).await.unwrap_err();
    insta::assert_snapshot!(failure);
}

#[tokio::test(start_paused = true)]
async fn the_request_is_what_ecs_documents() {
    let mut service = service();
    let fleeting = || json!([deployment(1, "PRIMARY", 2, Some("COMPLETED"))]);
    let endpoint = endpoint(move |_| fleeting());
    service.logs = None;
    deploy(&endpoint, &service).await.unwrap();
    let mut request = endpoint.last("CreateService").unwrap();
    // It follows from all that is declared.
    request["clientToken"] = json!("[token]");
    insta::assert_json_snapshot!("create_service", request);
}

#[tokio::test(start_paused = true)]
async fn reads_that_lag_behind_are_waited_for() {
    let endpoint = endpoint(|look| match look {
        1..3 => Value::Null,
        _ => json!([deployment(1, "PRIMARY", 2, Some("COMPLETED"))]),
    });
    deploy(&endpoint, &service()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_somebody_deletes_meanwhile_has_failed() {
    let endpoint = endpoint(|look| match look {
        1..3 => json!([deployment(1, "PRIMARY", 0, Some("IN_PROGRESS"))]),
        _ => Value::Null,
    });
    let failure = deploy(&endpoint, &service()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::DeploymentFailed);
    assert!(failure.message.contains("(MISSING): the service was deleted meanwhile"), "{failure}");
}
