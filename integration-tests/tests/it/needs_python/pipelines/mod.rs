//! The pipelines of `examples/ci`: held against the schemas of those who run them, and their scripts executed.

mod expression;
mod forge;
mod github;
mod others;
mod report;
mod runner;
mod schemas;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::tool;

/// The directory of the examples.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/ci").canonicalize().unwrap()
}

/// A YAML file of the examples.
fn read(name: &str) -> Value {
    let program =
        "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout, default=str)";
    let mut python = std::process::Command::new(tool("python"));
    let output = python.args(["-c", program]).arg(examples().join(name)).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
