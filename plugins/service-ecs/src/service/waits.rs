//! The time that a rollout waits on purpose: bake times, and those of its steps.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>

use std::time::Duration;

use aws_sdk_ecs::types::{DeploymentConfiguration, Service as EcsService};
use longshore_aws::ServiceJson;
use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use serde_json::Value;

use super::ServiceStep;
use crate::{aws_fields::AwsFields, time::spoken};

/// The waits of a deployment configuration.
#[derive(Clone, Debug, Default, PartialEq)]
struct Waits {
    strategy: Option<String>,
    bake: Option<i64>,
    step: Option<f64>,
    step_bake: Option<i64>,
    canary: Option<f64>,
    canary_bake: Option<i64>,
}

impl Waits {
    fn of(configuration: &DeploymentConfiguration) -> Self {
        let linear = configuration.linear_configuration();
        let canary = configuration.canary_configuration();
        Self {
            strategy: configuration.strategy().map(|strategy| strategy.as_str().to_owned()),
            bake: configuration.bake_time_in_minutes.map(i64::from),
            step: linear.and_then(|linear| linear.step_percent),
            step_bake: linear.and_then(|linear| linear.step_bake_time_in_minutes).map(i64::from),
            canary: canary.and_then(|canary| canary.canary_percent),
            canary_bake: canary.and_then(|canary| canary.canary_bake_time_in_minutes).map(i64::from),
        }
    }

    /// Those of the declared `fields`, and of a service that ECS describes as `there`, where they declare none.
    fn declared(fields: &AwsFields, there: Option<&Value>) -> Self {
        let find = |path: &[&str]| {
            let in_table = |table: Option<&Value>| {
                path.iter()
                    .try_fold(table?, |value, part| value.get(part))
                    .filter(|value| !value.is_null())
                    .cloned()
            };
            in_table(fields.service().get("deploymentConfiguration"))
                .or_else(|| in_table(there.and_then(|service| service.get("deploymentConfiguration"))))
        };
        let whole = |path: &[&str]| find(path).and_then(|value| value.as_i64());
        let number = |path: &[&str]| find(path).and_then(|value| value.as_f64());
        Self {
            strategy: find(&["strategy"]).and_then(|value| Some(value.as_str()?.to_owned())),
            bake: whole(&["bakeTimeInMinutes"]),
            step: number(&["linearConfiguration", "stepPercent"]),
            step_bake: whole(&["linearConfiguration", "stepBakeTimeInMinutes"]),
            canary: number(&["canaryConfiguration", "canaryPercent"]),
            canary_bake: whole(&["canaryConfiguration", "canaryBakeTimeInMinutes"]),
        }
    }

    fn total(&self) -> Duration {
        let steps = match self.strategy.as_deref() {
            Some("LINEAR") => {
                // The last step has no bake time.
                let steps = (100.0 / self.step.unwrap_or(10.0).max(0.1)).ceil() as i64 - 1;
                steps * self.step_bake.unwrap_or(6)
            }
            Some("CANARY") if self.canary.unwrap_or(5.0) < 100.0 => self.canary_bake.unwrap_or(10),
            _ => 0,
        };
        let minutes = u64::try_from(steps + self.bake.unwrap_or_default()).unwrap_or_default();
        Duration::from_secs(minutes * 60)
    }
}

impl ServiceStep {
    /// The time for which a deployment of `service` is followed. A timeout that isn't declared allows for its waits.
    pub(super) fn timeout_for(&self, service: &EcsService, least: Duration) -> Duration {
        let timeout = self.service.deployment.timeout;
        let waits = service.deployment_configuration().map(|it| Waits::of(it).total()).unwrap_or_default();
        if self.declares_timeout() { timeout.max(least + waits) } else { timeout.max(least) + waits }
    }

    fn declares_timeout(&self) -> bool {
        self.fields.has_word("deployment.timeout")
    }

    /// Makes sure that a rollout which waits as declared ends before its timeout. `there` is the service as ECS describes
    /// it.
    pub(super) fn require_time(&self, there: Option<&ServiceJson>) -> Result<()> {
        if !self.declares_timeout() {
            return Ok(());
        }
        let there = there.map(ServiceJson::parsed);
        let waits = Waits::declared(&self.fields, there.as_ref()).total();
        let timeout = self.service.deployment.timeout;
        if timeout > waits {
            return Ok(());
        }
        let message = format!(
            "no rollout ends in time: its bake times and steps alone take {}, and the timeout is {}",
            spoken(waits),
            spoken(timeout)
        );
        Err(Failure::new(FailureKind::Invalid, message).at(self.resource()).help(format!(
            "set services.{}.deployment.timeout to more than {}, or remove it: the default allows for them",
            self.name,
            spoken(waits)
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(strategy: &str) -> Waits {
        Waits { strategy: Some(strategy.to_owned()), ..Waits::default() }
    }

    fn minutes(waits: &Waits) -> u64 {
        waits.total().as_secs() / 60
    }

    #[test]
    fn defaults_of_strategies_count() {
        let found = ["ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"].map(|strategy| minutes(&waits(strategy)));
        assert_eq!(found, [0, 0, 54, 10]);
    }

    #[test]
    fn bake_times_of_steps_add_up() {
        let linear = Waits { step: Some(40.0), step_bake: Some(3), bake: Some(5), ..waits("LINEAR") };
        let canary = Waits { canary_bake: Some(20), bake: Some(5), ..waits("CANARY") };
        let whole = Waits { canary: Some(100.0), ..canary.clone() };
        assert_eq!([minutes(&linear), minutes(&canary), minutes(&whole)], [11, 25, 5]);
    }
}
