//! The beginning of a task: PROVISIONING.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::{
        Due, ServiceKey, TaskKey, TaskStep,
        arn::Arns,
        at, between,
        network::AwsVpc,
        placement::Placed,
        service::{Launch, PropagateTags},
        tags::Tags,
        task_definition::{ContainerSpec, TaskDefinition},
    },
    Container, Health, Interface, LastStatus, Overrides, Task,
};
use crate::{Ids, Moment, World, registry::Behaviour};

/// The parameters of a new task.
pub(in crate::ecs) struct Order {
    pub(in crate::ecs) region: String,
    pub(in crate::ecs) cluster: String,
    pub(in crate::ecs) definition: TaskDefinition,
    pub(in crate::ecs) launch: Launch,
    pub(in crate::ecs) network: Option<AwsVpc>,
    pub(in crate::ecs) placed: Option<Placed>,
    pub(in crate::ecs) group: String,
    pub(in crate::ecs) started_by: Option<String>,
    pub(in crate::ecs) overrides: Overrides,
    pub(in crate::ecs) tags: Tags,
    pub(in crate::ecs) execute_command: bool,
    /// The service's name and its deployment's revision; the deployment is who started the task.
    pub(in crate::ecs) service: Option<(String, String)>,
}

/// Starts a task of a service's deployment, on a container instance if it has a place there, and returns its id.
pub(in crate::ecs) fn launch_for_service(
    world: &mut World,
    now: Moment,
    key: &ServiceKey,
    deployment: &str,
    placed: Option<Placed>,
) -> Option<String> {
    let arns = Arns::of(world, &key.region);
    let service = world.ecs.service(key)?;
    let deployment = service.deployments.iter().find(|known| known.id == deployment)?;
    let revision = service.revision(&deployment.revision)?;
    let definition = world.ecs.regions.get(&key.region)?.families.definition(&arns, &revision.definition)?;
    let mut tags = match service.propagate_tags {
        PropagateTags::Service => service.tags.clone(),
        PropagateTags::TaskDefinition => definition.tags.clone(),
        PropagateTags::None => Tags::default(),
    };
    if service.managed_tags {
        tags.0.insert("aws:ecs:clusterName".to_owned(), key.cluster.clone());
        tags.0.insert("aws:ecs:serviceName".to_owned(), key.service.clone());
    }
    let order = Order {
        region: key.region.clone(),
        cluster: key.cluster.clone(),
        definition: definition.clone(),
        launch: revision.launch.clone(),
        network: revision.network.clone(),
        placed,
        group: format!("service:{}", key.service),
        started_by: Some(deployment.id.clone()),
        overrides: Overrides::default(),
        tags,
        execute_command: service.execute_command,
        service: Some((key.service.clone(), revision.id.clone())),
    };
    launch(world, now, order)
}

/// Starts a task and answers its id, unless the cluster is gone.
pub(in crate::ecs) fn launch(world: &mut World, now: Moment, order: Order) -> Option<String> {
    let id = world.ids.hex(32);
    let on_fargate = order.launch.is_fargate();
    let spec = &order.definition.spec;
    let containers = spec
        .container_definitions
        .iter()
        .map(|container| Container::new(&mut world.ids, container))
        .collect();
    let interface = order.network.as_ref().and_then(|network| Interface::new(world, network));
    let (service, revision) = order.service.unzip();
    let architecture = match &order.placed {
        Some(placed) => placed.platform.1.as_str(),
        None => spec.platform().1,
    };
    let architecture = if architecture == "arm64" { "arm64" } else { "x86_64" }.to_owned();
    // Without a network interface there is nothing to provision.
    let last = if interface.is_some() || on_fargate { LastStatus::Provisioning } else { LastStatus::Pending };
    let (least, most) = if last == LastStatus::Provisioning { (7_000, 12_000) } else { (500, 2_000) };
    let task = Task {
        id: id.clone(),
        definition: order.definition.arn.clone(),
        group: order.group,
        deployment: service.as_ref().and(order.started_by.clone()),
        started_by: order.started_by,
        service,
        revision,
        launch: order.launch,
        network: order.network,
        interface,
        placed: order.placed,
        registered: Vec::new(),
        containers,
        cpu: order.overrides.cpu.clone().or(spec.cpu.clone()),
        memory: order.overrides.memory.clone().or(spec.memory.clone()),
        overrides: order.overrides,
        last,
        created: now,
        connected: None,
        pull_started: None,
        pull_stopped: None,
        started: None,
        stopping: None,
        execution_stopped: None,
        stopped: None,
        stop_code: None,
        stopped_reason: None,
        tags: order.tags,
        version: 1,
        execute_command: order.execute_command,
        architecture,
        // Fargate's tasks have 20 GiB where the definition doesn't say more.
        storage_gib: spec.ephemeral_storage.as_ref().map_or(20, |storage| storage.size_in_gib),
    };
    world.ecs.cluster_mut(&order.region, &order.cluster)?.tasks.insert(task);
    let wait = if on_fargate { world.launches.wait(&order.region, now) } else { Duration::ZERO };
    let attached = now + wait + between(&mut world.ids, least, most);
    let key = TaskKey { region: order.region, cluster: order.cluster, task: id.clone() };
    at(&mut world.agenda, attached, Due::Task(key, TaskStep::Attach));
    Some(id)
}

impl Container {
    fn new(ids: &mut Ids, spec: &ContainerSpec) -> Self {
        Self {
            id: ids.uuid(),
            name: spec.name.clone(),
            image: spec.image.clone(),
            essential: spec.is_essential(),
            cpu: spec.cpu,
            memory: spec.memory,
            memory_reservation: spec.memory_reservation,
            digest: None,
            behaviour: Behaviour::default(),
            runtime: None,
            last: LastStatus::Pending,
            exit_code: None,
            reason: None,
            health: spec.health_check.as_ref().map(|_| Health::Unknown),
            health_interval: spec
                .health_check
                .as_ref()
                .map(|check| check.interval.unwrap_or(30).max(1) as u64),
            log: None,
        }
    }
}

impl Interface {
    /// An interface in one of the network's subnets.
    fn new(world: &mut World, network: &AwsVpc) -> Option<Self> {
        let World { ids, ec2, .. } = world;
        let index = (ids.next_u64() % network.subnets.len().max(1) as u64) as usize;
        let subnet = ec2.subnet(network.subnets.get(index)?)?;
        Some(Self {
            attachment: ids.uuid(),
            id: format!("eni-{}", ids.hex(17)),
            subnet: subnet.id.clone(),
            zone: subnet.zone.clone(),
            mac: format!("0a:{}", (0..5).map(|_| ids.hex(2)).collect::<Vec<_>>().join(":")),
            address: subnet.address(ids)?,
        })
    }
}

impl Overrides {
    /// The command that a container gets in place of its own.
    pub(super) fn command(&self, container: &str) -> Option<Vec<String>> {
        let is_meant =
            |one: &&BTreeMap<_, _>| one.get("name").and_then(serde_json::Value::as_str) == Some(container);
        let command = self.container_overrides.iter().find(is_meant)?.get("command")?.as_array()?;
        Some(command.iter().filter_map(|argument| argument.as_str().map(str::to_owned)).collect())
    }

    /// The names of the containers that are overridden.
    pub(super) fn containers(&self) -> impl Iterator<Item = Option<&str>> {
        self.container_overrides
            .iter()
            .map(|container: &BTreeMap<_, _>| container.get("name").and_then(serde_json::Value::as_str))
    }
}
