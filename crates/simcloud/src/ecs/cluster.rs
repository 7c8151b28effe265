//! Clusters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    arn::Arns,
    container_instance::{self, ContainerInstance},
    service::{Service, ServiceStatus},
    tags::{Tag, Tags},
    task::{Task, Tasks},
    wire::{Answer, client, cluster_not_found, input, invalid, missing, page, pruned},
};
use crate::{ApiError, Call, World};

/// A cluster with what runs in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Cluster {
    pub(super) name: String,
    pub(super) active: bool,
    pub(super) tags: Tags,
    settings: Value,
    configuration: Option<Value>,
    pub(super) capacity: Capacity,
    pub(super) services: BTreeMap<String, Service>,
    pub(super) tasks: Tasks,
    /// The container instances by id, deregistered ones included.
    #[serde(default)]
    pub(super) instances: BTreeMap<String, ContainerInstance>,
}

/// The capacity providers of a cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Capacity {
    pub(super) providers: Vec<String>,
    pub(super) default_strategy: Value,
}

impl Cluster {
    fn json(&self, arns: &Arns, include: &[String]) -> Value {
        let included = |part: &str| include.iter().any(|include| include == part);
        let tasks = |counts: fn(&Task) -> bool| self.tasks.values().filter(|task| counts(task)).count();
        pruned(json!({
            "clusterArn": arns.cluster(&self.name),
            "clusterName": self.name,
            "status": if self.active { "ACTIVE" } else { "INACTIVE" },
            "registeredContainerInstancesCount": self.registered().count(),
            "runningTasksCount": tasks(Task::is_running),
            "pendingTasksCount": tasks(Task::is_pending),
            "activeServicesCount": self.active_services(),
            "statistics": [],
            "tags": if included("TAGS") { self.tags.json() } else { json!([]) },
            "settings": if included("SETTINGS") { self.settings.clone() } else { json!([]) },
            "configuration": self.configuration.as_ref().filter(|_| included("CONFIGURATIONS")),
            "capacityProviders": self.capacity.providers,
            "defaultCapacityProviderStrategy": self.capacity.default_strategy,
        }))
    }

    /// The container instances that are not deregistered.
    fn registered(&self) -> impl Iterator<Item = &ContainerInstance> {
        self.instances.values().filter(|it| it.status != container_instance::Status::Inactive)
    }

    /// Returns true if a container instance can take tasks.
    pub(super) fn has_active(&self) -> bool {
        self.instances.values().any(ContainerInstance::is_active)
    }

    fn active_services(&self) -> usize {
        self.services.values().filter(|service| service.status == ServiceStatus::Active).count()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    cluster_name: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    settings: Option<Vec<Setting>>,
    configuration: Option<Value>,
    #[serde(default)]
    capacity_providers: Vec<String>,
    default_capacity_provider_strategy: Option<Value>,
}

#[derive(Clone, Deserialize, Serialize)]
struct Setting {
    name: String,
    value: String,
}

fn checked_settings(settings: Option<Vec<Setting>>) -> Result<Value, ApiError> {
    let settings = settings.unwrap_or_else(|| {
        vec![Setting { name: "containerInsights".to_owned(), value: "disabled".to_owned() }]
    });
    if settings.iter().any(|setting| setting.name != "containerInsights") {
        return Err(invalid("The cluster setting name must be containerInsights."));
    }
    Ok(json!(settings))
}

/// Fargate's capacity providers; no others are simulated.
pub(super) fn checked_providers(providers: &[String]) -> Result<(), ApiError> {
    match providers.iter().find(|name| !matches!(name.as_str(), "FARGATE" | "FARGATE_SPOT")) {
        Some(unknown) => Err(invalid(format!("The specified capacity provider '{unknown}' does not exist."))),
        None => Ok(()),
    }
}

/// Returns true if a name is one to 255 letters, digits, hyphens and underscores.
pub(super) fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Creating a cluster that is there answers with it, unchanged.
pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let request: Create = input(call)?;
    let name = request.cluster_name.unwrap_or_else(|| "default".to_owned());
    if !is_name(&name) {
        return Err(invalid(
            "The cluster name must be 1 to 255 characters: letters, numbers, hyphens and underscores.",
        ));
    }
    let arns = Arns::of(world, &call.region);
    checked_providers(&request.capacity_providers)?;
    let (tags, settings) = (Tags::checked(&request.tags)?, checked_settings(request.settings)?);
    let clusters = &mut world.ecs.region_mut(&call.region).clusters;
    if clusters.get(&name).is_none_or(|cluster| !cluster.active) {
        clusters.insert(
            name.clone(),
            Cluster {
                name: name.clone(),
                active: true,
                tags,
                settings,
                configuration: request.configuration,
                capacity: Capacity {
                    providers: request.capacity_providers,
                    default_strategy: request.default_capacity_provider_strategy.unwrap_or_else(|| json!([])),
                },
                services: BTreeMap::new(),
                tasks: Tasks::default(),
                instances: BTreeMap::new(),
            },
        );
        container_instance::register_declared(world, call.now, &call.region);
    }
    let clusters = &world.ecs.region_mut(&call.region).clusters;
    let everything = ["TAGS", "SETTINGS", "CONFIGURATIONS"].map(str::to_owned);
    Ok(json!({ "cluster": clusters.get(&name).map(|cluster| cluster.json(&arns, &everything)) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    clusters: Option<Vec<String>>,
    #[serde(default)]
    include: Vec<String>,
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let request: Describe = input(call)?;
    let arns = Arns::of(world, &call.region);
    let region = world.ecs.region_mut(&call.region);
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    let wanted =
        request.clusters.filter(|names| !names.is_empty()).unwrap_or_else(|| vec!["default".to_owned()]);
    if wanted.len() > 100 {
        return Err(invalid("Clusters cannot have more than 100 elements."));
    }
    for given in wanted {
        match arns.cluster_name(Some(&given)).and_then(|name| region.clusters.get(name)) {
            Some(cluster) => found.push(cluster.json(&arns, &request.include)),
            None if given.starts_with("arn:") => failures.push(missing(&given)),
            None => failures.push(missing(&arns.cluster(&given))),
        }
    }
    Ok(json!({ "clusters": found, "failures": failures }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    max_results: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let request: List = input(call)?;
    let arns = Arns::of(world, &call.region);
    let clusters = &world.ecs.region_mut(&call.region).clusters;
    let names = clusters
        .values()
        .filter(|cluster| cluster.active)
        .map(|cluster| arns.cluster(&cluster.name))
        .collect();
    let (names, next) = page(names, request.max_results, request.next_token.as_deref(), 100)?;
    Ok(pruned(json!({ "clusterArns": names, "nextToken": next })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    cluster: String,
    settings: Option<Vec<Setting>>,
    configuration: Option<Value>,
}

pub(super) fn update(world: &mut World, call: &Call) -> Answer {
    let request: Update = input(call)?;
    let arns = Arns::of(world, &call.region);
    let cluster = active(world, call, Some(&request.cluster))?;
    if request.settings.is_some() {
        cluster.settings = checked_settings(request.settings)?;
    }
    if request.configuration.is_some() {
        cluster.configuration = request.configuration;
    }
    Ok(json!({ "cluster": cluster.json(&arns, &["SETTINGS".to_owned(), "CONFIGURATIONS".to_owned()]) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutProviders {
    cluster: String,
    capacity_providers: Vec<String>,
    default_capacity_provider_strategy: Value,
}

pub(super) fn put_capacity_providers(world: &mut World, call: &Call) -> Answer {
    let request: PutProviders = input(call)?;
    checked_providers(&request.capacity_providers)?;
    let arns = Arns::of(world, &call.region);
    let cluster = active(world, call, Some(&request.cluster))?;
    cluster.capacity = Capacity {
        providers: request.capacity_providers,
        default_strategy: request.default_capacity_provider_strategy,
    };
    Ok(json!({ "cluster": cluster.json(&arns, &[]) }))
}

#[derive(Deserialize)]
struct Delete {
    cluster: String,
}

pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let request: Delete = input(call)?;
    let arns = Arns::of(world, &call.region);
    let cluster = active(world, call, Some(&request.cluster))?;
    if cluster.active_services() > 0 {
        return Err(ApiError::new(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        ));
    }
    if cluster.tasks.values().any(|task| !task.is_stopped()) {
        return Err(ApiError::new(
            "ClusterContainsTasksException",
            "The Cluster cannot be deleted while Tasks are active.",
        ));
    }
    if cluster.registered().next().is_some() {
        return Err(ApiError::new(
            "ClusterContainsContainerInstancesException",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        ));
    }
    cluster.active = false;
    Ok(json!({ "cluster": cluster.json(&arns, &[]) }))
}

/// The cluster that a request names, which must be active.
pub(super) fn active<'a>(
    world: &'a mut World,
    call: &Call,
    given: Option<&str>,
) -> Result<&'a mut Cluster, ApiError> {
    let arns = Arns::of(world, &call.region);
    let name = arns.cluster_name(given).ok_or_else(cluster_not_found)?;
    let cluster = world.ecs.region_mut(&call.region).clusters.get_mut(name).ok_or_else(cluster_not_found)?;
    if cluster.active { Ok(cluster) } else { Err(client("The referenced cluster was inactive.")) }
}
