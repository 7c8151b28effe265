//! A configured program, which is started when it is first needed.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use longshore_credential::{Environment, Program};
use longshore_model::{
    Action, Failure, FailureKind, FieldChange, Problem, Secret, Shown, StepPlan, holds_a_token,
    without_tokens,
};
use longshore_net::{RealTime, Words};
use longshore_plugin::{Context, Credential, Result};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OnceCell, Semaphore};

use crate::{
    Hello, Kind, PROTOCOL,
    connection::{Call, Connection, Fault, Said, Unanswered},
    declaration::Declaration,
    protocol::{
        Answer, Applied, Change, CredentialResult, Done, Envelope, ErrorAnswer, Exposed, Facts, FactsResult,
        Greeting, HostHello, KeptResult, Line, Params, Planned, ReadResult, Request, ResourceFacts,
        ValueResult, Version, line,
    },
};

/// The longest time until a program has answered the greeting.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// The time beyond a deadline in which a request has ended, whatever the program does.
const SLACK: Duration = Duration::from_secs(10);
/// The number of characters that are shown of a text.
const QUOTED: usize = 500;
/// The size of the shortest secret that is in no text by chance, in bytes.
const LONG: usize = 8;
/// The number of texts that are held back until the secret is known that must not be in them.
const MOST_HELD: usize = 100;

/// A configured program. It is started when it is first needed, and serves all requests.
pub(crate) struct Process {
    pub(crate) declaration: Declaration,
    pub(crate) kind: Kind,
    environment: Environment,
    started: OnceCell<std::result::Result<Started, Failure>>,
    /// The program's turn: it gets one request at a time, whose deadline does not count the requests before.
    turn: Semaphore,
    secrets: OnceCell<BTreeMap<String, Secret<String>>>,
    hidden: Arc<Mutex<Hidden>>,
    is_stopped: AtomicBool,
}

/// A program that runs.
struct Started {
    greeted: Greeted,
    options: std::result::Result<Map<String, Value>, Vec<Problem>>,
}

/// The secrets that went to or came from a program.
#[derive(Default)]
struct Hidden {
    words: Words,
    /// Hides only those that are no word of a text by chance.
    long_words: Words,
    /// True if the program has said one of them, or a token.
    was_told: bool,
}

/// A program that runs and has answered the greeting.
pub(crate) struct Greeted {
    real_time: RealTime,
    connection: Arc<Connection>,
    pub(crate) hello: Hello,
}

impl Greeted {
    /// Asks the program to end. Returns true if it has ended by itself.
    pub(crate) async fn shut_down(&self) -> bool {
        let connection = self.connection.clone();
        let ended = self.real_time.run(SLACK, async move { connection.shut_down().await }).await;
        ended.unwrap_or_default()
    }
}

impl Process {
    pub(crate) fn new(declaration: Declaration, kind: Kind, environment: Environment) -> Self {
        Self {
            declaration,
            kind,
            environment,
            started: OnceCell::new(),
            turn: Semaphore::new(1),
            secrets: OnceCell::new(),
            hidden: Arc::default(),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// The program in a few words.
    pub(crate) fn describe(&self) -> String {
        format!("program {}", self.shown())
    }

    /// The program's name, without what looks like a token.
    pub(crate) fn shown(&self) -> String {
        without_tokens(self.declaration.title())
    }

    /// Returns a failure of the program.
    pub(crate) fn fail(&self, kind: FailureKind, what: &str) -> Failure {
        Failure::new(kind, format!("the program `{}` {what}", self.shown())).at(&self.declaration.key)
    }

    /// Returns true if the program has said a secret.
    pub(crate) fn has_told_a_secret(&self) -> bool {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner).was_told
    }

    /// Hides `value`, and the password in it if it is a credential.
    pub(crate) fn hide_kept(&self, value: &Secret<String>) {
        self.hide(value.expose());
        if let Some(credential) = Credential::from_secret_string(value) {
            self.hide(credential.password.expose());
        }
    }

    /// Makes sure that what the program made is not protected.
    ///
    /// # Errors
    /// If it is.
    pub(crate) fn require_unprotected(&self, context: &Context) -> Result<()> {
        if !context.protects || context.undoes {
            return Ok(());
        }
        let what = "made something that is protected, which is not removed";
        Err(self.fail(FailureKind::Protected, what).help("deploy with protect = false before"))
    }

    /// Returns the plan that the program has made, without its outputs. `declared` names the resource if the program does
    /// not.
    pub(crate) fn read_plan(
        &self,
        planned: Planned,
        declared: String,
    ) -> (StepPlan, BTreeMap<String, String>) {
        let Planned { action, resource, reason, changes, outputs, effect, notes } = planned;
        let mut plan =
            StepPlan::new(action, resource.map_or(declared, |resource| self.clean_name(&resource)));
        plan.reason = reason.map(|reason| self.clean_name(&reason));
        plan.changes = changes.into_iter().map(|change| self.read_change(change)).collect();
        plan.effect = effect;
        plan.notes = notes.iter().map(|note| self.clean_name(note)).collect();
        (plan, outputs)
    }

    fn read_change(&self, change: Change) -> FieldChange {
        if change.secret {
            return FieldChange::new(
                self.clean_name(&change.field),
                Some(Shown::Secret),
                Some(Shown::Secret),
            );
        }
        let shown = |text: Option<String>| text.map(|text| Shown::Text(self.clean(&text)));
        FieldChange::new(self.clean_name(&change.field), shown(change.old), shown(change.new))
    }

    /// Returns the failure of a plan with an action that cannot be planned there.
    pub(crate) fn refuse_action(&self, method: &str, action: Action) -> Failure {
        let what = format!("answers `{method}` with the action `{action}`, which cannot be planned there");
        self.fail(FailureKind::Invalid, &what).help(AUTHOR)
    }

    /// Hides `secret` in everything that the program says from now on.
    pub(crate) fn hide(&self, secret: &str) {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        hidden.words.hide(secret);
        if secret.len() >= LONG {
            hidden.long_words.hide(secret);
        }
    }

    /// Returns `text` as it may be shown: on one line, without secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        clean(&self.hidden, text)
    }

    /// Returns `text`, which names something, as it may be shown. A short secret that is a word of it by chance stays: plans
    /// are compared by their names, and a gap would tell the secret.
    fn clean_name(&self, text: &str) -> String {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        let clean = without_tokens(&hidden.long_words.quote(text, QUOTED));
        hidden.was_told |= holds_a_token(text) || hidden.long_words.without_secrets(text) != text;
        clean
    }

    /// Returns true if a text that is kept, such as an output, holds a secret.
    pub(crate) fn holds_a_secret(&self, text: &str) -> bool {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = holds_a_token(text) || hidden.words.without_secrets(text) != text;
        hidden.was_told |= holds;
        holds
    }

    /// Returns true if a name, such as an ARN, holds a secret that is not in it by chance.
    pub(crate) fn names_a_secret(&self, name: &str) -> bool {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = holds_a_token(name) || hidden.long_words.without_secrets(name) != name;
        hidden.was_told |= holds;
        holds
    }

    fn shows_words(&self) -> bool {
        self.kind == Kind::Step || self.environment.shows_errors()
    }

    /// Returns the facts that the program tells of itself. Starts it if it does not run.
    ///
    /// # Errors
    /// If it cannot be run, or does not answer the greeting as it must.
    pub(crate) async fn hello(&self, context: &Context) -> Result<&Hello> {
        self.started(context).await.map(|started| &started.greeted.hello)
    }

    /// Returns what is wrong with the options.
    ///
    /// # Errors
    /// If the program cannot be asked.
    pub(crate) async fn problems(&self, context: &Context) -> Result<Vec<Problem>> {
        let started = self.started(context).await?;
        Ok(started.options.as_ref().err().cloned().unwrap_or_default())
    }

    /// Returns true if the program has announced the capability `name`.
    ///
    /// # Errors
    /// If the program cannot be asked.
    pub(crate) async fn can(&self, context: &Context, name: &str) -> Result<bool> {
        let hello = self.hello(context).await?;
        Ok(hello.kinds.get(&self.kind).is_some_and(|announced| announced.capabilities.contains(name)))
    }

    /// Returns the options as the schema has them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) async fn options(&self, context: &Context) -> Result<Map<String, Value>> {
        self.started(context).await?.options.clone().map_err(|problems| {
            let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Failure::new(FailureKind::Invalid, all.join("; "))
                .at(&self.declaration.key)
                .help(format!("correct the options of the program `{}`", self.shown()))
        })
    }

    async fn started(&self, context: &Context) -> Result<&Started> {
        let started = self.started.get_or_init(|| self.start(context)).await;
        started.as_ref().map_err(Clone::clone)
    }

    async fn start(&self, context: &Context) -> Result<Started> {
        let greeted = self.greet(context).await?;
        let Some(announced) = greeted.hello.kinds.get(&self.kind) else {
            let kinds: Vec<_> = greeted.hello.kinds.keys().map(|kind| kind.name()).collect();
            let kinds = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
            let what = format!("is no {}, but {kinds}", self.kind.name());
            return Err(self.fail(FailureKind::Invalid, &what).help("name another program"));
        };
        let takes_references = self.kind == Kind::Step;
        let options =
            self.declaration.options.read(|fields| Some(announced.options.read(fields, takes_references)));
        Ok(Started { greeted, options })
    }

    /// Starts the program, and exchanges the greetings.
    ///
    /// # Errors
    /// If it cannot be run, or does not answer the greeting as it must.
    pub(crate) async fn greet(&self, context: &Context) -> Result<Greeted> {
        if self.is_stopped.load(Ordering::Relaxed) {
            return Err(self.fail(FailureKind::Interrupted, "is not started any more: the run ends"));
        }
        let (program, path) = self.program().await?;
        let real_time = RealTime::new().map_err(|error| {
            self.fail(FailureKind::Internal, &format!("cannot be run: no thread can be had: {error}"))
        })?;
        let limit = self.declaration.timeout.min(HELLO_LIMIT);
        let interrupt = context.interrupt.clone();
        let pinned = self.declaration.sha256.clone();
        let work = async move {
            let pin = pinned.map(|digest| Pin::of(&path, &digest)).transpose()?;
            let connection = Arc::new(Connection::start(&program).map_err(NotStarted::Io)?);
            let call = Call { method: "hello", limit, interrupt };
            let greeting = line(&Greeting {
                hello: HostHello {
                    protocol: PROTOCOL,
                    host: "longshore",
                    version: env!("CARGO_PKG_VERSION"),
                },
            });
            let greeting = greeting.map_err(|error| NotStarted::Io(error.into()))?;
            let answer = match connection.greeting() {
                Ok(exchange) => exchange.run(greeting, call, |_| {}).await,
                Err(why) => Err(why),
            };
            // A script is read after it was started: nothing secret goes to it before its file was looked at again.
            if let Some(pin) = pin {
                pin.check_again()?;
            }
            Ok((connection, answer))
        };
        let outcome = real_time.run(limit + SLACK, work).await;
        let (connection, answer) = match outcome {
            Some(Ok(outcome)) => outcome,
            Some(Err(why)) => return Err(self.not_started(&why)),
            None => return Err(self.unanswered("hello", limit, &Unanswered::Late, None)),
        };
        let answer = answer.map_err(|why| self.unanswered("hello", limit, &why, Some(&connection)))?;
        let hello = self.read_hello(&answer)?;
        Ok(Greeted { real_time, connection, hello })
    }

    /// Returns the program with its environment, and the path of its file.
    ///
    /// # Errors
    /// If it is nowhere, or would inherit a secret.
    pub(crate) async fn program(&self) -> Result<(Program, PathBuf)> {
        let path = self.path().await?;
        let mut program = Program::new(self.describe(), &path)
            .arguments(self.declaration.arguments())
            .directory(&self.declaration.directory)
            .cleared();
        for name in &self.declaration.inherited {
            if self.environment.hidden().any(|hidden| hidden == name) {
                let what = format!("must not inherit {name}, in which the configuration finds a secret");
                let help = format!("give it the secret as secrets.NAME = {{ env = \"{name}\" }}");
                return Err(self.fail(FailureKind::Invalid, &what).help(help));
            }
            if let Some(value) = self.environment.get(name).and_then(|value| value.into_string().ok()) {
                program = program.variable(name, value);
            }
        }
        for (name, value) in &self.declaration.variables {
            program = program.variable(name, value);
        }
        Ok((program, path))
    }

    async fn path(&self) -> Result<PathBuf> {
        if let Some(path) = self.declaration.path() {
            return Ok(path);
        }
        let title = self.declaration.title();
        match self.environment.find_program(title).await {
            Some(path) => Ok(path),
            None if self.environment.get("PATH").is_none() => Ok(title.into()),
            None => {
                let help = "install it, or give its path: one with a slash counts from the file's directory";
                Err(self.fail(FailureKind::Invalid, "is in no directory of PATH").help(help))
            }
        }
    }

    /// Returns the failure of a program that was not started.
    pub(crate) fn not_started(&self, why: &NotStarted) -> Failure {
        match why {
            NotStarted::Io(error) => {
                let help = match error.kind() {
                    io::ErrorKind::NotFound => "install it, or correct the path; no shell is involved",
                    _ => "check that it can be executed",
                };
                self.fail(FailureKind::Invalid, &format!("cannot be run: {error}")).help(help)
            }
            NotStarted::Digest(found) => {
                let what = format!("is not the one that `sha256` names: its file has the digest {found}");
                let help = "find out who changed it; set `sha256` to the digest of a file that you trust";
                self.fail(FailureKind::Denied, &what).help(help)
            }
            NotStarted::Replaced => {
                let help = "run again when nothing installs it";
                self.fail(FailureKind::Conflict, "was replaced while it was started").help(help)
            }
        }
    }

    fn read_hello(&self, answer: &Line) -> Result<Hello> {
        let invalid = |what: &str| self.fail(FailureKind::Invalid, what).help(AUTHOR);
        let version = serde_json::from_slice::<Greeting<Version>>(answer)
            .map_err(|_| invalid("answers `hello` without the version of its protocol, a whole number"))?;
        let version = version.hello.protocol;
        if version != PROTOCOL {
            let what =
                format!("speaks version {version} of the protocol, and this Longshore speaks {PROTOCOL}");
            let help = "install the program's version for this protocol, or another Longshore";
            return Err(self.fail(FailureKind::Invalid, &what).help(help));
        }
        let hello = serde_json::from_slice::<Greeting<Hello>>(answer).map_err(|error| {
            invalid(&format!(
                "answers `hello` in another form than the protocol has: {}",
                self.clean(without_position(&error.to_string()))
            ))
        })?;
        let hello = hello.hello;
        for (kind, announced) in &hello.kinds {
            let known = kind.capabilities();
            if let Some(other) = announced.capabilities.iter().find(|name| !known.contains(&name.as_str())) {
                let what = format!(
                    "announces the capability `{}`, which a {} does not have; there are: {}",
                    self.clean(other),
                    kind.name(),
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                );
                return Err(invalid(&what));
            }
            if let Some(flaw) = announced.options.flaw() {
                return Err(invalid(&format!(
                    "announces options that cannot be read: {}",
                    self.clean(&flaw)
                )));
            }
        }
        Ok(hello)
    }

    /// Returns the secrets that the program is given with each request.
    async fn secrets(&self, context: &Context) -> Result<&BTreeMap<String, Secret<String>>> {
        self.secrets
            .get_or_try_init(|| async {
                let mut secrets = BTreeMap::new();
                for (name, input) in &self.declaration.secrets {
                    let secret = input.fetch_content(context, &self.environment).await?;
                    self.hide(secret.expose());
                    secrets.insert(name.clone(), secret);
                }
                Ok(secrets)
            })
            .await
    }

    /// Returns the parameters of a request: those of every one, and `more`.
    ///
    /// # Errors
    /// If a secret that the program is given cannot be read.
    pub(crate) async fn params<'a, T>(
        &'a self,
        context: &'a Context,
        options: &'a Map<String, Value>,
        more: T,
    ) -> Result<Params<'a, T>> {
        let secrets = self.secrets(context).await?;
        let secrets = secrets.iter().map(|(name, secret)| (name.as_str(), Exposed(secret))).collect();
        Ok(Params { context: facts(context, self.kind), options, secrets, more })
    }

    /// Sends a request, and returns its result.
    ///
    /// # Errors
    /// If the program answers with an error, or not as it must.
    pub(crate) async fn request<T: Received>(
        &self,
        context: &Context,
        method: &'static str,
        options: &Map<String, Value>,
        more: impl Serialize,
    ) -> Result<T> {
        let params = self.params(context, options, more).await?;
        let (answer, held) = self.exchange(context, method, &params, T::IS_SECRET).await?;
        let envelope: Envelope = serde_json::from_slice(&answer).unwrap_or_default();
        if let Some(error) = envelope.error {
            // They may hold the secret that the answer would have told.
            held.iter().for_each(|said| drop(self.clean(said.text())));
            return Err(self.refused(method, &error));
        }
        let answer = serde_json::from_slice::<Answer<T>>(&answer);
        let result = answer.map_err(|error| self.wrong_result::<T>(method, &error))?.result;
        result.secrets().into_iter().for_each(|secret| self.hide_kept(secret));
        held.into_iter().for_each(|said| tell(&self.hidden, context, said));
        Ok(result)
    }

    /// Sends a request, and returns the line that answers it. If the program may say a secret that only the answer tells, its
    /// words are held back and returned, too.
    pub(crate) async fn exchange(
        &self,
        context: &Context,
        method: &'static str,
        params: &impl Serialize,
        holds_back: bool,
    ) -> Result<(Line, Vec<Said>)> {
        let started = self.started(context).await?;
        let limit = self.declaration.timeout;
        let connection = &started.greeted.connection;
        let failed = |why: &Unanswered| self.unanswered(method, limit, why, Some(connection));
        // It is never closed, so what is missing without it is an interrupt.
        let turn = context.interrupt.run_until_cancelled(self.turn.acquire()).await;
        let _turn = turn.and_then(std::result::Result::ok).ok_or_else(|| failed(&Unanswered::Interrupted))?;
        let exchange = connection.request().map_err(|why| failed(&why))?;
        let deadline_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let request = line(&Request { id: exchange.id, method, params, deadline_ms });
        let request = request.map_err(|error| self.fail(FailureKind::Internal, &error.to_string()))?;
        let call = Call { method, limit, interrupt: context.interrupt.clone() };
        let (hidden, told) = (self.hidden.clone(), context.clone());
        let shows_words = self.shows_words();
        let work = async move {
            let mut held = Vec::new();
            let answer = exchange.run(request, call, |said| {
                if matches!(said, Said::Words(_)) && !shows_words {
                    return;
                }
                if !holds_back {
                    tell(&hidden, &told, said);
                } else if held.len() < MOST_HELD {
                    held.push(said);
                }
            });
            let answer = answer.await;
            answer.map(|line| (line, held))
        };
        match started.greeted.real_time.run(limit + SLACK, work).await {
            Some(answer) => answer.map_err(|why| failed(&why)),
            None => Err(failed(&Unanswered::Late)),
        }
    }

    /// Returns the failure that the program reports.
    fn refused(&self, method: &str, error: &ErrorAnswer) -> Failure {
        let what = format!("failed at `{method}`: {}", self.clean(&error.message));
        let help = error.help.as_ref().map(|help| self.clean(help));
        let help = help.unwrap_or_else(|| "see what the program needs, and correct its options".to_owned());
        self.fail(error.kind.into(), &what).help(help)
    }

    fn wrong_result<T: Received>(&self, method: &str, error: &serde_json::Error) -> Failure {
        let text = error.to_string();
        let what = if !T::IS_SECRET || text.starts_with("missing field") {
            self.clean(without_position(&text))
        } else if text.starts_with("unknown field") {
            // Its name may be the secret.
            "it has an unknown field".to_owned()
        } else {
            "a field has another type".to_owned()
        };
        let what = format!("answers `{method}` in another form than the protocol has: {what}");
        self.fail(FailureKind::Invalid, &what).help(AUTHOR)
    }

    fn unanswered(
        &self,
        method: &str,
        limit: Duration,
        why: &Unanswered,
        connection: Option<&Arc<Connection>>,
    ) -> Failure {
        let late = |method: &str| {
            let what = format!("did not answer `{method}` within its deadline of {} s", limit.as_secs_f32());
            let help = "see why it waits: nobody can answer it; a longer time is `timeout`";
            self.fail(FailureKind::DeadlineExceeded, &what).help(help)
        };
        let broken = |what: String| self.fail(FailureKind::Invalid, &what).help(AUTHOR);
        match why {
            Unanswered::Late => late(method),
            Unanswered::Interrupted => {
                self.fail(FailureKind::Interrupted, &format!("was stopped at `{method}`"))
            }
            Unanswered::TooLong => {
                let help = "shorten its options";
                self.fail(
                    FailureKind::Invalid,
                    &format!("cannot be asked `{method}`: the request is longer than 1 MiB"),
                )
                .help(help)
            }
            Unanswered::Fault(fault) => match fault {
                Fault::Late(method) => late(method),
                Fault::Stopped => self.fail(FailureKind::Interrupted, "was asked to end"),
                Fault::Ended(status) => {
                    let words =
                        connection.filter(|_| self.shows_words()).map(|connection| connection.words());
                    let words = words.map(|words| self.clean(&words)).filter(|words| !words.is_empty());
                    let words = words.map_or_else(String::new, |words| format!(": {words}"));
                    broken(format!("ended with {status} before it answered `{method}`{words}"))
                }
                Fault::Closed => broken(format!("closed its standard output before it answered `{method}`")),
                Fault::TooLong => {
                    broken(format!("sent a line of more than 1 MiB before it answered `{method}`"))
                }
                Fault::NotJson => {
                    broken(format!("sent a line that is no JSON before it answered `{method}`"))
                }
                Fault::WrongForm => broken(format!(
                    "sent a line of another form than the protocol has, such as one with an unknown field, before it answered \
                     `{method}`"
                )),
                Fault::Unasked(id) => broken(format!(
                    "answered the request {id}, which is not open, before it answered `{method}`"
                )),
            },
        }
    }

    /// Asks the program to end, if it runs. Returns true if it has ended by itself.
    pub(crate) async fn shut_down(&self) -> bool {
        self.is_stopped.store(true, Ordering::Relaxed);
        let Some(Ok(started)) = self.started.get() else { return true };
        started.greeted.shut_down().await
    }
}

/// Help for failures that only the program's author can mend.
const AUTHOR: &str = "this is a fault of the program: report it to its author";

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("declaration", &self.declaration).finish_non_exhaustive()
    }
}

/// A result of a request.
pub(crate) trait Received: DeserializeOwned {
    /// True if the result may hold a secret: nothing of one that cannot be read is shown then.
    const IS_SECRET: bool = false;

    /// The secrets in it.
    fn secrets(&self) -> Vec<&Secret<String>> {
        Vec::new()
    }
}

impl Received for CredentialResult {
    const IS_SECRET: bool = true;

    fn secrets(&self) -> Vec<&Secret<String>> {
        vec![&self.password]
    }
}

impl Received for ValueResult {
    const IS_SECRET: bool = true;

    fn secrets(&self) -> Vec<&Secret<String>> {
        vec![&self.value]
    }
}

impl Received for ReadResult {
    const IS_SECRET: bool = true;

    fn secrets(&self) -> Vec<&Secret<String>> {
        self.secret.iter().map(|read| &read.value).collect()
    }
}

impl Received for KeptResult {}
impl Received for FactsResult {}
impl Received for Planned {}
impl Received for Applied {}
impl Received for Done {}

/// The text of an error in JSON without the position, which is one in a line that is not shown.
fn without_position(error: &str) -> &str {
    error.split(" at line ").next().unwrap_or(error)
}

fn facts(context: &Context, kind: Kind) -> Facts<'_> {
    let resource = kind.makes_resources().then(|| ResourceFacts {
        adopt: context.adopts,
        protect: context.protects && !context.undoes,
        tags: context
            .tags
            .iter()
            .flat_map(|tags| tags.iter())
            .map(|(key, tag)| (key.as_str(), tag.as_str()))
            .collect(),
    });
    Facts {
        stack: context.stack.as_str(),
        environment: context.environment.as_str(),
        step: context.step.as_str(),
        resource,
    }
}

fn clean(hidden: &Mutex<Hidden>, text: &str) -> String {
    let mut hidden = hidden.lock().unwrap_or_else(PoisonError::into_inner);
    let clean = without_tokens(&hidden.words.quote(text, QUOTED));
    hidden.was_told |= holds_a_token(text) || hidden.long_words.without_secrets(text) != text;
    clean
}

fn tell(hidden: &Mutex<Hidden>, context: &Context, said: Said) {
    match said {
        Said::Progress(text) | Said::Words(text) => context.progress(clean(hidden, &text)),
        Said::Warning(text) => context.warn(clean(hidden, &text)),
    }
}

/// The reason why a program was not started.
pub(crate) enum NotStarted {
    /// The operating system refuses.
    Io(io::Error),
    /// Its file has another digest.
    Digest(String),
    /// Its file was replaced meanwhile.
    Replaced,
}

/// A program's file whose digest was checked.
pub(crate) struct Pin {
    path: PathBuf,
    /// The file's identity and the time of its last change when its content was read.
    #[cfg(unix)]
    read: Identity,
}

/// Device, inode and time of the last change of a file.
#[cfg(unix)]
type Identity = (u64, u64, i64, i64);

#[cfg(unix)]
fn identity(file: &std::fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (file.dev(), file.ino(), file.ctime(), file.ctime_nsec())
}

impl Pin {
    /// Opens the file at `path`, and checks its content.
    pub(crate) fn of(path: &Path, digest: &str) -> std::result::Result<Self, NotStarted> {
        if !std::fs::metadata(path).map_err(NotStarted::Io)?.is_file() {
            return Err(NotStarted::Io(io::Error::other("it is no regular file")));
        }
        let mut file = File::open(path).map_err(NotStarted::Io)?;
        #[cfg(unix)]
        let read = identity(&file.metadata().map_err(NotStarted::Io)?);
        let mut hash = Sha256::new();
        io::copy(&mut file, &mut hash).map_err(NotStarted::Io)?;
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if found != digest {
            return Err(NotStarted::Digest(found));
        }
        Ok(Self {
            path: path.to_owned(),
            #[cfg(unix)]
            read,
        })
    }

    /// Makes sure that the path has named the checked file all the time: one that was moved or written meanwhile has another
    /// time of change.
    pub(crate) fn check_again(&self) -> std::result::Result<(), NotStarted> {
        let _named = std::fs::metadata(&self.path).map_err(NotStarted::Io)?;
        #[cfg(unix)]
        if identity(&_named) != self.read {
            return Err(NotStarted::Replaced);
        }
        Ok(())
    }
}
