//! Longshore with Acme's plugins.

use std::process::ExitCode;

use longshore_cli::Longshore;

fn main() -> ExitCode {
    Longshore::new().plugins(longshore_acme::register).run()
}
