//! `cargo xtask conformance`: what clouds answer, compared with AWS. A program of the integration tests finds it out; this
//! finds the clouds.

use std::ffi::OsString;

use crate::{
    Error,
    helper::Helper,
    process::{self, Outcome, cargo},
    workspace::Workspace,
};

/// The clouds that need a helper. moto comes as a container, too, and is then taken from there.
const CLOUDS: [(Helper, &str); 2] = [(Helper::Python, "moto"), (Helper::Docker, "LocalStack")];

/// Runs it with the clouds that can be had here.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<Outcome, Error> {
    // Of the whole workspace, so that the dependencies are those that the tests were built with.
    let mut command = cargo(workspace, &["run", "--quiet", "--bin", "conformance", "--"]);
    command.args(arguments);
    for (helper, cloud) in CLOUDS {
        match helper.find(workspace) {
            Ok(variable) => {
                command.envs(variable);
            }
            Err(reason) if helper.is_required() => {
                return Err(Error::Failed(format!("{reason}, and {} is set", helper.requirement())));
            }
            Err(reason) => {
                command.arg("--missing").arg(format!("{cloud}={reason}"));
            }
        }
    }
    process::run(&mut command)
}
