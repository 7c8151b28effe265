//! The log on standard error.
//!
//! The AWS SDK logs whole requests and responses at `trace`, secret values among them, and so do other libraries. No
//! verbosity and no LONGSHORE_LOG may let that through: everything but Longshore's own crates ends at `debug`.

use std::{borrow::Cow, io};

use tracing::{
    Dispatch, Level, Metadata,
    dispatcher::{DefaultGuard, set_default, set_global_default},
};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry,
    filter::filter_fn,
    fmt::{MakeWriter, time::Uptime},
    layer::SubscriberExt as _,
};

use crate::{io::Stream, render::Live};

/// A log that is being written, for as long as this is held.
pub(crate) struct Logging {
    dispatch: Dispatch,
    _guard: Option<DefaultGuard>,
}

impl Logging {
    /// Starts the log: for the whole process where the command has it to itself, otherwise for this thread and those
    /// that [`Logging::enter_thread`] is called in.
    ///
    /// # Errors
    /// When LONGSHORE_LOG is no filter.
    pub(crate) fn start(log: &Log, owns_process: bool) -> Result<Self, String> {
        let filter = EnvFilter::try_new(log.directives())
            .map_err(|error| format!("LONGSHORE_LOG is not a filter such as longshore_aws=trace: {error}"))?;
        let format = tracing_subscriber::fmt::layer()
            .with_timer(Uptime::default())
            .with_ansi(log.color)
            .with_writer(Writer { stream: log.stream.clone(), live: log.live.clone() });
        let layer = format.with_filter(filter_fn(may_be_logged)).with_filter(filter);
        let dispatch = Dispatch::new(Registry::default().with(layer));
        if owns_process && set_global_default(dispatch.clone()).is_ok() {
            return Ok(Self { dispatch, _guard: None });
        }
        let guard = set_default(&dispatch);
        Ok(Self { dispatch, _guard: Some(guard) })
    }

    /// Returns a function that makes its calling thread write to this log for good.
    pub(crate) fn enter_thread(&self) -> impl Fn() + Send + Sync + 'static {
        let dispatch = self.dispatch.clone();
        move || std::mem::forget(set_default(&dispatch))
    }
}

/// The settings and the destination of the log.
pub(crate) struct Log {
    /// The number of `-v` flags.
    pub(crate) verbose: u8,
    /// The value of LONGSHORE_LOG.
    pub(crate) filter: Option<String>,
    /// True if colours are used.
    pub(crate) color: bool,
    /// Standard error.
    pub(crate) stream: Stream,
    /// The drawing on the same terminal.
    pub(crate) live: Live,
}

impl Log {
    fn directives(&self) -> String {
        let own = |level: &str, others: &str| format!("{others},longshore={level}");
        match (&self.filter, self.verbose) {
            (Some(filter), _) => filter.clone(),
            (None, 0) => own("warn", "error"),
            (None, 1) => own("info", "warn"),
            (None, 2) => own("debug", "info"),
            (None, _) => own("trace", "debug"),
        }
    }
}

/// Returns true if an event or span may be logged at all.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("longshore") || *metadata.level() <= Level::DEBUG
}

/// Writes whole lines, above what is drawn.
#[derive(Clone)]
struct Writer {
    stream: Stream,
    live: Live,
}

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { to: self.clone(), text: Vec::new() }
    }
}

/// One event of the log, written when it is complete.
struct Line {
    to: Writer,
    text: Vec<u8>,
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        self.to.live.above(&self.to.stream, &without_user_infos(&text));
    }
}

/// `text` without users and passwords in URLs. Libraries log the endpoints and proxies that they connect to.
fn without_user_infos(text: &str) -> Cow<'_, str> {
    const BEGINNING: &str = "://";
    if !text.contains(BEGINNING) || !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for (nth, part) in text.split(BEGINNING).enumerate() {
        if nth == 0 {
            shown.push_str(part);
            continue;
        }
        shown.push_str(BEGINNING);
        let end = part.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\\'));
        let authority = &part[..end.unwrap_or(part.len())];
        shown.push_str(authority.rfind('@').map_or(part, |at| &part[at + 1..]));
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_infos_are_cut_from_urls() {
        for (text, shown) in [
            ("at http://me:hunter2@127.0.0.1:1/x, a@b", "at http://127.0.0.1:1/x, a@b"),
            ("uri: \"https://t0ken@proxy\" and http://x/?a@b", "uri: \"https://proxy\" and http://x/?a@b"),
            ("http://a:b@c@d", "http://d"),
            ("no URL: me@example.com", "no URL: me@example.com"),
        ] {
            assert_eq!(without_user_infos(text), shown);
        }
    }
}
