//! Amazon CloudWatch Logs: groups, streams, events.

mod events;
mod groups;
mod state;
mod validate;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use state::{Event, Group, Logs, Stream};

use crate::{ApiError, Call, World};

/// Answers a call.
///
/// # Errors
/// CloudWatch Logs' own, or `UnknownOperationException` for what the simulated cloud does not know.
pub fn handle(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let World { logs, account, .. } = world;
    match call.operation.as_str() {
        "CreateLogGroup" => groups::create(logs, account, call),
        "DeleteLogGroup" => groups::delete(logs, call),
        "DescribeLogGroups" => groups::describe(logs, call),
        "PutRetentionPolicy" => groups::put_retention(logs, call),
        "DeleteRetentionPolicy" => groups::delete_retention(logs, call),
        "TagResource" => groups::tag(logs, groups::by_arn(call)?, call),
        "UntagResource" => groups::untag(logs, groups::by_arn(call)?, call, "tagKeys"),
        "ListTagsForResource" => groups::list_tags(logs, groups::by_arn(call)?, call),
        "TagLogGroup" => groups::tag(logs, validate::group_name(call)?, call),
        "UntagLogGroup" => groups::untag(logs, validate::group_name(call)?, call, "tags"),
        "ListTagsLogGroup" => groups::list_tags(logs, validate::group_name(call)?, call),
        "CreateLogStream" => events::create_stream(logs, call),
        "DeleteLogStream" => events::delete_stream(logs, call),
        "DescribeLogStreams" => events::describe_streams(logs, call),
        "PutLogEvents" => events::put(logs, call),
        "GetLogEvents" => events::get(logs, call),
        "FilterLogEvents" => events::filter(logs, call),
        other => Err(ApiError::unknown_operation("logs", other)),
    }
}
