//! Against a Docker Hub over a real socket, which takes and gives nothing but what Docker publishes.

mod hub;
mod suite;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use longshore_credential::Environment;
use longshore_model::{Failure, FailureKind, Options, Plugin, Problem, Secret, StepId};
use longshore_net::{HttpTransport, ReqwestTransport, Transport, TransportError};
use longshore_plugin::{
    Context, Credential, CredentialFacts, CredentialSource, Extensions, Plugins, PullScope, Reporter, Result,
};
use longshore_registry_api::Clock;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::hub::{BEARER, Hub, MINTED, OWNER};

const NOW: u64 = 1_795_417_200;
const BODY: &str = "Zm9vYmFyYmF6cXV4";

struct Silent;

impl Reporter for Silent {
    fn progress(&self, _step: &StepId, _message: &str) {}

    fn warning(&self, _step: &StepId, message: &str) {
        panic!("{message}");
    }
}

fn context() -> Context {
    let step = StepId::new("registry", "hub");
    Context::new(
        "shop".parse().unwrap(),
        "test".parse().unwrap(),
        step,
        CancellationToken::new(),
        Arc::new(Silent),
    )
}

/// Sends what is meant for Docker Hub's hosts to the server on this machine; the path tells the host.
struct Rerouted {
    network: ReqwestTransport,
    port: u16,
}

#[async_trait]
impl Transport for Rerouted {
    async fn send(
        &self,
        mut request: Request<Bytes>,
    ) -> std::result::Result<Response<Bytes>, TransportError> {
        let uri = request.uri();
        assert_eq!(uri.scheme_str(), Some("https"), "{uri}");
        let uri = format!(
            "http://127.0.0.1:{}/{}{}",
            self.port,
            uri.host().unwrap(),
            uri.path_and_query().unwrap()
        );
        *request.uri_mut() = uri.parse::<Uri>().unwrap();
        self.network.send(request).await
    }
}

/// Returns the extensions that a source is built in.
fn extensions(token: &str, hub: Option<&Hub>) -> Extensions {
    let token = token.to_owned();
    let environment = Environment::new(move |name| (name == "HUB_TOKEN").then(|| token.clone().into()));
    let extensions = Extensions::default().with(environment).with(Clock::new(|| NOW));
    let Some(hub) = hub else { return extensions };
    let network = ReqwestTransport::new().unwrap();
    extensions.with(HttpTransport(Arc::new(Rerouted { network, port: hub.server.address.port() })))
}

/// Builds the source from `options` for a registry at `host`, as a host does.
fn build(
    host: &str,
    options: Value,
    extensions: &Extensions,
) -> std::result::Result<Arc<dyn CredentialSource>, Vec<Problem>> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let Value::Object(values) = options else { unreachable!() };
    let taken = json!({ "use": "dockerhub", "host": host }).as_object().unwrap().clone();
    let options = Options { key: "registries.hub".to_owned(), values, taken, ..Options::default() };
    plugins.credential_source(&Plugin { name: "dockerhub".to_owned(), options }, extensions)
}

fn options(mint: Option<Value>) -> Value {
    let mut options = json!({ "username": "acmebot", "token": { "env": "HUB_TOKEN" } });
    if let Some(mint) = mint {
        options["mint"] = mint;
    }
    options
}

/// A source that makes tokens with what [`Hub`] knows the owner by.
fn minting(hub: &Hub, mint: Value) -> Arc<dyn CredentialSource> {
    build("docker.io", options(Some(mint)), &extensions(OWNER, Some(hub))).unwrap()
}

fn acme() -> Value {
    json!({ "organization": "acme", "expires-days": 30 })
}

fn scope(repositories: &[&str]) -> PullScope {
    let repositories = repositories.iter().map(|&repository| repository.to_owned()).collect();
    let holder = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:longshore/shop/hub/pull".to_owned();
    PullScope { stack: "shop".to_owned(), host: "docker.io".to_owned(), repositories, holder }
}

fn credential(password: &str) -> Credential {
    Credential { username: "acmebot".to_owned(), password: Secret::new(password.to_owned()) }
}

/// A failure as people read it. It holds no secret.
fn shown(failure: &Failure) -> String {
    let text = format!("{:?}: {failure}\n", failure.kind);
    for secret in [OWNER, BEARER, MINTED, BODY] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    text
}

#[tokio::test]
async fn a_token_or_a_password_becomes_the_credential() {
    for key in ["token", "password"] {
        for value in [format!("dckr_pat_{BODY}"), format!("dckr_oat_{BODY}"), "correct horse".to_owned()] {
            let options = json!({ "username": "acmebot", key: { "env": "HUB_TOKEN" } });
            let source = build("index.docker.io", options, &extensions(&value, None)).unwrap();
            assert_eq!(source.describe(), "environment variable HUB_TOKEN");
            assert!(source.minter().is_none());
            let found = source.fetch(&context()).await.unwrap();
            assert_eq!((found.username.as_str(), found.password.expose()), ("acmebot", &value));
        }
    }
}

#[tokio::test]
async fn two_tokens_in_one_are_refused() {
    let token = format!("dckr_pat_{BODY} {BODY}");
    let source = build("docker.io", options(None), &extensions(&token, None)).unwrap();
    insta::assert_snapshot!(shown(&source.fetch(&context()).await.unwrap_err()), @"Invalid: the token in the environment variable HUB_TOKEN has white space inside (at registries.hub.token); it must be the token and nothing else");
}

#[test]
fn wrong_options_are_reported_without_the_token() {
    let token = format!("dckr_pat_{BODY}");
    let with = |mint: Value| options(Some(mint));
    let cases = [
        ("docker.io", json!({})),
        ("docker.io", json!({ "username": token, "token": token })),
        ("docker.io", json!({ "username": "a", "token": { "env": "A" }, "password": { "env": "B" } })),
        ("docker.io", json!({ "username": "a", "tokn": { "env": "A" } })),
        ("docker.io", with(json!({}))),
        ("docker.io", with(json!("acme"))),
        ("docker.io", with(json!({ "organization": "acme/../evil", "expires-days": 0, "label": "" }))),
        ("docker.io", with(json!({ "organisation": "acme", "expires-days": "90" }))),
        ("mirror.example.com", with(acme())),
    ];
    let mut text = String::new();
    for (host, case) in cases {
        let problems = build(host, case, &Extensions::default()).err().unwrap();
        text.extend(problems.iter().map(|problem| format!("{problem}\n")));
        text.push('\n');
    }
    assert!(!text.contains(BODY), "{text}");
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_token_is_limited_to_what_the_stack_pulls_and_expires() {
    let hub = Hub::start();
    let source = minting(&hub, acme());
    let minter = source.minter().unwrap();
    let scope = scope(&["acme/web", "acme/api"]);

    let text = minter.check(&context(), &scope).await.unwrap();
    assert_eq!(text, "an organisation access token of acme that pulls acme/api, acme/web, for 30 days");
    assert!(hub.tokens().is_empty(), "checking makes nothing");
    assert_eq!(
        hub.server.seen(),
        [
            "POST /hub.docker.com/v2/auth/token",
            "GET /hub.docker.com/v2/orgs/acme/access-tokens?page=1&page_size=100"
        ]
    );

    let minted = minter.mint(&context(), &scope).await.unwrap();
    assert_eq!(minted.credential.username, "acme");
    assert_eq!(minted.credential.password.expose(), MINTED);
    assert_eq!(minted.expires_at, Some(NOW + 30 * 24 * 60 * 60));
    assert!(!format!("{minted:?}").contains(MINTED));
    assert_eq!(
        hub.tokens().values().next().unwrap(),
        &json!({
            "label": "longshore shop 2026-11-23T07:00:00Z for-b05c76f8b6d18a0d",
            "description": "made by Longshore for the stack shop",
            "resources": [
                { "type": "TYPE_REPO", "path": "acme/api", "scopes": ["scope-image-pull"] },
                { "type": "TYPE_REPO", "path": "acme/web", "scopes": ["scope-image-pull"] },
            ],
            "expires_at": "2026-12-23T07:00:00Z",
        })
    );

    minter.revoke(&context(), &minted.id).await.unwrap();
    assert!(hub.tokens().is_empty());
    minter.revoke(&context(), &minted.id).await.expect("it is gone already");
}

#[tokio::test]
async fn finds_again_what_was_made_for_the_same_secret() {
    let hub = Hub::start();
    let source = minting(&hub, acme());
    let minter = source.minter().unwrap();
    let here = scope(&["acme/api"]);
    let there = PullScope { holder: here.holder.replace("eu-central-1", "us-east-1"), ..here.clone() };
    let mut made = Vec::new();
    for scope in [&here, &there, &here] {
        made.push(minter.mint(&context(), scope).await.unwrap().id);
    }
    // Whatever is pulled by now.
    let now = PullScope { repositories: BTreeSet::new(), ..here.clone() };
    assert_eq!(
        minter.list(&context(), &now).await.unwrap(),
        [made[0].clone(), made[2].clone()],
        "on two pages"
    );
    assert_eq!(minter.list(&context(), &there).await.unwrap(), [made[1].clone()]);
    for id in &made {
        assert!(
            id.len() < 100 && id.bytes().all(|c| c.is_ascii_alphanumeric() || b"_.:/=+@-".contains(&c)),
            "{id}"
        );
        minter.revoke(&context(), id).await.unwrap();
    }
    assert_eq!(minter.list(&context(), &here).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn public_images_of_others_are_named_as_such() {
    let hub = Hub::start();
    let source = minting(&hub, json!({ "organization": "acme", "label": "shop-prod" }));
    let minter = source.minter().unwrap();
    let scope = scope(&["acme/api", "library/nginx", "acmelike/api"]);
    assert_eq!(
        minter.check(&context(), &scope).await.unwrap(),
        "an organisation access token of acme that pulls acme/api and public repositories, for 90 days"
    );
    minter.mint(&context(), &scope).await.unwrap();
    let token = hub.tokens().values().next().unwrap().clone();
    assert_eq!(token["label"], "shop-prod 2026-11-23T07:00:00Z for-b05c76f8b6d18a0d");
    assert_eq!(token["expires_at"], "2027-02-21T07:00:00Z");
    let paths: Vec<_> =
        token["resources"].as_array().unwrap().iter().map(|one| one["path"].clone()).collect();
    assert_eq!(paths, ["acme/api", "*/*/public"]);
}

#[tokio::test]
async fn what_no_token_can_be_limited_to_is_refused_before_anything_is_asked() {
    let hub = Hub::start();
    let source = minting(&hub, acme());
    let minter = source.minter().unwrap();
    let many = |count: usize| -> PullScope {
        let repositories: BTreeSet<_> = (0..count).map(|number| format!("acme/r{number}")).collect();
        PullScope { repositories, ..scope(&[]) }
    };
    let mut text = String::new();
    let elsewhere = PullScope { host: "mirror.example.com".to_owned(), ..scope(&["acme/api"]) };
    for scope in [many(51), many(0), scope(&["other/api", "library/nginx"]), elsewhere] {
        text.push_str(&shown(&minter.check(&context(), &scope).await.unwrap_err()));
        let minted = minter.mint(&context(), &scope).await.unwrap_err();
        assert_eq!(minted.kind, FailureKind::Invalid);
    }
    for id in ["", "acme", "acme/../x", "a/b/c", "acme/?x"] {
        let failure = minter.revoke(&context(), id).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Invalid, "{id}");
    }
    assert_eq!(hub.server.seen(), Vec::<String>::new());
    insta::assert_snapshot!(text);

    assert!(minter.mint(&context(), &many(50)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn says_why_there_is_no_token() {
    let hub = Hub::start();
    let scope = &scope(&["acme/api"]);
    let mut text = String::new();
    let mut tell = |result: Result<()>| text.push_str(&shown(&result.unwrap_err()));

    let wrong = format!("dckr_pat_{BODY}");
    let source = build("docker.io", options(Some(acme())), &extensions(&wrong, Some(&hub))).unwrap();
    tell(source.minter().unwrap().check(&context(), scope).await.map(drop));
    tell(source.fetch(&context()).await.map(drop));
    assert!(source.describe().ends_with("made with the environment variable HUB_TOKEN"));

    // Of another organisation he is no owner.
    let source = minting(&hub, json!({ "organization": "other" }));
    tell(source.minter().unwrap().check(&context(), &self::scope(&["other/api"])).await.map(drop));
    tell(source.minter().unwrap().revoke(&context(), "other/a7a5ef25").await);

    let source = minting(&hub, acme());
    let minter = source.minter().unwrap();
    tell(minter.mint(&context(), &self::scope(&["acme/missing"])).await.map(drop));
    hub.garble(r#"{"message":"try again"}"#, 500);
    tell(minter.mint(&context(), scope).await.map(drop));
    hub.garble(&format!(r#"{{"id":"a/b","token":"{MINTED}"}}"#), 201);
    tell(minter.mint(&context(), scope).await.map(drop));
    assert_eq!(
        hub.server.seen().iter().filter(|call| call.starts_with("POST") && call.contains("/orgs/")).count(),
        3
    );
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn tells_how_many_pulls_are_left() {
    let hub = Hub::start();
    let facts = |host: &'static str, password: &'static str| {
        let source = build(host, options(None), &extensions("", Some(&hub))).unwrap();
        async move { source.facts(&context(), &credential(password)).await }
    };
    let known = |kind: &str, remaining_pulls| CredentialFacts {
        kind: Some(kind.to_owned()),
        remaining_pulls,
        ..CredentialFacts::default()
    };
    let personal = "personal access token";
    assert_eq!(facts("docker.io", OWNER).await.unwrap(), known(personal, Some(76)));
    assert_eq!(
        hub.server.seen(),
        [
            "GET /auth.docker.io/token?service=registry.docker.io&scope=repository%3Aratelimitpreview%2Ftest%3Apull",
            "HEAD /registry-1.docker.io/v2/ratelimitpreview/test/manifests/latest",
        ]
    );
    // Limited to other repositories, or not limited at all.
    assert_eq!(facts("docker.io", MINTED).await.unwrap(), known("organisation access token", None));
    assert_eq!(
        facts("docker.io", "unlimited").await.unwrap(),
        known("password, or access token without a prefix", None)
    );
    let asked = hub.server.seen().len();
    assert_eq!(facts("mirror.example.com", OWNER).await.unwrap(), known(personal, None));
    assert_eq!(hub.server.seen().len(), asked, "another registry's credential is not shown to Docker Hub");
    let failure = facts("docker.io", "dckr_pat_Zm9vYmFyYmF6cXV4").await.unwrap_err();
    insta::assert_snapshot!(shown(&failure));
}

#[tokio::test]
#[should_panic(
    expected = "not as Docker HUB API is published:\nGET /hub.docker.com/v2/users/acmebot: there is no such operation"
)]
async fn what_docker_does_not_publish_fails_the_test() {
    let hub = Hub::start();
    let network = ReqwestTransport::new().unwrap();
    let rerouted = Rerouted { network, port: hub.server.address.port() };
    let request = Request::get("https://hub.docker.com/v2/users/acmebot").body(Bytes::new()).unwrap();
    rerouted.send(request).await.unwrap();
}
