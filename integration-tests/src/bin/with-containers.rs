//! `with-containers COMMAND…`: starts the containers of the integration tests, runs the command with the environment
//! variables that tell where they are, and removes them when it ends, however it ends.
#![expect(clippy::print_stderr, reason = "a program that people start prints")]

use std::{
    ffi::OsString,
    process::{ExitCode, ExitStatus},
    time::Instant,
};

use longshore_integration_tests::containers::Containers;
use tokio::{
    process::Command,
    signal::unix::{Signal, SignalKind, signal},
};

/// The containers could not be started, and the command neither. `docker run` uses this code in the same way.
const NO_CONTAINERS: u8 = 125;
const USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some((program, arguments)) = arguments.split_first() else {
        eprintln!("usage: with-containers COMMAND [ARGUMENTS…]");
        return USAGE.into();
    };
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(NO_CONTAINERS, &format!("signals cannot be caught: {error}")),
    };

    let started = Instant::now();
    let containers = tokio::select! {
        containers = Containers::start() => containers,
        number = signals.next() => return interrupted(number),
    };
    let containers = match containers {
        Ok(containers) => containers,
        Err(error) => return fail(NO_CONTAINERS, &error.to_string()),
    };
    eprintln!("containers: started in {:.1} s", started.elapsed().as_secs_f32());
    for (name, value) in containers.variables() {
        eprintln!("containers: {name}={value}");
    }

    let mut command = Command::new(program);
    command.args(arguments).envs(containers.variables());
    let code = match run(command, &mut signals).await {
        Ok(status) => exit_code(status),
        Err(error) => fail(127, &format!("{} could not be started: {error}", program.display())),
    };
    match containers.remove().await {
        Ok(()) => eprintln!("containers: removed"),
        // The command's exit code matters more than this error.
        Err(error) => eprintln!("error: {error}"),
    }
    code
}

fn fail(code: u8, message: &str) -> ExitCode {
    eprintln!("error: {message}");
    code.into()
}

/// Runs the command to its end. A signal that is meant for both of us has reached it already; one that was sent to this
/// process alone is passed on.
async fn run(mut command: Command, signals: &mut Signals) -> std::io::Result<ExitStatus> {
    let mut child = command.spawn()?;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            number = signals.next() => {
                if number == SignalKind::terminate().as_raw_value()
                    && let Some(id) = child.id()
                {
                    let _ = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
                }
            }
        }
    }
}

/// As a shell gives it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    let code = status.code().or(signal.map(|number| 128 + number)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1).into()
}

fn interrupted(number: i32) -> ExitCode {
    eprintln!("containers: interrupted while they were started, and removed");
    u8::try_from(128 + number).unwrap_or(1).into()
}

/// The signals that end a program, which would leave the containers behind.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The number of the next one.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hangup.recv() => SignalKind::hangup(),
        }
        .as_raw_value()
    }
}
