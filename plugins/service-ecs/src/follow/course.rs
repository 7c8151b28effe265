//! The course of a service deployment, as ECS describes it.

use aws_sdk_ecs::{
    primitives::DateTime,
    types::{
        DeploymentLifecycleHook, DeploymentLifecycleHookStatus, DeploymentLifecycleHookTargetType,
        ServiceDeployment, ServiceDeploymentRollbackMonitorsStatus,
    },
};

use crate::time::rfc3339;

/// The seconds for which ECS waits for a hook that doesn't say so itself.
const HOOK_TIMEOUT: i64 = 24 * 3600;

/// A service deployment as it was read last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Course {
    /// Its status.
    pub(super) status: String,
    /// ECS's reason for it.
    pub(super) reason: Option<String>,
    /// Its lifecycle stage, if it has stages.
    pub(super) stage: Option<String>,
    /// The percentages of the production and of the test traffic that the new revision gets, if traffic is shifted.
    production: Option<f64>,
    test: Option<f64>,
    /// The hook that it waits for.
    pub(super) pause: Option<Pause>,
    /// The alarms that have failed it.
    pub(super) alarms: Vec<String>,
    /// The failed tasks, and the number of them with which a circuit breaker with a threshold of its own has failed it.
    pub(super) failures: Option<(i32, i32)>,
}

/// A PAUSE hook that waits for an action.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pause {
    /// The hook's id.
    pub(super) hook: String,
    /// Since when it waits, and until when.
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
    /// True if the deployment goes on when nothing is done until then. Otherwise it is rolled back.
    pub(super) goes_on: bool,
}

impl Course {
    /// A course of which the status alone is known.
    pub(super) fn new(status: &str, reason: Option<String>) -> Self {
        Self { status: status.to_owned(), reason, ..Self::default() }
    }

    pub(super) fn of(deployment: &ServiceDeployment) -> Self {
        let status = deployment.status.as_ref().map_or("PENDING", |status| status.as_str());
        let rollback = || deployment.rollback.as_ref().and_then(|rollback| rollback.reason.clone());
        let target = deployment.target_service_revision.as_ref();
        Self {
            stage: deployment.lifecycle_stage.as_ref().map(|stage| stage.as_str().to_owned()),
            production: target.and_then(|target| target.requested_production_traffic_weight),
            test: target.and_then(|target| target.requested_test_traffic_weight),
            pause: Pause::of(deployment),
            alarms: deployment
                .alarms()
                .map(|alarms| alarms.triggered_alarm_names().to_vec())
                .unwrap_or_default(),
            failures: failures(deployment),
            ..Self::new(status, deployment.status_reason.clone().or_else(rollback))
        }
    }

    /// Returns true if ECS has given the deployment up, and is on its way back.
    pub(super) fn is_rolling_back(&self) -> bool {
        self.status.starts_with("ROLLBACK")
    }

    /// The stage, and how much of the traffic was shifted.
    pub(super) fn described(&self) -> Option<String> {
        let mut text = format!("stage {}", self.stage.as_ref()?);
        let is_some = |share: &f64| *share > 0.0;
        match (self.production.filter(is_some), self.test.filter(is_some)) {
            (Some(production), _) => text.push_str(&format!(", {production} % of the traffic shifted")),
            (None, Some(test)) => text.push_str(&format!(", {test} % of the test traffic shifted")),
            (None, None) => {}
        }
        Some(text)
    }
}

impl Pause {
    fn of(deployment: &ServiceDeployment) -> Option<Self> {
        let is_waiting = |hook: &&aws_sdk_ecs::types::DeploymentLifecycleHookDetail| {
            hook.status == Some(DeploymentLifecycleHookStatus::AwaitingAction)
        };
        let hook = deployment.lifecycle_hook_details().iter().find(is_waiting)?;
        let timeout = timeout(deployment);
        let since = hook.expires_at.map(|until| DateTime::from_secs(until.secs() - timeout));
        let action = hook.timeout_action.as_ref();
        Some(Self {
            hook: hook.hook_id.clone().unwrap_or_default(),
            since: since.as_ref().and_then(rfc3339),
            until: hook.expires_at.map(|until| DateTime::from_secs(until.secs())).as_ref().and_then(rfc3339),
            goes_on: action.is_some_and(|action| action.as_str() == "CONTINUE"),
        })
    }
}

/// The seconds for which the PAUSE hook of the current stage is waited for.
fn timeout(deployment: &ServiceDeployment) -> i64 {
    let stage = deployment.lifecycle_stage.as_ref().map(|stage| stage.as_str());
    let is_meant = |hook: &&DeploymentLifecycleHook| {
        hook.target_type == Some(DeploymentLifecycleHookTargetType::Pause)
            && hook.lifecycle_stages().iter().any(|known| Some(known.as_str()) == stage)
    };
    let hooks = deployment.deployment_configuration().map(|it| it.lifecycle_hooks()).unwrap_or_default();
    let hook = hooks.iter().find(is_meant).and_then(|hook| hook.timeout_configuration());
    hook.and_then(|timeout| timeout.timeout_in_minutes)
        .map_or(HOOK_TIMEOUT, |minutes| i64::from(minutes) * 60)
}

fn failures(deployment: &ServiceDeployment) -> Option<(i32, i32)> {
    let configured = deployment.deployment_configuration()?.deployment_circuit_breaker()?;
    configured.threshold_configuration()?;
    let breaker = deployment.deployment_circuit_breaker()?;
    let is_triggered = breaker.status == Some(ServiceDeploymentRollbackMonitorsStatus::Triggered);
    is_triggered.then_some((breaker.failure_count, breaker.threshold))
}
