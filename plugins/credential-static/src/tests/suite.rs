//! The suite that every source passes.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_plugin::CredentialSource;
use longshore_testkit::source::{self, Given};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PASSWORD, build};

struct Static(TempDir);

impl Static {
    fn source(&self, password: Value, found: &str) -> Arc<dyn CredentialSource> {
        let options = json!({ "username": "robot$acme", "password": password });
        build(options, &[("HARBOR_PASSWORD", found)], self.0.path()).unwrap()
    }
}

#[async_trait]
impl source::Harness for Static {
    async fn good(&self) -> Given {
        let source = self.source(json!({ "env": "HARBOR_PASSWORD" }), PASSWORD);
        Given { source, username: "robot$acme".into(), password: PASSWORD.into() }
    }

    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>> {
        let env = json!({ "env": "HARBOR_PASSWORD" });
        let mut absent = vec![
            self.source(env, ""),
            self.source(json!({ "env": "NOWHERE" }), PASSWORD),
            self.source(json!({ "file": "nowhere" }), PASSWORD),
        ];
        if cfg!(unix) {
            absent.push(self.source(json!({ "command": ["false"] }), PASSWORD));
            absent.push(self.source(json!({ "command": ["no-such-program"] }), PASSWORD));
        }
        absent
    }

    async fn unstorable(&self) -> Vec<Given> {
        let password = format!("glcbt-64_{PASSWORD}");
        let source = self.source(json!({ "env": "HARBOR_PASSWORD" }), &password);
        vec![Given { source, username: "robot$acme".into(), password }]
    }
}

#[tokio::test]
async fn it_is_a_source_as_others_are() {
    let report = source::suite(async || Static(tempfile::tempdir().unwrap())).await;
    assert_eq!(report.left_out, []);
}
