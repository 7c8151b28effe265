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
        "CreateLogGroup" => return groups::create(world, call),
        _ => {}
    }
    let World { logs, .. } = world;
    match call.operation.as_str() {
        "DeleteLogGroup" => groups::delete(logs, call),
        "DescribeLogGroups" => groups::describe(logs, call),
        "PutRetentionPolicy" => groups::put_retention(logs, call),
        "DeleteRetentionPolicy" => groups::delete_retention(logs, call),
        "TagResource" => groups::tag(logs, call),
        "UntagResource" => groups::untag(logs, call),
        "ListTagsForResource" => groups::list_tags(logs, call),
        "CreateLogStream" => events::create_stream(logs, call),
        "DescribeLogStreams" => events::describe_streams(logs, call),
        "PutLogEvents" => events::put(logs, call),
        "GetLogEvents" => events::get(logs, call),
        "FilterLogEvents" => events::filter(logs, call),
        other => Err(ApiError::unknown_operation("logs", other)),
    }
}
