//! The SDK's own clients, and a registry behind a socket.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, Compatibility, ContainerDefinition, DesiredStatus, LaunchType,
    NetworkConfiguration, NetworkMode, RepositoryCredentials, ServiceDeploymentStatus,
};
use serde_json::json;

use super::harness::{TOKEN, registries};
use crate::{
    Blueprint, Cloud,
    registry::RegistrySpec,
    testing::{allow, cloud_of, sdk, subnet, task_role},
};

/// Deploys `image` with the SDK's clients, and answers the client of ECS.
async fn deploy(cloud: &Cloud, image: &str) -> aws_sdk_ecs::Client {
    let config = sdk(cloud);
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let credential = json!({ "username": "octocat", "password": TOKEN }).to_string();
    let secret = secrets.create_secret().name("ghcr").secret_string(credential).send().await.unwrap();
    let secret = secret.arn().unwrap();
    let policy = allow(&["secretsmanager:GetSecretValue"], &[secret]);
    let role = task_role(cloud, "execution", &policy).await;

    let ecs = aws_sdk_ecs::Client::new(&config);
    ecs.create_cluster().cluster_name("main").send().await.unwrap();
    let definition = ecs
        .register_task_definition()
        .family("api")
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .execution_role_arn(role)
        .container_definitions(
            ContainerDefinition::builder()
                .name("api")
                .image(image)
                .repository_credentials(
                    RepositoryCredentials::builder().credentials_parameter(secret).build().unwrap(),
                )
                .build(),
        )
        .send()
        .await
        .unwrap();
    let network = AwsVpcConfiguration::builder()
        .subnets(subnet(cloud).await)
        .assign_public_ip(AssignPublicIp::Enabled)
        .build()
        .unwrap();
    ecs.create_service()
        .cluster("main")
        .service_name("api")
        .task_definition(definition.task_definition().unwrap().task_definition_arn().unwrap())
        .desired_count(2)
        .launch_type(LaunchType::Fargate)
        .network_configuration(NetworkConfiguration::builder().awsvpc_configuration(network).build())
        .send()
        .await
        .unwrap();
    ecs
}

/// Looks every five seconds, as people do, for at most ten minutes.
async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..120 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        if let Some(seen) = look().await {
            return seen;
        }
    }
    panic!("nothing happened within ten minutes");
}

#[tokio::test(start_paused = true)]
async fn the_sdk_deploys_and_follows_a_private_image() {
    let cloud = cloud_of(&Blueprint { registries: registries(), ..Blueprint::default() });
    let ecs = deploy(&cloud, "ghcr.io/acme/api:1").await;
    let deployment = until(async || {
        let list = ecs.list_service_deployments().cluster("main").service("api").send().await.unwrap();
        let brief = list.service_deployments()[0].clone();
        let open = [ServiceDeploymentStatus::InProgress, ServiceDeploymentStatus::Pending];
        (!brief.status().is_some_and(|status| open.contains(status))).then_some(brief)
    })
    .await;
    assert_eq!(deployment.status(), Some(&ServiceDeploymentStatus::Successful));
    let described = ecs
        .describe_service_deployments()
        .service_deployment_arns(deployment.service_deployment_arn().unwrap())
        .send()
        .await
        .unwrap();
    let target = described.service_deployments()[0].target_service_revision().unwrap();
    assert_eq!((target.requested_task_count(), target.running_task_count()), (2, 2));

    let service = ecs.describe_services().cluster("main").services("api").send().await.unwrap();
    let service = &service.services()[0];
    assert_eq!((service.running_count(), service.deployments().len(), service.events().len()), (2, 1, 3));
    let tasks = ecs.list_tasks().cluster("main").service_name("api").send().await.unwrap();
    let tasks = ecs
        .describe_tasks()
        .cluster("main")
        .set_tasks(Some(tasks.task_arns().to_vec()))
        .send()
        .await
        .unwrap();
    assert!(tasks.tasks().iter().all(|task| {
        task.last_status() == Some("RUNNING") && task.containers()[0].image_digest().is_some()
    }));
}

#[tokio::test(start_paused = true)]
async fn an_image_is_pulled_from_a_registry_on_this_machine() {
    // Another simulated cloud plays the real registry: it is reached through a socket alone.
    let other: BTreeMap<String, RegistrySpec> = serde_json::from_value(json!({
        "real.example.com": {
            "users": { "octocat": { "password": TOKEN } },
            "repositories": { "acme/api": { "readers": ["octocat"], "tags": { "1": {} } } },
        },
    }))
    .unwrap();
    let registry = cloud_of(&Blueprint { registries: other, latency_ms: 0, ..Blueprint::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(crate::serve(registry, crate::Access::of_any_key(), listener, std::future::pending()));

    let cloud = cloud_of(&Blueprint::default());
    let ecs = deploy(&cloud, &format!("{address}/acme/api:1")).await;
    until(async || {
        let service = ecs.describe_services().cluster("main").services("api").send().await.unwrap();
        (service.services()[0].running_count() == 2).then_some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_on_this_machine_that_is_not_there_refuses_connections() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let cloud = cloud_of(&Blueprint::default());
    let ecs = deploy(&cloud, &format!("{address}/acme/api:1")).await;
    let stopped = until(async || {
        let list =
            ecs.list_tasks().cluster("main").desired_status(DesiredStatus::Stopped).send().await.unwrap();
        list.task_arns().first().cloned()
    })
    .await;
    let tasks = ecs.describe_tasks().cluster("main").tasks(stopped).send().await.unwrap();
    let reason = tasks.tasks()[0].stopped_reason().unwrap();
    assert!(
        reason.starts_with(&format!(
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {address}/acme/api:1: failed to do request: Head \"http://{address}/v2/acme/api/manifests/1\":"
        )) && reason.contains("refused"),
        "{reason}"
    );
}
