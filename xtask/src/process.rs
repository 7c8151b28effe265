//! Starting other programs.

use std::{
    ffi::OsStr,
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use crate::{Error, workspace::Workspace};

/// The end of a program: its exit code, as a shell gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome(u8);

impl Outcome {
    pub(crate) const SUCCESS: Self = Self(0);
    pub(crate) const FAILURE: Self = Self(1);
    pub(crate) const USAGE: Self = Self(2);

    /// The exit code as it is.
    pub(crate) const fn of(code: u8) -> Self {
        Self(code)
    }

    pub(crate) fn is_success(self) -> bool {
        self == Self::SUCCESS
    }

    /// This outcome, or `next` where this is a success.
    pub(crate) fn and(self, next: Self) -> Self {
        if self.is_success() { next } else { self }
    }
}

impl From<ExitStatus> for Outcome {
    fn from(status: ExitStatus) -> Self {
        #[cfg(unix)]
        let killed = std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
        #[cfg(not(unix))]
        let killed = None;
        Self(status.code().or(killed).and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.0)
    }
}

/// A program, to be run at the workspace's root.
pub(crate) fn program(workspace: &Workspace, name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(workspace.root());
    for (variable, _) in std::env::vars_os() {
        if is_of_this_package(&variable) {
            command.env_remove(variable);
        }
    }
    command
}

/// The cargo that runs this program.
pub(crate) fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = program(workspace, std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Returns true if `cargo run` sets the variable to describe this program's own package. Build scripts may watch some
/// of these variables, and would run again, with everything that depends on them, each time that a build is not started
/// from here.
fn is_of_this_package(variable: &OsStr) -> bool {
    variable.to_str().is_some_and(|name| {
        ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix))
            || ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"].contains(&name)
    })
}

/// Runs it to its end; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<Outcome, Error> {
    command.status().map(Outcome::from).map_err(|error| not_started(command.get_program(), &error))
}

/// Returns the program's output if it succeeds; its errors go where ours go.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Becomes it, so that a signal meant for it reaches it and no other process.
pub(crate) fn become_program(command: &mut Command) -> Result<Outcome, Error> {
    #[cfg(unix)]
    return Err(not_started(
        command.get_program().to_owned().as_os_str(),
        &std::os::unix::process::CommandExt::exec(command),
    ));
    #[cfg(not(unix))]
    run(command)
}

/// Returns true if it can be run and succeeds; it gets no input, and its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Returns true if `cargo NAME` is installed.
pub(crate) fn has_subcommand(workspace: &Workspace, name: &str) -> bool {
    succeeds(&mut cargo(workspace, &[name, "--version"]))
}

/// Returns true if an environment variable is set to something other than nothing and `0`.
pub(crate) fn is_on(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0")
}

fn not_started(name: &OsStr, error: &std::io::Error) -> Error {
    Error::Failed(format!("{} could not be started: {error}", name.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_the_outcome() {
        assert_eq!(Outcome::SUCCESS.and(Outcome(100)), Outcome(100));
        assert_eq!(Outcome(100).and(Outcome::SUCCESS), Outcome(100));
        assert_eq!(Outcome(100).and(Outcome(101)), Outcome(100));
    }

    #[test]
    fn variables_of_this_package_stay_here_and_those_of_the_user_do_not() {
        for own in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_LINKS", "CARGO_BIN_NAME"] {
            assert!(is_of_this_package(OsStr::new(own)), "{own}");
        }
        for of_the_user in ["CARGO", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_TERM_COLOR", "PATH"] {
            assert!(!is_of_this_package(OsStr::new(of_the_user)), "{of_the_user}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_exit_code_is_handed_through_and_a_signal_is_one_as_in_a_shell() {
        use std::os::unix::process::ExitStatusExt as _;
        assert_eq!(Outcome::from(ExitStatus::from_raw(4 << 8)), Outcome(4));
        assert_eq!(Outcome::from(ExitStatus::from_raw(9)), Outcome(137));
    }
}
