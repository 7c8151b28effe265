//! Tasks of the workspace: `cargo xtask help` lists them.
//!
//! Few dependencies, so that it compiles in seconds: it stands before everything else that one does here.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod aws_shapes;
mod bench;
mod ci;
mod conformance;
mod containers;
mod count;
mod deploy;
mod helper;
mod image;
mod process;
mod suite;
mod test;
mod tidy;
mod tools;
mod tree;
mod workspace;

use std::{ffi::OsString, process::ExitCode};

use process::Outcome;
use workspace::Workspace;

const HELP: &str = "\
Tasks of the workspace.

Usage: cargo xtask <TASK> [ARGUMENTS]

Tasks:
  deploy [ARGS…]   Deploy the stack of configs/: `longshore deploy --env local ARGS…`, built first.
                   Another --env replaces `local`; paths are relative to the workspace's root.
  test [OPTIONS] [FILTER…]
                   Run the tests, doc tests included; FILTER is a part of a test's name.
                   What needs an outside helper that is missing is listed as not run. Where a Docker engine answers,
                   containers are started and Longshore's image is built for the tests that need them; both are
                   removed afterwards.
      --no-docker, --no-python, --no-registry, --no-terraform
                   Leave out what needs that helper
      --no-doc     Leave out the doc tests
  bench requests|makespan [N…]
                   Figures of stacks with N services in the simulated cloud: how many requests a plan and a deploy take,
                   and how long deploys take at AWS's quotas, in virtual time
  bench executor [--nodes N,N…] [--quick]
                   Time and memory that the graph and the engine take for each step, beside dagx, a tokio JoinSet and
                   Kahn's algorithm
  bench executor --instructions
                   Instructions that they take, held against bounds (takes valgrind)
  image [OPTIONS]  Build Longshore's container image with this machine's cargo and Docker
      --tag NAME   Its name, instead of longshore:latest
      --release    Optimised, as it is to be published
  conformance [OPTIONS]
                   What moto, LocalStack and the simulated cloud answer, compared with AWS: prints the table and writes
                   integration-tests/CONFORMANCE.md. `cargo xtask conformance --help` lists the options.
                   moto and LocalStack are started in containers, where a Docker engine answers; otherwise moto alone,
                   of the Python tools.
  aws-shapes DIRECTORY
                   Write crates/aws-shapes/shapes from AWS's own models of its APIs, which lie in the DIRECTORY of
                   botocore: `pip download botocore --no-deps`, unpacked
  ci               What has to pass: formatting, clippy, tidy, documentation, cargo-deny, the executor's instructions, the
                   tests of examples/plugin-quay, test
  tidy             Check the habits that no compiler knows: directions of dependencies, who may print, file lengths …
  tools            Install the Python tools of some tests below target/ (takes a network)
  help             This text

Environment:
  LONGSHORE_REQUIRE_DOCKER=1, LONGSHORE_REQUIRE_PYTHON=1, LONGSHORE_REQUIRE_REGISTRY=1,
  LONGSHORE_REQUIRE_TERRAFORM=1, LONGSHORE_REQUIRE_DENY=1, LONGSHORE_REQUIRE_VALGRIND=1
                   Fail where the helper is missing, instead of leaving out what needs it
";

/// A refusal to be shown: what was wrong with the call, or what kept a task from running.
#[derive(Debug)]
enum Error {
    /// The command line makes no sense.
    Usage(String),
    /// The task could not be carried out.
    Failed(String),
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = if image::is_wrapper() { image::wrap(&arguments) } else { dispatch(&arguments) };
    let error = match done {
        Ok(outcome) => return outcome.into(),
        Err(error) => error,
    };
    match error {
        Error::Usage(message) => {
            eprintln!("error: {message}\n\n`cargo xtask help` lists the tasks.");
            ExitCode::from(2)
        }
        Error::Failed(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[OsString]) -> Result<Outcome, Error> {
    let Some((task, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(Outcome::USAGE);
    };
    let workspace = Workspace::locate();
    match task.to_str() {
        Some("aws-shapes") => aws_shapes::run(&workspace, rest),
        Some("bench") => bench::run(&workspace, rest),
        Some("deploy") => deploy::run(&workspace, rest),
        Some("test") => test::run(&workspace, &test::Options::parse(rest)?),
        Some("image") => image::run(&workspace, rest),
        Some("conformance") => conformance::run(&workspace, rest),
        Some("ci") => none(task, rest).and_then(|()| ci::run(&workspace)),
        Some("tidy") => none(task, rest).and_then(|()| tidy::run(&workspace)),
        Some("tools") => none(task, rest).and_then(|()| tools::install(&workspace)),
        Some("help" | "-h" | "--help") => {
            print!("{HELP}");
            Ok(Outcome::SUCCESS)
        }
        _ => Err(Error::Usage(format!("there is no task {}", task.display()))),
    }
}

fn none(task: &OsString, rest: &[OsString]) -> Result<(), Error> {
    match rest.first() {
        None => Ok(()),
        Some(extra) => {
            Err(Error::Usage(format!("{} takes no arguments, found {}", task.display(), extra.display())))
        }
    }
}
