//! Streams and their events.

use serde_json::{Value, json};

use super::{
    Event, Group, Logs, Stream,
    state::{no_group, no_stream},
    validate::{self, CODE, group_name, stream_name},
};
use crate::{ApiError, Call, Moment};

/// The most bytes in one `PutLogEvents`, with 26 added for each event.
const BATCH: usize = 1_048_576;

pub(super) fn create_stream(logs: &mut Logs, call: &Call) -> Result<Value, ApiError> {
    logs.create_stream(&call.region, group_name(call)?, stream_name(call)?, call.now)?;
    Ok(Value::Null)
}

pub(super) fn describe_streams(logs: &Logs, call: &Call) -> Result<Value, ApiError> {
    let group = group(logs, call)?;
    let prefix = call.text("logStreamNamePrefix").unwrap_or_default();
    let mut streams: Vec<_> = group.streams.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    if call.text("orderBy") == Some("LastEventTime") {
        if !prefix.is_empty() {
            return Err(ApiError::new(CODE, "Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        streams.sort_by_key(|(_, stream)| stream.events.last().map(|event| event.at));
    }
    if call.flag("descending") == Some(true) {
        streams.reverse();
    }
    let streams = streams.into_iter().map(|(name, stream)| rendered(group, name, stream)).collect();
    let (streams, next) = validate::listed(call, streams, 50, 50)?;
    Ok(json!({ "logStreams": streams, "nextToken": next }))
}

fn rendered(group: &Group, name: &str, stream: &Stream) -> Value {
    let mut value = json!({
        "logStreamName": name,
        "creationTime": stream.created.0,
        "uploadSequenceToken": "0",
        "arn": format!("{}:log-stream:{name}", group.arn),
        "storedBytes": 0,
    });
    if let (Some(first), Some(last)) = (stream.events.first(), stream.events.last()) {
        value["firstEventTimestamp"] = json!(first.at.0);
        value["lastEventTimestamp"] = json!(last.at.0);
        value["lastIngestionTime"] = json!(last.ingested.0);
    }
    value
}

pub(super) fn put(logs: &mut Logs, call: &Call) -> Result<Value, ApiError> {
    let mut events = Vec::new();
    for event in call.list("logEvents") {
        let (Some(at), Some(message)) =
            (event.get("timestamp").and_then(Value::as_u64), event.get("message").and_then(Value::as_str))
        else {
            return Err(ApiError::new(CODE, "each of logEvents needs a timestamp and a message"));
        };
        events.push(Event { at: Moment(at), ingested: call.now, message: message.to_owned() });
    }
    if events.is_empty() {
        return Err(crate::input::missing("logEvents", CODE));
    }
    if events.iter().map(|event| event.message.len() + 26).sum::<usize>() > BATCH {
        return Err(ApiError::new(CODE, format!("Upload too large: more than {BATCH} bytes")));
    }
    if !events.is_sorted_by_key(|event| event.at) {
        return Err(ApiError::new(
            CODE,
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    let stream = logs.stream_mut(&call.region, group_name(call)?, stream_name(call)?)?;
    stream.events.extend(events);
    stream.events.sort_by_key(|event| event.at);
    Ok(json!({ "nextSequenceToken": stream.events.len().to_string() }))
}

pub(super) fn get(logs: &Logs, call: &Call) -> Result<Value, ApiError> {
    let stream = group(logs, call)?.streams.get(stream_name(call)?).ok_or_else(no_stream)?;
    let events: Vec<_> = stream.events.iter().filter(|event| within(call, event)).collect();
    let limit = call.number("limit").map_or(10_000, |limit| limit.clamp(1, 10_000).unsigned_abs() as usize);
    // Tokens are positions: `f/N` reads on from N, `b/N` back from N, as the service's own look.
    let (start, end) = match call.text("nextToken").map(|token| token.split_at_checked(2)) {
        None if call.flag("startFromHead") == Some(true) => (0, events.len().min(limit)),
        None => (events.len().saturating_sub(limit), events.len()),
        Some(Some(("f/", at))) => {
            let start = position(at, events.len())?;
            (start, events.len().min(start.saturating_add(limit)))
        }
        Some(Some(("b/", at))) => {
            let end = position(at, events.len())?;
            (end.saturating_sub(limit), end)
        }
        Some(_) => return Err(bad_token()),
    };
    let page: Vec<_> = events[start..end]
        .iter()
        .map(|event| {
            json!({ "timestamp": event.at.0, "message": event.message, "ingestionTime": event.ingested.0 })
        })
        .collect();
    Ok(json!({
        "events": page,
        "nextForwardToken": format!("f/{end}"),
        "nextBackwardToken": format!("b/{start}"),
    }))
}

fn position(text: &str, count: usize) -> Result<usize, ApiError> {
    text.parse().ok().filter(|position| *position <= count).ok_or_else(bad_token)
}

fn bad_token() -> ApiError {
    ApiError::new(CODE, "The specified nextToken is invalid.")
}

/// Patterns of plain terms, all of which have to occur; the service's pattern language is refused.
pub(super) fn filter(logs: &Logs, call: &Call) -> Result<Value, ApiError> {
    let group = group(logs, call)?;
    let pattern = call.text("filterPattern").unwrap_or_default().trim();
    let terms: Vec<_> = match pattern.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(phrase) if !phrase.contains('"') => vec![phrase],
        _ if pattern.contains(['{', '[', '?', '%', '"']) => {
            return Err(ApiError::new(
                CODE,
                format!("the simulated cloud knows plain terms only, not {pattern}"),
            ));
        }
        _ => pattern.split_whitespace().collect(),
    };
    let (names, prefix) =
        (call.texts("logStreamNames"), call.text("logStreamNamePrefix").unwrap_or_default());
    let mut found = Vec::new();
    for (name, stream) in &group.streams {
        if !(names.is_empty() || names.contains(name)) || !name.starts_with(prefix) {
            continue;
        }
        for (index, event) in stream.events.iter().enumerate().filter(|(_, event)| within(call, event)) {
            if terms.iter().all(|term| match term.strip_prefix('-') {
                Some(without) => !event.message.contains(without),
                None => event.message.contains(term),
            }) {
                found.push((name, index, event));
            }
        }
    }
    found.sort_by_key(|(_, _, event)| event.at);
    let events = found
        .into_iter()
        .map(|(name, index, event)| {
            json!({
                "logStreamName": name,
                "timestamp": event.at.0,
                "message": event.message,
                "ingestionTime": event.ingested.0,
                "eventId": format!("{:020}{index:010}", event.at.0),
            })
        })
        .collect();
    let (events, next) = validate::listed(call, events, 10_000, 10_000)?;
    Ok(json!({ "events": events, "nextToken": next, "searchedLogStreams": [] }))
}

/// `startTime` counts, `endTime` does not.
fn within(call: &Call, event: &Event) -> bool {
    let at = i64::try_from(event.at.0).unwrap_or(i64::MAX);
    call.number("startTime").is_none_or(|start| at >= start)
        && call.number("endTime").is_none_or(|end| at < end)
}

fn group<'a>(logs: &'a Logs, call: &Call) -> Result<&'a Group, ApiError> {
    logs.group(&call.region, group_name(call)?).ok_or_else(no_group)
}
