//! The deployment circuit breaker.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>

use serde::{Deserialize, Serialize};

use super::wire::invalid;
use crate::ApiError;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CircuitBreaker {
    #[serde(default)]
    pub(super) enable: bool,
    #[serde(default)]
    pub(super) rollback: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reset_on_healthy_task: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold_configuration: Option<Threshold>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Threshold {
    #[serde(rename = "type")]
    kind: ThresholdType,
    value: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ThresholdType {
    Count,
    BoundedPercent,
    UnboundedPercent,
}

impl CircuitBreaker {
    pub(super) fn check(self) -> Result<(), ApiError> {
        match self.threshold_configuration {
            Some(threshold) if threshold.value < 1 => {
                Err(invalid("The value of thresholdConfiguration must be at least 1."))
            }
            _ => Ok(()),
        }
    }

    /// Returns true if a healthy task sets the count of failures back.
    pub(super) fn resets(self) -> bool {
        self.reset_on_healthy_task.unwrap_or(true)
    }

    /// The number of failed tasks with which a deployment has failed: half the desired count, at least 3 and at most 200, if
    /// the configuration doesn't say otherwise.
    pub(super) fn threshold(self, desired: u32) -> u32 {
        let default = Threshold { kind: ThresholdType::BoundedPercent, value: 50 };
        let Threshold { kind, value } = self.threshold_configuration.unwrap_or(default);
        let value = u64::try_from(value).unwrap_or_default();
        let share = (u64::from(desired) * value).div_ceil(100);
        let threshold = match kind {
            ThresholdType::Count => value,
            ThresholdType::BoundedPercent => share.clamp(3, 200),
            ThresholdType::UnboundedPercent => share.max(1),
        };
        u32::try_from(threshold).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CircuitBreaker;

    fn breaker(kind: &str, value: u32) -> CircuitBreaker {
        serde_json::from_value(json!({ "thresholdConfiguration": { "type": kind, "value": value } })).unwrap()
    }

    #[test]
    fn the_threshold_is_half_the_desired_count_between_3_and_200() {
        // The examples of AWS's table.
        let threshold = |desired| CircuitBreaker::default().threshold(desired);
        assert_eq!([1, 2, 25, 400, 800].map(threshold), [3, 3, 13, 200, 200]);
    }

    #[test]
    fn threshold_follows_its_type() {
        assert_eq!([1, 800].map(|desired| breaker("COUNT", 7).threshold(desired)), [7, 7]);
        assert_eq!(
            [1, 10, 800].map(|desired| breaker("BOUNDED_PERCENT", 50).threshold(desired)),
            [3, 5, 200]
        );
        assert_eq!(
            [1, 10, 800].map(|desired| breaker("UNBOUNDED_PERCENT", 50).threshold(desired)),
            [1, 5, 400]
        );
    }
}
