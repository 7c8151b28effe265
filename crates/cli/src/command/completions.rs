//! `longshore completions`.

use clap::CommandFactory as _;

use super::Invocation;
use crate::{
    arguments::{self, Arguments},
    exit::Exit,
};

/// Prints a completion script.
pub(super) fn run(options: &arguments::Completions, invocation: &Invocation) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "longshore", &mut script);
    invocation.display.stdout.write_unescaped(&String::from_utf8_lossy(&script));
    Exit::Done
}
