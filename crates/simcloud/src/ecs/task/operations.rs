//! `RunTask`, `StopTask`, `DescribeTasks`, `ListTasks`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        TaskKey,
        arn::Arns,
        cluster,
        network::{AwsVpc, NetworkConfiguration},
        placement::{self, Constraint, Obstacle, Strategy, Unplaced, Wanted},
        service::{Launch, PropagateTags, Remembered, StrategyItem, may_execute},
        tags::{Tag, Tags},
        wire::{Answer, client, input, invalid, missing, page, pruned, service_not_found, unsupported},
    },
    LastStatus, Order, Overrides, StopCode, begin_stop, launch,
};
use crate::{ApiError, Call, World};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    cluster: Option<String>,
    task_definition: String,
    count: Option<i64>,
    launch_type: Option<String>,
    capacity_provider_strategy: Option<Vec<StrategyItem>>,
    platform_version: Option<String>,
    network_configuration: Option<NetworkConfiguration>,
    overrides: Option<Overrides>,
    group: Option<String>,
    started_by: Option<String>,
    client_token: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default, rename = "enableECSManagedTags")]
    enable_ecs_managed_tags: bool,
    propagate_tags: Option<String>,
    #[serde(default)]
    enable_execute_command: bool,
}

pub(in crate::ecs) fn run(world: &mut World, call: &Call) -> Answer {
    let request: Run = input(call)?;
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let (cluster, capacity) = (cluster.name.clone(), cluster.capacity.clone());
    if let Some(token) = &request.client_token
        && let Some(remembered) = world.ecs.region_mut(&call.region).client_tokens.get(token)
    {
        if remembered.request != call.input {
            return Err(ApiError::new(
                "ConflictException",
                "The clientToken was used before with other parameters.",
            ));
        }
        let ids = remembered.tasks.clone();
        return Ok(json!({ "tasks": shown(world, call, &arns, &cluster, &ids), "failures": [] }));
    }
    let count = request.count.unwrap_or(1);
    if !(1..=10).contains(&count) {
        return Err(invalid("Count must be between 1 and 10."));
    }
    if request.group.as_deref().is_some_and(|group| group.starts_with("service:")) {
        return Err(invalid("Invalid namespace for group."));
    }
    let constraints = Constraint::all(call.list("placementConstraints"))?;
    let strategies = Strategy::all(call.list("placementStrategy"))?;
    let definition =
        world.ecs.region_mut(&call.region).families.startable(&arns, &request.task_definition)?.clone();
    let launches = Launch::checked(
        &capacity,
        &definition.spec,
        request.launch_type,
        request.capacity_provider_strategy,
        request.platform_version,
    )?;
    let mode = definition.spec.network_mode.as_deref();
    let network =
        AwsVpc::checked(world, &call.region, mode, request.network_configuration, launches.is_fargate())?;
    placement::check_launch(call, launches.is_fargate())?;
    let has_instances = world.ecs.cluster_mut(&call.region, &cluster).is_some_and(|it| it.has_active());
    if !launches.is_fargate() && !has_instances {
        return Err(invalid("No Container Instances were found in your cluster."));
    }
    let overrides = request.overrides.unwrap_or_default();
    for name in overrides.containers() {
        let known = definition
            .spec
            .container_definitions
            .iter()
            .any(|container| Some(container.name.as_str()) == name);
        if !known {
            return Err(invalid(
                "Override for container named that is not a container in the TaskDefinition.",
            ));
        }
    }
    for role in overrides.execution_role_arn.iter().chain(&overrides.task_role_arn) {
        if !world.iam.role_exists(role) {
            return Err(client("Role is not valid"));
        }
    }
    may_execute(
        request.enable_execute_command,
        overrides.task_role_arn.as_deref().or(definition.spec.task_role_arn.as_deref()),
        "The execute command failed because a valid task role is not being used.",
    )?;
    let mut tags = match PropagateTags::given(request.propagate_tags.as_deref())?.unwrap_or_default() {
        PropagateTags::TaskDefinition => definition.tags.clone(),
        PropagateTags::None => Tags::default(),
        PropagateTags::Service => {
            return Err(invalid("A task that is run on its own has no service to propagate tags from."));
        }
    };
    tags.0.extend(Tags::checked(&request.tags)?.0);
    if request.enable_ecs_managed_tags {
        tags.0.insert("aws:ecs:clusterName".to_owned(), cluster.clone());
    }
    let group = request.group.unwrap_or_else(|| format!("family:{}", definition.spec.family));
    let sizes = [overrides.cpu.as_deref(), overrides.memory.as_deref()];
    let wanted = Wanted::new(&definition, &group, constraints, strategies, sizes);
    let (mut ids, mut unplaced) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let placed = match launches.is_fargate() {
            true => None,
            false => match placement::place(world, [&call.region, &cluster], &wanted) {
                Ok(placed) => Some(placed),
                Err(Unplaced(obstacles)) => {
                    unplaced = obstacles;
                    continue;
                }
            },
        };
        let order = Order {
            region: call.region.clone(),
            cluster: cluster.clone(),
            definition: definition.clone(),
            launch: launches.clone(),
            network: network.clone(),
            placed,
            group: group.clone(),
            started_by: request.started_by.clone(),
            overrides: overrides.clone(),
            tags: tags.clone(),
            execute_command: request.enable_execute_command,
            service: None,
        };
        ids.extend(launch(world, call.now, order));
    }
    let failure = |(id, obstacle): &(String, Obstacle)| json!({ "arn": arns.container_instance(&cluster, id), "reason": obstacle.reason() });
    let failures: Vec<Value> = unplaced.iter().map(failure).collect();
    let tasks = shown(world, call, &arns, &cluster, &ids);
    if let Some(token) = request.client_token {
        let remembered = Remembered { request: call.input.clone(), tasks: ids };
        world.ecs.region_mut(&call.region).client_tokens.insert(token, remembered);
    }
    Ok(json!({ "tasks": tasks, "failures": failures }))
}

/// Tasks as `RunTask` answers them.
fn shown(world: &mut World, call: &Call, arns: &Arns, cluster: &str, ids: &[String]) -> Vec<Value> {
    let cluster = world.ecs.cluster_mut(&call.region, cluster);
    cluster
        .into_iter()
        .flat_map(|cluster| {
            let name = &cluster.name;
            ids.iter().filter_map(|id| cluster.tasks.get(id)).map(move |task| task.json(arns, name, true))
        })
        .collect()
}

#[derive(Deserialize)]
struct Stop {
    cluster: Option<String>,
    task: String,
    reason: Option<String>,
}

/// The task that a request names in a cluster.
fn task_named(
    world: &mut World,
    call: &Call,
    cluster: Option<&str>,
    task: &str,
) -> Result<TaskKey, ApiError> {
    let cluster = cluster::active(world, call, cluster)?.name.clone();
    let not_found = || invalid("The referenced task was not found.");
    let arns = Arns::of(world, &call.region);
    let id = arns.task_id(&cluster, task).ok_or_else(not_found)?.to_owned();
    let key = TaskKey { region: call.region.clone(), cluster, task: id };
    if world.ecs.task(&key).is_none() { Err(not_found()) } else { Ok(key) }
}

pub(in crate::ecs) fn stop(world: &mut World, call: &Call) -> Answer {
    let request: Stop = input(call)?;
    let arns = Arns::of(world, &call.region);
    let key = task_named(world, call, request.cluster.as_deref(), &request.task)?;
    let reason = request.reason.unwrap_or_else(|| "Task stopped by user".to_owned());
    begin_stop(world, call.now, &key, StopCode::UserInitiated, &reason);
    Ok(json!({ "task": world.ecs.task(&key).map(|task| task.json(&arns, &key.cluster, false)) }))
}

#[derive(Deserialize)]
struct Execute {
    cluster: Option<String>,
    task: String,
    container: Option<String>,
    command: String,
    interactive: bool,
}

/// Refuses to execute a command: as ECS does, or because no container runs here.
pub(in crate::ecs) fn execute(world: &mut World, call: &Call) -> Answer {
    let request: Execute = input(call)?;
    let key = task_named(world, call, request.cluster.as_deref(), &request.task)?;
    let Some(task) = world.ecs.task(&key) else { return Err(invalid("The referenced task was not found.")) };
    if !request.interactive {
        return Err(invalid("Interactive is the only mode supported currently."));
    }
    if request.command.is_empty() {
        return Err(invalid("Command cannot be empty."));
    }
    let is_named = |name: &String| task.containers.iter().any(|container| container.name == *name);
    match &request.container {
        Some(name) if !is_named(name) => {
            return Err(invalid(format!("Container {name} was not found in the task.")));
        }
        None if task.containers.len() > 1 => {
            return Err(invalid("Container name is required for tasks with more than one container."));
        }
        _ => {}
    }
    if !task.execute_command || !task.is_running() {
        return Err(invalid(
            "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn't running. Wait and try again or run a new task with execute command enabled and try again.",
        ));
    }
    Err(unsupported("the simulated cloud runs no containers in which it could execute commands"))
}

#[derive(Deserialize)]
struct Describe {
    cluster: Option<String>,
    #[serde(default)]
    tasks: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

pub(in crate::ecs) fn describe(world: &mut World, call: &Call) -> Answer {
    let request: Describe = input(call)?;
    if request.tasks.is_empty() {
        return Err(invalid("Tasks cannot be empty."));
    }
    if request.tasks.len() > 100 {
        return Err(invalid("Tasks cannot have more than 100 elements."));
    }
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let with_tags = request.include.iter().any(|part| part == "TAGS");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for given in &request.tasks {
        match arns.task_id(&cluster.name, given).and_then(|id| cluster.tasks.get(id)) {
            Some(task) => found.push(task.json(&arns, &cluster.name, with_tags)),
            None if given.starts_with("arn:") => failures.push(missing(given)),
            None => failures.push(missing(&arns.task(&cluster.name, given))),
        }
    }
    Ok(json!({ "tasks": found, "failures": failures }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    cluster: Option<String>,
    container_instance: Option<String>,
    family: Option<String>,
    started_by: Option<String>,
    service_name: Option<String>,
    desired_status: Option<String>,
    launch_type: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// Tasks by their desired status, RUNNING unless asked otherwise; the oldest first.
pub(in crate::ecs) fn list(world: &mut World, call: &Call) -> Answer {
    let request: List = input(call)?;
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let service = match &request.service_name {
        None => None,
        Some(given) => {
            let name = arns.service_name(&cluster.name, given).ok_or_else(service_not_found)?;
            if !cluster.services.contains_key(name) {
                return Err(service_not_found());
            }
            Some(name)
        }
    };
    let not_found = || invalid("Referenced container instance was not found.");
    let given = request.container_instance.as_deref();
    let instance = given.map(|it| arns.container_instance_id(&cluster.name, it).ok_or_else(not_found));
    let instance = instance.transpose()?;
    let wanted = match request.desired_status.as_deref() {
        // No task has PENDING as its desired status.
        None | Some("RUNNING") => Some("RUNNING"),
        Some("STOPPED") => Some("STOPPED"),
        Some("PENDING") => None,
        Some(unknown) => return Err(invalid(format!("Invalid desiredStatus: {unknown}"))),
    };
    let family = |definition: &str| {
        definition.rsplit('/').next().and_then(|name| name.split(':').next()).unwrap_or_default().to_owned()
    };
    let listed: Vec<_> = match service {
        Some(service) => cluster.tasks.of_service(service).collect(),
        None => cluster.tasks.values().collect(),
    };
    let mut tasks: Vec<_> = listed
        .into_iter()
        .filter(|task| Some(task.desired_status()) == wanted)
        .filter(|task| {
            let on = task.placed.as_ref().map(|placed| placed.instance.as_str());
            instance.is_none() || on == instance
        })
        .filter(|task| request.family.as_ref().is_none_or(|name| family(&task.definition) == *name))
        .filter(|task| request.started_by.is_none() || task.started_by == request.started_by)
        .filter(|task| {
            request.launch_type.as_deref().is_none_or(|kind| task.launch.task_launch_type() == kind)
        })
        .collect();
    tasks.sort_by_key(|task| (task.created, task.last == LastStatus::Stopped));
    let names = tasks.iter().map(|task| arns.task(&cluster.name, &task.id)).collect();
    let (names, next) = page(names, request.max_results, request.next_token.as_deref(), 100)?;
    Ok(pruned(json!({ "taskArns": names, "nextToken": next })))
}
