//! The deployment circuit breaker.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CircuitBreaker {
    pub(super) enable: bool,
    pub(super) rollback: bool,
}

/// After how many failed tasks a deployment has failed: half the desired count, at least 3, at most 200.
pub(super) fn threshold(desired: u32) -> u32 {
    desired.div_ceil(2).clamp(3, 200)
}

#[cfg(test)]
mod tests {
    use super::threshold;

    #[test]
    fn the_threshold_is_half_the_desired_count_between_3_and_200() {
        // The examples of AWS's table.
        assert_eq!([1, 2, 25, 400, 800].map(threshold), [3, 3, 13, 200, 200]);
    }
}
