//! The suite that every source passes.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_plugin::CredentialSource;
use longshore_testkit::source::{self, Given};
use serde_json::{Value, json};

use super::{AUTH, Home, SECRET};

const QUAY: &str = "quay.example.com";

/// Homes live as long as their sources.
#[derive(Default)]
struct Homes(std::sync::Mutex<Vec<Home>>);

impl Homes {
    fn source(&self, docker: &Value) -> Arc<dyn CredentialSource> {
        let home = Home::docker(docker);
        let source = home.build(QUAY, json!({})).unwrap();
        self.0.lock().unwrap().push(home);
        source
    }
}

#[async_trait]
impl source::Harness for Homes {
    async fn good(&self) -> Given {
        let source = self.source(&json!({ "auths": { QUAY: { "auth": AUTH } } }));
        Given { source, username: "acme".into(), password: SECRET.into() }
    }

    async fn absent(&self) -> Vec<Arc<dyn CredentialSource>> {
        let home = Home::new();
        let nowhere = home.build(QUAY, json!({})).unwrap();
        self.0.lock().unwrap().push(home);
        let mut absent = vec![nowhere];
        let mut files = vec![
            json!({}),
            json!({ "auths": {} }),
            json!({ "auths": { "other.example.com": { "auth": AUTH } } }),
        ];
        if cfg!(unix) {
            files.push(json!({ "credHelpers": { QUAY: "empty" } }));
            files.push(json!({ "credsStore": "no-such-helper" }));
        }
        absent.extend(files.iter().map(|file| self.source(file)));
        absent
    }

    async fn unstorable(&self) -> Vec<Given> {
        let entry = json!({ "auth": "", "identitytoken": SECRET });
        let source = self.source(&json!({ "auths": { QUAY: entry } }));
        vec![Given { source, username: "acme".into(), password: SECRET.into() }]
    }
}

#[tokio::test]
async fn it_is_a_source_as_others_are() {
    assert_eq!(source::suite(async || Homes::default()).await.left_out, []);
}
