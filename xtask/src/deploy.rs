//! `cargo xtask deploy`: the first run.

use std::ffi::{OsStr, OsString};

use crate::{
    Error,
    process::{self, Outcome, cargo, program},
    workspace::Workspace,
};

/// Builds the command line and becomes `longshore deploy --env local ARGUMENTS`.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<Outcome, Error> {
    // With the whole workspace's features, so that tests take what is compiled here; and on its own, so that the minutes
    // that it takes are seen.
    let built = process::run(&mut cargo(workspace, &["build", "--workspace", "--bin", "longshore"]))?;
    if !built.is_success() {
        return Ok(built);
    }
    let built = workspace.target().join("debug").join("longshore");
    process::become_program(program(workspace, built).args(command_line(arguments)))
}

fn command_line(arguments: &[OsString]) -> Vec<OsString> {
    let mut line: Vec<OsString> = vec!["deploy".into()];
    if !arguments.iter().any(|argument| names_environment(argument)) {
        line.extend(["--env".into(), "local".into()]);
    }
    line.extend_from_slice(arguments);
    line
}

fn names_environment(argument: &OsStr) -> bool {
    argument == "--env" || argument.to_str().is_some_and(|argument| argument.starts_with("--env="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arguments: &[&str]) -> String {
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        let line = command_line(&arguments);
        line.iter().map(|argument| argument.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_environment_is_local_unless_another_is_given() {
        assert_eq!(line(&[]), "deploy --env local");
        assert_eq!(line(&["--output", "json"]), "deploy --env local --output json");
        assert_eq!(line(&["--env", "production"]), "deploy --env production");
        assert_eq!(line(&["-v", "--env=production"]), "deploy -v --env=production");
    }
}
