//! Application Auto Scaling: scalable targets of ECS services, their policies and scheduled actions.
//!
//! Metrics do not exist here, so a policy never scales by itself: `UpdateService` plays that part. Scheduled actions run on
//! the cloud's clock.

mod actions;
mod input;
mod policies;
mod schedule;
mod state;
mod tags;
mod targets;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use actions::Due;
pub(crate) use actions::run;
pub use state::AutoScaling;

use crate::{ApiError, Call, World};

/// Answers a call.
///
/// # Errors
/// Application Auto Scaling's own, or `UnknownOperationException` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    input::check(call)?;
    match call.operation.as_str() {
        "RegisterScalableTarget" => targets::register(world, call),
        "DescribeScalableTargets" => targets::describe(world, call),
        "DeregisterScalableTarget" => targets::deregister(world, call),
        "PutScalingPolicy" => policies::put(world, call),
        "DescribeScalingPolicies" => policies::describe(world, call),
        "DeleteScalingPolicy" => policies::delete(world, call),
        "PutScheduledAction" => actions::put(world, call),
        "DescribeScheduledActions" => actions::describe(world, call),
        "DeleteScheduledAction" => actions::delete(world, call),
        "TagResource" => tags::tag(world, call),
        "UntagResource" => tags::untag(world, call),
        "ListTagsForResource" => tags::list(world, call),
        other => Err(ApiError::unknown_operation("application-autoscaling", other)),
    }
}
