//! `cargo xtask bench`: figures that are counted or in virtual time, and those of the executor.

use std::{ffi::OsString, process::Command};

use crate::{
    Error,
    process::{self, Outcome, cargo, program, succeeds},
    workspace::Workspace,
};

/// Runs a bench, built first.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<Outcome, Error> {
    match arguments.first().and_then(|what| what.to_str()) {
        Some("requests" | "makespan") => of_stacks(workspace, arguments),
        Some("executor") => executor(workspace, &arguments[1..]),
        _ => Err(Error::Usage("bench takes `requests`, `makespan` or `executor`".to_owned())),
    }
}

/// Built with the whole workspace's features, so that nothing is compiled anew for it.
fn of_stacks(workspace: &Workspace, arguments: &[OsString]) -> Result<Outcome, Error> {
    let built =
        process::run(&mut cargo(workspace, &["build", "--quiet", "--workspace", "--example", "bench"]))?;
    if !built.is_success() {
        return Ok(built);
    }
    let mut bench = Command::new(workspace.target().join("debug/examples/bench"));
    process::run(bench.args(arguments))
}

/// Built optimised, with the few crates that it stands on and their own features: nothing of AWS.
pub(crate) fn executor(workspace: &Workspace, arguments: &[OsString]) -> Result<Outcome, Error> {
    let built = process::run(&mut cargo(
        workspace,
        &[
            "build",
            "--quiet",
            "--locked",
            "--profile",
            "executor",
            "--package",
            "longshore-bench",
            "--features",
            "executor",
        ],
    ))?;
    if !built.is_success() {
        return Ok(built);
    }
    let mut bench = Command::new(workspace.target().join("executor/executor"));
    process::run(bench.args(arguments))
}

/// Returns true if valgrind is installed, which counts the executor's instructions.
pub(crate) fn can_count_instructions(workspace: &Workspace) -> bool {
    succeeds(program(workspace, "valgrind").arg("--version"))
}
