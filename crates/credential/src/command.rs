//! Secret values that commands print.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use longshore_model::{Failure, FailureKind, Secret, without_tokens};
use longshore_outside::{RealTime, Words};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    time,
};
use zeroize::Zeroizing;

use crate::VALUE_LIMIT;

/// How long a command may take, in real time.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long its pipes are read after its end. What it leaves running, such as an agent, may keep them open for ever.
const AFTERWARDS: Duration = Duration::from_millis(500);
/// How much of the end of its standard error is kept.
const STDERR_LIMIT: usize = 4096;
/// How many characters of that are shown.
const QUOTED: usize = 500;

/// What a command ended with.
struct Output {
    status: ExitStatus,
    stdout: Zeroizing<Vec<u8>>,
    stderr: Vec<u8>,
}

/// Runs `program`, without a shell and without input, and answers with the first line of its standard output.
pub(crate) async fn first_line(program: &str, arguments: &[String]) -> Result<Secret<String>, Failure> {
    first_line_within(TIMEOUT, program, arguments).await
}

async fn first_line_within(
    timeout: Duration,
    program: &str,
    arguments: &[String],
) -> Result<Secret<String>, Failure> {
    let fail = |kind, what: &str| Failure::new(kind, format!("the command `{program}` {what}"));
    let command = command(program, arguments);
    let output = match RealTime::new() {
        Ok(real_time) => real_time.run(timeout, run(command)).await,
        Err(error) => Some(Err(error)),
    };
    let output = match output {
        Some(Ok(output)) => output,
        Some(Err(error)) => {
            let help = match error.kind() {
                io::ErrorKind::NotFound => "install it, or give its whole path; no shell is involved",
                _ => "check that it can be executed",
            };
            return Err(fail(FailureKind::Invalid, &format!("cannot be run: {error}")).help(help));
        }
        None => {
            return Err(fail(
                FailureKind::DeadlineExceeded,
                &format!("did not end within {} s", timeout.as_secs_f32()),
            )
            .help("it must answer without being asked: it has no terminal and no input"));
        }
    };
    let said = said(&output);
    if !output.status.success() {
        let ended = format!("failed with {}", output.status);
        let ended = if said.is_empty() { ended } else { format!("{ended}: {said}") };
        return Err(fail(FailureKind::Denied, &ended).help("run it by hand to see what it needs"));
    }
    let line = output.stdout.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.len() > VALUE_LIMIT {
        return Err(fail(FailureKind::Invalid, "prints more than a secret may have: 65,536 bytes"));
    }
    match std::str::from_utf8(line) {
        Ok(line) => Ok(Secret::new(line.to_owned())),
        Err(_) => Err(fail(FailureKind::Invalid, "prints something that is no UTF-8 text")),
    }
}

fn command(program: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn run(mut command: Command) -> io::Result<Output> {
    let mut child = command.spawn()?;
    let (mut stdout, mut stderr) = (Zeroizing::new(Vec::with_capacity(VALUE_LIMIT + 1)), Vec::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let status = {
        let reading = async { tokio::join!(keep_beginning(out, &mut stdout), keep_end(err, &mut stderr)) };
        tokio::pin!(reading);
        tokio::select! {
            _ = &mut reading => child.wait().await?,
            status = child.wait() => {
                // Whatever is in the pipes by then counts.
                let _ = time::timeout(AFTERWARDS, &mut reading).await;
                status?
            }
        }
    };
    Ok(Output { status, stdout, stderr })
}

/// Reads `pipe` to its end and keeps the first bytes, one more than a secret may have.
async fn keep_beginning(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = Zeroizing::new([0; 4096]);
    while let Ok(length @ 1..) = pipe.read(&mut *chunk).await {
        let free = VALUE_LIMIT + 1 - kept.len();
        kept.extend_from_slice(&chunk[..length.min(free)]);
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

/// The end of what the command says on standard error, without anything that it also says on standard output, which
/// may be the secret or a part of it.
fn said(output: &Output) -> String {
    let mut words = Words::default();
    let stdout = Zeroizing::new(String::from_utf8_lossy(&output.stdout).into_owned());
    stdout.lines().map(str::trim).for_each(|line| words.hide(line));
    let mut stderr = output.stderr.as_slice();
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    const SECRET: &str = "correct-horse-battery-staple";

    async fn sh(script: &str) -> Result<Secret<String>, Failure> {
        first_line("sh", &["-c".to_owned(), script.to_owned()]).await
    }

    async fn refused(script: &str) -> String {
        let failure = sh(script).await.unwrap_err();
        let text = format!("{:?}: {failure}", failure.kind);
        assert!(!format!("{text}{failure:?}").contains(SECRET), "{text}");
        text
    }

    #[tokio::test]
    async fn the_first_line_of_standard_output_counts() {
        let value = sh(&format!("echo noise >&2; echo {SECRET}; echo more; yes | head -c 200000")).await;
        assert_eq!(value.unwrap().expose(), SECRET);
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_may_take_its_time_on_a_paused_clock() {
        assert_eq!(sh("sleep 0.2; echo x").await.unwrap().expose(), "x");
    }

    #[tokio::test]
    async fn arguments_reach_the_command_as_they_are() {
        let arguments = ["%s", "a b; $HOME *"].map(str::to_owned);
        assert_eq!(first_line("printf", &arguments).await.unwrap().expose(), "a b; $HOME *");
    }

    #[tokio::test]
    async fn what_is_left_running_is_not_waited_for() {
        let started = std::time::Instant::now();
        assert_eq!(sh("sleep 20 & echo x").await.unwrap().expose(), "x");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn says_why_a_command_fails_without_what_it_printed() {
        let echo = format!("echo {SECRET}; echo \"cannot use {SECRET} of $0\" >&2; exit 3");
        let scripts = [
            echo.as_str(),
            "echo ghp_0123456789abcdef is bad >&2; exit 1",
            "exit 1",
            "kill -9 $$",
            "head -c 70000 /dev/zero",
            r"printf '\377'",
        ];
        let mut failures = Vec::new();
        for script in scripts {
            failures.push(refused(script).await);
        }
        failures.push(first_line("/nowhere/no-such-command", &[]).await.unwrap_err().to_string());
        insta::assert_snapshot!(failures.join("\n"));
    }

    #[tokio::test]
    async fn the_end_of_a_long_story_is_told() {
        let text = refused("yes trace | head -c 100000 >&2; echo 'the reason' >&2; exit 1").await;
        assert!(text.len() < 800 && text.contains("the reason"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_waits_for_somebody_is_stopped() {
        let started = std::time::Instant::now();
        let arguments = ["-c".to_owned(), "exec sleep 20".to_owned()];
        let result = first_line_within(Duration::from_millis(200), "sh", &arguments).await;
        assert_eq!(result.unwrap_err().message, "the command `sh` did not end within 0.2 s");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
