//! The plugin passes the suite of its kind, and a stack deploys with it.

use std::{process::Command, sync::Arc};

use async_trait::async_trait;
use longshore_credential::Environment;
use longshore_model::{Options, Plugin, Problem};
use longshore_plugin::{CredentialSource, Extensions, Plugins};
use longshore_testkit::source::{self, Given};
use serde_json::{Value, json};

const TOKEN: &str = "4U0TBJ8SLQ3X7Y2M9ZKCW5V1NDGH6PRF4U0TBJ8SLQ3X7Y2M9ZKCW5V1NDGH6PRF";

fn build(options: Value) -> Result<Arc<dyn CredentialSource>, Vec<Problem>> {
    let mut plugins = Plugins::default();
    longshore_acme::register(&mut plugins);
    let values = options.as_object().unwrap().clone();
    let options = Options { key: "registries.quay".into(), values, ..Options::default() };
    let environment = Environment::new(|name| (name == "QUAY_TOKEN").then(|| TOKEN.into()));
    let plugin = Plugin { name: "quay".into(), options };
    plugins.credential_source(&plugin, &Extensions::default().with(environment))
}

struct Quay;

#[async_trait]
impl source::Harness for Quay {
    async fn good(&self) -> Given {
        let source = build(json!({ "robot": "acme+deploy", "token": { "env": "QUAY_TOKEN" } })).unwrap();
        Given { source, username: "acme+deploy".into(), password: TOKEN.into() }
    }

    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>> {
        vec![build(json!({ "robot": "acme+deploy", "token": { "env": "NOWHERE" } })).unwrap()]
    }

    async fn unstorable(&self) -> Vec<Given> {
        Vec::new()
    }
}

#[tokio::test]
async fn source_passes_the_suite() {
    let left_out = source::suite(async || Quay).await.left_out;
    assert_eq!(left_out.len(), 1, "any text may be a token: {left_out:?}");
}

#[test]
fn people_are_no_robots() {
    let problems = build(json!({ "robot": "alice", "token": { "env": "QUAY_TOKEN" } })).err().unwrap();
    assert_eq!(problems[0].key, "registries.quay.robot");
}

/// Runs the binary on the example's configuration, with this token in the environment.
fn longshore(arguments: &[&str], token: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore-acme"));
    let state = tempfile::tempdir().unwrap();
    command.args(["--config-dir", "configs", "--env", "local"]).env("LONGSHORE_STATE_DIR", state.path());
    let output = command.args(arguments).env("QUAY_TOKEN", token).output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.success(), said.concat())
}

#[test]
fn stack_deploys_with_the_robot_account() {
    let (succeeded, said) = longshore(&["deploy", "--yes"], TOKEN);
    assert!(succeeded, "{said}");
    assert!(said.contains("quay.io/acme/api:1 can be pulled"), "{said}");
    assert!(!said.contains(TOKEN), "the token is shown");
    let (succeeded, said) = longshore(&["plugins", "quay"], TOKEN);
    assert!(succeeded && said.contains("A robot account of Quay"), "{said}");
}

#[test]
fn missing_token_is_refused() {
    let (succeeded, said) = longshore(&["deploy", "--yes"], "");
    assert!(!succeeded && said.contains("QUAY_TOKEN"), "{said}");
}
