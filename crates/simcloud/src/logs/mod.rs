//! Amazon CloudWatch Logs: groups, streams, events.

mod events;
mod groups;
mod state;
mod validate;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use state::{Class, Event, Group, Logs, Stream};

use crate::{ApiError, Call, World};

/// Answers a call.
///
/// # Errors
/// CloudWatch Logs' own, or `UnknownOperationException` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "CreateLogGroup" => groups::create(world, call),
        "DeleteLogGroup" => groups::delete(&mut world.logs, call),
        "DescribeLogGroups" => groups::describe(&world.logs, call),
        "PutRetentionPolicy" => groups::put_retention(&mut world.logs, call),
        "DeleteRetentionPolicy" => groups::delete_retention(&mut world.logs, call),
        "TagResource" => groups::tag(&mut world.logs, call),
        "UntagResource" => groups::untag(&mut world.logs, call),
        "ListTagsForResource" => groups::list_tags(&world.logs, call),
        "CreateLogStream" => events::create_stream(&mut world.logs, call),
        "DescribeLogStreams" => events::describe_streams(&world.logs, call),
        "PutLogEvents" => events::put(&mut world.logs, call),
        "GetLogEvents" => events::get(&world.logs, call),
        "FilterLogEvents" => events::filter(&world.logs, call),
        other => Err(ApiError::unknown_operation("logs", other)),
    }
}
