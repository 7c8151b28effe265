//! The one stream of events of a run.

use std::{fmt, sync::Arc};

use longshore_model::{Event, EventKind, StepId};
use longshore_plugin::Reporter;

/// Stamps what happens with the time, and hands it to whoever displays or records it.
#[derive(Clone)]
pub struct Events {
    clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    sink: Arc<dyn Fn(Event) + Send + Sync>,
}

impl Events {
    /// A stream that takes the time (milliseconds since the Unix epoch) from `clock` and hands events to `sink`, which
    /// must not block for long.
    pub fn new(
        clock: impl Fn() -> u64 + Send + Sync + 'static,
        sink: impl Fn(Event) + Send + Sync + 'static,
    ) -> Self {
        Self { clock: Arc::new(clock), sink: Arc::new(sink) }
    }

    /// The time, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Says that something happened.
    pub fn emit(&self, event: EventKind) {
        tracing::trace!(?event, "event");
        (self.sink)(Event { at: self.now(), event });
    }
}

impl Reporter for Events {
    fn progress(&self, step: &StepId, message: &str) {
        self.emit(EventKind::StepProgress { step: step.clone(), message: message.to_owned() });
    }

    fn warning(&self, step: &StepId, message: &str) {
        self.emit(EventKind::Warning { step: Some(step.clone()), message: message.to_owned() });
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
