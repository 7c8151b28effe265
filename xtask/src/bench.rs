//! `cargo xtask bench`: figures that are counted or in virtual time.

use std::{ffi::OsString, process::Command};

use crate::{
    Error,
    process::{self, Outcome, cargo},
    workspace::Workspace,
};

/// Runs a bench, built first: with the whole workspace's features, so that nothing is compiled anew for it.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<Outcome, Error> {
    let Some("requests" | "makespan") = arguments.first().and_then(|what| what.to_str()) else {
        return Err(Error::Usage("bench takes `requests` or `makespan`, and numbers of services".to_owned()));
    };
    let built =
        process::run(&mut cargo(workspace, &["build", "--quiet", "--workspace", "--example", "bench"]))?;
    if !built.is_success() {
        return Ok(built);
    }
    let mut bench = Command::new(workspace.target().join("debug/examples/bench"));
    process::run(bench.args(arguments))
}
