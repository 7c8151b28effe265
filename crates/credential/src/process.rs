//! Child processes that have to do with secrets.

use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use longshore_model::{Failure, FailureKind, without_tokens};
use longshore_net::{RealTime, Words};
use longshore_plugin::{Context, Result};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time,
};
use zeroize::Zeroizing;

use crate::{Environment, VALUE_LIMIT};

/// The time limit for a program, in real time.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long its pipes are read after its end. What it leaves running, such as an agent, may keep them open for ever.
const AFTERWARDS: Duration = Duration::from_millis(500);
/// The time between two looks at whether the terminal has stopped it.
const LOOK: Duration = Duration::from_millis(200);
/// The number of bytes kept of the end of its standard error.
const STDERR_LIMIT: usize = 4096;
/// The number of characters shown of that.
const QUOTED: usize = 500;

/// A program whose standard output may be secret. It is run without a shell and a terminal, in the working directory.
#[derive(Clone, Debug)]
pub struct Program {
    title: String,
    path: OsString,
    arguments: Vec<String>,
    input: Option<String>,
    hidden: Vec<String>,
    variables: Vec<(String, String)>,
    directory: Option<PathBuf>,
    listener: Option<Listener>,
    timeout: Duration,
    is_cleared: bool,
}

/// Takes the lines of standard output as they come.
#[derive(Clone)]
struct Listener(Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl Program {
    /// The program at `path`, which is searched for as the operating system does. Errors call it by its `title`, such
    /// as ``command `pass` ``.
    pub fn new(title: impl Into<String>, path: impl Into<OsString>) -> Self {
        let (title, path) = (title.into(), path.into());
        Self {
            title,
            path,
            arguments: Vec::new(),
            input: None,
            hidden: Vec::new(),
            variables: Vec::new(),
            directory: None,
            listener: None,
            timeout: TIMEOUT,
            is_cleared: false,
        }
    }

    /// Runs it with `arguments`. Everybody on the machine sees them.
    #[must_use]
    pub fn arguments<T: Into<String>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// Writes `input` to its standard input, which is empty otherwise.
    #[must_use]
    pub fn input(mut self, input: impl Into<String>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Keeps from it the variables that `environment` hides.
    #[must_use]
    pub fn within(mut self, environment: &Environment) -> Self {
        self.hidden = environment.hidden().map(str::to_owned).collect();
        self
    }

    /// Gives it an environment variable, which must not be secret.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Gives it no environment variables but those of [`Program::variable`].
    #[must_use]
    pub const fn cleared(mut self) -> Self {
        self.is_cleared = true;
        self
    }

    /// Runs it in `directory`.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into()).filter(|directory| !directory.as_os_str().is_empty());
        self
    }

    /// Hands each whole line of its standard output to `listener` as soon as it is there.
    #[must_use]
    pub fn listener(mut self, listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.listener = Some(Listener(Arc::new(listener)));
        self
    }

    /// Lets it take at most so long, in real time, instead of 30 s.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    /// When it cannot be run, asks on the terminal, does not end in time, or is interrupted.
    pub async fn run(self, context: &Context) -> Result<Finished> {
        let fail = |kind, what: &str| Failure::new(kind, format!("the {} {what}", self.title));
        let run = async {
            match RealTime::new() {
                Ok(real_time) => {
                    let run = run(self.command(), self.input.clone(), self.listener.clone());
                    real_time.run(self.timeout, run).await
                }
                Err(error) => Some(Err(error)),
            }
        };
        let finished = tokio::select! {
            biased;
            () = context.interrupt.cancelled() => return Err(fail(FailureKind::Interrupted, "was stopped")),
            finished = run => finished,
        };
        match finished {
            Some(Ok(Some(finished))) => Ok(finished),
            Some(Ok(None)) => {
                let stopped = "was stopped by the terminal, on which it wanted to ask";
                let help = "it must answer without being asked: unlock what it needs before, or let it ask in a window";
                Err(fail(FailureKind::Invalid, stopped).help(help))
            }
            Some(Err(error)) => {
                let help = match error.kind() {
                    io::ErrorKind::NotFound => "install it, or give its whole path; no shell is involved",
                    _ => "check that it can be executed",
                };
                Err(fail(FailureKind::Invalid, &format!("cannot be run: {error}")).help(help))
            }
            None => {
                let ended = format!("did not end within {} s", self.timeout.as_secs_f32());
                let help = "it must answer without being asked: it has no terminal and nobody who types";
                Err(fail(FailureKind::DeadlineExceeded, &ended).help(help))
            }
        }
    }

    /// Starts it for a conversation over its pipes. Must be called within the runtime that keeps its time.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn start(&self) -> io::Result<Running> {
        let mut child = self.command().stdin(Stdio::piped()).spawn()?;
        let group = Group::of(&child);
        let pipes = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
        let ((stdin, stdout), stderr) = pipes.ok_or_else(|| io::Error::other("it has no pipes"))?;
        Ok(Running { child, group, pipes: Some(Pipes { stdin, stdout, stderr }) })
    }

    fn command(&self) -> Command {
        // A relative path counts from here, and not from the directory that the program runs in.
        let path = Path::new(&self.path);
        let is_name = path.components().count() == 1;
        let absolute = if is_name { None } else { std::path::absolute(path).ok() };
        let mut command = Command::new(absolute.as_deref().unwrap_or(path));
        command
            .args(&self.arguments)
            .stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        if self.is_cleared {
            command.env_clear();
        }
        for name in &self.hidden {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }
}

/// The pipes of a program that runs.
#[derive(Debug)]
pub struct Pipes {
    /// Its standard input.
    pub stdin: ChildStdin,
    /// Its standard output.
    pub stdout: ChildStdout,
    /// Its standard error.
    pub stderr: ChildStderr,
}

/// A program that runs. It and its children are killed when this is dropped.
pub struct Running {
    child: Child,
    group: Group,
    pipes: Option<Pipes>,
}

impl Running {
    /// Returns its pipes, once.
    pub fn pipes(&mut self) -> Option<Pipes> {
        self.pipes.take()
    }

    /// Waits until it has ended, and kills what it leaves running.
    ///
    /// # Errors
    /// If the operating system does not tell.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.group.kill();
        Ok(status)
    }

    /// Kills it and its children.
    pub fn kill(&mut self) {
        self.group.kill();
        // It may have ended meanwhile.
        let _ = self.child.start_kill();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("id", &self.child.id()).finish_non_exhaustive()
    }
}

/// The result of a program that has ended.
pub struct Finished {
    status: ExitStatus,
    stdout: Zeroizing<Vec<u8>>,
    stderr: Vec<u8>,
}

impl Finished {
    /// Returns its exit status.
    #[must_use]
    pub const fn status(&self) -> ExitStatus {
        self.status
    }

    /// The beginning of its standard output: one byte more than a secret may have, at most.
    #[must_use]
    pub fn stdout(&self) -> &[u8] {
        &self.stdout
    }

    /// The end of what it says on standard error, without anything that it also says on standard output, which may be
    /// the secret or a part of it.
    #[must_use]
    pub fn said(&self) -> String {
        let mut words = Words::default();
        let stdout = Zeroizing::new(String::from_utf8_lossy(&self.stdout).into_owned());
        stdout.lines().map(str::trim).for_each(|line| words.hide(line));
        let mut stderr = self.stderr.as_slice();
        if stderr.len() >= STDERR_LIMIT {
            // The first word may be the rest of a secret.
            let word = stderr.iter().position(u8::is_ascii_whitespace).unwrap_or(stderr.len());
            stderr = &stderr[word..];
        }
        let text = without_tokens(&words.quote(&String::from_utf8_lossy(stderr), STDERR_LIMIT));
        match text.char_indices().rev().nth(QUOTED - 1) {
            Some((start @ 1.., _)) => format!("…{}", &text[start..]),
            _ => text,
        }
    }
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finished").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Runs it to its end; `None` if the terminal stops it.
async fn run(
    mut command: Command,
    input: Option<String>,
    listener: Option<Listener>,
) -> io::Result<Option<Finished>> {
    let mut child = command.spawn()?;
    let mut group = Group::of(&child);
    let (mut stdout, mut stderr) = (Zeroizing::new(Vec::with_capacity(VALUE_LIMIT + 1)), Vec::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let writing = write(&mut child, input);
    let ending = async {
        let pipes = async {
            tokio::join!(writing, keep_beginning(out, &mut stdout, listener), keep_end(err, &mut stderr))
        };
        tokio::pin!(pipes);
        tokio::select! {
            _ = &mut pipes => child.wait().await,
            status = child.wait() => {
                // Whatever is in the pipes by then counts.
                let _ = time::timeout(AFTERWARDS, &mut pipes).await;
                status
            }
        }
    };
    let status = tokio::select! {
        status = ending => status?,
        () = group.stopped() => return Ok(None),
    };
    group.leave();
    Ok(Some(Finished { status, stdout, stderr }))
}

/// A program with its children, which end with this unless the program has ended by itself.
struct Group(#[cfg(unix)] Option<rustix::process::Pid>);

#[cfg(unix)]
impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(rustix::process::Pid::from_raw))
    }

    /// Ends when the terminal has stopped the program: it is not in the terminal's foreground group. Without a terminal,
    /// opening it fails.
    async fn stopped(&self) {
        use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};
        let Some(program) = self.0 else { return std::future::pending().await };
        loop {
            time::sleep(LOOK).await;
            // Its end is left to the one who waits for it.
            let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            let signal = waitid(WaitId::Pid(program), options).ok().flatten();
            let signal = signal.and_then(|status| status.stopping_signal());
            let asks = [Signal::TTIN, Signal::TTOU].map(Signal::as_raw);
            if signal.is_some_and(|signal| asks.contains(&signal)) {
                return;
            }
        }
    }

    /// Leaves its children running, such as an agent.
    fn leave(&mut self) {
        self.0.take();
    }

    /// Kills all of them, once: another group may have the number later.
    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // All may have ended meanwhile.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(not(unix))]
impl Group {
    fn of(_: &Child) -> Self {
        Self()
    }

    async fn stopped(&self) {
        std::future::pending().await
    }

    fn leave(&mut self) {}

    fn kill(&mut self) {}
}

/// Writes `input` and closes the pipe. A program that does not read it all may end as well.
fn write(child: &mut Child, input: Option<String>) -> impl Future<Output = ()> + use<> {
    let pipe = child.stdin.take();
    async move {
        if let (Some(mut pipe), Some(input)) = (pipe, input) {
            let _ = pipe.write_all(input.as_bytes()).await;
        }
    }
}

/// Reads `pipe` to its end and keeps the first bytes, one more than a secret may have.
async fn keep_beginning(
    pipe: Option<impl AsyncRead + Unpin>,
    kept: &mut Vec<u8>,
    listener: Option<Listener>,
) {
    let Some(mut pipe) = pipe else { return };
    let mut told = 0;
    let mut chunk = Zeroizing::new([0; 4096]);
    while let Ok(length @ 1..) = pipe.read(&mut *chunk).await {
        let free = VALUE_LIMIT + 1 - kept.len();
        kept.extend_from_slice(&chunk[..length.min(free)]);
        let Some(Listener(listener)) = &listener else { continue };
        while let Some(end) = kept[told..].iter().position(|byte| *byte == b'\n') {
            listener(&String::from_utf8_lossy(&kept[told..told + end]));
            told += end + 1;
        }
    }
}

/// Reads `pipe` to its end and keeps the last bytes.
async fn keep_end(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..length]);
        kept.drain(..kept.len().saturating_sub(STDERR_LIMIT));
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::testing::context;

    fn sh(script: &str) -> Program {
        Program::new("command `sh`", "sh").arguments(["-c", script])
    }

    #[tokio::test]
    async fn input_reaches_the_program_and_ends() {
        let finished = sh("cat; echo done").input("a b; $HOME\n").run(&context()).await.unwrap();
        assert!(finished.status().success());
        assert_eq!(finished.stdout(), b"a b; $HOME\ndone\n");
        assert!(!format!("{finished:?}").contains("done"));
    }

    #[tokio::test]
    async fn relative_path_does_not_count_from_the_directory() {
        let here = std::env::current_dir().unwrap();
        let directory = tempfile::tempdir_in(&here).unwrap();
        std::fs::write(directory.path().join("script"), "echo $PWD").unwrap();
        let relative = directory.path().strip_prefix(&here).unwrap();
        // A path that exists from here alone: the program is found, and runs in its directory.
        std::os::unix::fs::symlink("/bin/sh", directory.path().join("shell")).unwrap();
        let program = Program::new("shell", relative.join("shell")).arguments(["script"]).directory(relative);
        let finished = program.run(&context()).await.unwrap();
        assert!(finished.status().success());
        let said = String::from_utf8(finished.stdout().to_vec()).unwrap();
        assert!(said.trim().ends_with(relative.to_str().unwrap()), "{said}");
    }

    #[tokio::test]
    async fn input_that_nobody_reads_does_no_harm() {
        let finished = sh("exec <&-; echo x").input("y".repeat(1_000_000)).run(&context()).await.unwrap();
        assert_eq!(finished.stdout(), b"x\n");
    }

    #[tokio::test]
    async fn without_input_there_is_none_to_wait_for() {
        assert_eq!(sh("cat; echo x").run(&context()).await.unwrap().stdout(), b"x\n");
    }

    #[tokio::test]
    async fn what_is_left_running_is_not_waited_for() {
        let started = std::time::Instant::now();
        assert_eq!(sh("sleep 20 & echo x").run(&context()).await.unwrap().stdout(), b"x\n");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn stopped_program_takes_its_children_along() {
        let directory = tempfile::tempdir().unwrap();
        let interrupted = context();
        let stops = [("deadline", context()), ("interrupt", interrupted.clone())];
        for (name, context) in stops {
            let pid = directory.path().join(name);
            let script = format!("sleep 60 & echo $! > {}; wait", pid.display());
            let program = sh(&script).timeout(Duration::from_secs(2));
            let interrupt = async {
                time::sleep(Duration::from_secs(1)).await;
                if name == "interrupt" {
                    interrupted.interrupt.cancel();
                }
            };
            let (finished, ()) = tokio::join!(program.run(&context), interrupt);
            finished.unwrap_err();
            let child = std::fs::read_to_string(&pid).unwrap();
            let is_running = || {
                // A child that has ended and is not waited for is a zombie.
                let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
                stat.is_ok_and(|stat| !stat.contains(") Z "))
            };
            for _ in 0..50 {
                if is_running() {
                    time::sleep(Duration::from_millis(100)).await;
                }
            }
            assert!(!is_running(), "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_waits_for_somebody_is_stopped() {
        let started = std::time::Instant::now();
        let failure =
            sh("exec sleep 20").timeout(Duration::from_millis(200)).run(&context()).await.unwrap_err();
        assert_eq!(failure.message, "the command `sh` did not end within 0.2 s");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
