//! Amazon CloudWatch Logs: groups, streams, events.

mod state;

pub use state::{Event, Group, Logs, Stream};
