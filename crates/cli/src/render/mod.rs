//! Readers of the stream of events: the live tree of a terminal, plain lines, JSON lines, and the results.
//!
//! Progress, questions and errors go to standard error, results to standard output.

mod creation;
mod credentials;
mod deployed;
mod drift;
mod escaped;
mod failure;
mod json;
mod live;
mod lock;
mod plain;
mod plan;
mod results;
mod status;
mod style;
mod terminal;
#[cfg(test)]
mod testing;
mod time;
mod tree;
mod words;

use std::sync::{Arc, Mutex, PoisonError};

use longshore_model::Event;

pub(crate) use live::Live;
pub(crate) use style::Style;
pub(crate) use time::{moment, rough};

use crate::{arguments::OutputFormat, io::Stream};

/// Reads the stream of events.
pub(crate) trait Reader: Send {
    /// The next event.
    fn read(&mut self, event: &Event);

    /// There will be no further event, although the run has not ended.
    fn abandon(&mut self) {}
}

/// The streams that readers write to, and the output's form.
#[derive(Clone)]
pub(crate) struct Display {
    pub(crate) output: OutputFormat,
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
    pub(crate) stdout_style: Style,
    pub(crate) stderr_style: Style,
    /// True if progress is drawn rather than written line by line, and the size of the terminal.
    pub(crate) drawn: Option<Arc<dyn Fn() -> (u16, u16) + Send + Sync>>,
    pub(crate) live: Live,
}

impl Display {
    /// The readers of a run. `real_time` says whether the clock of the events is the one on the wall.
    pub(crate) fn readers(&self, real_time: bool) -> Readers {
        let readers: Vec<Box<dyn Reader>> = match self.output {
            OutputFormat::Json => vec![Box::new(json::Json::new(self.stdout.clone()))],
            OutputFormat::Text => {
                let progress: Box<dyn Reader> = match &self.drawn {
                    Some(size) => Box::new(terminal::Terminal::new(self, size.clone(), real_time)),
                    None => Box::new(plain::Plain::new(self.stderr.clone(), self.stderr_style)),
                };
                vec![Box::new(escaped::Escaped::new(vec![progress, Box::new(results::Results::new(self))]))]
            }
        };
        Readers(Arc::new(Mutex::new(readers)))
    }

    /// The readers of events that are no progress: the results alone, or JSON lines.
    pub(crate) fn result_readers(&self) -> Readers {
        let reader: Box<dyn Reader> = match self.output {
            OutputFormat::Json => Box::new(json::Json::new(self.stdout.clone())),
            OutputFormat::Text => {
                Box::new(escaped::Escaped::new(vec![Box::new(results::Results::new(self))]))
            }
        };
        Readers(Arc::new(Mutex::new(vec![reader])))
    }
}

/// All readers of a run.
#[derive(Clone)]
pub(crate) struct Readers(Arc<Mutex<Vec<Box<dyn Reader>>>>);

impl Readers {
    /// Hands `event` to each of them.
    pub(crate) fn read(&self, event: &Event) {
        for reader in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            reader.read(event);
        }
    }

    /// Tells each of them that there will be no further event.
    pub(crate) fn abandon(&self) {
        for reader in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            reader.abandon();
        }
    }
}
