//! The `longshore` command.

use std::process::ExitCode;

use longshore_cli::{Io, run};

fn main() -> ExitCode {
    run(std::env::args_os(), Io::process()).into()
}
