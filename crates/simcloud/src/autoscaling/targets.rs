//! Scalable targets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    input::{Filter, Resource, limit_exceeded, page, validation},
    state::{Capacity, Suspended, Target},
    tags,
};
use crate::{ApiError, Call, World, ecs, partition};

/// The most targets of ECS in a region (user guide, "Quotas for Application Auto Scaling").
const MOST: usize = 3_000;

/// Reads a capacity of a table.
pub(super) fn capacity(table: &Value, member: &str) -> Result<Option<u32>, ApiError> {
    let Some(number) = table.get(member).and_then(Value::as_i64) else { return Ok(None) };
    let what = if member == "MinCapacity" { "Minimum" } else { "Maximum" };
    let number = u32::try_from(number);
    number.map(Some).map_err(|_| validation(format!("{what} capacity must be greater than or equal to 0")))
}

impl Capacity {
    pub(super) fn checked(min: u32, max: u32) -> Result<Self, ApiError> {
        if min > max {
            return Err(validation("Maximum capacity cannot be less than minimum capacity"));
        }
        Ok(Self { min, max })
    }
}

fn suspended(given: &Value, before: Suspended) -> Suspended {
    let flag = |member: &str, before: bool| given.get(member).and_then(Value::as_bool).unwrap_or(before);
    Suspended {
        dynamic_scaling_in_suspended: flag("DynamicScalingInSuspended", before.dynamic_scaling_in_suspended),
        dynamic_scaling_out_suspended: flag(
            "DynamicScalingOutSuspended",
            before.dynamic_scaling_out_suspended,
        ),
        scheduled_scaling_suspended: flag("ScheduledScalingSuspended", before.scheduled_scaling_suspended),
    }
}

/// Registers or changes a target, and brings the service's count into its bounds.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
pub(super) fn register(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let resource = Resource::of(call)?;
    if !ecs::has_service(world, (&call.region, resource.cluster, resource.service)) {
        return Err(validation(format!("ECS service doesn't exist: {}", resource.id)));
    }
    let given = (capacity(&call.input, "MinCapacity")?, capacity(&call.input, "MaxCapacity")?);
    let state = call.input.get("SuspendedState").unwrap_or(&Value::Null);
    let tags = tags::given(call)?;
    let targets = world.autoscaling.region(&call.region);
    let arn = match targets.get_mut(resource.id) {
        Some(target) => {
            if !tags.is_empty() {
                return Err(validation(
                    "The scalable target that you tried to tag already exists. To update tags on an existing scalable \
                     target, use the TagResource API.",
                ));
            }
            let (min, max) = (given.0.unwrap_or(target.capacity.min), given.1.unwrap_or(target.capacity.max));
            target.capacity = Capacity::checked(min, max)?;
            target.suspended = suspended(state, target.suspended);
            target.arn.clone()
        }
        None => {
            let (Some(min), Some(max)) = given else {
                return Err(validation(
                    "MinCapacity and MaxCapacity must be specified when registering a new scalable target",
                ));
            };
            let capacity = Capacity::checked(min, max)?;
            if targets.len() >= MOST {
                return Err(limit_exceeded("The maximum number of scalable targets has been reached"));
            }
            let id = world.ids.hex(36);
            let arn = partition::arn(
                "application-autoscaling",
                &call.region,
                &world.account,
                format_args!("scalable-target/{id}"),
            );
            let target = Target {
                arn: arn.clone(),
                capacity,
                suspended: suspended(state, Suspended::default()),
                created: call.now,
                tags,
                policies: BTreeMap::new(),
                actions: BTreeMap::new(),
            };
            targets.insert(resource.id.to_owned(), target);
            arn
        }
    };
    settle(world, call, &resource);
    Ok(json!({ "ScalableTargetARN": arn }))
}

fn settle(world: &mut World, call: &Call, resource: &Resource<'_>) {
    if let Some(target) = world.autoscaling.target(&call.region, resource.id) {
        let Capacity { min, max } = target.capacity;
        ecs::scale(world, call.now, (&call.region, resource.cluster, resource.service), min..=max);
    }
}

pub(super) fn describe(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let filter = Filter::of(call, "ResourceIds")?;
    let role = world.global_arn(
        "iam",
        "role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
         AWSServiceRoleForApplicationAutoScaling_ECSService",
    );
    let targets = world.autoscaling.region(&call.region).iter().filter(|(id, _)| filter.has(id, id));
    let targets = targets.map(|(id, target)| {
        let mut shown = Resource::json(id);
        shown["MinCapacity"] = json!(target.capacity.min);
        shown["MaxCapacity"] = json!(target.capacity.max);
        shown["RoleARN"] = json!(role);
        shown["CreationTime"] = json!(target.created.epoch_seconds());
        shown["SuspendedState"] = json!(target.suspended);
        shown["ScalableTargetARN"] = json!(target.arn);
        shown
    });
    let targets = targets.collect();
    page(call, "ScalableTargets", targets, 50)
}

/// Deregisters a target with its policies and scheduled actions.
pub(super) fn deregister(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let resource = Resource::of(call)?;
    let removed = world.autoscaling.region(&call.region).remove(resource.id);
    removed.ok_or_else(|| resource.no("scalable target", None))?;
    Ok(json!({}))
}
