//! `UpdateService`.

use serde::Deserialize;

use super::{
    super::{
        ServiceKey,
        arn::Arns,
        cluster, load_balancing,
        network::{AwsVpc, NetworkConfiguration},
        placement, scheduler, shapes,
        wire::{Answer, client, input, service_not_found},
    },
    Launch, PropagateTags, ServiceStatus, configuration,
    create::{answer, check_grace_period, desired_count},
    launch, may_execute,
};
use crate::{ApiError, Call, World};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    cluster: Option<String>,
    service: String,
    desired_count: Option<i64>,
    task_definition: Option<String>,
    capacity_provider_strategy: Option<Vec<launch::StrategyItem>>,
    deployment_configuration: Option<configuration::Given>,
    network_configuration: Option<NetworkConfiguration>,
    platform_version: Option<String>,
    #[serde(default)]
    force_new_deployment: bool,
    enable_execute_command: Option<bool>,
    #[serde(rename = "enableECSManagedTags")]
    enable_ecs_managed_tags: Option<bool>,
    propagate_tags: Option<String>,
}

/// A new deployment begins where the request changes what tasks are made of, or forces one. Counts and percentages take
/// effect without one; so do tags and the execution of commands, for tasks that start from then on.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>
pub(in crate::ecs) fn update(world: &mut World, call: &Call) -> Answer {
    let request: Update = input(call)?;
    shapes::check("UpdateService", &call.input)?;
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let name = arns.service_name(&cluster.name, &request.service).ok_or_else(service_not_found)?;
    let mut service = cluster.services.get(name).cloned().ok_or_else(service_not_found)?;
    let capacity = cluster.capacity.clone();
    if service.status != ServiceStatus::Active {
        return Err(ApiError::new("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    let key =
        ServiceKey { region: call.region.clone(), cluster: cluster.name.clone(), service: name.to_owned() };

    let families = &world.ecs.region_mut(&call.region).families;
    let definition = match &request.task_definition {
        Some(given) => families.startable(&arns, given)?,
        // A service goes on with a definition that was deregistered.
        None => families
            .definition(&arns, &service.definition)
            .ok_or_else(|| client("TaskDefinition not found."))?,
    }
    .clone();
    let propagate_tags = PropagateTags::given(request.propagate_tags.as_deref())?;
    may_execute(
        request.enable_execute_command == Some(true),
        definition.spec.task_role_arn.as_deref(),
        "The service couldn't be updated because a valid taskRoleArn is not being used.",
    )?;
    let launch = if request.capacity_provider_strategy.is_some() || request.platform_version.is_some() {
        let kept = service.launch.clone();
        let (launch_type, strategy) = match request.capacity_provider_strategy {
            Some(strategy) => (None, Some(strategy)),
            None => kept.request(),
        };
        Launch::checked(&capacity, &definition.spec, launch_type, strategy, request.platform_version)?
    } else {
        service.launch.compatible_with(&definition.spec)?
    };
    let network = match request.network_configuration {
        None if service.network.is_some() => service.network.clone(),
        given => {
            let mode = definition.spec.network_mode.as_deref();
            AwsVpc::checked(world, &call.region, mode, given, launch.is_fargate())?
        }
    };
    service.scheduling.check(call)?;
    placement::check_service(call, &launch, service.scheduling)?;
    let configuration =
        service.configuration.changed(request.deployment_configuration, service.scheduling)?;
    let desired = request.desired_count.map(desired_count).transpose()?;

    let members_deploy = service.members.take(&call.input);
    check_grace_period(call, &service.members)?;
    let are_given = call.input.get("loadBalancers").is_some_and(|given| !given.is_null());
    let items = service.members.items("loadBalancers");
    let strategy = configuration.strategy;
    let mut load_balancers =
        load_balancing::checked(world, call, items, &definition.spec, strategy, are_given)?;
    load_balancing::resolve(world, Some(&service), strategy, &mut load_balancers);
    let deploys = request.force_new_deployment
        || members_deploy
        || definition.arn != service.definition
        || launch != service.launch
        || network != service.network;
    service.configuration = configuration;
    service.definition = definition.arn.clone();
    service.launch = launch;
    service.network = network;
    service.execute_command = request.enable_execute_command.unwrap_or(service.execute_command);
    service.managed_tags = request.enable_ecs_managed_tags.unwrap_or(service.managed_tags);
    service.propagate_tags = propagate_tags.unwrap_or(service.propagate_tags);
    let kept = service.desired;
    service.scale(desired.unwrap_or(kept));
    if deploys {
        service.deploy(&mut world.ids, call.now, &definition, load_balancers);
        if let Some(replaced) = service.deployments.get_mut(1) {
            replaced.kept = kept;
        }
    }
    if let Some(stored) = world.ecs.service_mut(&key) {
        *stored = service;
    }
    scheduler::wake(world, call.now, &key);
    Ok(answer(world, &arns, &key))
}
