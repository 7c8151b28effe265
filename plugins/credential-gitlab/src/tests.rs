//! Against a GitLab over a real socket, which takes and gives nothing but what GitLab publishes.

mod gitlab;
mod suite;
mod trust;

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use http::Request;
use longshore_credential::Environment;
use longshore_model::{Failure, FailureKind, Options, Plugin, Problem, Secret, StepId};
use longshore_net::{ReqwestTransport, Transport};
use longshore_plugin::{
    Context, Credential, CredentialFacts, CredentialSource, Extensions, Plugins, PullScope, Reporter, Result,
};
use longshore_registry_api::Clock;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::gitlab::{GitLab, LASTING, MAINTAINER, MINTED, NAME, READER};

const NOW: u64 = 1_795_417_200;
const BODY: &str = "Zm9vYmFyYmF6cXV4MTIz";
const HOST: &str = "registry.example.com:5050";

struct Silent;

impl Reporter for Silent {
    fn progress(&self, _step: &StepId, _message: &str) {}

    fn warning(&self, _step: &StepId, message: &str) {
        panic!("{message}");
    }
}

fn context() -> Context {
    let step = StepId::new("registry", "gitlab");
    Context::new(
        "shop".parse().unwrap(),
        "test".parse().unwrap(),
        step,
        CancellationToken::new(),
        Arc::new(Silent),
    )
}

/// Builds the source from `options` for a registry at `host`, as a host does, where `GITLAB_TOKEN` is `token`.
fn build(
    host: &str,
    options: Value,
    token: &str,
) -> std::result::Result<Arc<dyn CredentialSource>, Vec<Problem>> {
    let token = token.to_owned();
    let environment = Environment::new(move |name| (name == "GITLAB_TOKEN").then(|| token.clone().into()));
    let extensions = Extensions::default().with(environment).with(Clock::new(|| NOW));
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let Value::Object(mut values) = options else { unreachable!() };
    let mut taken = json!({ "use": "gitlab", "host": host }).as_object().unwrap().clone();
    taken.extend(values.remove_entry("ca-file"));
    let options = Options { key: "registries.gitlab".to_owned(), values, taken, ..Options::default() };
    plugins.credential_source(&Plugin { name: "gitlab".to_owned(), options }, &extensions)
}

fn given() -> Value {
    json!({ "username": "gitlab+deploy-token-42", "token": { "env": "GITLAB_TOKEN" } })
}

/// A source that makes tokens with `token`.
fn minting(gitlab: &GitLab, mint: Value, token: &str) -> Arc<dyn CredentialSource> {
    let options = json!({ "token": { "env": "GITLAB_TOKEN" }, "api": gitlab.api(), "mint": mint });
    build(HOST, options, token).unwrap()
}

fn scope(repositories: &[&str]) -> PullScope {
    PullScope {
        stack: "shop".to_owned(),
        host: HOST.to_owned(),
        repositories: repositories.iter().map(|&repository| repository.to_owned()).collect(),
        holder: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:longshore/shop/gitlab/pull"
            .to_owned(),
    }
}

/// A failure as people read it. It holds no secret.
fn shown(failure: &Failure) -> String {
    let text = format!("{:?}: {failure}\n", failure.kind);
    for secret in [MAINTAINER, READER, MINTED, BODY] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    text
}

/// As [`shown`], without the port, which is another one each time.
fn shown_at(gitlab: &GitLab, failure: &Failure) -> String {
    shown(failure).replace(&gitlab.server.address.to_string(), "127.0.0.1:PORT")
}

#[tokio::test]
async fn lasting_tokens_become_the_credential() {
    for token in [format!("gldt-{BODY}"), format!("glpat-{BODY}"), format!("acme-{BODY}"), BODY.to_owned()] {
        let source = build("registry.gitlab.com", given(), &token).unwrap();
        assert_eq!(source.describe(), "environment variable GITLAB_TOKEN");
        assert!(source.minter().is_none());
        let found = source.fetch(&context()).await.unwrap();
        assert_eq!((found.username.as_str(), found.password.expose()), ("gitlab+deploy-token-42", &token));
    }
}

#[tokio::test]
async fn job_tokens_and_what_pulls_nothing_are_refused() {
    let gitlab = GitLab::start();
    let mut text = String::new();
    for prefix in ["glcbt-", "glrt-", "glptt-", "glft-", "gloas-", "gldt-x y"] {
        let source = build(HOST, given(), &format!("{prefix}{BODY}")).unwrap();
        text.push_str(&shown(&source.fetch(&context()).await.unwrap_err()));
    }
    text.push('\n');
    // Neither can they make tokens.
    for prefix in ["glcbt-", "gldt-", "glft-"] {
        let source = minting(&gitlab, json!({ "project": "acme/api" }), &format!("{prefix}{BODY}"));
        let failure = source.minter().unwrap().check(&context(), &scope(&["acme/api"])).await.unwrap_err();
        text.push_str(&shown(&failure));
    }
    assert_eq!(gitlab.server.seen(), Vec::<String>::new());
    insta::assert_snapshot!(text);
}

#[test]
fn wrong_options_are_reported_without_the_token() {
    let token = format!("gldt-{BODY}");
    let env = json!({ "env": "GITLAB_TOKEN" });
    let with = |mint: Value| json!({ "token": env, "api": "https://gitlab.example.com", "mint": mint });
    let cases = [
        json!({}),
        json!({ "username": token, "token": token }),
        json!({ "username": "gitlab-ci-token", "token": env }),
        json!({ "username": "a", "token": env, "api": "http://gitlab.example.com" }),
        json!({ "username": "a", "token": env, "api": "https://a:hunter2@gitlab.example.com" }),
        json!({ "token": env, "mint": { "project": "acme/api" } }),
        json!({ "token": env, "username": "a", "api": "https://gitlab.example.com", "mint": { "project": 1234 } }),
        with(json!({})),
        with(json!({ "project": "acme/api", "group": "acme" })),
        with(json!({ "project": "../admin", "expires-days": 0 })),
        with(json!({ "project": 0 })),
        with(json!({ "group": "acme/", "expire-days": 5 })),
        with(json!(7)),
    ];
    let mut text = String::new();
    for case in cases {
        let problems = build(HOST, case, "").err().unwrap();
        text.extend(problems.iter().map(|problem| format!("{problem}\n")));
        text.push('\n');
    }
    assert!(!text.contains(BODY) && !text.contains("hunter2"), "{text}");
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_deploy_token_reads_the_registry_and_expires() {
    for (project, base) in [(json!("acme/api"), ""), (json!(1234), "/"), (json!("1234"), "/api/v4")] {
        let gitlab = GitLab::start();
        let api = format!("{}{base}", gitlab.api());
        let mint = json!({ "project": project, "expires-days": 30 });
        let options = json!({ "token": { "env": "GITLAB_TOKEN" }, "api": api, "mint": mint });
        let source = build(HOST, options, MAINTAINER).unwrap();
        let minter = source.minter().unwrap();
        let scope = scope(&["acme/api", "acme/api/worker"]);

        let text = minter.check(&context(), &scope).await.unwrap();
        assert_eq!(text, "a deploy token of the project Acme/API that reads its registry, for 30 days");
        assert!(gitlab.tokens().is_empty(), "checking makes nothing");
        let named = project.to_string().replace('"', "").replace('/', "%2F");
        assert_eq!(
            gitlab.server.seen(),
            [
                format!("GET /gitlab/api/v4/projects/{named}"),
                "GET /gitlab/api/v4/projects/1234/deploy_tokens?active=true&per_page=100&page=1".to_owned(),
            ]
        );

        let minted = minter.mint(&context(), &scope).await.unwrap();
        assert_eq!(minted.credential.username, "gitlab+deploy-token-1");
        assert_eq!(minted.credential.password.expose(), MINTED);
        assert_eq!(minted.expires_at, Some(NOW + 30 * 24 * 60 * 60));
        assert_eq!(minted.id, "projects/1234/1");
        assert!(!format!("{minted:?}").contains(MINTED));
        assert_eq!(
            gitlab.tokens(),
            [json!({ "name": NAME, "expires_at": "2026-12-23T07:00:00Z", "scopes": ["read_registry"] })]
        );

        minter.revoke(&context(), &minted.id).await.unwrap();
        assert!(gitlab.tokens().is_empty());
        minter.revoke(&context(), &minted.id).await.expect("it is gone already");
    }
}

#[tokio::test]
async fn a_group_has_tokens_for_all_its_projects() {
    let gitlab = GitLab::start();
    let source = minting(&gitlab, json!({ "group": "acme" }), MAINTAINER);
    assert_eq!(
        source.describe(),
        "deploy tokens of the group acme, made with the environment variable GITLAB_TOKEN"
    );
    let minter = source.minter().unwrap();
    let scope = scope(&["acme/api", "acme/web/front"]);
    let text = minter.check(&context(), &scope).await.unwrap();
    assert_eq!(text, "a deploy token of the group acme that reads its registry, for 90 days");
    let minted = minter.mint(&context(), &scope).await.unwrap();
    assert_eq!(minted.id, "groups/77/1");
    assert_eq!(gitlab.tokens()[0]["expires_at"], "2027-02-21T07:00:00Z");
    // It is revoked where it was made, although the configuration names something else by now.
    let source = minting(&gitlab, json!({ "project": "acme/api" }), MAINTAINER);
    source.minter().unwrap().revoke(&context(), &minted.id).await.unwrap();
    assert!(gitlab.tokens().is_empty());
}

#[tokio::test]
async fn finds_again_what_was_made_for_the_same_secret() {
    let gitlab = GitLab::start();
    let source = minting(&gitlab, json!({ "project": "acme/api" }), MAINTAINER);
    let minter = source.minter().unwrap();
    let here = scope(&["acme/api"]);
    let there = PullScope { holder: here.holder.replace("eu-central-1", "us-east-1"), ..here.clone() };
    for scope in [&here, &there, &here] {
        minter.mint(&context(), scope).await.unwrap();
    }
    // Whatever is pulled by now.
    let now = PullScope { repositories: Default::default(), ..here.clone() };
    assert_eq!(
        minter.list(&context(), &now).await.unwrap(),
        ["projects/1234/1", "projects/1234/3"],
        "on two pages"
    );
    assert_eq!(minter.list(&context(), &there).await.unwrap(), ["projects/1234/2"]);
}

#[tokio::test]
async fn a_token_that_would_not_reach_an_image_is_not_made() {
    let gitlab = GitLab::start();
    let mut text = String::new();
    for (mint, scope) in [
        (json!({ "project": "acme/api" }), scope(&["acme/api", "acme/web", "acme/api2"])),
        (json!({ "group": "acme" }), scope(&["acmelike/api"])),
        (json!({ "group": "acme" }), scope(&[])),
    ] {
        let source = minting(&gitlab, mint, MAINTAINER);
        let minter = source.minter().unwrap();
        text.push_str(&shown(&minter.check(&context(), &scope).await.unwrap_err()));
        assert_eq!(minter.mint(&context(), &scope).await.unwrap_err().kind, FailureKind::Invalid);
    }
    assert!(gitlab.server.seen().iter().all(|call| call.starts_with("GET ")), "{:#?}", gitlab.server.seen());
    insta::assert_snapshot!(text);
}

#[tokio::test(start_paused = true)]
async fn says_why_there_is_no_token() {
    let gitlab = GitLab::start();
    let scope = &scope(&["acme/api"]);
    let mut text = String::new();
    let mut tell = |result: Result<()>| text.push_str(&shown_at(&gitlab, &result.unwrap_err()));
    let project = || json!({ "project": "acme/api" });

    let source = minting(&gitlab, project(), &format!("glpat-{BODY}"));
    tell(source.minter().unwrap().check(&context(), scope).await.map(drop));
    tell(source.fetch(&context()).await.map(drop));
    let source = minting(&gitlab, json!({ "project": "acme/hidden" }), MAINTAINER);
    tell(source.minter().unwrap().check(&context(), scope).await.map(drop));
    // A member who is no maintainer.
    let source = minting(&gitlab, project(), READER);
    tell(source.minter().unwrap().check(&context(), scope).await.map(drop));
    tell(source.minter().unwrap().mint(&context(), scope).await.map(drop));

    let source = minting(&gitlab, project(), MAINTAINER);
    let minter = source.minter().unwrap();
    // The minter cannot tell if the token is gone when it sees nothing.
    tell(minter.revoke(&context(), "projects/4711/1").await);
    for id in ["", "1", "projects/x/1", "users/1/1", "projects/1/1/1", "projects/../1"] {
        assert_eq!(minter.revoke(&context(), id).await.unwrap_err().kind, FailureKind::Invalid, "{id}");
    }
    gitlab.fail(r#"{"message":{"expires_at":["is too far away"]}}"#, 400);
    tell(minter.mint(&context(), scope).await.map(drop));
    gitlab.fail(r#"{"message":"500 Internal Server Error"}"#, 500);
    tell(minter.mint(&context(), scope).await.map(drop));
    gitlab.garble(&format!(r#"{{"id":"one","token":"{MINTED}"}}"#), 201);
    tell(minter.mint(&context(), scope).await.map(drop));
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn tells_what_a_token_may_do_and_when_it_ends() {
    let gitlab = GitLab::start();
    let mut options = given();
    options["api"] = json!(gitlab.api());
    let facts = |host: &str, options: &Value, password: &str| {
        let source = build(host, options.clone(), "").unwrap();
        let password = Secret::new(password.to_owned());
        let credential = Credential { username: "a".to_owned(), password };
        async move { source.facts(&context(), &credential).await }
    };
    let kind =
        |kind: Option<&str>| CredentialFacts { kind: kind.map(str::to_owned), ..CredentialFacts::default() };
    let access = "personal, project or group access token";
    assert_eq!(
        facts(HOST, &options, READER).await.unwrap(),
        CredentialFacts {
            scopes: vec!["read_registry".to_owned(), "read_api".to_owned()],
            // The day at whose beginning it ends.
            expires_at: Some(1_798_761_600),
            ..kind(Some(access))
        }
    );
    assert_eq!(gitlab.server.seen(), ["GET /gitlab/api/v4/personal_access_tokens/self"]);
    let lasting = facts(HOST, &options, LASTING).await.unwrap();
    assert_eq!((lasting.expires_at, lasting.never_expires), (None, true));
    // One that may pull, but not ask.
    assert_eq!(facts(HOST, &options, "glpat-registry-only").await.unwrap(), kind(Some(access)));
    let asked = gitlab.server.seen().len();
    assert_eq!(facts(HOST, &options, "gldt-0123456789abcdef").await.unwrap(), kind(Some("deploy token")));
    assert_eq!(facts(HOST, &options, BODY).await.unwrap(), kind(None));
    assert_eq!(facts(HOST, &given(), READER).await.unwrap(), kind(Some(access)), "who knows where to ask?");
    assert_eq!(gitlab.server.seen().len(), asked);
    let failure = facts(HOST, &options, &format!("glpat-{BODY}")).await.unwrap_err();
    insta::assert_snapshot!(shown_at(&gitlab, &failure));
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let authority = trust::Authority::new();
    let gitlab = GitLab::start_with(Some(authority.acceptor()));
    let list = async |ca_file: Option<&Path>| {
        let mut options = json!({ "token": { "env": "GITLAB_TOKEN" }, "api": gitlab.api(), "mint": { "project": "acme/api" } });
        if let Some(path) = ca_file {
            options["ca-file"] = json!(path);
        }
        let source = build(HOST, options, MAINTAINER).unwrap();
        source.minter().unwrap().list(&context(), &scope(&["acme/api"])).await
    };

    let trusted = file("ca.pem", &format!("# ours\n{}", authority.pem()));
    assert_eq!(list(Some(&trusted)).await.unwrap(), Vec::<String>::new());
    assert!(gitlab.api().starts_with("https://localhost:"));

    let other = file("other.pem", &trust::Authority::new().pem());
    let (empty, missing) = (file("empty.pem", "nothing"), directory.path().join("missing.pem"));
    let mut text = String::new();
    for ca_file in [None, Some(other), Some(empty), Some(missing)] {
        let failure = list(ca_file.as_deref()).await.unwrap_err();
        text.push_str(&shown(&failure).replace(&directory.path().display().to_string(), "DIRECTORY"));
    }
    let port = format!(":{}/", gitlab.server.address.port());
    insta::assert_snapshot!(text.replace(&port, ":PORT/"));
}

#[tokio::test]
#[should_panic(
    expected = "not as GitLab API is published:\nGET /gitlab/api/v4/users: there is no such operation"
)]
async fn what_gitlab_does_not_publish_fails_the_test() {
    let gitlab = GitLab::start();
    let request = Request::get(format!("{}/api/v4/users", gitlab.api())).body(Bytes::new()).unwrap();
    ReqwestTransport::new().unwrap().send(request).await.unwrap();
}
