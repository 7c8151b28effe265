//! Elastic Load Balancing's errors.

use crate::ApiError;

pub(super) fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

pub(super) fn configuration(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidConfigurationRequest", message)
}

pub(super) fn in_use(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceInUse", message)
}

pub(super) fn no_load_balancer() -> ApiError {
    ApiError::new("LoadBalancerNotFound", "One or more load balancers not found")
}

pub(super) fn no_target_group() -> ApiError {
    ApiError::new("TargetGroupNotFound", "One or more target groups not found")
}

pub(super) fn no_listener() -> ApiError {
    ApiError::new("ListenerNotFound", "One or more listeners not found")
}

pub(super) fn no_rule() -> ApiError {
    ApiError::new("RuleNotFound", "One or more rules not found")
}

/// The refusal of what AWS has and the simulated cloud does not play.
pub(super) fn not_simulated(what: &str) -> ApiError {
    validation(format!("the simulated cloud does not simulate {what}"))
}
