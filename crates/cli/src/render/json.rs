//! Events as JSON lines.

use longshore_model::Event;
use serde::Serialize;

use super::Reader;
use crate::io::Stream;

/// The version of the events' schema. New kinds of events and new fields keep it; what would break a reader raises it:
/// `docs/output.md`.
const SCHEMA: u32 = 1;

/// A line.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    #[serde(flatten)]
    event: &'a Event,
}

/// Writes each event as one JSON object on a line of its own.
pub(super) struct Json {
    stream: Stream,
}

impl Json {
    pub(super) const fn new(stream: Stream) -> Self {
        Self { stream }
    }
}

impl Reader for Json {
    fn read(&mut self, event: &Event) {
        match serde_json::to_string(&Line { schema: SCHEMA, event }) {
            Ok(line) => self.stream.line(line),
            Err(error) => tracing::error!(%error, "an event cannot be written as JSON"),
        }
    }
}
