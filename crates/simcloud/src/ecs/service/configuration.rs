//! How a service is deployed: percentages and circuit breaker.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{
    circuit_breaker::CircuitBreaker,
    wire::{invalid, unsupported},
};
use crate::ApiError;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ecs) struct DeploymentConfiguration {
    /// Of the desired count, rounded up: how many tasks must run during a deployment.
    minimum_healthy_percent: u32,
    /// Of the desired count, rounded down: how many tasks may run or start during a deployment.
    maximum_percent: u32,
    pub(in crate::ecs) breaker: CircuitBreaker,
}

impl Default for DeploymentConfiguration {
    fn default() -> Self {
        Self { minimum_healthy_percent: 100, maximum_percent: 200, breaker: CircuitBreaker::default() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Given {
    deployment_circuit_breaker: Option<CircuitBreaker>,
    maximum_percent: Option<u32>,
    minimum_healthy_percent: Option<u32>,
    alarms: Option<Alarms>,
    strategy: Option<String>,
    bake_time_in_minutes: Option<u32>,
    lifecycle_hooks: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct Alarms {
    #[serde(default)]
    enable: bool,
}

impl DeploymentConfiguration {
    /// What a request changes.
    pub(super) fn changed(&self, given: Option<Given>) -> Result<Self, ApiError> {
        let Some(given) = given else { return Ok(self.clone()) };
        if let Some(strategy) = given.strategy.filter(|strategy| strategy != "ROLLING") {
            return Err(unsupported(format!(
                "the simulated cloud does not simulate the deployment strategy {strategy}"
            )));
        }
        if given.alarms.is_some_and(|alarms| alarms.enable) {
            return Err(unsupported("the simulated cloud does not simulate deployment alarms"));
        }
        if given.bake_time_in_minutes.is_some_and(|minutes| minutes > 0)
            || given.lifecycle_hooks.is_some_and(|hooks| !hooks.is_empty())
        {
            return Err(unsupported("the simulated cloud does not simulate bake time and lifecycle hooks"));
        }
        let changed = Self {
            minimum_healthy_percent: given.minimum_healthy_percent.unwrap_or(self.minimum_healthy_percent),
            maximum_percent: given.maximum_percent.unwrap_or(self.maximum_percent),
            breaker: given.deployment_circuit_breaker.unwrap_or(self.breaker),
        };
        if changed.minimum_healthy_percent > changed.maximum_percent {
            return Err(invalid("minimumHealthyPercent must not exceed maximumPercent."));
        }
        if changed.maximum_percent < 100 {
            return Err(invalid("maximumPercent must be at least 100."));
        }
        if (changed.minimum_healthy_percent, changed.maximum_percent) == (100, 100) {
            return Err(invalid(
                "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
            ));
        }
        Ok(changed)
    }

    /// How many tasks must run while a deployment replaces others.
    pub(in crate::ecs) fn least(&self, desired: u32) -> u32 {
        (u64::from(desired) * u64::from(self.minimum_healthy_percent)).div_ceil(100) as u32
    }

    /// How many tasks may run or start at once.
    pub(in crate::ecs) fn most(&self, desired: u32) -> u32 {
        (u64::from(desired) * u64::from(self.maximum_percent) / 100) as u32
    }

    pub(in crate::ecs) fn json(&self) -> Value {
        json!({
            "deploymentCircuitBreaker": { "enable": self.breaker.enable, "rollback": self.breaker.rollback },
            "maximumPercent": self.maximum_percent,
            "minimumHealthyPercent": self.minimum_healthy_percent,
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
        })
    }
}
