//! The properties of a service's tasks beside their definition: tags, a platform version, and commands that are
//! executed in them.

use aws_sdk_ecs::types::{LaunchType, PropagateTags, Service};

use super::{
    cluster, container, fargate_definition, idle_service, network, registered, services::same_deployment,
};
use crate::conformance::{
    Account, Answer, Refused,
    answer::{Needed as _, refusal},
};

/// Managed tags, whose tags are propagated, and whether commands can be executed.
fn options(service: &Service) -> String {
    let tags = service.propagate_tags().map_or("NONE", |tags| tags.as_str());
    format!("{}, {tags}, {}", service.enable_ecs_managed_tags(), service.enable_execute_command())
}

pub(super) async fn create(a: Account) -> Answer {
    let name = a.name("tagging");
    cluster(&a, &name).await?;
    let definition = registered(&a, &name).await?;
    let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(definition);
    let create = create.enable_ecs_managed_tags(true).propagate_tags(PropagateTags::Service);
    create.desired_count(0).send().await?;
    let described = a.ecs.describe_services().cluster(&name).services(&name).send().await?;
    Ok(options(described.services().first().needed("service")?))
}

pub(super) async fn create_executing(a: Account) -> Answer {
    let name = a.name("executing");
    cluster(&a, &name).await?;
    let definition = registered(&a, &name).await?;
    let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(definition);
    refusal(create.enable_execute_command(true).desired_count(0).send().await)
}

pub(super) async fn create_with_version(a: Account) -> Answer {
    let name = a.name("version");
    cluster(&a, &name).await?;
    let definition = registered(&a, &name).await?;
    let create = a.ecs.create_service().cluster(&name).service_name(&name).task_definition(definition);
    refusal(create.launch_type(LaunchType::Ec2).platform_version("1.4.0").desired_count(0).send().await)
}

pub(super) async fn tags(a: Account) -> Answer {
    let name = a.name("tagging");
    let before = idle_service(&a, &name).await?;
    let update = a.ecs.update_service().cluster(&name).service(&name);
    let update = update.enable_ecs_managed_tags(true).propagate_tags(PropagateTags::TaskDefinition);
    let after = update.send().await?.service.needed("service")?;
    Ok(format!("{}; {}", options(&after), same_deployment(&before, &after)?))
}

pub(super) async fn unknown_tags(a: Account) -> Answer {
    let name = a.name("tagging");
    idle_service(&a, &name).await?;
    let update = a.ecs.update_service().cluster(&name).service(&name);
    refusal(update.propagate_tags("CLUSTER".into()).send().await)
}

pub(super) async fn executing(a: Account) -> Answer {
    let name = a.name("executing");
    idle_service(&a, &name).await?;
    let update = a.ecs.update_service().cluster(&name).service(&name);
    refusal(update.enable_execute_command(true).send().await)
}

/// A service on Fargate without tasks.
async fn on_fargate(a: &Account, name: &str) -> Result<Service, Refused> {
    cluster(a, name).await?;
    fargate_definition(a, name).container_definitions(container().build()).send().await?;
    let create = a.ecs.create_service().cluster(name).service_name(name).task_definition(name);
    let create = create.launch_type(LaunchType::Fargate).network_configuration(network(a).await?);
    create.desired_count(0).send().await?.service.needed("service")
}

pub(super) async fn version(a: Account) -> Answer {
    let name = a.name("version");
    let before = on_fargate(&a, &name).await?;
    let update = a.ecs.update_service().cluster(&name).service(&name).platform_version("1.3.0");
    let after = update.send().await?.service.needed("service")?;
    let version = |service: &Service| service.platform_version().unwrap_or("none").to_owned();
    Ok(format!("{} to {}; {}", version(&before), version(&after), same_deployment(&before, &after)?))
}
