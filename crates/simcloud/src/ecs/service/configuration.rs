//! The deployment configuration of a service: strategy, percentages, circuit breaker, alarms and hooks.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    super::{
        circuit_breaker::CircuitBreaker,
        hooks::LifecycleHook,
        wire::{invalid, unsupported},
    },
    Scheduling,
};
use crate::ApiError;

/// The longest bake time, in minutes.
const LONGEST_BAKE: u32 = 1440;
/// The bake time of a rolling deployment with alarms. ECS computes it of the alarms; it cannot be set.
const BAKE_OF_ALARMS: Duration = Duration::from_secs(120);
/// All of the traffic.
pub(in crate::ecs) const ALL: u32 = 1000;

/// The strategy of deployments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::ecs) enum Strategy {
    #[default]
    Rolling,
    BlueGreen,
    Linear,
    Canary,
}

impl Strategy {
    /// Returns true if deployments run a second set of tasks beside the first, and shift the traffic between them.
    pub(in crate::ecs) fn shifts_traffic(self) -> bool {
        self != Self::Rolling
    }
}

/// The alarms that fail a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ecs) struct Alarms {
    pub(in crate::ecs) alarm_names: Vec<String>,
    pub(in crate::ecs) enable: bool,
    pub(in crate::ecs) rollback: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Linear {
    step_percent: Option<f64>,
    step_bake_time_in_minutes: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Canary {
    canary_percent: Option<f64>,
    canary_bake_time_in_minutes: Option<u32>,
}

/// The criteria by which a rolling deployment succeeds before all tasks are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EarlySuccess {
    enable: bool,
    healthy_percent: Option<u32>,
    source_service_revision_cleanup: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::ecs) struct DeploymentConfiguration {
    /// Of the desired count, rounded up: how many tasks must run during a deployment.
    minimum_healthy_percent: u32,
    /// Of the desired count, rounded down: how many tasks may run or start during a deployment.
    maximum_percent: u32,
    pub(in crate::ecs) breaker: CircuitBreaker,
    #[serde(default)]
    pub(in crate::ecs) strategy: Strategy,
    #[serde(default)]
    bake_minutes: Option<u32>,
    #[serde(default)]
    pub(in crate::ecs) hooks: Vec<LifecycleHook>,
    #[serde(default)]
    alarms: Option<Alarms>,
    #[serde(default)]
    linear: Option<Linear>,
    #[serde(default)]
    canary: Option<Canary>,
    #[serde(default)]
    early: Option<EarlySuccess>,
    /// Members that change nothing here.
    #[serde(default)]
    others: Map<String, Value>,
}

impl Default for DeploymentConfiguration {
    fn default() -> Self {
        Self {
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            breaker: CircuitBreaker::default(),
            strategy: Strategy::Rolling,
            bake_minutes: None,
            hooks: Vec::new(),
            alarms: None,
            linear: None,
            canary: None,
            early: None,
            others: Map::new(),
        }
    }
}

/// The members of a request, with structures as they were given: the model's check comes before theirs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Given {
    deployment_circuit_breaker: Option<Value>,
    maximum_percent: Option<u32>,
    minimum_healthy_percent: Option<u32>,
    alarms: Option<Value>,
    strategy: Option<Value>,
    bake_time_in_minutes: Option<i64>,
    lifecycle_hooks: Option<Value>,
    linear_configuration: Option<Value>,
    canary_configuration: Option<Value>,
    early_success_criteria: Option<Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// A structure of a request.
fn read<T: DeserializeOwned>(given: Option<Value>) -> Result<Option<T>, ApiError> {
    let read = given.map(serde_json::from_value).transpose();
    read.map_err(|error| ApiError::new("SerializationException", error.to_string()))
}

impl DeploymentConfiguration {
    /// The configuration of a service that is made without one.
    pub(super) fn of_new(scheduling: Scheduling) -> Self {
        match scheduling {
            Scheduling::Replica => Self::default(),
            Scheduling::Daemon => {
                Self { minimum_healthy_percent: 0, maximum_percent: 100, ..Self::default() }
            }
        }
    }

    /// The configuration after a request. Members that the request leaves out stay.
    pub(super) fn changed(&self, given: Option<Given>, scheduling: Scheduling) -> Result<Self, ApiError> {
        let Some(given) = given else { return Ok(self.clone()) };
        let strategy = read(given.strategy)?.unwrap_or(self.strategy);
        for (member, is_given, wanted) in [
            ("linearConfiguration", given.linear_configuration.is_some(), Strategy::Linear),
            ("canaryConfiguration", given.canary_configuration.is_some(), Strategy::Canary),
        ] {
            if is_given && strategy != wanted {
                let wanted = json!(wanted);
                let wanted = wanted.as_str().unwrap_or_default();
                return Err(invalid(format!("{member} is only valid when the strategy is {wanted}.")));
            }
        }
        let bake = given.bake_time_in_minutes.map(|minutes| minutes_of("bakeTimeInMinutes", minutes));
        let mut others = self.others.clone();
        others.extend(given.others);
        let changed = Self {
            minimum_healthy_percent: given.minimum_healthy_percent.unwrap_or(self.minimum_healthy_percent),
            maximum_percent: given.maximum_percent.unwrap_or(self.maximum_percent),
            breaker: read(given.deployment_circuit_breaker)?.unwrap_or(self.breaker),
            strategy,
            bake_minutes: bake.transpose()?.or(self.bake_minutes),
            hooks: read(given.lifecycle_hooks)?.unwrap_or_else(|| self.hooks.clone()),
            alarms: read(given.alarms)?.or_else(|| self.alarms.clone()),
            linear: read(given.linear_configuration)?.or_else(|| self.linear.clone()),
            canary: read(given.canary_configuration)?.or_else(|| self.canary.clone()),
            early: read(given.early_success_criteria)?.or_else(|| self.early.clone()),
            others,
        };
        changed.check()?;
        if scheduling == Scheduling::Daemon {
            changed.check_daemon()?;
        }
        Ok(changed)
    }

    fn check(&self) -> Result<(), ApiError> {
        if self.minimum_healthy_percent > self.maximum_percent {
            return Err(invalid("minimumHealthyPercent must not exceed maximumPercent."));
        }
        if self.maximum_percent < 100 {
            return Err(invalid("maximumPercent must be at least 100."));
        }
        if (self.minimum_healthy_percent, self.maximum_percent) == (100, 100) {
            return Err(invalid(
                "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
            ));
        }
        self.breaker.check()?;
        if self.strategy == Strategy::BlueGreen && self.bake_minutes.is_none() {
            return Err(invalid("bakeTimeInMinutes is required when the strategy is BLUE_GREEN."));
        }
        if let Some(linear) = self.linear.as_ref().filter(|_| self.strategy == Strategy::Linear) {
            check_percent("stepPercent", linear.step_percent, 3.0)?;
            check_minutes("stepBakeTimeInMinutes", linear.step_bake_time_in_minutes)?;
        }
        if let Some(canary) = self.canary.as_ref().filter(|_| self.strategy == Strategy::Canary) {
            check_percent("canaryPercent", canary.canary_percent, 0.1)?;
            check_minutes("canaryBakeTimeInMinutes", canary.canary_bake_time_in_minutes)?;
        }
        if self.alarms.as_ref().is_some_and(|alarms| alarms.enable && alarms.alarm_names.is_empty()) {
            return Err(invalid("alarmNames must not be empty when alarms are enabled."));
        }
        self.hooks.iter().try_for_each(|hook| hook.check(self.strategy))?;
        self.check_early_success()
    }

    fn check_daemon(&self) -> Result<(), ApiError> {
        if self.maximum_percent > 100 {
            return Err(invalid(
                "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment configuration. Change the maximumPercent value to 100, and try again",
            ));
        }
        if self.strategy.shifts_traffic() {
            return Err(invalid(
                "The daemon scheduling strategy supports only the deployment strategy ROLLING.",
            ));
        }
        Ok(())
    }

    fn check_early_success(&self) -> Result<(), ApiError> {
        let Some(early) = self.early.as_ref().filter(|early| early.enable) else { return Ok(()) };
        if self.strategy != Strategy::Rolling {
            return Err(invalid("earlySuccessCriteria is only valid when the strategy is ROLLING."));
        }
        let (Some(percent), Some(_)) = (early.healthy_percent, &early.source_service_revision_cleanup) else {
            return Err(invalid(
                "healthyPercent and sourceServiceRevisionCleanup are required when earlySuccessCriteria is enabled.",
            ));
        };
        if percent < self.minimum_healthy_percent {
            return Err(invalid("healthyPercent must be greater than or equal to minimumHealthyPercent."));
        }
        Ok(())
    }

    /// Returns the number of tasks that must run while a deployment replaces others.
    pub(in crate::ecs) fn least(&self, desired: u32) -> u32 {
        share(desired, self.minimum_healthy_percent)
    }

    /// Returns the number of tasks that may run or start at once.
    pub(in crate::ecs) fn most(&self, desired: u32) -> u32 {
        (u64::from(desired) * u64::from(self.maximum_percent) / 100) as u32
    }

    /// The number of healthy tasks with which a rolling deployment succeeds early, and true if those that it replaces have to
    /// be gone by then.
    pub(in crate::ecs) fn early_success(&self, desired: u32) -> Option<(u32, bool)> {
        let early = self.early.as_ref().filter(|early| early.enable)?;
        let is_blocking = early.source_service_revision_cleanup.as_deref() == Some("BLOCKING");
        Some((share(desired, early.healthy_percent?), is_blocking))
    }

    /// The alarms that are looked at.
    pub(in crate::ecs) fn alarms(&self) -> Option<&Alarms> {
        self.alarms.as_ref().filter(|alarms| alarms.enable)
    }

    /// The time for which the tasks of both revisions run after the traffic was shifted; of a rolling deployment, for which
    /// alarms are looked at after the tasks were replaced.
    pub(in crate::ecs) fn bake_time(&self) -> Duration {
        match self.bake_minutes {
            Some(minutes) => of_minutes(minutes),
            None if self.strategy == Strategy::Rolling && self.alarms().is_some() => BAKE_OF_ALARMS,
            None => Duration::ZERO,
        }
    }

    /// The steps in which production traffic is shifted: the thousandths that the new revision gets, and how long it keeps
    /// them before the next step.
    pub(in crate::ecs) fn shifts(&self) -> Vec<(u32, Duration)> {
        let mut shifts = Vec::new();
        match self.strategy {
            Strategy::Rolling | Strategy::BlueGreen => {}
            Strategy::Linear => {
                let linear = self.linear.clone().unwrap_or_default();
                let step = thousandths(linear.step_percent.unwrap_or(10.0)).max(1);
                let bake = of_minutes(linear.step_bake_time_in_minutes.unwrap_or(6));
                shifts.extend(
                    (1..)
                        .map(|count| count * step)
                        .take_while(|share| *share < ALL)
                        .map(|share| (share, bake)),
                );
            }
            Strategy::Canary => {
                let canary = self.canary.clone().unwrap_or_default();
                let share = thousandths(canary.canary_percent.unwrap_or(5.0));
                let bake = of_minutes(canary.canary_bake_time_in_minutes.unwrap_or(10));
                shifts.extend((share < ALL).then_some((share, bake)));
            }
        }
        shifts.push((ALL, Duration::ZERO));
        shifts
    }

    pub(in crate::ecs) fn json(&self) -> Value {
        let mut json = Value::Object(self.others.clone());
        json["deploymentCircuitBreaker"] = json!(self.breaker);
        json["maximumPercent"] = json!(self.maximum_percent);
        json["minimumHealthyPercent"] = json!(self.minimum_healthy_percent);
        json["strategy"] = json!(self.strategy);
        json["bakeTimeInMinutes"] = json!(self.bake_minutes.unwrap_or_default());
        json["alarms"] = json!(self.alarms);
        json["earlySuccessCriteria"] = json!(self.early);
        if !self.hooks.is_empty() {
            json["lifecycleHooks"] = json!(self.hooks);
        }
        if self.strategy == Strategy::Linear {
            json["linearConfiguration"] = json!(self.linear);
        }
        if self.strategy == Strategy::Canary {
            json["canaryConfiguration"] = json!(self.canary);
        }
        json
    }
}

fn share(desired: u32, percent: u32) -> u32 {
    (u64::from(desired) * u64::from(percent)).div_ceil(100) as u32
}

fn of_minutes(minutes: u32) -> Duration {
    Duration::from_secs(u64::from(minutes) * 60)
}

fn thousandths(percent: f64) -> u32 {
    (percent * 10.0).round() as u32
}

fn minutes_of(member: &str, minutes: i64) -> Result<u32, ApiError> {
    let bounded = u32::try_from(minutes).ok().filter(|minutes| *minutes <= LONGEST_BAKE);
    bounded.ok_or_else(|| invalid(format!("{member} must be between 0 and {LONGEST_BAKE}.")))
}

fn check_minutes(member: &str, minutes: Option<u32>) -> Result<(), ApiError> {
    minutes.map_or(Ok(()), |minutes| minutes_of(member, minutes.into()).map(drop))
}

/// Checks a percentage: a multiple of 0.1 from `least` to 100.
fn check_percent(member: &str, percent: Option<f64>, least: f64) -> Result<(), ApiError> {
    let Some(percent) = percent else { return Ok(()) };
    let is_multiple = (percent * 10.0 - (percent * 10.0).round()).abs() < 1e-6;
    if !(least..=100.0).contains(&percent) || !is_multiple {
        return Err(invalid(format!("{member} must be a multiple of 0.1 between {least:.1} and 100.0.")));
    }
    Ok(())
}

/// Refuses what the simulated cloud does not play.
pub(in crate::ecs) fn not_played(what: &str) -> ApiError {
    unsupported(format!("the simulated cloud does not simulate {what}"))
}
