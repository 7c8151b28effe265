//! Against software from the Python Package Index: the stock aws command line, and the servers of moto and ministack.

mod aws_cli;
mod boto3;
mod conformance;
mod least_privilege;
mod moto;
mod pipelines;
mod terminal;

use std::path::PathBuf;

/// A program of the Python tools, which `cargo xtask tools` installs and `cargo xtask test` announces.
fn tool(name: &str) -> PathBuf {
    let directory = std::env::var_os("XTASK_PYTHON_TOOLS")
        .expect("XTASK_PYTHON_TOOLS is not set: run `cargo xtask tools`, then `cargo xtask test`");
    PathBuf::from(directory).join("bin").join(name)
}
