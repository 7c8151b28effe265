//! The parts of its process that the command uses.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::{self, BufRead, IsTerminal as _, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use longshore_model::printable;
use tokio::sync::mpsc::UnboundedReceiver;

/// The parts of its process that the command uses: a seam, so that tests can run it in their own.
pub struct Io {
    /// The stream that answers are read from.
    pub stdin: Box<dyn BufRead + Send>,
    /// The stream for results.
    pub stdout: Box<dyn Write + Send>,
    /// The stream for progress, questions, logs and errors.
    pub stderr: Box<dyn Write + Send>,
    /// True if questions can be asked.
    pub stdin_is_terminal: bool,
    /// True if results are read on a terminal.
    pub stdout_is_terminal: bool,
    /// True if progress is watched on a terminal.
    pub stderr_is_terminal: bool,
    /// Rows and columns of the terminal.
    pub size: Arc<dyn Fn() -> (u16, u16) + Send + Sync>,
    /// The environment variables.
    pub variables: BTreeMap<String, String>,
    /// The names of the environment variables whose name or value is not UTF-8.
    pub unreadable: BTreeSet<String>,
    /// The requests to stop the command.
    pub interrupts: Interrupts,
    /// True if the command has the process to itself, and may set up what a process has only one of: the log.
    pub owns_process: bool,
}

impl Io {
    /// The process itself.
    #[must_use]
    pub fn process() -> Self {
        let utf8 = |text: std::ffi::OsString| text.into_string().ok();
        let (mut variables, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
        for (name, value) in std::env::vars_os() {
            let shown = name.to_string_lossy().into_owned();
            match (utf8(name), utf8(value)) {
                (Some(name), Some(value)) => drop(variables.insert(name, value)),
                _ => drop(unreadable.insert(shown)),
            }
        }
        // Shells know it and rarely pass it on.
        if let Some(host) = utf8(gethostname::gethostname()) {
            variables.entry("HOSTNAME".to_owned()).or_insert(host);
        }
        Self {
            stdin: Box::new(io::BufReader::new(io::stdin())),
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            size: Arc::new(|| console::Term::stderr().size()),
            variables,
            unreadable,
            interrupts: Interrupts::Signals,
            owns_process: true,
        }
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("interrupts", &self.interrupts).finish_non_exhaustive()
    }
}

/// The requests to stop the command. After the first one nothing new begins, and running work is waited for. After the
/// second one the command ends at once.
#[derive(Debug)]
pub enum Interrupts {
    /// By SIGINT (Ctrl-C), SIGTERM and, unless the process was started to ignore it (`nohup`), SIGHUP.
    Signals,
    /// By messages.
    Channel(UnboundedReceiver<()>),
    /// Not at all.
    Never,
}

/// A stream that several parts of the command write to, and the only way out: text that is not printable is escaped here,
/// wherever it comes from.
#[derive(Clone)]
pub(crate) struct Stream(Arc<Mutex<Output>>);

struct Output {
    writer: Box<dyn Write + Send>,
    /// True if colours and weights pass.
    color: bool,
    /// The first error of writing, after which output is missing.
    lost: Option<io::Error>,
}

impl Stream {
    pub(crate) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Mutex::new(Output { writer, color: false, lost: None })))
    }

    /// The stream, which lets colours and weights pass if `color` is true.
    pub(crate) fn with_color(self, color: bool) -> Self {
        self.output().color = color;
        self
    }

    /// Writes `text`, with what is not printable escaped.
    pub(crate) fn write(&self, text: impl AsRef<str>) {
        let mut output = self.output();
        if output.color {
            let text = painted(text.as_ref());
            output.write(&text);
        } else {
            output.write(&printable(text.as_ref()));
        }
    }

    /// Writes `text` as it is. For control sequences of a drawing and for scripts of shells, with nothing foreign in them.
    pub(crate) fn write_unescaped(&self, text: &str) {
        self.output().write(text);
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the error because of which output is missing, such as a full disk.
    pub(crate) fn lost(&self) -> Option<String> {
        self.output().lost.as_ref().map(io::Error::to_string)
    }

    /// Writes `text` and a line break.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        self.write(format!("{}\n", text.as_ref()));
    }
}

impl Output {
    /// Writes `text` as it is. A reader that has gone away is no error.
    fn write(&mut self, text: &str) {
        let written = self.writer.write_all(text.as_bytes()).and_then(|()| self.writer.flush());
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.lost.get_or_insert(error);
        }
    }
}

/// `text` with what is not printable escaped, but for colours and weights. Foreign text was escaped before it was painted:
/// `render::escaped`.
fn painted(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return printable(text);
    }
    let mut result = String::with_capacity(text.len());
    for (nth, part) in text.split('\u{1b}').enumerate() {
        let sequence = if nth == 0 { 0 } else { paint(part) };
        if nth > 0 {
            result.push_str(if sequence > 0 { "\u{1b}" } else { "\\u001b" });
        }
        result.push_str(&part[..sequence]);
        result.push_str(&printable(&part[sequence..]));
    }
    result.into()
}

/// The length of the control sequence for a colour or a weight that `text` begins with behind ESC: `[1m`, `[31m`.
fn paint(text: &str) -> usize {
    let length = text.find('m').map_or(0, |end| end + 1);
    let number = text[..length].strip_prefix('[').and_then(|rest| rest.strip_suffix('m'));
    let is_paint = |number: &str| {
        matches!(number, "0" | "1" | "2" | "3" | "4" | "31" | "32" | "33" | "34" | "35" | "36")
    };
    if number.is_some_and(is_paint) { length } else { 0 }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Exit, run};

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn completions(stdout: Broken) -> Exit {
        let io = Io {
            stdin: Box::new(io::empty()),
            stdout: Box::new(stdout),
            stderr: Box::new(io::sink()),
            stdin_is_terminal: false,
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            size: Arc::new(|| (24, 80)),
            variables: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            interrupts: Interrupts::Never,
            owns_process: false,
        };
        run(["longshore", "completions", "bash"], io)
    }

    #[test]
    fn results_that_get_lost_are_a_failure_and_a_reader_who_goes_away_is_none() {
        assert_eq!(completions(Broken(io::ErrorKind::StorageFull)), Exit::Failed);
        assert_eq!(completions(Broken(io::ErrorKind::BrokenPipe)), Exit::Done);
    }
}
