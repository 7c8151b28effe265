//! Undeclared fields of a service stay as others made them.

use aws_sdk_ecs::types::CapacityProviderStrategyItem;
use longshore_aws::JsonRequest;
use longshore_model::Action;
use serde_json::{Value, json};

use super::bench::{Bench, Seed, seed};

const SPOT: &str = "FARGATE_SPOT";

fn seed_with(values: &Value) -> Seed {
    let mut service = seed();
    service.options.values = values.as_object().unwrap().clone();
    service
}

/// The seed is deployed, on a cluster with Fargate's capacity providers.
async fn deployed() -> Bench {
    let bench = Bench::settled().await;
    bench.deploy(&seed()).await.unwrap();
    let ecs = bench.aws.ecs().await.unwrap();
    let call = ecs.put_cluster_capacity_providers().cluster("main").capacity_providers(SPOT);
    call.set_default_capacity_provider_strategy(Some(Vec::new())).send().await.unwrap();
    bench
}

async fn described(bench: &Bench) -> Value {
    let (_, json) = bench
        .aws
        .reads()
        .service_with_json("main", "api", longshore_aws::Freshness::Now)
        .await
        .unwrap()
        .unwrap();
    json.parsed()
}

async fn update(bench: &Bench, members: Value) {
    let ecs = bench.aws.ecs().await.unwrap();
    let request = JsonRequest(members.as_object().unwrap().clone());
    let call = ecs.update_service().cluster("main").service("api").customize().interceptor(request);
    call.send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(300)).await;
}

#[tokio::test(start_paused = true)]
async fn capacity_providers_of_others_stay() {
    let bench = deployed().await;
    update(&bench, json!({ "capacityProviderStrategy": [{ "capacityProvider": SPOT, "weight": 1 }] })).await;
    let plans = bench.plan(&seed()).await.unwrap();
    assert!(plans.is_quiet(), "{}", plans.shown());
}

#[tokio::test(start_paused = true)]
async fn launch_type_becomes_capacity_providers_in_place() {
    let bench = deployed().await;
    let strategy = json!({ SPOT: { "weight": 1 } });
    let service = seed_with(&json!({ "aws": { "service": { "capacityProviderStrategy": strategy } } }));
    let plans = bench.deploy(&service).await.unwrap();
    assert_eq!(plans.of("service.api").action, Action::Update, "{}", plans.shown());
    let there = described(&bench).await;
    assert_eq!(there["capacityProviderStrategy"][0]["capacityProvider"], SPOT);
    assert!(bench.plan(&service).await.unwrap().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn service_is_made_with_capacity_providers() {
    let bench = Bench::settled().await;
    let ecs = bench.aws.ecs().await.unwrap();
    ecs.create_cluster().cluster_name("main").capacity_providers(SPOT).send().await.unwrap();
    let strategy = json!([{ "capacityProvider": SPOT, "base": 1, "weight": 1 }]);
    let service = seed_with(&json!({ "aws": { "service": { "capacityProviderStrategy": strategy } } }));
    bench.deploy(&service).await.unwrap();
    let there = described(&bench).await;
    assert_eq!(
        (&there["launchType"], there["capacityProviderStrategy"][0]["base"].as_u64()),
        (&Value::Null, Some(1))
    );
    assert!(bench.plan(&service).await.unwrap().is_quiet());
    let item = CapacityProviderStrategyItem::builder().capacity_provider(SPOT).weight(2).build().unwrap();
    let call = ecs.update_service().cluster("main").service("api").capacity_provider_strategy(item);
    call.send().await.unwrap();
    let drifted = bench.plan(&service).await.unwrap();
    let fields: Vec<_> =
        drifted.of("service.api").changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(
        fields,
        ["capacityProviderStrategy.FARGATE_SPOT.base", "capacityProviderStrategy.FARGATE_SPOT.weight"]
    );
}

#[tokio::test(start_paused = true)]
async fn undeclared_deployment_settings_are_sent_back() {
    let bench = deployed().await;
    let threshold = json!({ "type": "COUNT", "value": 7 });
    let breaker = json!({ "enable": true, "rollback": true, "thresholdConfiguration": threshold });
    update(&bench, json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": breaker } })).await;
    assert!(bench.plan(&seed()).await.unwrap().is_quiet());
    let mut service = seed();
    service.deployment.maximum_percent = 150;
    bench.deploy(&service).await.unwrap();
    let configuration = &described(&bench).await["deploymentConfiguration"];
    assert_eq!(configuration["maximumPercent"], 150);
    assert_eq!(configuration["deploymentCircuitBreaker"]["thresholdConfiguration"], threshold);
}

#[tokio::test(start_paused = true)]
async fn undeclared_members_are_neither_compared_nor_sent() {
    let bench = deployed().await;
    let group = bench.target_group().await;
    let balancers = json!([{ "targetGroupArn": group, "containerName": "api", "containerPort": 8098 }]);
    update(&bench, json!({ "loadBalancers": balancers, "availabilityZoneRebalancing": "ENABLED" })).await;
    assert!(bench.plan(&seed()).await.unwrap().is_quiet());

    let service = seed_with(&json!({ "aws": { "service": { "availabilityZoneRebalancing": "DISABLED" } } }));
    bench.deploy(&service).await.unwrap();
    let there = described(&bench).await;
    assert_eq!(
        (&there["loadBalancers"], &there["availabilityZoneRebalancing"]),
        (&balancers, &json!("DISABLED"))
    );

    let without = seed_with(&json!({ "aws": { "service": { "loadBalancers": [] } } }));
    bench.deploy(&without).await.unwrap();
    assert_eq!(described(&bench).await["loadBalancers"], json!([]));
}
