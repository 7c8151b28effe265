//! Amazon ECS.

mod clusters;
mod container_instances;
mod definitions;
mod deployments;
mod families;
mod options;
mod refusals;
mod services;
mod services_read;
mod tags;
mod tasks;

use aws_sdk_ecs::{
    operation::register_task_definition::builders::RegisterTaskDefinitionFluentBuilder,
    types::{
        AssignPublicIp, AwsVpcConfiguration, Compatibility, ContainerDefinition, NetworkConfiguration,
        NetworkMode, Service, Tag,
    },
};
use serde_json::json;

use super::{
    Account, Operation, Refused,
    answer::{Needed as _, sorted},
};

pub(super) fn operations() -> Vec<Operation> {
    [
        clusters::operations(),
        container_instances::operations(),
        definitions::operations(),
        families::operations(),
        services::operations(),
        services_read::operations(),
        deployments::operations(),
        tasks::operations(),
        tags::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// An image that anybody may pull, with a server that goes on running.
const IMAGE: &str = "public.ecr.aws/docker/library/httpd:2.4";

/// Makes a cluster. Answers with its ARN.
async fn cluster(a: &Account, name: &str) -> Result<String, Refused> {
    let made = a.ecs.create_cluster().cluster_name(name).send().await?;
    made.cluster.needed("cluster")?.cluster_arn.needed("ARN")
}

fn container() -> aws_sdk_ecs::types::builders::ContainerDefinitionBuilder {
    ContainerDefinition::builder().name("api").image(IMAGE).essential(true).memory(128)
}

/// A task definition for container instances.
fn definition(a: &Account, family: &str) -> RegisterTaskDefinitionFluentBuilder {
    a.ecs.register_task_definition().family(family).container_definitions(container().build())
}

/// A task definition for Fargate.
fn fargate_definition(a: &Account, family: &str) -> RegisterTaskDefinitionFluentBuilder {
    let register = a.ecs.register_task_definition().family(family).network_mode(NetworkMode::Awsvpc);
    register.requires_compatibilities(Compatibility::Fargate).cpu("256").memory("512")
}

/// Registers a task definition for container instances. Answers with its ARN.
async fn registered(a: &Account, family: &str) -> Result<String, Refused> {
    let answer = definition(a, family).send().await?;
    answer.task_definition.needed("task definition")?.task_definition_arn.needed("ARN")
}

/// A cluster, a task definition and a service without tasks, all of one name.
pub(super) async fn idle_service(a: &Account, name: &str) -> Result<Service, Refused> {
    cluster(a, name).await?;
    let definition = registered(a, name).await?;
    let create = a.ecs.create_service().cluster(name).service_name(name).task_definition(definition);
    create.desired_count(0).send().await?.service.needed("service")
}

/// The default network, with public addresses.
async fn network(a: &Account) -> Result<NetworkConfiguration, Refused> {
    let filter = json!({ "Filter": [{ "Name": "default-for-az", "Value": ["true"] }] });
    let subnets = a.ec2.call("DescribeSubnets", filter).await?;
    let subnets = subnets.items("subnetSet").filter_map(|subnet| subnet.text_of("subnetId"));
    let subnets: Vec<_> = subnets.map(str::to_owned).collect();
    let vpc = AwsVpcConfiguration::builder().set_subnets(Some(subnets)).set_security_groups(Some(Vec::new()));
    let vpc =
        vpc.assign_public_ip(AssignPublicIp::Enabled).build().map_err(|_| Refused::Missing("network"))?;
    Ok(NetworkConfiguration::builder().awsvpc_configuration(vpc).build())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// Tags as `key=value`.
fn words(tags: &[Tag]) -> String {
    sorted(
        tags.iter()
            .map(|tag| format!("{}={}", tag.key().unwrap_or_default(), tag.value().unwrap_or_default())),
    )
}

/// The part of an ARN behind the last slash.
fn end(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}
