//! Many services at once: what a request costs must not grow with what there is.

use std::time::Duration;

use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, Compatibility, ContainerDefinition, LaunchType,
    NetworkConfiguration, NetworkMode, Service, Tag,
};
use tokio::task::JoinSet;

use crate::{
    Blueprint, Cloud,
    testing::{START, allow, sdk, subnet, trust},
};

/// The clients that a deployment needs.
#[derive(Clone)]
struct Clients {
    ecs: aws_sdk_ecs::Client,
    iam: aws_sdk_iam::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
}

fn blueprint() -> Blueprint {
    let registries = serde_json::from_value(serde_json::json!({
        "ghcr.io": { "repositories": { "acme/api": { "visibility": "public", "tags": { "1": {} } } } },
    }));
    Blueprint { registries: registries.unwrap(), throttling: false, ..Blueprint::default() }
}

/// A role, a log group, a task definition and a service, as a deployment makes them.
async fn deploy(Clients { ecs, iam, logs }: Clients, network: NetworkConfiguration, name: String) {
    let trust = trust("ecs-tasks.amazonaws.com");
    let role = iam.create_role().role_name(&name).assume_role_policy_document(trust).send().await;
    let policy = allow(&["logs:CreateLogStream", "logs:PutLogEvents"], &["*"]);
    let put = iam.put_role_policy().role_name(&name).policy_name("logs").policy_document(policy);
    put.send().await.unwrap();
    logs.create_log_group().log_group_name(format!("/shop/{name}")).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let tag = Tag::builder().key("longshore:stack").value("shop").build();
    let container = ContainerDefinition::builder().name("api").image("ghcr.io/acme/api:1").build();
    let definition = ecs
        .register_task_definition()
        .family(&name)
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .execution_role_arn(role.unwrap().role.unwrap().arn)
        .container_definitions(container)
        .tags(tag.clone());
    let definition = definition.send().await.unwrap().task_definition.unwrap();
    ecs.create_service()
        .cluster("main")
        .service_name(name)
        .task_definition(definition.task_definition_arn.unwrap())
        .desired_count(2)
        .launch_type(LaunchType::Fargate)
        .network_configuration(network)
        .tags(tag)
        .send()
        .await
        .unwrap();
}

fn is_settled(service: &Service) -> bool {
    let state = service.deployments()[0].rollout_state();
    service.running_count() == 2 && state.is_some_and(|state| state.as_str() == "COMPLETED")
}

/// Returns the number of settled services, read ten at a time.
async fn settled(ecs: &aws_sdk_ecs::Client, services: usize) -> usize {
    let mut settled = 0;
    for first in (0..services).step_by(10) {
        let names = (first..services.min(first + 10)).map(|number| format!("s{number}")).collect();
        let described = ecs.describe_services().cluster("main").set_services(Some(names)).send().await;
        settled += described.unwrap().services().iter().filter(|service| is_settled(service)).count();
    }
    settled
}

/// Deploys so many services at once, follows them, and reads them back from the state file.
async fn deploy_and_follow(services: usize) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cloud.json");
    let cloud = Cloud::open(&path, &blueprint(), START).unwrap();
    let config = sdk(&cloud);
    let clients = Clients {
        ecs: aws_sdk_ecs::Client::new(&config),
        iam: aws_sdk_iam::Client::new(&config),
        logs: aws_sdk_cloudwatchlogs::Client::new(&config),
    };
    clients.ecs.create_cluster().cluster_name("main").send().await.unwrap();
    let network = AwsVpcConfiguration::builder()
        .subnets(subnet(&cloud).await)
        .assign_public_ip(AssignPublicIp::Enabled)
        .build()
        .unwrap();
    let network = NetworkConfiguration::builder().awsvpc_configuration(network).build();
    let deploys: JoinSet<()> =
        (0..services).map(|number| deploy(clients.clone(), network.clone(), format!("s{number}"))).collect();
    deploys.join_all().await;
    let began = cloud.now();
    while settled(&clients.ecs, services).await < services {
        assert!(cloud.now().since(began) < Duration::from_secs(300), "the services do not settle");
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    drop((cloud, config, clients));

    // Deferred writes are in the file, too.
    let again = Cloud::open(&path, &blueprint(), START).unwrap();
    let ecs = aws_sdk_ecs::Client::new(&sdk(&again));
    assert_eq!(settled(&ecs, services).await, services);
}

/// `LONGSHORE_SIMCLOUD_SERVICES` sets the number of services, to measure the cost of requests.
#[tokio::test(start_paused = true)]
async fn many_services_are_deployed_and_followed() {
    let services = std::env::var("LONGSHORE_SIMCLOUD_SERVICES").ok();
    deploy_and_follow(services.map_or(50, |services| services.parse().expect("a number of services"))).await;
}
