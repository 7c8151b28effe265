//! The containers of the integration tests: `with-containers` starts them, runs a command, and removes them.

use std::process::Command;

use crate::{
    Error,
    process::{self, Outcome, cargo, program},
    workspace::Workspace,
};

/// Its exit code when it could not start the containers, and did not run the command either.
pub(crate) const NOT_STARTED: Outcome = Outcome::of(125);

/// The command, run by `with-containers`.
///
/// # Errors
/// When that cannot be built.
pub(crate) fn with_containers(workspace: &Workspace, command: &Command) -> Result<Command, Error> {
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
