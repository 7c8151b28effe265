//! Elastic Load Balancing: Application Load Balancers, their listeners and rules, and target groups whose health follows
//! the tasks that ECS registers.
//!
//! Health isn't an event: it follows from when a target was registered, from what its container answers, and from the
//! health check. ECS looks when it may have changed.

mod action;
mod attributes;
mod condition;
mod error;
mod health;
mod health_check;
mod listeners;
mod load_balancers;
mod names;
mod rules;
mod state;
mod tags;
mod target_groups;
mod targets;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use state::Elbv2;
pub(crate) use {
    health::State,
    state::{TargetKey, TargetKind},
};

use crate::{ApiError, Call, World};

/// Answers a call.
///
/// # Errors
/// Elastic Load Balancing's own, or `InvalidAction` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "CreateLoadBalancer" => load_balancers::create(world, call),
        "DescribeLoadBalancers" => load_balancers::describe(world, call),
        "DeleteLoadBalancer" => load_balancers::delete(world, call),
        "SetSecurityGroups" => load_balancers::set_security_groups(world, call),
        "SetSubnets" => load_balancers::set_subnets(world, call),
        "DescribeLoadBalancerAttributes" => attributes::describe_of_load_balancer(world, call),
        "ModifyLoadBalancerAttributes" => attributes::modify_of_load_balancer(world, call),
        "CreateListener" => listeners::create(world, call),
        "DescribeListeners" => listeners::describe(world, call),
        "ModifyListener" => listeners::modify(world, call),
        "DeleteListener" => listeners::delete(world, call),
        "CreateRule" => rules::create(world, call),
        "DescribeRules" => rules::describe(world, call),
        "ModifyRule" => rules::modify(world, call),
        "SetRulePriorities" => rules::set_priorities(world, call),
        "DeleteRule" => rules::delete(world, call),
        "CreateTargetGroup" => target_groups::create(world, call),
        "DescribeTargetGroups" => target_groups::describe(world, call),
        "ModifyTargetGroup" => target_groups::modify(world, call),
        "DeleteTargetGroup" => target_groups::delete(world, call),
        "DescribeTargetGroupAttributes" => attributes::describe(world, call),
        "ModifyTargetGroupAttributes" => attributes::modify(world, call),
        "RegisterTargets" => targets::register(world, call),
        "DeregisterTargets" => targets::deregister(world, call),
        "DescribeTargetHealth" => targets::describe_health(world, call),
        "AddTags" => tags::add(world, call),
        "RemoveTags" => tags::remove(world, call),
        "DescribeTags" => tags::describe(world, call),
        other => Err(ApiError::unknown_operation("elasticloadbalancing", other)),
    }
}
