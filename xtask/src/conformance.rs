//! `cargo xtask conformance`: what clouds answer, compared with AWS. A program of the integration tests finds it out; this
//! finds the clouds.

use std::ffi::OsString;

use crate::{
    Error,
    helper::Helper,
    localstack::LocalStack,
    process::{self, Outcome, cargo},
    workspace::Workspace,
};

/// Runs it with the clouds that can be had here: moto is one of the Python tools, and LocalStack is started in a container,
/// unless it is said where they run.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<Outcome, Error> {
    // Of the whole workspace, so that the dependencies are those that the tests were built with.
    let mut command = cargo(workspace, &["run", "--quiet", "--bin", "conformance", "--"]);
    command.args(arguments);
    if arguments.iter().any(|argument| argument == "--help") {
        return process::run(&mut command);
    }
    if !is_named("moto", arguments) {
        match Helper::Python.find(workspace) {
            Ok(variable) => {
                command.envs(variable);
            }
            Err(reason) => {
                command.args(missing(Helper::Python, "moto", &reason)?);
            }
        }
    }
    // The container is removed when this function ends.
    let mut container = None;
    if !is_named("localstack", arguments) {
        match Helper::Docker.find(workspace).and_then(|_| LocalStack::start(workspace)) {
            Ok(started) => {
                command.env("XTASK_LOCALSTACK", started.url());
                container = Some(started);
            }
            Err(reason) => {
                command.args(missing(Helper::Docker, "LocalStack", &reason)?);
            }
        }
    }
    let outcome = process::run(&mut command);
    drop(container);
    outcome
}

/// Whether a variable (`XTASK_MOTO`) or an argument (`--endpoint moto=URL`) says where a cloud runs.
fn is_named(cloud: &str, arguments: &[OsString]) -> bool {
    let variable = std::env::var_os(format!("XTASK_{}", cloud.to_ascii_uppercase()));
    variable.is_some_and(|url| !url.is_empty()) || is_endpoint(cloud, arguments)
}

fn is_endpoint(cloud: &str, arguments: &[OsString]) -> bool {
    let named = |argument: &OsString| {
        let name = argument.to_str().and_then(|argument| argument.split_once('=')).map(|(name, _)| name);
        name.is_some_and(|name| name.eq_ignore_ascii_case(cloud))
    };
    arguments.iter().any(named)
}

/// The arguments that say why a cloud is not to be had.
fn missing(helper: Helper, cloud: &str, reason: &str) -> Result<[String; 2], Error> {
    if helper.is_required() {
        return Err(Error::Failed(format!("{reason}, and {} is set", helper.requirement())));
    }
    Ok(["--missing".to_owned(), format!("{cloud}={reason}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_is_named_is_not_started() {
        let arguments = ["--endpoint", "localstack=http://127.0.0.1:4566"].map(OsString::from);
        assert!(is_endpoint("localstack", &arguments));
        assert!(!is_endpoint("moto", &arguments));
    }
}
