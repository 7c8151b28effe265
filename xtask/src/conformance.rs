//! `cargo xtask conformance`: what clouds answer, compared with AWS. A program of the integration tests finds it out; this
//! finds the clouds.

use std::ffi::OsString;

use crate::{
    Error, containers,
    helper::Helper,
    process::{self, Outcome, cargo},
    workspace::Workspace,
};

/// The clouds beside the simulated one, as variables and arguments name them.
const CLOUDS: [&str; 2] = ["moto", "localstack"];

/// Runs it with the clouds that can be had here, unless it is said where they run: in containers, where a Docker engine
/// answers; otherwise there is moto alone, which is one of the Python tools.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<Outcome, Error> {
    // Of the whole workspace, so that the dependencies are those that the tests were built with.
    let mut command = cargo(workspace, &["run", "--quiet", "--bin", "conformance", "--"]);
    command.args(arguments);
    let is_named = |cloud: &str| is_endpoint(cloud, arguments) || url(cloud).is_some();
    if arguments.iter().any(|argument| argument == "--help") || CLOUDS.into_iter().all(is_named) {
        return process::run(&mut command);
    }
    // The container's address would replace a variable's.
    for cloud in CLOUDS.into_iter().filter(|cloud| !is_endpoint(cloud, arguments)) {
        if let Some(url) = url(cloud) {
            let mut endpoint = OsString::from(format!("{cloud}="));
            endpoint.push(url);
            command.arg("--endpoint").arg(endpoint);
        }
    }
    let reason = match Helper::Docker.find(workspace) {
        Ok(_) => match containers::run(workspace, &command)? {
            Some(outcome) => return Ok(outcome),
            None => containers::NOT_THERE.to_owned(),
        },
        Err(reason) => reason,
    };
    if !is_named("localstack") {
        command.args(missing(Helper::Docker, "LocalStack", &reason)?);
    }
    if !is_named("moto") {
        match Helper::Python.find(workspace) {
            Ok(variable) => {
                command.envs(variable);
            }
            Err(reason) => {
                command.args(missing(Helper::Python, "moto", &reason)?);
            }
        }
    }
    process::run(&mut command)
}

/// Returns the endpoint of a cloud, by its variable (`XTASK_MOTO`).
fn url(cloud: &str) -> Option<OsString> {
    std::env::var_os(format!("XTASK_{}", cloud.to_ascii_uppercase())).filter(|url| !url.is_empty())
}

/// Returns true if an argument (`--endpoint moto=URL`) says where a cloud runs.
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
        return Err(helper.is_wanted(reason));
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
