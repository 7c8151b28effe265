//! What of a service is not as declared, and whether it does what it should.

use aws_sdk_ecs::types::{DeploymentRolloutState, LaunchType as EcsLaunchType, Service};
use longshore_model::{Deployment, Effect, FieldChange, Known, LaunchType, Shown};

use super::network::Placement;
use crate::{
    reads::{count, primary},
    task_definition::revision_of,
};

/// A service as declared, with what was found out.
#[derive(Clone, Debug)]
pub(super) struct Declared<'a> {
    /// How many tasks run.
    pub(super) desired_count: u32,
    /// What launches them.
    pub(super) launch_type: LaunchType,
    /// How new revisions are rolled out.
    pub(super) deployment: &'a Deployment,
    /// Where they are in the network.
    pub(super) placement: Placement,
    /// The task definition's ARN.
    pub(super) task_definition: Known,
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Field by field.
    pub(super) changes: Vec<FieldChange>,
    /// How many tasks run.
    pub(super) desired_count: bool,
    /// Which task definition they are of.
    pub(super) task_definition: bool,
    /// Where they are in the network.
    pub(super) network: bool,
    /// How new revisions are rolled out.
    pub(super) deployment: bool,
    /// What launches them: that cannot be changed in place.
    pub(super) launch_type: bool,
}

impl Difference {
    /// Whether the service itself changes, and not only what is noted beside it.
    pub(super) const fn updates(&self) -> bool {
        self.desired_count || self.task_definition || self.network || self.deployment
    }

    /// Whether the change begins a new deployment.
    pub(super) fn deploys(&self) -> bool {
        self.task_definition || self.network
    }

    /// What it does to the tasks that run.
    pub(super) fn effect(&self, desired_count: u32) -> Effect {
        match () {
            () if self.desired_count && desired_count == 0 => Effect::Stop,
            () if self.deploys() || self.launch_type => Effect::RollingUpdate,
            () if self.desired_count => Effect::Scaling,
            () => Effect::None,
        }
    }
}

/// Compares `service` with what is declared. What an endpoint does not report is not compared.
pub(super) fn compare(service: &Service, declared: &Declared<'_>) -> Difference {
    let mut difference = Difference::default();
    let has = launch_type(service);
    let wants = ecs_launch_type(declared.launch_type);
    difference.launch_type = note(&mut difference.changes, "launchType", &has, wants.as_str());
    difference.desired_count =
        note(&mut difference.changes, "desiredCount", service.desired_count, declared.desired_count);
    difference.task_definition = task_definition(&mut difference.changes, service, &declared.task_definition);
    let vpc = service.network_configuration().and_then(|network| network.awsvpc_configuration());
    if let Some(vpc) = vpc {
        let changes = Placement::of(vpc).changes_to(&declared.placement);
        difference.network = !changes.is_empty();
        difference.changes.extend(changes);
    }
    difference.deployment = deployment(&mut difference.changes, service, declared.deployment);
    difference
}

/// As ECS writes it.
pub(super) fn ecs_launch_type(launch_type: LaunchType) -> EcsLaunchType {
    match launch_type {
        LaunchType::Fargate => EcsLaunchType::Fargate,
        LaunchType::Ec2 => EcsLaunchType::Ec2,
    }
}

/// What launches the tasks of a service: without a launch type, capacity providers do.
fn launch_type(service: &Service) -> String {
    match &service.launch_type {
        Some(launch_type) => launch_type.as_str().to_owned(),
        None => "capacity providers".to_owned(),
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
    let new = match declared {
        Known::Value(arn) => Shown::text(revision_of(arn)),
        Known::AfterApply => Shown::AfterApply,
    };
    changes.push(FieldChange::new("taskDefinition", Some(Shown::text(revision_of(has))), Some(new)));
    true
}

fn deployment(changes: &mut Vec<FieldChange>, service: &Service, declared: &Deployment) -> bool {
    let Some(configuration) = service.deployment_configuration() else { return false };
    let before = changes.len();
    let mut compare = |field: &str, old: Option<String>, new: String| {
        if let Some(old) = old {
            note(changes, &format!("deploymentConfiguration.{field}"), old, new);
        }
    };
    let percent = |percent: Option<i32>| percent.map(|percent| percent.to_string());
    compare(
        "minimumHealthyPercent",
        percent(configuration.minimum_healthy_percent),
        declared.minimum_healthy_percent.to_string(),
    );
    compare("maximumPercent", percent(configuration.maximum_percent), declared.maximum_percent.to_string());
    let breaker = configuration.deployment_circuit_breaker();
    compare(
        "deploymentCircuitBreaker.enable",
        breaker.map(|breaker| breaker.enable.to_string()),
        declared.circuit_breaker.enabled.to_string(),
    );
    compare(
        "deploymentCircuitBreaker.rollback",
        breaker.map(|breaker| breaker.rollback.to_string()),
        declared.circuit_breaker.rollback.to_string(),
    );
    changes.len() > before
}

/// Whether a service does what it should.
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

/// Whether `service` does what it should.
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
