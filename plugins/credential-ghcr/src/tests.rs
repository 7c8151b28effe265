mod github;
mod suite;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, Request};
use longshore_credential::Environment;
use longshore_model::{FailureKind, Options, Plugin, Problem, Secret, StepId};
use longshore_net::{HttpTransport, Transport};
use longshore_plugin::{
    Context, Credential, CredentialFacts, CredentialSource, Extensions, Plugins, Reporter, Result,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::github::GitHub;

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
    let token = token.to_owned();
    let environment = Environment::new(move |name| (name == "GHCR_TOKEN").then(|| token.clone().into()));
    build_in("ghcr.io", options, &Extensions::default().with(environment))
}

fn build_in(
    host: &str,
    options: Value,
    extensions: &Extensions,
) -> std::result::Result<Arc<dyn CredentialSource>, Vec<Problem>> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let Value::Object(values) = options else { unreachable!() };
    let taken = json!({ "host": host }).as_object().unwrap().clone();
    let options = Options { key: "registries.ghcr".to_owned(), values, taken, ..Options::default() };
    let plugin = Plugin { name: "ghcr".to_owned(), options };
    plugins.credential_source(&plugin, extensions)
}

fn context(warnings: Arc<Warnings>) -> Context {
    let (step, interrupt) = (StepId::new("registry", "ghcr"), CancellationToken::new());
    Context::new("shop".parse().unwrap(), "test".parse().unwrap(), step, interrupt, warnings)
}

/// Fetches the credential, with the warnings that were given.
async fn fetch(token: &str, allow_short_lived: bool) -> (Result<Credential>, Vec<String>) {
    let options = json!({
        "username": "acme-bot",
        "token": { "env": "GHCR_TOKEN" },
        "allow-short-lived": allow_short_lived,
    });
    let warnings = Arc::<Warnings>::default();
    let context = context(warnings.clone());
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
        ("ghu_", true),
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

/// Asks for the facts of a token, and answers also with what GitHub was asked.
async fn facts(
    host: &str,
    api: Option<&str>,
    token: &str,
    (status, headers): (u16, &[(&'static str, &'static str)]),
) -> (Result<CredentialFacts>, Vec<String>) {
    let github = Arc::new(GitHub::new(status, headers));
    let extensions = Extensions::default().with(HttpTransport(github.clone()));
    let mut options = json!({ "username": "acme-bot", "token": { "env": "GHCR_TOKEN" } });
    if let Some(api) = api {
        options["api"] = json!(api);
    }
    let source = build_in(host, options, &extensions).unwrap();
    let credential = Credential { username: "acme-bot".into(), password: Secret::new(token.to_owned()) };
    let result = source.facts(&context(Arc::default()), &credential).await;
    (result, github.seen())
}

#[tokio::test]
async fn tells_what_a_token_may_do_and_when_it_ends() {
    let classic = format!("ghp_{BODY}");
    let headers = [
        ("x-oauth-scopes", "read:packages, repo"),
        ("github-authentication-token-expiration", "2026-12-23 07:00:00 UTC"),
    ];
    let kind = Some("classic personal access token".to_owned());
    let told = CredentialFacts {
        kind: kind.clone(),
        scopes: vec!["read:packages".to_owned(), "repo".to_owned()],
        expires_at: Some(1_798_009_200),
        ..CredentialFacts::default()
    };
    let (found, seen) = facts("ghcr.io", None, &classic, (200, &headers)).await;
    assert_eq!((found.unwrap(), seen), (told.clone(), vec!["GET https://api.github.com/user".to_owned()]));

    // A token without scopes that never expires.
    let lasting = CredentialFacts { kind: kind.clone(), never_expires: true, ..CredentialFacts::default() };
    let (found, _) = facts("ghcr.io", None, &classic, (200, &[("x-oauth-scopes", "")])).await;
    assert_eq!(found.unwrap(), lasting);
    // Of a token of a sign-in that is not told: it is no personal one.
    let (found, _) = facts("ghcr.io", None, &format!("gho_{BODY}"), (200, &[])).await;
    assert!(!found.unwrap().never_expires);
    // An unreadable time does not count as no expiry.
    let someday = [("github-authentication-token-expiration", "someday")];
    let (found, _) = facts("ghcr.io", None, &classic, (200, &someday)).await;
    assert_eq!(found.unwrap_err().kind, FailureKind::Unavailable);

    // Another registry's token is not shown to GitHub, unless the options name its API.
    let untold = CredentialFacts { kind, ..CredentialFacts::default() };
    let (found, seen) = facts("registry.example.com", None, &classic, (200, &headers)).await;
    assert_eq!((found.unwrap(), seen), (untold, Vec::new()));
    let api = "https://github.example.com/api/v3";
    let (found, seen) = facts("containers.github.example.com", Some(api), &classic, (200, &headers)).await;
    assert_eq!((found.unwrap(), seen), (told, vec!["GET https://github.example.com/api/v3/user".to_owned()]));

    // An app is no user.
    let (found, seen) = facts("ghcr.io", None, &format!("ghs_{BODY}"), (403, &[])).await;
    assert_eq!(found.unwrap().kind.as_deref(), Some("token of an app's installation"));
    assert_eq!(seen, Vec::<String>::new());
}

#[tokio::test]
#[should_panic(expected = "GET /users: there is no such operation")]
async fn what_github_does_not_publish_fails_the_test() {
    let request =
        Request::get("https://api.github.com/users").header("accept", "application/vnd.github+json");
    let mut authorization = HeaderValue::from_static("Bearer ghp_x");
    authorization.set_sensitive(true);
    let request = request.header("authorization", authorization).body(Bytes::new()).unwrap();
    let _ = GitHub::new(200, &[]).send(request).await;
}

#[tokio::test(start_paused = true)]
async fn says_why_github_tells_nothing() {
    let mut text = String::new();
    for (status, kind) in [
        (401, FailureKind::Denied),
        (403, FailureKind::Denied),
        (503, FailureKind::Unavailable),
        (0, FailureKind::Unavailable),
    ] {
        let failure = facts("ghcr.io", None, &format!("ghp_{BODY}"), (status, &[])).await.0.unwrap_err();
        assert_eq!(failure.kind, kind);
        text.push_str(&format!("{failure}\n"));
    }
    assert!(!text.contains(BODY), "{text}");
    insta::assert_snapshot!(text);
}
