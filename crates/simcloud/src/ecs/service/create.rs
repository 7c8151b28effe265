//! `CreateService`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        ServiceKey,
        arn::Arns,
        cluster::{self, is_name},
        load_balancing,
        network::{AwsVpc, NetworkConfiguration},
        placement, scheduler,
        service_events::ServiceEvents,
        shapes,
        tags::{Tag, Tags},
        wire::{Answer, input, invalid},
    },
    DeploymentConfiguration, Launch, Members, Pace, PropagateTags, Scheduling, Service, ServiceStatus,
    configuration, launch, may_execute,
};
use crate::{ApiError, Call, World};

/// The request of a `clientToken`, and the tasks that it started, if it was one for tasks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::ecs) struct Remembered {
    pub(in crate::ecs) request: Value,
    pub(in crate::ecs) tasks: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    cluster: Option<String>,
    #[serde(default)]
    service_name: String,
    task_definition: Option<String>,
    desired_count: Option<i64>,
    client_token: Option<String>,
    launch_type: Option<String>,
    capacity_provider_strategy: Option<Vec<launch::StrategyItem>>,
    platform_version: Option<String>,
    deployment_configuration: Option<configuration::Given>,
    network_configuration: Option<NetworkConfiguration>,
    scheduling_strategy: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default, rename = "enableECSManagedTags")]
    enable_ecs_managed_tags: bool,
    propagate_tags: Option<String>,
    #[serde(default)]
    enable_execute_command: bool,
}

/// Refuses a grace period where nothing checks the health of tasks from outside.
pub(super) fn check_grace_period(call: &Call, members: &Members) -> Result<(), ApiError> {
    let has_grace_period = call.number("healthCheckGracePeriodSeconds").is_some_and(|seconds| seconds > 0);
    if has_grace_period && members.items("loadBalancers").is_empty() {
        return Err(invalid(
            "Health check grace period is only valid for services configured to use load balancers",
        ));
    }
    Ok(())
}

pub(in crate::ecs) fn create(world: &mut World, call: &Call) -> Answer {
    let request: Create = input(call)?;
    if !is_name(&request.service_name) {
        return Err(invalid(
            "The service name must be 1 to 255 characters: letters, numbers, hyphens and underscores.",
        ));
    }
    shapes::check("CreateService", &call.input)?;
    let mut members = Members::default();
    members.take(&call.input);
    check_grace_period(call, &members)?;
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let (cluster, capacity) = (cluster.name.clone(), cluster.capacity.clone());
    let key = ServiceKey {
        region: call.region.clone(),
        cluster: cluster.clone(),
        service: request.service_name.clone(),
    };
    if let Some(token) = &request.client_token {
        if token.len() > 36 {
            return Err(invalid("The client token must be at most 36 characters long."));
        }
        if let Some(remembered) = world.ecs.region_mut(&call.region).client_tokens.get(token) {
            let same = remembered.request == call.input
                && world.ecs.service(&key).is_some_and(|service| service.status == ServiceStatus::Active);
            return if same { Ok(answer(world, &arns, &key)) } else { Err(not_idempotent()) };
        }
    }
    match world.ecs.service(&key).map(|service| service.status) {
        Some(ServiceStatus::Active) => return Err(not_idempotent()),
        Some(ServiceStatus::Draining) => {
            return Err(invalid("Unable to Start a service that is still Draining."));
        }
        Some(ServiceStatus::Inactive) | None => {}
    }
    let scheduling = Scheduling::given(request.scheduling_strategy.as_deref())?;
    scheduling.check(call)?;
    let desired = match (scheduling, request.desired_count) {
        // The scheduler counts the instances.
        (Scheduling::Daemon, _) => 0,
        (Scheduling::Replica, Some(count)) => desired_count(count)?,
        (Scheduling::Replica, None) => return Err(invalid("desiredCount can not be null.")),
    };
    let name = request.task_definition.ok_or_else(|| invalid("taskDefinition can not be blank."))?;
    let definition = world.ecs.region_mut(&call.region).families.startable(&arns, &name)?.clone();
    let propagate_tags = PropagateTags::given(request.propagate_tags.as_deref())?.unwrap_or_default();
    may_execute(
        request.enable_execute_command,
        definition.spec.task_role_arn.as_deref(),
        "The service couldn't be created because a valid taskRoleArn is not being used.",
    )?;
    let launch = Launch::checked(
        &capacity,
        &definition.spec,
        request.launch_type,
        request.capacity_provider_strategy,
        request.platform_version,
    )?;
    placement::check_service(call, &launch, scheduling)?;
    let mode = definition.spec.network_mode.as_deref();
    let network =
        AwsVpc::checked(world, &call.region, mode, request.network_configuration, launch.is_fargate())?;
    let configuration =
        DeploymentConfiguration::of_new(scheduling).changed(request.deployment_configuration, scheduling)?;
    let items = members.items("loadBalancers");
    let strategy = configuration.strategy;
    let mut load_balancers = load_balancing::checked(world, call, items, &definition.spec, strategy, true)?;
    load_balancing::resolve(world, None, strategy, &mut load_balancers);
    let mut service = Service {
        name: request.service_name,
        cluster,
        status: ServiceStatus::Active,
        scheduling,
        desired,
        configuration,
        definition: definition.arn.clone(),
        launch,
        network,
        created: call.now,
        created_by: call.caller.clone(),
        tags: Tags::checked(&request.tags)?,
        propagate_tags,
        managed_tags: request.enable_ecs_managed_tags,
        execute_command: request.enable_execute_command,
        members,
        deployments: Vec::new(),
        service_deployments: Vec::new(),
        revisions: Vec::new(),
        events: ServiceEvents::default(),
        pace: Pace::default(),
    };
    service.deploy(&mut world.ids, call.now, &definition, load_balancers);
    let region = world.ecs.region_mut(&call.region);
    if let Some(token) = request.client_token {
        let remembered = Remembered { request: call.input.clone(), tasks: Vec::new() };
        region.client_tokens.insert(token, remembered);
    }
    if let Some(cluster) = region.clusters.get_mut(&key.cluster) {
        cluster.services.insert(key.service.clone(), service);
    }
    if scheduling == Scheduling::Daemon {
        let matching = placement::matching(world, &key).len() as u32;
        world.ecs.service_mut(&key).into_iter().for_each(|service| service.scale(matching));
    }
    scheduler::wake(world, call.now, &key);
    Ok(answer(world, &arns, &key))
}

/// The service as `CreateService`, `UpdateService` and `DeleteService` answer it.
pub(super) fn answer(world: &World, arns: &Arns, key: &ServiceKey) -> Value {
    let tasks: Vec<_> = world.ecs.tasks_of(key).collect();
    json!({ "service": world.ecs.service(key).map(|service| service.json(arns, true, tasks.iter().copied())) })
}

/// A desired count within ECS's bounds.
pub(super) fn desired_count(count: i64) -> Result<u32, ApiError> {
    u32::try_from(count)
        .ok()
        .filter(|count| *count <= 5000)
        .ok_or_else(|| invalid("desiredCount must be between 0 and 5000."))
}

fn not_idempotent() -> ApiError {
    invalid("Creation of service was not idempotent.")
}
