//! The conversation with a program that runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use longshore_credential::{Pipes, Program, Running};
use serde_json::error::Category;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::ChildStdin,
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::protocol::{Cancel, CancelledRequest, Envelope, LINE_LIMIT, Line, Shutdown, line};

/// The time that a program has to answer a request after it was cancelled.
const GRACE: Duration = Duration::from_secs(1);
/// The time that a program has to end after it was asked to.
const ENDING: Duration = Duration::from_secs(2);
/// The time in which the pipes of a program are read after its end. Its children may keep them open.
const AFTERWARDS: Duration = Duration::from_millis(500);
/// The longest line of standard error that is passed on, in bytes.
const WORDS: usize = 1000;
/// The number of lines of standard error that are passed on.
const MOST_WORDS: usize = 1000;
const FIRST_LEFT_OUT: usize = MOST_WORDS + 1;

/// The id of the greeting, which is answered like a request.
const HELLO: u64 = 0;

/// The reason why nothing more is to be had from a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ended without being asked to.
    Ended(ExitStatus),
    /// It closed its standard output.
    Closed,
    /// It sent a line that is too long.
    TooLong,
    /// It sent a line that is no JSON.
    NotJson,
    /// It sent a line of another form.
    WrongForm,
    /// It answered a request that is not open.
    Unasked(u64),
    /// It did not answer in time, and not after it was cancelled.
    Late(String),
    /// It was asked to end.
    Stopped,
}

/// The reason why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Nothing more is to be had from the program.
    Fault(Fault),
    /// The deadline is over.
    Late,
    /// The run was interrupted.
    Interrupted,
    /// The request is longer than a line may be.
    TooLong,
}

/// Something that a program says while it works at a request.
#[derive(Debug)]
pub(crate) enum Said {
    /// Progress.
    Progress(String),
    /// A warning.
    Warning(String),
    /// A line of standard error.
    Words(String),
}

impl Said {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Progress(text) | Self::Warning(text) | Self::Words(text) => text,
        }
    }
}

enum Heard {
    Said(Said),
    Answer(Line),
}

/// A request on its way.
pub(crate) struct Call {
    /// The method.
    pub(crate) method: &'static str,
    /// The longest time until the answer.
    pub(crate) limit: Duration,
    /// Cancelled if the run is interrupted.
    pub(crate) interrupt: CancellationToken,
}

/// A program that runs. It is killed when this is dropped.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    /// Lines for the program. `None` closes its standard input.
    outgoing: UnboundedSender<Option<Line>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    kill: CancellationToken,
}

#[derive(Default)]
struct State {
    last: u64,
    open: BTreeMap<u64, UnboundedSender<Heard>>,
    /// Requests that are not waited for any more, and may be answered.
    abandoned: BTreeSet<u64>,
    fault: Option<Fault>,
    driver: Option<JoinHandle<()>>,
    /// The end of standard error.
    words: Vec<String>,
}

impl Connection {
    /// Starts `program`. Must be called within the runtime that keeps its time.
    ///
    /// # Errors
    /// If it cannot be run.
    pub(crate) fn start(program: &Program) -> std::io::Result<Self> {
        let mut running = program.start()?;
        let pipes = running.pipes().ok_or_else(|| std::io::Error::other("it has no pipes"))?;
        let shared = Arc::<Shared>::default();
        let (outgoing, lines) = mpsc::unbounded_channel();
        let Pipes { stdin, stdout, stderr } = pipes;
        tokio::spawn(write(stdin, lines));
        let words = tokio::spawn(read_words(stderr, shared.clone()));
        let driver = tokio::spawn(drive(running, stdout, words, shared.clone()));
        shared.lock().driver = Some(driver);
        Ok(Self { shared, outgoing })
    }

    /// Opens the exchange of greetings.
    ///
    /// # Errors
    /// If nothing more is to be had from the program.
    pub(crate) fn greeting(self: &Arc<Self>) -> Result<Exchange, Unanswered> {
        self.open(|_| HELLO)
    }

    /// Opens a request with an id of its own.
    ///
    /// # Errors
    /// If nothing more is to be had from the program.
    pub(crate) fn request(self: &Arc<Self>) -> Result<Exchange, Unanswered> {
        self.open(|state| {
            state.last += 1;
            state.last
        })
    }

    fn open(self: &Arc<Self>, id_in: impl FnOnce(&mut State) -> u64) -> Result<Exchange, Unanswered> {
        let mut state = self.shared.lock();
        if let Some(fault) = &state.fault {
            return Err(Unanswered::Fault(fault.clone()));
        }
        let id = id_in(&mut state);
        let (sender, heard) = mpsc::unbounded_channel();
        state.open.insert(id, sender);
        Ok(Exchange { connection: self.clone(), id, heard })
    }

    fn send(&self, line: Line) {
        // If nothing takes it, the program has ended, and that is told.
        let _ = self.outgoing.send(Some(line));
    }

    fn send_json(&self, value: &impl serde::Serialize) {
        if let Ok(line) = line(value) {
            self.send(line);
        }
    }

    /// Returns the end of what the program has said on standard error.
    pub(crate) fn words(&self) -> String {
        self.shared.lock().words.join(" ")
    }

    /// Asks the program to end, and kills it if it does not. Returns true if it has ended by itself.
    pub(crate) async fn shut_down(&self) -> bool {
        let Some(mut driver) = self.shared.lock().driver.take() else { return false };
        let is_faulty = self.shared.lock().fault.is_some();
        self.shared.fail(Fault::Stopped);
        self.send_json(&Shutdown { shutdown: serde_json::Map::new() });
        let _ = self.outgoing.send(None);
        let has_ended = timeout(ENDING, &mut driver).await.is_ok();
        if !has_ended {
            self.shared.kill.cancel();
            let _ = timeout(ENDING, &mut driver).await;
        }
        has_ended && !is_faulty
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.kill.cancel();
        if let Some(driver) = self.shared.lock().driver.take() {
            // The group of the program is killed when the driver is dropped.
            driver.abort();
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

/// A request, or the exchange of greetings. A caller that drops it does not wait for the answer.
pub(crate) struct Exchange {
    connection: Arc<Connection>,
    /// The id of the request.
    pub(crate) id: u64,
    heard: UnboundedReceiver<Heard>,
}

impl Exchange {
    /// Sends the line `request`, and waits for the answer.
    ///
    /// # Errors
    /// If it does not come.
    pub(crate) async fn run(
        mut self,
        request: Line,
        call: Call,
        mut said: impl FnMut(Said) + Send,
    ) -> Result<Line, Unanswered> {
        if request.len() > LINE_LIMIT {
            return Err(Unanswered::TooLong);
        }
        self.connection.send(request);
        let over = sleep(call.limit);
        tokio::pin!(over);
        loop {
            let why = tokio::select! {
                biased;
                // A program that never stops talking delays neither of these.
                () = call.interrupt.cancelled() => Unanswered::Interrupted,
                () = &mut over => Unanswered::Late,
                heard = self.heard.recv() => match heard {
                    Some(Heard::Said(words)) => {
                        said(words);
                        continue;
                    }
                    Some(Heard::Answer(line)) => return Ok(line),
                    None => return Err(Unanswered::Fault(self.connection.shared.fault())),
                },
            };
            self.cancel(call.method).await;
            return Err(why);
        }
    }

    /// Cancels the request. A program that does not answer it is killed.
    async fn cancel(&mut self, method: &str) {
        let connection = self.connection.clone();
        if self.id != HELLO {
            connection.send_json(&Cancel { cancel: CancelledRequest { id: self.id } });
            let answered = async { while let Some(Heard::Said(_)) = self.heard.recv().await {} };
            if timeout(GRACE, answered).await.is_ok() {
                return;
            }
        }
        connection.shared.fail(Fault::Late(method.to_owned()));
        connection.shared.kill.cancel();
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.connection.shared.lock();
        if state.open.remove(&self.id).is_some() {
            state.abandoned.insert(self.id);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self) -> Fault {
        self.lock().fault.clone().unwrap_or(Fault::Closed)
    }

    /// Ends all requests. The first reason counts.
    fn fail(&self, fault: Fault) {
        let mut state = self.lock();
        state.fault.get_or_insert(fault);
        state.open.clear();
    }

    /// Takes a line of standard output.
    fn take(&self, line: Line) -> Result<(), Fault> {
        let envelope: Envelope = serde_json::from_slice(&line).map_err(|error| match error.classify() {
            Category::Data => Fault::WrongForm,
            Category::Io | Category::Syntax | Category::Eof => Fault::NotJson,
        })?;
        let mut state = self.lock();
        let (id, heard) = match envelope {
            Envelope {
                hello: Some(_),
                id: None,
                result: None,
                error: None,
                progress: None,
                warning: None,
            } => (HELLO, Heard::Answer(line)),
            Envelope {
                hello: None,
                id: Some(id),
                result: Some(_),
                error: None,
                progress: None,
                warning: None,
            }
            | Envelope {
                hello: None,
                id: Some(id),
                result: None,
                error: Some(_),
                progress: None,
                warning: None,
            } => (id, Heard::Answer(line)),
            Envelope {
                hello: None,
                id: Some(id),
                result: None,
                error: None,
                progress: Some(text),
                warning: None,
            } => (id, Heard::Said(Said::Progress(text))),
            Envelope {
                hello: None,
                id: Some(id),
                result: None,
                error: None,
                progress: None,
                warning: Some(text),
            } => (id, Heard::Said(Said::Warning(text))),
            _ => return Err(Fault::WrongForm),
        };
        let is_answer = matches!(heard, Heard::Answer(_));
        if let Some(sender) = state.open.get(&id) {
            // A caller that has gone meanwhile has abandoned it.
            let _ = sender.send(heard);
            if is_answer {
                state.open.remove(&id);
            }
            return Ok(());
        }
        let is_late = if is_answer { state.abandoned.remove(&id) } else { state.abandoned.contains(&id) };
        if is_late { Ok(()) } else { Err(Fault::Unasked(id)) }
    }

    /// Takes a line of standard error.
    fn take_words(&self, words: String) {
        let mut state = self.lock();
        if state.words.len() >= 10 {
            state.words.remove(0);
        }
        state.words.push(words.clone());
        if let Some((_, sender)) = state.open.last_key_value() {
            let _ = sender.send(Heard::Said(Said::Words(words)));
        }
    }
}

/// Reads what the program says until it has ended or breaks the protocol, and sees it to its end.
async fn drive(
    mut running: Running,
    stdout: impl AsyncRead + Unpin,
    words: JoinHandle<()>,
    shared: Arc<Shared>,
) {
    let fault = {
        let reading = read_lines(BufReader::new(stdout), &shared);
        tokio::pin!(reading);
        tokio::select! {
            biased;
            () = shared.kill.cancelled() => Fault::Stopped,
            fault = &mut reading => match fault {
                Fault::Closed => ended(&mut running, &shared).await,
                other => other,
            },
            status = running.wait() => match (timeout(AFTERWARDS, &mut reading).await, status) {
                (Ok(Fault::Closed) | Err(_), Ok(status)) => Fault::Ended(status),
                (Ok(fault), _) => fault,
                (Err(_), Err(_)) => Fault::Closed,
            },
        }
    };
    running.kill();
    let _ = timeout(AFTERWARDS, running.wait()).await;
    let _ = timeout(AFTERWARDS, words).await;
    shared.fail(fault);
}

/// Waits for the end of a program that has closed its standard output. One that was asked to end has its time for that.
async fn ended(running: &mut Running, shared: &Shared) -> Fault {
    let is_asked = shared.lock().fault == Some(Fault::Stopped);
    match timeout(if is_asked { ENDING } else { AFTERWARDS }, running.wait()).await {
        Ok(Ok(status)) => Fault::Ended(status),
        _ => Fault::Closed,
    }
}

async fn write(mut stdin: ChildStdin, mut lines: UnboundedReceiver<Option<Line>>) {
    while let Some(Some(mut line)) = lines.recv().await {
        line.push(b'\n');
        if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

async fn read_lines(mut stdout: impl AsyncBufRead + Unpin, shared: &Shared) -> Fault {
    loop {
        let taken = match next_line(&mut stdout).await {
            Ok(Some(line)) if line.iter().all(u8::is_ascii_whitespace) => Ok(()),
            Ok(Some(line)) => shared.take(line),
            Ok(None) => Err(Fault::Closed),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = taken {
            return fault;
        }
    }
}

/// Reads a line. Its memory and that of a line that is too long are wiped.
async fn next_line(pipe: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Line>, Fault> {
    let mut line = Zeroizing::new(Vec::with_capacity(8192));
    loop {
        let chunk = pipe.fill_buf().await.map_err(|_| Fault::Closed)?;
        if chunk.is_empty() {
            // The rest without a line break may be the half of a line.
            return if line.is_empty() { Ok(None) } else { Err(Fault::NotJson) };
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        if line.len() + part.len() > LINE_LIMIT {
            return Err(Fault::TooLong);
        }
        line.extend_from_slice(part);
        let length = end.map_or(chunk.len(), |end| end + 1);
        pipe.consume(length);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// Reads standard error to its end, and passes its lines on.
async fn read_words(pipe: impl AsyncRead + Unpin, shared: Arc<Shared>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Zeroizing::new(Vec::new());
    let mut count = 0;
    loop {
        let Ok(chunk) = pipe.fill_buf().await else { return };
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        let is_last = chunk.is_empty();
        let room = WORDS - line.len();
        line.extend_from_slice(&part[..part.len().min(room)]);
        let length = end.map_or(chunk.len(), |end| end + 1);
        pipe.consume(length);
        if end.is_some() || is_last {
            let words = String::from_utf8_lossy(&line).trim().to_owned();
            if !words.is_empty() {
                count += 1;
                match count {
                    ..=MOST_WORDS => shared.take_words(words),
                    FIRST_LEFT_OUT => {
                        shared.take_words(format!("… further lines are left out: {MOST_WORDS} were shown"));
                    }
                    _ => {}
                }
            }
            line.clear();
        }
        if is_last {
            return;
        }
    }
}
