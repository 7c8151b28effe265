//! The `longshore` command.

use std::process::ExitCode;

use longshore_cli::Longshore;

fn main() -> ExitCode {
    Longshore::new().run()
}
