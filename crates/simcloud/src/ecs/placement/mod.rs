//! Placement: the container instance on which a task runs.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement.html>

mod constraint;
mod expression;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub(super) use self::{
    constraint::{Constraint, Field, Resource, Strategy},
    expression::{Expression, Subject},
};
use super::{
    ServiceKey,
    arn::Arns,
    cluster::Cluster,
    container_instance::{ContainerInstance, Protocol, Resources, ZONE},
    service::{Launch, Scheduling, Service},
    task::Task,
    task_definition::{PortMapping, TaskDefinition, TaskSpec},
    wire::invalid,
};
use crate::{ApiError, Call, Ids, World};

/// The place of a task: its container instance, and its share of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Placed {
    /// The container instance's id.
    pub(super) instance: String,
    pub(super) ec2_id: String,
    pub(super) zone: Option<String>,
    /// The operating system and the architecture.
    pub(super) platform: (String, String),
    pub(super) taken: Resources,
    /// The ports of containers that are ports of the instance, too.
    pub(super) bindings: Vec<Binding>,
}

/// A port of a container that is a port of the instance, too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Binding {
    pub(super) container: String,
    pub(super) container_port: u16,
    pub(super) host_port: u16,
    pub(super) protocol: Protocol,
}

/// The reason for which an instance cannot take a task. The later ones are closer to a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Obstacle {
    MemberOf,
    DistinctInstance,
    Attribute,
    Ports,
    Cpu,
    Memory,
}

impl Obstacle {
    /// The reason of a failure of `RunTask`.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::MemberOf => "MemberOf placement constraint unsatisfied.",
            Self::DistinctInstance => "DistinctInstance placement constraint unsatisfied.",
            Self::Attribute => "ATTRIBUTE",
            Self::Ports => "RESOURCE:PORTS",
            Self::Cpu => "RESOURCE:CPU",
            Self::Memory => "RESOURCE:MEMORY",
        }
    }

    /// The predicate of "The closest matching (container-instance …)".
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>
    fn predicate(self) -> String {
        match self {
            Self::MemberOf | Self::DistinctInstance => format!("encountered error \"{}\"", self.reason()),
            Self::Attribute => "is missing an attribute required by your task".to_owned(),
            Self::Ports => "is already using a port required by your task".to_owned(),
            Self::Cpu => "has insufficient CPU units available".to_owned(),
            Self::Memory => "has insufficient memory available".to_owned(),
        }
    }
}

/// The instances of a cluster that cannot take a task, each with the reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Unplaced(pub(super) Vec<(String, Obstacle)>);

impl Unplaced {
    /// The sentence of a service event.
    pub(super) fn message(&self) -> String {
        // Of several that are as close, the first one.
        let closest = self.0.iter().rev().max_by_key(|(_, obstacle)| *obstacle);
        match closest {
            None => "Reason: No Container Instances were found in your cluster.".to_owned(),
            Some((id, obstacle)) => {
                format!("The closest matching (container-instance {id}) {}.", obstacle.predicate())
            }
        }
    }
}

/// An instance that is looked at for a task, or for a filter.
pub(super) struct Candidate<'a> {
    cluster: &'a Cluster,
    instance: &'a ContainerInstance,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(cluster: &'a Cluster, instance: &'a ContainerInstance) -> Self {
        Self { cluster, instance }
    }

    fn tasks(&self) -> impl Iterator<Item = &'a Task> {
        self.cluster.tasks_on(&self.instance.id)
    }

    /// The values of a subject of an expression.
    fn values(&self, subject: &Subject) -> Vec<String> {
        let instance = self.instance;
        match subject {
            Subject::Attribute(name) => {
                let value = instance.attributes.get(name);
                value.map(|value| value.clone().unwrap_or_default()).into_iter().collect()
            }
            Subject::TaskGroup => self.tasks().map(|task| task.group.clone()).collect(),
            Subject::Ec2InstanceId => vec![instance.ec2_id.clone()],
            Subject::AgentConnected => vec!["true".to_owned()],
            Subject::AgentVersion => instance.agent_version().map(str::to_owned).into_iter().collect(),
            Subject::RunningTasks => vec![self.tasks().filter(|task| task.is_running()).count().to_string()],
        }
    }
}

/// The demands of a task, and the preferences of its starter.
pub(super) struct Wanted<'a> {
    definition: &'a TaskDefinition,
    /// The group that the task belongs to.
    group: &'a str,
    constraints: Vec<Constraint>,
    strategies: Vec<Strategy>,
    cpu: i64,
    memory: i64,
}

impl<'a> Wanted<'a> {
    /// A task of `definition`, with the sizes that it overrides.
    pub(super) fn new(
        definition: &'a TaskDefinition,
        group: &'a str,
        constraints: Vec<Constraint>,
        strategies: Vec<Strategy>,
        [cpu, memory]: [Option<&str>; 2],
    ) -> Self {
        let spec = &definition.spec;
        let number = |own: Option<&str>, given: &Option<String>| {
            own.or(given.as_deref()).and_then(|text| text.parse::<i64>().ok())
        };
        let containers = spec.container_definitions.iter();
        let memory_of_containers =
            containers.clone().map(|it| it.memory_reservation.or(it.memory).unwrap_or(0));
        Self {
            definition,
            group,
            constraints,
            strategies,
            cpu: number(cpu, &spec.cpu).unwrap_or_else(|| containers.map(|it| it.cpu).sum()),
            memory: number(memory, &spec.memory).unwrap_or_else(|| memory_of_containers.sum()),
        }
    }

    /// A task of a service. Its constraints and strategies were checked when they were given.
    fn of_service(definition: &'a TaskDefinition, group: &'a str, service: &Service) -> Self {
        let members = &service.members;
        let constraints = Constraint::all(members.items("placementConstraints")).unwrap_or_default();
        let mut strategies = Strategy::all(members.items("placementStrategy")).unwrap_or_default();
        if strategies.is_empty() {
            strategies =
                vec![Strategy::Spread(Field::Attribute(ZONE.to_owned())), Strategy::Spread(Field::Instance)];
        }
        Self::new(definition, group, constraints, strategies, [None, None])
    }

    fn of_definition(&self) -> Vec<Constraint> {
        Constraint::all(&self.definition.spec.placement_constraints).unwrap_or_default()
    }

    /// Returns what an instance lacks, whatever room it has.
    fn mismatch(&self, candidate: &Candidate<'_>) -> Option<Obstacle> {
        for constraint in self.constraints.iter().chain(&self.of_definition()) {
            match constraint {
                Constraint::MemberOf(expression) if !expression.is_met_by(candidate) => {
                    return Some(Obstacle::MemberOf);
                }
                Constraint::DistinctInstance if candidate.tasks().any(|task| task.group == self.group) => {
                    return Some(Obstacle::DistinctInstance);
                }
                _ => {}
            }
        }
        let has = |name: &&str| candidate.instance.attributes.contains_key(*name);
        let fits = self.definition.required_attributes().all(|name| has(&name))
            && is_platform(&self.definition.spec, candidate.instance);
        (!fits).then_some(Obstacle::Attribute)
    }

    /// The place of the task on an instance, or what is in the way.
    fn place_on(&self, candidate: &Candidate<'_>) -> Result<Placed, Obstacle> {
        if let Some(obstacle) = self.mismatch(candidate) {
            return Err(obstacle);
        }
        let instance = candidate.instance;
        let left = instance.room.without(&candidate.cluster.taken_on(&instance.id));
        let mut taken = Resources::of(self.cpu, self.memory);
        let bindings = bind(&self.definition.spec, &left, &mut taken).ok_or(Obstacle::Ports)?;
        if left.cpu < self.cpu {
            return Err(Obstacle::Cpu);
        }
        if left.memory < self.memory {
            return Err(Obstacle::Memory);
        }
        let (os, architecture) = instance.platform();
        Ok(Placed {
            instance: instance.id.clone(),
            ec2_id: instance.ec2_id.clone(),
            zone: instance.zone().map(str::to_owned),
            platform: (os.to_owned(), architecture.to_owned()),
            taken,
            bindings,
        })
    }

    /// Chooses an instance among those that can take the task.
    fn choose(&self, cluster: &Cluster, ids: &mut Ids) -> Result<Placed, Unplaced> {
        let mut active: Vec<_> = cluster.instances.values().filter(|it| it.is_active()).collect();
        active.sort_by_key(|instance| (instance.registered_at, &instance.id));
        let (mut fitting, mut unplaced) = (Vec::new(), Unplaced::default());
        for instance in active {
            match self.place_on(&Candidate { cluster, instance }) {
                Ok(placed) => fitting.push((instance, placed)),
                Err(obstacle) => unplaced.0.push((instance.id.clone(), obstacle)),
            }
        }
        for strategy in &self.strategies {
            let ranks: Vec<i64> =
                fitting.iter().map(|(instance, _)| self.rank(strategy, cluster, instance)).collect();
            let best = ranks.iter().min().copied();
            let mut ranks = ranks.into_iter();
            fitting.retain(|_| ranks.next() == best);
        }
        let index = match fitting.len() {
            0 => return Err(unplaced),
            1 => 0,
            count => ids.next_u64() as usize % count,
        };
        Ok(fitting.swap_remove(index).1)
    }

    /// The rank of an instance by a strategy: the lower, the better.
    fn rank(&self, strategy: &Strategy, cluster: &Cluster, instance: &ContainerInstance) -> i64 {
        let of_group = |id: &str| cluster.tasks_on(id).filter(|task| task.group == self.group).count();
        match strategy {
            Strategy::Random => 0,
            Strategy::Spread(Field::Instance) => of_group(&instance.id) as i64,
            Strategy::Spread(Field::Attribute(name)) => {
                let value = instance.attributes.get(name);
                let alike = cluster.instances.values().filter(|it| it.attributes.get(name) == value);
                alike.map(|it| of_group(&it.id)).sum::<usize>() as i64
            }
            Strategy::Binpack(resource) => {
                let left = instance.room.without(&cluster.taken_on(&instance.id));
                match resource {
                    Resource::Cpu => left.cpu,
                    Resource::Memory => left.memory,
                }
            }
        }
    }
}

/// Returns true if the instance has the platform that the task definition names, if it names one.
fn is_platform(spec: &TaskSpec, instance: &ContainerInstance) -> bool {
    let Some(platform) = &spec.runtime_platform else { return true };
    let (os, architecture) = spec.platform();
    let own = instance.platform();
    (platform.operating_system_family.is_none() || own.0 == os)
        && (platform.cpu_architecture.is_none() || own.1 == architecture)
}

/// Binds the host ports of a task, and adds them to `taken`. Returns `None` if one is in use.
fn bind(spec: &TaskSpec, left: &Resources, taken: &mut Resources) -> Option<Vec<Binding>> {
    let mode = spec.network_mode.as_deref().unwrap_or("bridge");
    if !matches!(mode, "bridge" | "host") {
        return Some(Vec::new());
    }
    let mappings = || {
        let containers = spec.container_definitions.iter();
        containers
            .flat_map(|container| container.port_mappings.iter().map(move |mapping| (container, mapping)))
    };
    let port = |port: Option<i64>| port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    let fixed = |mapping: &PortMapping| match mode {
        "host" => port(mapping.container_port),
        _ => port(mapping.host_port),
    };
    for (_, mapping) in mappings() {
        let protocol = Protocol::of(mapping.protocol.as_deref());
        if let Some(host_port) = fixed(mapping) {
            if left.ports(protocol).contains(&host_port) {
                return None;
            }
            taken.take(protocol, host_port);
        }
    }
    let mut bindings = Vec::new();
    for (container, mapping) in mappings() {
        let protocol = Protocol::of(mapping.protocol.as_deref());
        let Some(container_port) = port(mapping.container_port) else { continue };
        let host_port = match fixed(mapping) {
            Some(host_port) => host_port,
            None => left.free_port(protocol, taken)?,
        };
        taken.take(protocol, host_port);
        bindings.push(Binding { container: container.name.clone(), container_port, host_port, protocol });
    }
    Some(bindings)
}

/// Refuses placement where nothing is placed.
///
/// # Errors
/// Constraints and strategies of tasks on Fargate.
pub(super) fn check_launch(call: &Call, is_on_fargate: bool) -> Result<(), ApiError> {
    for (member, what) in [("placementConstraints", "constraints"), ("placementStrategy", "strategies")] {
        if is_on_fargate && !call.list(member).is_empty() {
            return Err(invalid(format!("Placement {what} are not supported with FARGATE launch type.")));
        }
    }
    Ok(())
}

/// Checks the placement of a service.
///
/// # Errors
/// Constraints and strategies that are not valid, or that Fargate has no use for, and daemons on Fargate.
pub(super) fn check_service(call: &Call, launch: &Launch, scheduling: Scheduling) -> Result<(), ApiError> {
    check_launch(call, launch.is_fargate())?;
    Constraint::all(call.list("placementConstraints"))?;
    Strategy::all(call.list("placementStrategy"))?;
    if launch.is_fargate() && scheduling == Scheduling::Daemon {
        return Err(invalid("The daemon scheduling strategy does not support the FARGATE launch type."));
    }
    Ok(())
}

/// Finds a place for a task.
pub(super) fn place(
    world: &mut World,
    [region, cluster]: [&str; 2],
    wanted: &Wanted<'_>,
) -> Result<Placed, Unplaced> {
    let World { ecs, ids, .. } = world;
    match ecs.regions.get(region).and_then(|region| region.clusters.get(cluster)) {
        Some(cluster) => wanted.choose(cluster, ids),
        None => Err(Unplaced::default()),
    }
}

/// Finds a place for a task of a service's deployment: on the container instance `on`, if it is given.
pub(super) fn place_for_service(
    world: &mut World,
    key: &ServiceKey,
    deployment: &str,
    on: Option<&str>,
) -> Result<Placed, Unplaced> {
    let arns = Arns::of(world, &key.region);
    let group = format!("service:{}", key.service);
    let World { ecs, ids, .. } = world;
    let found = || {
        let region = ecs.regions.get(&key.region)?;
        let cluster = region.clusters.get(&key.cluster)?;
        let service = cluster.services.get(&key.service)?;
        let deployment = service.deployments.iter().find(|known| known.id == deployment)?;
        let revision = service.revision(&deployment.revision)?;
        let definition = region.families.definition(&arns, &revision.definition)?;
        Some((cluster, Wanted::of_service(definition, &group, service)))
    };
    let Some((cluster, wanted)) = found() else { return Err(Unplaced::default()) };
    let Some(on) = on else { return wanted.choose(cluster, ids) };
    let Some(instance) = cluster.instances.get(on) else { return Err(Unplaced::default()) };
    wanted
        .place_on(&Candidate { cluster, instance })
        .map_err(|obstacle| Unplaced(vec![(on.to_owned(), obstacle)]))
}

/// The active container instances that a task of a service may run on, whatever room they have.
pub(super) fn matching(world: &World, key: &ServiceKey) -> BTreeSet<String> {
    let arns = Arns::of(world, &key.region);
    let group = format!("service:{}", key.service);
    let found = || {
        let region = world.ecs.regions.get(&key.region)?;
        let cluster = region.clusters.get(&key.cluster)?;
        let service = cluster.services.get(&key.service)?;
        let primary = service.deployments.first()?;
        let revision = service.revision(&primary.revision)?;
        let definition = region.families.definition(&arns, &revision.definition)?;
        Some((cluster, Wanted::of_service(definition, &group, service)))
    };
    let Some((cluster, mut wanted)) = found() else { return BTreeSet::new() };
    // The service's own tasks are not in the way of its next ones.
    wanted.constraints.retain(|constraint| !matches!(constraint, Constraint::DistinctInstance));
    let active = cluster.instances.values().filter(|instance| instance.is_active());
    let matching = active.filter(|instance| wanted.mismatch(&Candidate { cluster, instance }).is_none());
    matching.map(|instance| instance.id.clone()).collect()
}
