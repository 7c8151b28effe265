//! The end of a task's log.

use longshore_aws::Aws;
use longshore_model::without_tokens;
use serde_json::{Value, json};

/// The number of lines that are shown.
const LINES: u32 = 20;

/// Returns the last lines that a container of a task has logged, the oldest first. Empty if they cannot be read: the end of
/// the task counts, and not its log.
pub(super) async fn tail(aws: &Aws, group: &str, stream: &str) -> Vec<String> {
    let parameters = json!({ "logGroupName": group, "logStreamName": stream, "limit": LINES });
    let Ok(client) = aws.cloudwatchlogs().await else { return Vec::new() };
    let Ok(answer) = client.call("GetLogEvents", parameters).await else { return Vec::new() };
    let events = answer.get("events").and_then(Value::as_array).into_iter().flatten();
    events.filter_map(|event| event.get("message")?.as_str().map(without_tokens)).collect()
}
