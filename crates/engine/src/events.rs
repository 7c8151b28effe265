//! The one stream of events of a run.

use std::{fmt, sync::Arc};

use longshore_model::{Event, EventKind, StepId};
use longshore_plugin::Reporter;

/// Stamps what happens with the time, and hands it to its receiver.
#[derive(Clone)]
pub struct Events {
    clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    sink: Option<Arc<dyn Fn(Event) + Send + Sync>>,
}

impl Events {
    /// A stream that takes the time (milliseconds since the Unix epoch) from `clock` and hands events to `sink`, which
    /// must not block for long.
    pub fn new(
        clock: impl Fn() -> u64 + Send + Sync + 'static,
        sink: impl Fn(Event) + Send + Sync + 'static,
    ) -> Self {
        Self { clock: Arc::new(clock), sink: Some(Arc::new(sink)) }
    }

    /// A stream without a reader: events of which there is no trace are not even made.
    pub fn none(clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), sink: None }
    }

    /// True if events are read or traced.
    pub(crate) fn are_heard(&self) -> bool {
        self.sink.is_some() || tracing::enabled!(tracing::Level::TRACE)
    }

    /// The time, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Says that something happened.
    pub fn emit(&self, event: EventKind) {
        tracing::trace!(?event, "event");
        if let Some(sink) = &self.sink {
            sink(Event { at: self.now(), event });
        }
    }

    /// Says that something happened, where that is heard.
    pub fn emit_with(&self, event: impl FnOnce() -> EventKind) {
        if self.are_heard() {
            self.emit(event());
        }
    }
}

impl Reporter for Events {
    fn progress(&self, step: &StepId, message: &str) {
        self.emit_with(|| EventKind::StepProgress { step: step.clone(), message: message.to_owned() });
    }

    fn warning(&self, step: &StepId, message: &str) {
        self.emit_with(|| EventKind::Warning { step: Some(step.clone()), message: message.to_owned() });
    }

    fn now(&self) -> u64 {
        (self.clock)()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}
