//! Events as JSON lines.

use longshore_model::Event;

use super::Reader;
use crate::io::Stream;

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
        match serde_json::to_string(event) {
            Ok(line) => self.stream.line(line),
            Err(error) => tracing::error!(%error, "an event cannot be written as JSON"),
        }
    }
}
