//! The example of a plugin from outside of the workspace, built into a command of its own.

#[expect(unreachable_pub, reason = "it is a crate of its own")]
#[path = "../../../../examples/plugin-quay/src/lib.rs"]
mod plugin_quay;

use std::{fs, path::Path, sync::Arc};

use async_trait::async_trait;
use longshore_cli::{Exit, Longshore};
use longshore_credential::Environment;
use longshore_model::{Options, Plugin};
use longshore_plugin::{CredentialSource, Extensions, Plugins};
use longshore_testkit::source::{self, Given};
use serde_json::json;

use crate::project::{Project, Ran};

const TOKEN: &str = "4U0TBJ8SLQ3X7Y2M9ZKCW5V1NDGH6PRF4U0TBJ8SLQ3X7Y2M9ZKCW5V1NDGH6PRF";

/// The example's configuration, with a token in the environment.
fn project(token: &str) -> Project {
    let project = Project::new().variable("QUAY_TOKEN", token);
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/plugin-quay/configs");
    for name in ["base.toml", "local.toml"] {
        project.write(&format!("configs/{name}"), &fs::read_to_string(configs.join(name)).unwrap());
    }
    project
}

fn run(project: &Project, arguments: &[&str]) -> Ran {
    project.run_as(Longshore::new().plugins(plugin_quay::register), arguments, |_| {})
}

#[test]
fn stack_deploys_with_a_plugin_from_outside() {
    let project = project(TOKEN);
    let deploy = run(&project, &["deploy", "--yes"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    let said = format!("{}{}", deploy.stdout, deploy.stderr);
    assert!(said.contains("quay.io/acme/api:1 can be pulled") && !said.contains(TOKEN), "{said}");
    assert_eq!(run(&project, &["plan", "--detailed-exitcode"]).exit, Exit::Done);
    let described = run(&project, &["plugins", "quay"]);
    assert!(described.stdout.contains("acme+deploy"), "{}", described.stdout);
    let without = project.run(&["plan"]);
    assert!(without.stderr.contains("there is no credential source `quay`"), "{}", without.stderr);
}

#[test]
fn person_is_no_robot() {
    let project = project(TOKEN);
    let plan = run(&project, &["plan", "--set", "registries.quay.robot=alice"]);
    assert_eq!(plan.exit, Exit::Failed);
    assert!(plan.stderr.contains("is not the name of a robot account"), "{}", plan.stderr);
    let empty = run(&self::project(""), &["plan"]);
    assert!(empty.exit == Exit::Failed && empty.stderr.contains("QUAY_TOKEN"), "{}", empty.stderr);
}

struct Quay;

impl Quay {
    fn source(variable: &str) -> Arc<dyn CredentialSource> {
        let mut plugins = Plugins::default();
        plugin_quay::register(&mut plugins);
        let values = json!({ "robot": "acme+deploy", "token": { "env": variable } });
        let values = values.as_object().unwrap().clone();
        let options = Options { key: "registries.quay".to_owned(), values, ..Options::default() };
        let environment = Environment::new(|name| (name == "QUAY_TOKEN").then(|| TOKEN.into()));
        let plugin = Plugin { name: "quay".to_owned(), options };
        plugins.credential_source(&plugin, &Extensions::default().with(environment)).unwrap()
    }
}

#[async_trait]
impl source::Harness for Quay {
    async fn good(&self) -> Given {
        Given { source: Self::source("QUAY_TOKEN"), username: "acme+deploy".into(), password: TOKEN.into() }
    }

    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>> {
        vec![Self::source("NOWHERE")]
    }

    async fn unstorable(&self) -> Vec<Given> {
        Vec::new()
    }
}

#[tokio::test]
async fn plugin_passes_the_suite_of_its_kind() {
    let left_out = source::suite(async || Quay).await.left_out;
    assert_eq!(left_out.len(), 1, "any text may be a token: {left_out:?}");
}
