//! The operations on container instances.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        TaskKey,
        arn::Arns,
        cluster,
        placement::{Candidate, Expression},
        scheduler,
        tags::{Tag, Tags},
        task::{self, StopCode},
        wire::{Answer, client, input, invalid, missing, page, pruned},
    },
    ARCHITECTURE, ContainerInstance, OS, Resources, Status, TYPE, ZONE,
};
use crate::{ApiError, Call, World};

/// The instance identity document, as far as ECS reads it.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    instance_id: String,
    instance_type: Option<String>,
    availability_zone: Option<String>,
    region: Option<String>,
    account_id: Option<String>,
    architecture: Option<String>,
    image_id: Option<String>,
}

impl Identity {
    fn read(document: &str) -> Result<Self, ApiError> {
        serde_json::from_str(document)
            .map_err(|error| client(format!("The instance identity document is not valid: {error}")))
    }

    fn check(&self, world: &World, call: &Call) -> Result<(), ApiError> {
        let is_foreign = |own: &str, given: &Option<String>| given.as_ref().is_some_and(|it| it != own);
        if is_foreign(&call.region, &self.region) || is_foreign(&world.account, &self.account_id) {
            return Err(client(format!(
                "The instance identity document of {} is of another account or region.",
                self.instance_id
            )));
        }
        if !self.instance_id.starts_with("i-") {
            return Err(client("The instance identity document has no valid instanceId."));
        }
        Ok(())
    }

    /// The attributes that ECS itself gives to an instance.
    fn attributes(self) -> impl Iterator<Item = (String, Option<String>)> {
        [
            (TYPE, self.instance_type),
            (ZONE, self.availability_zone),
            (ARCHITECTURE, self.architecture),
            ("ecs.ami-id", self.image_id),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Some(value?))))
    }
}

#[derive(Deserialize)]
struct Attribute {
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    name: String,
    integer_value: Option<i64>,
    string_set_value: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Register {
    cluster: Option<String>,
    instance_identity_document: Option<String>,
    container_instance_arn: Option<String>,
    #[serde(default)]
    total_resources: Vec<Resource>,
    version_info: Option<Value>,
    #[serde(default)]
    attributes: Vec<Attribute>,
    #[serde(default)]
    tags: Vec<Tag>,
}

fn room(resources: &[Resource]) -> Result<Resources, ApiError> {
    let find = |name: &str| resources.iter().find(|resource| resource.name == name);
    let number = |name: &str| {
        let value = find(name).and_then(|resource| resource.integer_value).unwrap_or_default();
        if value >= 0 {
            Ok(value)
        } else {
            Err(invalid(format!("The resource {name} must not be negative.")))
        }
    };
    let ports = |name: &str| {
        let ports = find(name).and_then(|resource| resource.string_set_value.as_ref()).into_iter().flatten();
        let number = |port: &String| {
            port.parse::<u16>().map_err(|_| invalid(format!("The resource {name} has no port {port}.")))
        };
        ports.map(number).collect::<Result<BTreeSet<_>, _>>()
    };
    Ok(Resources::room(number("CPU")?, number("MEMORY")?, ports("PORTS")?, ports("PORTS_UDP")?))
}

/// Registers an instance, or brings up to date the one whose ARN is given.
pub(in crate::ecs) fn register(world: &mut World, call: &Call) -> Answer {
    let request: Register = input(call)?;
    let arns = Arns::of(world, &call.region);
    let document = request
        .instance_identity_document
        .ok_or_else(|| client("The instance identity document must be given."))?;
    let identity = Identity::read(&document)?;
    identity.check(world, call)?;
    let (room, tags) = (room(&request.total_resources)?, Tags::checked(&request.tags)?);
    let id = world.ids.hex(32);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let ec2_id = identity.instance_id.clone();
    let mut attributes: BTreeMap<_, _> = identity.attributes().collect();
    attributes.extend(request.attributes.into_iter().map(|attribute| (attribute.name, attribute.value)));
    attributes.entry(OS.to_owned()).or_insert_with(|| Some("linux".to_owned()));
    let known = request.container_instance_arn.as_deref();
    let known = known.and_then(|arn| arns.container_instance_id(&cluster.name, arn));
    let known = known.and_then(|id| cluster.instances.get(id)).filter(|it| it.status != Status::Inactive);
    let machine = known.and_then(|known| known.machine.clone());
    let (id, status, registered_at, version) = match known {
        Some(known) => (known.id.clone(), known.status, known.registered_at, known.version + 1),
        None if request.container_instance_arn.is_some() => {
            return Err(client("The referenced container instance was not found."));
        }
        None => (id, Status::Active, call.now, 1),
    };
    let instance = ContainerInstance {
        id: id.clone(),
        ec2_id,
        status,
        registered_at,
        room,
        attributes,
        tags,
        version_info: request.version_info.unwrap_or_else(|| json!({})),
        machine,
        version,
    };
    cluster.instances.insert(id.clone(), instance);
    let shown = cluster.instances.get(&id).map(|instance| instance.json(&arns, cluster, true));
    let name = cluster.name.clone();
    scheduler::capacity_changed(world, call.now, &call.region, &name);
    Ok(json!({ "containerInstance": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deregister {
    cluster: Option<String>,
    container_instance: String,
    #[serde(default)]
    force: bool,
}

/// Deregisters an instance. Tasks that run on it stop, if that is forced.
pub(in crate::ecs) fn deregister(world: &mut World, call: &Call) -> Answer {
    let request: Deregister = input(call)?;
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let name = cluster.name.clone();
    let id = arns.container_instance_id(&name, &request.container_instance).map(str::to_owned);
    let id = id.filter(|id| cluster.instances.get(id).is_some_and(|it| it.status != Status::Inactive));
    let id = id.ok_or_else(|| {
        invalid(format!("Referenced container instance {} not found.", request.container_instance))
    })?;
    let tasks: Vec<String> = cluster.tasks_on(&id).map(|task| task.id.clone()).collect();
    if !request.force && cluster.tasks_on(&id).any(|task| task.is_running()) {
        return Err(invalid("Found running tasks on the instance."));
    }
    if let Some(instance) = cluster.instances.get_mut(&id) {
        instance.set(Status::Inactive);
    }
    for task in tasks {
        let key = TaskKey { region: call.region.clone(), cluster: name.clone(), task };
        let reason = "Container instance deregistration forced by user.";
        task::begin_stop(world, call.now, &key, StopCode::UserInitiated, reason);
    }
    scheduler::capacity_changed(world, call.now, &call.region, &name);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let shown = cluster.instances.get(&id).map(|instance| instance.json(&arns, cluster, false));
    Ok(json!({ "containerInstance": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    cluster: Option<String>,
    #[serde(default)]
    container_instances: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

pub(in crate::ecs) fn describe(world: &mut World, call: &Call) -> Answer {
    let request: Describe = input(call)?;
    if request.container_instances.is_empty() {
        return Err(client("Container Instances cannot be empty."));
    }
    if request.container_instances.len() > 100 {
        return Err(invalid("Container instances cannot have more than 100 elements."));
    }
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let with_tags = request.include.iter().any(|part| part == "TAGS");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for given in &request.container_instances {
        let id = arns.container_instance_id(&cluster.name, given);
        match id.and_then(|id| cluster.instances.get(id)) {
            Some(instance) => found.push(instance.json(&arns, cluster, with_tags)),
            None if given.starts_with("arn:") => failures.push(missing(given)),
            None => failures.push(missing(&arns.container_instance(&cluster.name, given))),
        }
    }
    Ok(json!({ "containerInstances": found, "failures": failures }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    cluster: Option<String>,
    filter: Option<String>,
    status: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// Lists the instances that are not deregistered, or those of a status, that meet the filter.
pub(in crate::ecs) fn list(world: &mut World, call: &Call) -> Answer {
    let request: List = input(call)?;
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let status = match request.status.as_deref() {
        None => None,
        Some("ACTIVE") => Some(Status::Active),
        Some("DRAINING") => Some(Status::Draining),
        // Registrations and deregistrations are over at once.
        Some("REGISTERING" | "REGISTRATION_FAILED" | "DEREGISTERING") => Some(Status::Inactive),
        Some(unknown) => return Err(invalid(format!("Invalid status: {unknown}"))),
    };
    let filter = request.filter.as_deref().map(Expression::parse).transpose()?;
    let listed = cluster.instances.values().filter(|instance| instance.status != Status::Inactive);
    let listed = listed.filter(|instance| status.is_none_or(|status| instance.status == status));
    let mut listed: Vec<_> = listed
        .filter(|instance| {
            filter.as_ref().is_none_or(|filter| filter.is_met_by(&Candidate::new(cluster, instance)))
        })
        .collect();
    listed.sort_by_key(|instance| (instance.registered_at, &instance.id));
    let names = listed.iter().map(|instance| arns.container_instance(&cluster.name, &instance.id)).collect();
    let (names, next) = page(names, request.max_results, request.next_token.as_deref(), 100)?;
    Ok(pruned(json!({ "containerInstanceArns": names, "nextToken": next })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateState {
    cluster: Option<String>,
    #[serde(default)]
    container_instances: Vec<String>,
    status: String,
}

pub(in crate::ecs) fn update_state(world: &mut World, call: &Call) -> Answer {
    let request: UpdateState = input(call)?;
    if request.container_instances.is_empty() || request.container_instances.len() > 10 {
        return Err(invalid("Container instances must have between 1 and 10 elements."));
    }
    let status = match request.status.as_str() {
        "ACTIVE" => Status::Active,
        "DRAINING" => Status::Draining,
        _ => return Err(invalid("Container instance status should be one of [ACTIVE, DRAINING]")),
    };
    let arns = Arns::of(world, &call.region);
    let cluster = cluster::active(world, call, request.cluster.as_deref())?;
    let name = cluster.name.clone();
    let (mut changed, mut failures) = (Vec::new(), Vec::new());
    for given in &request.container_instances {
        let id = arns.container_instance_id(&name, given).unwrap_or_default();
        match cluster.instances.get_mut(id) {
            Some(instance) if instance.status == Status::Inactive => {
                let arn = arns.container_instance(&name, id);
                failures.push(json!({ "arn": arn, "reason": "INACTIVE" }));
            }
            Some(instance) => {
                instance.set(status);
                changed.push(id.to_owned());
            }
            None => failures.push(missing(given)),
        }
    }
    let shown = changed.iter().filter_map(|id| cluster.instances.get(id));
    let shown: Vec<Value> = shown.map(|instance| instance.json(&arns, cluster, false)).collect();
    scheduler::capacity_changed(world, call.now, &call.region, &name);
    Ok(json!({ "containerInstances": shown, "failures": failures }))
}
