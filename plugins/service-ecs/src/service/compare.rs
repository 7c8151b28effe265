//! The differences between a service and its declaration, and its health.

use std::borrow::Cow;

use aws_sdk_ecs::types::{DeploymentRolloutState, LaunchType as EcsLaunchType, SchedulingStrategy, Service};
use longshore_aws::ServiceJson;
use longshore_model::{Effect, FieldChange, Known, Shown};
use serde_json::{Map, Value};

use super::{create::ecs_rolls_back, members, network::Placement, options};
use crate::declaration::{Deployment, LaunchType};
use crate::{
    aws_fields::AwsFields,
    reads::{count, primary},
    task_definition::revision_of,
};

const LAUNCH_TYPE: &str = "launchType";
const DESIRED_COUNT: &str = "desiredCount";
pub(super) const TASK_DEFINITION: &str = "taskDefinition";
const SCHEDULING: &str = "schedulingStrategy";

/// A service as declared, with what was found out.
#[derive(Clone, Debug)]
pub(super) struct Declared<'a> {
    /// The declared number of tasks, or `None` if it is not declared.
    pub(super) desired_count: Option<u32>,
    /// The launch type of its tasks.
    pub(super) launch_type: LaunchType,
    /// True if commands can be executed in them.
    pub(super) execute_command: bool,
    /// The settings for rolling out new revisions.
    pub(super) deployment: Cow<'a, Deployment>,
    /// Their network configuration, if each task has an address of its own.
    pub(super) placement: Option<Placement>,
    /// The fields declared in AWS's words.
    pub(super) fields: Cow<'a, AwsFields>,
    /// The task definition's ARN.
    pub(super) task_definition: Known,
    /// True if the service was adopted, or is about to be: its undeclared settings stay.
    pub(super) is_adopted: bool,
}

/// The differences between the declared and the actual service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// The changed fields.
    pub(super) changes: Vec<FieldChange>,
    /// True if the desired number of tasks differs.
    pub(super) desired_count: bool,
    /// True if their task definition differs.
    pub(super) task_definition: bool,
    /// True if an unchanged tag names another image.
    pub(super) images: bool,
    /// True if the tasks' network configuration differs.
    pub(super) network: bool,
    /// True if the settings for rolling out new revisions differ.
    pub(super) deployment: bool,
    /// The differences in the options of new tasks.
    pub(super) options: options::Changed,
    /// True if a member differs that ECS cannot change in place: the launch type, or one that UpdateService lacks.
    pub(super) fixed: bool,
    /// The members that differ of those in AWS's words, as they are sent.
    pub(super) members: Map<String, Value>,
}

impl Difference {
    /// Returns true if the service itself changes, and not only what is noted beside it.
    pub(super) fn updates(&self) -> bool {
        self.desired_count
            || self.task_definition
            || self.network
            || self.deployment
            || self.options.any()
            || !self.members.is_empty()
    }

    /// Returns true if the change begins a new deployment.
    pub(super) fn deploys(&self) -> bool {
        self.task_definition
            || self.network
            || self.options.replaces_tasks()
            || self.members.keys().any(|member| members::deploys(member))
    }

    /// Returns true if the deployment must be forced so that ECS resolves the tags again. A new task definition does so
    /// anyway.
    pub(super) const fn forces(&self) -> bool {
        self.images && !self.task_definition
    }

    /// Returns the effect of the change on the running tasks. `desired_count` is the desired number of tasks.
    pub(super) fn effect(&self, desired_count: u32) -> Effect {
        match () {
            () if self.desired_count && desired_count == 0 => Effect::Stop,
            () if self.fixed && desired_count > 0 => Effect::Restart,
            () if (self.deploys() || self.forces()) && desired_count > 0 => Effect::RollingUpdate,
            () if self.desired_count => Effect::Scaling,
            () => Effect::None,
        }
    }
}

/// Compares `service`, which ECS describes as `json`, with what is declared. Fields that an endpoint does not report
/// are not compared.
pub(super) fn compare(service: &Service, json: &ServiceJson, declared: &Declared<'_>) -> Difference {
    let mut difference = Difference::default();
    // Capacity providers stand in place of a launch type: where none are declared, those that are there stay.
    if let Some(has) = &service.launch_type
        && !members::has_providers(&declared.fields)
    {
        let wants = ecs_launch_type(declared.launch_type);
        difference.fixed = note(&mut difference.changes, LAUNCH_TYPE, has.as_str(), wants.as_str());
    }
    let is_daemon = service.scheduling_strategy == Some(SchedulingStrategy::Daemon);
    let stays_daemon = declared.is_adopted && declared.desired_count.is_none();
    if is_daemon && !declared.fields.service().contains_key(SCHEDULING) && !stays_daemon {
        // ECS counts the tasks of a daemon itself.
        difference.fixed |= note(&mut difference.changes, SCHEDULING, "DAEMON", "REPLICA");
    } else if let Some(desired_count) = declared.desired_count {
        difference.desired_count =
            note(&mut difference.changes, DESIRED_COUNT, service.desired_count, desired_count);
    }
    difference.task_definition = task_definition(&mut difference.changes, service, &declared.task_definition);
    let vpc = service.network_configuration().and_then(|network| network.awsvpc_configuration());
    if let (Some(vpc), Some(placement)) = (vpc, &declared.placement) {
        let changes = Placement::of(vpc).changes_to(placement);
        difference.network = !changes.is_empty();
        difference.changes.extend(changes);
    }
    difference.deployment = deployment(&mut difference.changes, service, &declared.deployment);
    let (launch_type, execute_command) = (declared.launch_type, declared.execute_command);
    let mut options = options::fields(launch_type, execute_command, &declared.fields);
    if declared.is_adopted {
        options.retain(|(field, _)| options::is_declared(field, &declared.fields));
    }
    difference.options = options::Changed::of(service, options, &mut difference.changes);
    let (members, is_fixed) = members::changed(
        json,
        &declared.fields,
        &declared.deployment,
        difference.deployment,
        &mut difference.changes,
    );
    difference.members = members;
    difference.fixed |= is_fixed;
    difference
}

/// Returns the deployment settings that `fields` declare, and those of the adopted `service` in place of the others.
pub(super) fn with_settings_of(service: &Service, declared: &Deployment, fields: &AwsFields) -> Deployment {
    let mut settings = declared.clone();
    let Some(configuration) = service.deployment_configuration() else { return settings };
    let is_undeclared = |word: &str| !fields.has_word(&format!("deployment.{word}"));
    if let Some(percent) =
        configuration.minimum_healthy_percent.filter(|_| is_undeclared("minimum-healthy-percent"))
    {
        settings.minimum_healthy_percent = count(percent);
    }
    if let Some(percent) = configuration.maximum_percent.filter(|_| is_undeclared("maximum-percent")) {
        settings.maximum_percent = count(percent);
    }
    let breaker = configuration.deployment_circuit_breaker();
    if is_undeclared("circuit-breaker") {
        settings.circuit_breaker = breaker.is_some_and(|breaker| breaker.enable);
    }
    if is_undeclared("rollback") {
        settings.rollback = breaker.is_some_and(|breaker| breaker.rollback);
    }
    settings
}

/// The fields of a service that is to be made with so many tasks: those that are compared once it is there.
pub(super) fn of_creation(declared: &Declared<'_>, desired_count: u32) -> Vec<FieldChange> {
    let launch_type = ecs_launch_type(declared.launch_type);
    let mut fields = vec![
        (LAUNCH_TYPE.to_owned(), Shown::text(launch_type.as_str())),
        (DESIRED_COUNT.to_owned(), Shown::text(desired_count)),
        (TASK_DEFINITION.to_owned(), shown_revision(&declared.task_definition)),
    ];
    fields.retain(|(field, _)| match field.as_str() {
        LAUNCH_TYPE => !members::has_providers(&declared.fields),
        DESIRED_COUNT => !declared.fields.is_daemon(),
        _ => true,
    });
    fields.extend(declared.placement.iter().flat_map(Placement::fields));
    let deployment = deployment_fields(&declared.deployment);
    fields.extend(deployment.map(|(name, value)| (deployment_field(name), Shown::text(value))));
    let options = options::fields(declared.launch_type, declared.execute_command, &declared.fields);
    fields.extend(options.into_iter().map(|(name, value)| (name.to_owned(), value)));
    fields.extend(members::shown(&declared.fields));
    fields.into_iter().map(|(field, value)| FieldChange::new(field, None, Some(value))).collect()
}

/// Returns how many tasks a service was planned to be made with.
pub(super) fn planned_count(changes: &[FieldChange]) -> Option<u32> {
    match &changes.iter().find(|change| change.field == DESIRED_COUNT)?.new {
        Some(Shown::Text(count)) => count.parse().ok(),
        _ => None,
    }
}

/// As ECS writes it.
pub(super) fn ecs_launch_type(launch_type: LaunchType) -> EcsLaunchType {
    match launch_type {
        LaunchType::Fargate => EcsLaunchType::Fargate,
        LaunchType::Ec2 => EcsLaunchType::Ec2,
    }
}

fn note(
    changes: &mut Vec<FieldChange>,
    field: &str,
    old: impl std::fmt::Display,
    new: impl std::fmt::Display,
) -> bool {
    let (old, new) = (Shown::text(old), Shown::text(new));
    let differs = old != new;
    if differs {
        changes.push(FieldChange::new(field, Some(old), Some(new)));
    }
    differs
}

/// Compares with the primary deployment: after a rollback it is what runs.
fn task_definition(changes: &mut Vec<FieldChange>, service: &Service, declared: &Known) -> bool {
    let runs = primary(service).and_then(|primary| primary.task_definition());
    let has = runs.or(service.task_definition()).unwrap_or_default();
    if declared.value() == Some(has) {
        return false;
    }
    let (old, new) = (Shown::text(revision_of(has)), shown_revision(declared));
    changes.push(FieldChange::new(TASK_DEFINITION, Some(old), Some(new)));
    true
}

/// A task definition as people know it.
fn shown_revision(arn: &Known) -> Shown {
    match arn {
        Known::Value(arn) => Shown::text(revision_of(arn)),
        Known::AfterApply => Shown::AfterApply,
    }
}

fn deployment_field(name: &str) -> String {
    format!("deploymentConfiguration.{name}")
}

/// Returns the settings for rolling out new revisions, field by field.
fn deployment_fields(declared: &Deployment) -> [(&'static str, String); 4] {
    [
        ("minimumHealthyPercent", declared.minimum_healthy_percent.to_string()),
        ("maximumPercent", declared.maximum_percent.to_string()),
        ("deploymentCircuitBreaker.enable", declared.circuit_breaker.to_string()),
        ("deploymentCircuitBreaker.rollback", ecs_rolls_back(declared).to_string()),
    ]
}

fn deployment(changes: &mut Vec<FieldChange>, service: &Service, declared: &Deployment) -> bool {
    let Some(configuration) = service.deployment_configuration() else { return false };
    let before = changes.len();
    let percent = |percent: Option<i32>| percent.map(|percent| percent.to_string());
    let breaker = configuration.deployment_circuit_breaker();
    let there = [
        percent(configuration.minimum_healthy_percent),
        percent(configuration.maximum_percent),
        breaker.map(|breaker| breaker.enable.to_string()),
        breaker.map(|breaker| breaker.rollback.to_string()),
    ];
    for (old, (name, new)) in there.into_iter().zip(deployment_fields(declared)) {
        if let Some(old) = old {
            note(changes, &deployment_field(name), old, new);
        }
    }
    changes.len() > before
}

/// True if a service does what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// All its tasks run.
    Steady,
    /// A deployment has not ended yet.
    InProgress,
    /// The last deployment failed: ECS's words.
    Failed(String),
    /// Fewer tasks run than should.
    Short,
}

/// Returns true if `service` does what it should.
pub(super) fn standing(service: &Service) -> Standing {
    let Some(primary) = primary(service) else { return Standing::Steady };
    match &primary.rollout_state {
        Some(DeploymentRolloutState::Failed) => {
            Standing::Failed(primary.rollout_state_reason().unwrap_or("ECS gives no reason").to_owned())
        }
        Some(DeploymentRolloutState::InProgress) => Standing::InProgress,
        _ if count(primary.running_count) < count(service.desired_count) => Standing::Short,
        _ => Standing::Steady,
    }
}
