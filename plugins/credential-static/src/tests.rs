mod suite;

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use longshore_credential::Environment;
use longshore_model::{Options, Plugin, Problem, StepId};
use longshore_plugin::{Context, Credential, CredentialSource, Extensions, Plugins, Reporter, Result};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const PASSWORD: &str = "correct-horse-battery-staple";

#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl Reporter for Warnings {
    fn progress(&self, _step: &StepId, _message: &str) {}

    fn warning(&self, _step: &StepId, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

/// Builds the source from `options`, as a host does, with these environment variables; files are in `directory`.
fn build(
    options: Value,
    variables: &[(&str, &str)],
    directory: &Path,
) -> std::result::Result<Arc<dyn CredentialSource>, Vec<Problem>> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let Value::Object(values) = options else { unreachable!() };
    let directories =
        ["username.file", "password.file"].map(|key| (key.to_owned(), directory.to_owned())).into();
    let key = "registries.harbor".to_owned();
    let options = Options { key, values, directories, ..Options::default() };
    let plugin = Plugin { name: "static".to_owned(), options };
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let environment = Environment::new(move |name| {
        variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.into())
    });
    plugins.credential_source(&plugin, &Extensions::default().with(environment))
}

/// Fetches the credential, with the warnings that were given.
async fn fetch(source: &dyn CredentialSource) -> (Result<Credential>, Vec<String>) {
    let warnings = Arc::<Warnings>::default();
    let (step, interrupt) = (StepId::new("registry", "harbor"), CancellationToken::new());
    let context =
        Context::new("shop".parse().unwrap(), "test".parse().unwrap(), step, interrupt, warnings.clone());
    let result = source.fetch(&context).await;
    let warnings = warnings.0.lock().unwrap().clone();
    (result, warnings)
}

fn pair(credential: &Credential) -> (&str, &str) {
    (&credential.username, credential.password.expose())
}

#[tokio::test]
async fn user_name_and_password_come_from_wherever_they_are() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("username"), "robot$acme\n").unwrap();
    fs::write(directory.path().join("password"), format!("{PASSWORD}\n")).unwrap();
    let variables = [("HARBOR_USER", "robot$acme"), ("HARBOR_PASSWORD", PASSWORD)];
    let mut cases = vec![
        (json!("robot$acme"), json!({ "env": "HARBOR_PASSWORD" })),
        (json!({ "env": "HARBOR_USER" }), json!({ "file": "password" })),
        (json!({ "file": "username" }), json!({ "env": "HARBOR_PASSWORD" })),
    ];
    if cfg!(unix) {
        let file = directory.path().join("password");
        cases.push((json!({ "command": ["echo", "robot$acme"] }), json!({ "command": ["cat", file] })));
    }
    for (username, password) in cases {
        let options = json!({ "username": username, "password": password });
        let source = build(options, &variables, directory.path()).unwrap();
        let (credential, warnings) = fetch(source.as_ref()).await;
        let credential = credential.unwrap();
        assert_eq!(pair(&credential), ("robot$acme", PASSWORD));
        assert!(warnings.is_empty());
        assert!(!format!("{credential:?} {}", source.describe()).contains(PASSWORD));
    }
}

#[tokio::test]
async fn what_ends_soon_is_refused_or_warned_of() {
    let mut text = String::new();
    for (username, prefix) in [("acme", "glcbt-"), ("acme", "ghs_"), ("AWS", "ey"), ("gitlab-ci-token", "")] {
        for allow in [false, true] {
            let password = format!("{prefix}{PASSWORD}");
            let options = json!({ "username": username, "password": { "env": "PASSWORD" }, "allow-short-lived": allow });
            let source = build(options, &[("PASSWORD", &password)], Path::new("")).unwrap();
            let (result, warnings) = fetch(source.as_ref()).await;
            let result = match result {
                Ok(credential) => {
                    assert_eq!(pair(&credential), (username, password.as_str()));
                    "is accepted".to_owned()
                }
                Err(failure) => format!("{:?}: {failure}", failure.kind),
            };
            text.push_str(&format!("{username} {prefix} {allow}: {result}\n"));
            text.extend(warnings.iter().map(|warning| format!("  warning: {warning}\n")));
        }
    }
    assert!(!text.contains(PASSWORD), "{text}");
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_user_name_that_is_none_is_refused_without_being_shown() {
    let mut text = String::new();
    for found in
        [format!("acme:{PASSWORD}"), format!("ghp_{PASSWORD}"), format!("acme\n{PASSWORD}"), String::new()]
    {
        let options = json!({ "username": { "env": "NAME" }, "password": { "env": "PASSWORD" } });
        let source = build(options, &[("NAME", &found), ("PASSWORD", "x")], Path::new("")).unwrap();
        let (result, _) = fetch(source.as_ref()).await;
        let failure = result.unwrap_err();
        text.push_str(&format!("{:?}: {failure}\n", failure.kind));
    }
    assert!(!text.contains(PASSWORD), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn wrong_options_are_reported_without_the_password() {
    let token = format!("glpat-{PASSWORD}");
    let password = json!({ "env": "PASSWORD" });
    let cases = [
        json!({}),
        json!({ "username": "acme", "password": PASSWORD }),
        json!({ "username": "acme", "password": {} }),
        json!({ "username": "acme", "password": { "env": "A", "file": "b" } }),
        json!({ "username": "acme", "password": { "env": token } }),
        json!({ "username": token, "password": password }),
        json!({ "username": format!("acme:{PASSWORD}"), "password": password }),
        json!({ "username": { "text": "acme" }, "password": password }),
        json!({ "username": { "env": token }, "password": password }),
        json!({ "user": "acme", "password": password, "allow-short-lived": "yes" }),
    ];
    let mut text = String::new();
    for case in cases {
        let problems = build(case, &[], Path::new("")).err();
        text.extend(problems.into_iter().flatten().map(|problem| format!("{problem}\n")));
        text.push('\n');
    }
    assert!(!text.contains(PASSWORD), "{text}");
    insta::assert_snapshot!(text);
}

proptest! {
    #[test]
    fn every_pair_arrives_as_it_is_or_is_refused_without_the_password(
        username in "[ -~]{1,20}",
        password in "\\PC{1,40}",
    ) {
        let variables = [("NAME", username.as_str()), ("PASSWORD", password.as_str())];
        let options = json!({ "username": { "env": "NAME" }, "password": { "env": "PASSWORD" } });
        let source = build(options, &variables, Path::new("")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (result, _) = runtime.block_on(fetch(source.as_ref()));
        let (username, password) = (username.trim(), password.as_str());
        let refused = username.is_empty() || username.contains(':') || password.trim().is_empty() || username == "AWS";
        match result {
            Ok(credential) => {
                prop_assert!(!refused);
                prop_assert_eq!(pair(&credential), (username, password));
            }
            Err(failure) => prop_assert!(refused, "{}", failure),
        }
    }
}
