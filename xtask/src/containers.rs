//! The containers of the integration tests: `with-containers` starts them, runs a command, and removes them.

use std::process::Command;

use crate::{
    Error,
    helper::Helper,
    process::{self, Outcome, cargo, program},
    workspace::Workspace,
};

/// Its exit code when it could not start the containers, and did not run the command either.
const NOT_STARTED: Outcome = Outcome::of(125);

/// The reason for not running the commands that need them.
pub(crate) const NOT_THERE: &str = "the containers could not be started (see above)";

/// Runs the command with the containers. Returns `None` if they could not be started, which is printed, and are not
/// required: then the command has not run either.
///
/// # Errors
/// When `with-containers` cannot be built or started.
pub(crate) fn run(workspace: &Workspace, command: &Command) -> Result<Option<Outcome>, Error> {
    let outcome = process::run(&mut wrapped(workspace, command)?)?;
    Ok(settled(outcome, Helper::Docker.is_required()))
}

/// The outcome, unless the command can run without containers instead.
fn settled(outcome: Outcome, is_required: bool) -> Option<Outcome> {
    (outcome != NOT_STARTED || is_required).then_some(outcome)
}

/// The command, run by `with-containers`.
fn wrapped(workspace: &Workspace, command: &Command) -> Result<Command, Error> {
    // Of the whole workspace, so that the dependencies are those that the tests were built with.
    let build = ["build", "--quiet", "--workspace", "--bin", "with-containers"];
    if !process::run(&mut cargo(workspace, &build))?.is_success() {
        return Err(Error::Failed("with-containers could not be built".to_owned()));
    }
    // Not by `cargo run`, which would tell its child about its own package.
    let built = workspace.target().join("debug").join("with-containers");
    let mut wrapped = program(workspace, built);
    wrapped.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    Ok(wrapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_containers_a_command_runs_only_where_nobody_requires_them() {
        assert_eq!(settled(NOT_STARTED, false), None);
        assert_eq!(settled(NOT_STARTED, true), Some(NOT_STARTED));
        for outcome in [Outcome::SUCCESS, Outcome::FAILURE] {
            assert_eq!(settled(outcome, false), Some(outcome));
        }
    }
}
