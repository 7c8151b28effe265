//! The agent that prepares a task: with the execution role it reads secrets and registry credentials and
//! opens log streams, then it pulls the images.
//!
//! Credentials are read again for every pull instead of being kept: they must not get into the state.

mod client;
mod credentials;
mod documents;
mod ecr;
mod environment_files;
mod errand;
mod image_reference;
mod isolation;
mod logs;
mod refusal;
mod role;
mod secrets;
mod value_from;

use std::time::Duration;

pub(super) use self::value_from::ValueFrom;
use self::{
    client::Pull, credentials::Credentials, image_reference::ImageReference, refusal::Refusal, role::Role,
};
pub use self::{client::Pulled, errand::Errand};
use super::{
    Due, TaskKey, TaskStep,
    arn::Arns,
    at, between,
    container_instance::ContainerInstance,
    scheduler,
    task_definition::{ContainerSpec, TaskSpec},
};
use crate::{Moment, World, partition::ecr_registry, registry};

/// The time after which a pull through a socket is given up.
const OVERDUE: Duration = Duration::from_secs(600);

/// Returns true if a text is the name of an image.
pub(super) fn is_image(text: &str) -> bool {
    ImageReference::parse(text).is_some()
}

/// Returns the task definition of a task.
fn task_spec(world: &World, key: &TaskKey) -> Option<TaskSpec> {
    let task = world.ecs.task(key)?;
    let arns = Arns::of(world, &key.region);
    Some(world.ecs.regions.get(&key.region)?.families.definition(&arns, &task.definition)?.spec.clone())
}

/// The platform of the images: that of the container instance, or else that of the task definition.
fn platform(world: &World, key: &TaskKey, spec: &TaskSpec) -> (&'static str, &'static str) {
    let task = world.ecs.task(key).and_then(|task| task.placed.as_ref());
    let instance = task.and_then(|placed| {
        let cluster = world.ecs.regions.get(&key.region)?.clusters.get(&key.cluster)?;
        cluster.instances.get(&placed.instance)
    });
    instance.map_or_else(|| spec.platform(), ContainerInstance::platform)
}

/// Everything before the pulls. The first thing that is refused ends the task.
pub(super) fn prepare(world: &mut World, now: Moment, key: &TaskKey) {
    let Some(spec) = task_spec(world, key) else { return };
    match try_prepare(world, now, key, &spec) {
        Ok(()) => {
            if let Some(task) = world.ecs.task_mut(key) {
                task.pull_started = Some(now);
            }
            plan(world, now, key, TaskStep::Pull(0), 500, 1_500);
        }
        Err(Refusal { reason, slow }) => {
            let service = world.ecs.task(key).and_then(|task| task.service_key(key));
            if let Some(service) = service.filter(|_| reason.starts_with("ECS was unable to assume the role"))
            {
                let message =
                    format!("(service {}) failed to launch a task with (error {reason}).", service.service);
                scheduler::say(world, now, &service, message);
            }
            plan_failure(world, now, key, reason, slow);
        }
    }
}

fn try_prepare(world: &mut World, now: Moment, key: &TaskKey, spec: &TaskSpec) -> Result<(), Refusal> {
    let role = role::assume(world, now, key, spec)?;
    isolation::check(world, now, key, spec)?;
    for container in &spec.container_definitions {
        Credentials::read(world, now, key, role.as_ref(), container)?;
        ecr::log_in(world, now, role.as_ref(), &container.image)?;
    }
    for container in &spec.container_definitions {
        secrets::read(world, now, key, role.as_ref(), container)?;
    }
    environment_files::read(world, now, role.as_ref(), spec)?;
    logs::open(world, now, key, role.as_ref(), spec)
}

/// Pulls the image of the container at `index`: at once from a simulated registry, as an errand from a real
/// one on this machine, and in vain from anywhere else.
pub(super) fn pull(world: &mut World, now: Moment, key: &TaskKey, index: usize) -> Option<Errand> {
    let spec = task_spec(world, key)?;
    let container = spec.container_definitions.get(index)?;
    match begin_pull(world, now, key, &spec, container) {
        Err(refusal) => {
            plan_failure(world, now, key, refusal.reason, refusal.slow);
            None
        }
        Ok((mut pull, pinned)) => {
            let host = pull.host().to_owned();
            if !world.registries.knows(&host) && registry::is_this_machine(&host) {
                let overdue = now + OVERDUE;
                at(&mut world.agenda, overdue, Due::Task(key.clone(), TaskStep::PullOverdue(index)));
                return Some(Errand::new(key.clone(), index, pull));
            }
            let mut result = loop {
                let request = pull.request();
                let to = request
                    .uri()
                    .authority()
                    .map(|authority| authority.as_str().to_owned())
                    .unwrap_or(host.clone());
                // Amazon ECR redirects to Amazon S3, where the content is.
                let bucket = ecr_registry(&to).filter(|_| request.uri().path().contains("/blobs/"));
                let service = ecr_registry(&to).map(|(_, region)| match bucket {
                    Some(_) => ("s3", region),
                    None => ("ecr.dkr", region),
                });
                let answer = if !isolation::reaches(world, now, key, service) {
                    Err(client::Unreachable::timeout(&to, bucket.map(|(_, region)| region)))
                } else if world.registries.reachable(&to) {
                    Ok(registry::http(&mut world.registries, now, request, &to))
                } else {
                    Err(client::Unreachable::timeout(&to, None))
                };
                if let Some(result) = pull.take(answer) {
                    break result;
                }
            };
            if let (Some(digest), Ok(image)) = (pinned, &mut result.0) {
                image.digest = digest;
            }
            pulled(world, now, key, index, result);
            None
        }
    }
}

/// The pull of a container's image, and the digest by which it goes where that is not its content's.
fn begin_pull(
    world: &World,
    now: Moment,
    key: &TaskKey,
    spec: &TaskSpec,
    container: &ContainerSpec,
) -> Result<(Pull, Option<String>), Refusal> {
    let role = role::assume(world, now, key, spec)?;
    let credentials = Credentials::read(world, now, key, role.as_ref(), container)?;
    let Some(mut image) = ImageReference::parse(&container.image) else {
        return Err(Refusal::new(format!(
            "CannotPullContainerError: failed to parse image reference {}: invalid reference format",
            container.image
        )));
    };
    if container.pins_digest()
        && image.digest.is_none()
        && let Some(digest) = pinned(world, key, &container.name)
    {
        image.digest = Some(digest);
    }
    ecr::may_pull(world, now, role.as_ref(), &container.image, &image.repository)?;
    // An improvised image is pulled by its tag and reports the digest: no content can be made up for a given digest.
    let improvised = world.registries.improvises(image.api_host());
    let pinned = if improvised { image.digest.take() } else { None };
    let seen = || world.registries.seen(&image.host, &image.repository, image.reference()).map(str::to_owned);
    let pinned = pinned.or_else(seen);
    Ok((Pull::new(image, platform(world, key, spec), credentials), pinned))
}

/// The digest to which the first task of the service revision resolved the image's tag.
fn pinned(world: &World, key: &TaskKey, container: &str) -> Option<String> {
    let task = world.ecs.task(key)?;
    let service = world.ecs.service(&task.service_key(key)?)?;
    service.revision(task.revision.as_deref()?)?.images.get(container)?.digest.clone()
}

/// Takes the result of a pull.
pub(super) fn pulled(world: &mut World, now: Moment, key: &TaskKey, index: usize, result: Pulled) {
    let Some(spec) = task_spec(world, key) else { return };
    let Some(task) = world.ecs.task_mut(key).filter(|task| !task.is_stopping()) else { return };
    let Some(container) = task.containers.get_mut(index).filter(|container| container.digest.is_none())
    else {
        return;
    };
    match result.0 {
        Ok(image) => {
            container.digest = Some(image.digest.clone());
            container.behaviour = image.behaviour;
            let (name, revision, service) =
                (container.name.clone(), task.revision.clone(), task.service_key(key));
            let pins = spec.container_definitions.get(index).is_some_and(ContainerSpec::pins_digest);
            if let (true, Some(service), Some(revision)) = (pins, service, revision)
                && let Some(revision) =
                    world.ecs.service_mut(&service).and_then(|service| service.revision_mut(&revision))
                && let Some(pinned) = revision.images.get_mut(&name)
            {
                pinned.digest.get_or_insert(image.digest);
            }
            plan(world, now, key, TaskStep::Pull(index + 1), 3_000, 9_000);
        }
        Err(Refusal { reason, slow }) => plan_failure(world, now, key, reason, slow),
    }
}

/// A pull from a real registry has not come back.
pub(super) fn pull_overdue(world: &mut World, now: Moment, key: &TaskKey, index: usize) {
    let waiting = world
        .ecs
        .task(key)
        .and_then(|task| task.containers.get(index))
        .filter(|container| container.digest.is_none());
    if let Some(container) = waiting {
        let reason = format!(
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {}: context deadline exceeded",
            container.image
        );
        plan(world, now, key, TaskStep::Fail(reason), 0, 0);
    }
}

/// The retries that a reason speaks of take their time: five attempts of half a minute each, where nothing
/// answers.
fn plan_failure(world: &mut World, now: Moment, key: &TaskKey, reason: String, slow: bool) {
    let (least, most) = if slow { (140_000, 160_000) } else { (2_000, 5_000) };
    plan(world, now, key, TaskStep::Fail(reason), least, most);
}

fn plan(world: &mut World, now: Moment, key: &TaskKey, step: TaskStep, least: u64, most: u64) {
    let moment = now + between(&mut world.ids, least, most);
    at(&mut world.agenda, moment, Due::Task(key.clone(), step));
}
