use std::sync::{Arc, Mutex};

use longshore_credential::Environment;
use longshore_model::{Options, Plugin, Problem, StepId};
use longshore_plugin::{Context, Credential, CredentialSource, Extensions, Registry, Reporter, Result};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const BODY: &str = "16C7e42F292c6912E7710c838347Ae178B4a";

#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl Reporter for Warnings {
    fn progress(&self, _step: &StepId, _message: &str) {}

    fn warning(&self, _step: &StepId, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

/// Builds the source from `options`, as a host does, in an environment where `GHCR_TOKEN` is `token`.
fn build(options: Value, token: &str) -> std::result::Result<Arc<dyn CredentialSource>, Vec<Problem>> {
    let mut registry = Registry::default();
    crate::register(&mut registry);
    let Value::Object(values) = options else { unreachable!() };
    let options = Options { key: "registries.ghcr".to_owned(), values, ..Options::default() };
    let plugin = Plugin { name: "ghcr".to_owned(), options };
    let token = token.to_owned();
    let environment = Environment::new(move |name| (name == "GHCR_TOKEN").then(|| token.clone().into()));
    registry.credential_source(&plugin, &Extensions::default().with(environment))
}

/// Fetches the credential, with the warnings that were given.
async fn fetch(token: &str, allow_short_lived: bool) -> (Result<Credential>, Vec<String>) {
    let options = json!({
        "username": "acme-bot",
        "token": { "env": "GHCR_TOKEN" },
        "allow-short-lived": allow_short_lived,
    });
    let warnings = Arc::<Warnings>::default();
    let (step, interrupt) = (StepId::new("registry", "ghcr"), CancellationToken::new());
    let context = Context::new("shop".parse().unwrap(), step, interrupt, warnings.clone());
    let source = build(options, token).unwrap();
    assert_eq!(source.describe(), "environment variable GHCR_TOKEN");
    let result = source.fetch(&context).await;
    let warnings = warnings.0.lock().unwrap().clone();
    (result, warnings)
}

#[tokio::test]
async fn a_classic_token_becomes_the_credential() {
    for token in [format!("ghp_{BODY}"), "da39a3ee5e6b4b0d3255bfef95601890afd80709".to_owned()] {
        let (credential, warnings) = fetch(&format!("{token}\n"), false).await;
        let credential = credential.unwrap();
        assert_eq!((credential.username.as_str(), credential.password.expose()), ("acme-bot", &token));
        assert_eq!(warnings, Vec::<String>::new());
        assert!(!format!("{credential:?}").contains(&token));
    }
}

#[tokio::test]
async fn tokens_that_do_not_pull_for_long_are_refused_or_warned_of() {
    let mut text = String::new();
    for (prefix, allow_short_lived) in [
        ("github_pat_", false),
        ("github_pat_", true),
        ("ghs_", false),
        ("ghs_", true),
        ("ghr_", true),
        ("gho_", false),
        ("ghu_", false),
        ("ghp_a ", false),
    ] {
        let token = format!("{prefix}{BODY}");
        let (result, warnings) = fetch(&token, allow_short_lived).await;
        let result = match result {
            Ok(credential) => {
                assert_eq!(credential.password.expose(), &token);
                "is accepted".to_owned()
            }
            Err(failure) => format!("{:?}: {failure}", failure.kind),
        };
        text.push_str(&format!("{prefix} {allow_short_lived}: {result}\n"));
        text.extend(warnings.iter().map(|warning| format!("  warning: {warning}\n")));
    }
    assert!(!text.contains(BODY), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn wrong_options_are_reported_without_the_token() {
    let token = format!("ghp_{BODY}");
    let cases = [
        json!({}),
        json!({ "username": "acme-bot", "token": token }),
        json!({ "username": "acme-bot", "token": { "env": token } }),
        json!({ "username": token, "token": { "env": "GHCR_TOKEN" } }),
        json!({ "username": "acme:bot", "token": { "env": "GHCR_TOKEN" } }),
        json!({ "user": "acme-bot", "token": { "env": "GHCR_TOKEN" }, "allow-short-lived": "yes" }),
    ];
    let mut text = String::new();
    for case in cases {
        let problems = build(case, "").err().unwrap();
        text.extend(problems.iter().map(|problem| format!("{problem}\n")));
        text.push('\n');
    }
    assert!(!text.contains(BODY), "{text}");
    insta::assert_snapshot!(text);
}
