//! The published schemas, as `check-jsonschema` ships them.

use std::process::Command;

use super::{super::tool, examples};

fn check(schema: &str, transform: Option<&str>, file: &std::path::Path) -> (bool, String) {
    let mut command = Command::new(tool("check-jsonschema"));
    command.args(["--builtin-schema", schema]);
    command.args(transform.into_iter().flat_map(|name| ["--data-transform", name])).arg(file);
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn every_pipeline_has_the_form_that_its_service_publishes() {
    for (schema, transform, file) in [
        ("vendor.github-actions", None, "github/action.yml"),
        ("vendor.github-workflows", None, "github/workflows/deploy.yml"),
        ("vendor.github-workflows", None, "github/workflows/scheduled.yml"),
        ("vendor.gitlab-ci", Some("gitlab-ci"), "gitlab/longshore.gitlab-ci.yml"),
        ("vendor.circle-ci", None, "circleci/config.yml"),
        ("vendor.buildkite", None, "buildkite/pipeline.yml"),
    ] {
        let (valid, message) = check(schema, transform, &examples().join(file));
        assert!(valid, "{file}: {message}");
    }
}

#[test]
fn the_schemas_refuse_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    for (schema, text) in [
        ("vendor.github-actions", "name: a\nruns: { using: composite }\n"),
        ("vendor.github-workflows", "on: push\njobs: { a: { steps: [] } }\n"),
        ("vendor.gitlab-ci", "job: { scripts: [] }\n"),
        ("vendor.circle-ci", "version: 2.1\njobs: { a: { steps: checkout } }\n"),
        ("vendor.buildkite", "steps: [{ command: [1, {}] }]\n"),
    ] {
        let file = directory.path().join("wrong.yml");
        std::fs::write(&file, text).unwrap();
        let (valid, message) = check(schema, None, &file);
        assert!(!valid, "{schema} takes {text}: {message}");
    }
}
