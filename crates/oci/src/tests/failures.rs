//! The messages for images that cannot be pulled.

use longshore_model::{Failure, FailureKind};

use super::script::{
    AMD64, ARM64, IMAGE, INDEX, LOGIN_URL, MANIFEST, Script, TOKEN, TOKEN_URL, broken, credential,
    descriptor, error, reply,
};
use longshore_net::TransportErrorKind;

const ARM64_INDEX: &str = r#"{"manifests":[
    {"digest":"x","platform":{"os":"linux","architecture":"arm64","variant":"v8"}},
    {"digest":"y","platform":{"os":"unknown","architecture":"unknown"}}]}"#;

async fn wrong_token() -> Failure {
    Script::default()
        .challenge()
        .then(&format!("GET {TOKEN_URL} as basic jack"), reply(403, &[], &error("DENIED", "denied")))
        .then(&format!("GET {LOGIN_URL} as basic jack"), reply(403, &[], &error("DENIED", "denied")))
        .check(AMD64)
        .await
        .unwrap_err()
}

async fn no_access() -> Failure {
    let body = error("DENIED", "requested access to the resource is denied");
    Script::default().token().refused(403, &body).check(AMD64).await.unwrap_err()
}

async fn no_such_tag() -> Failure {
    let body = error("MANIFEST_UNKNOWN", "manifest unknown");
    Script::default().token().refused(404, &body).check(AMD64).await.unwrap_err()
}

async fn wrong_platform() -> Failure {
    Script::default().token().manifest(INDEX, ARM64_INDEX).check(AMD64).await.unwrap_err()
}

async fn no_answer() -> Failure {
    let refused = || broken(TransportErrorKind::Connection, "connection refused");
    let head = format!("HEAD {MANIFEST}");
    let script = Script::default().then(&head, refused()).then(&head, refused()).then(&head, refused());
    script.check(AMD64).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn the_five_ways_to_fail_are_told_apart() {
    let failures = [
        wrong_token().await,
        no_access().await,
        no_such_tag().await,
        wrong_platform().await,
        no_answer().await,
    ];
    let kinds: Vec<_> = failures.iter().map(|failure| failure.kind).collect();
    use FailureKind::{Denied, Invalid, NotFound, Unavailable};
    assert_eq!(kinds, [Denied, Denied, NotFound, Invalid, Unavailable]);
    insta::assert_snapshot!("five_failures", show(&failures));
}

#[tokio::test(start_paused = true)]
async fn the_rarer_ways_to_fail() {
    let not_pushed_yet = Script::default()
        .token()
        .refused(404, &error("NAME_UNKNOWN", "repository name not known to registry"))
        .check(AMD64)
        .await;
    let forbidden_by_token_server = Script::default()
        .challenge()
        .then(
            &format!("GET {TOKEN_URL} as basic jack"),
            reply(403, &[], &error("DENIED", "access forbidden")),
        )
        .then(&format!("GET {LOGIN_URL} as basic jack"), reply(200, &[], "{}"))
        .check(AMD64)
        .await;
    let private = Script::default()
        .challenge()
        .then(&format!("GET {TOKEN_URL}"), reply(401, &[], &error("UNAUTHORIZED", "authentication required")))
        .check_image("ghcr.io/acme/api:1", AMD64, None, None)
        .await;
    let odd = Script::default()
        .then(&format!("HEAD {MANIFEST}"), reply(418, &[], ""))
        .then(&format!("GET {MANIFEST}"), reply(418, &[], "<html>short and stout"))
        .check(AMD64)
        .await;
    let blocked = Script::default()
        .then(&format!("HEAD {MANIFEST}"), reply(403, &[], ""))
        .then(&format!("GET {MANIFEST}"), reply(403, &[], "your network is not admitted"))
        .check(AMD64)
        .await;
    let unknown_challenge = Script::default()
        .then(&format!("HEAD {MANIFEST}"), reply(401, &[("www-authenticate", "Negotiate")], ""))
        .check(AMD64)
        .await;
    let no_certificate = Script::default()
        .then(
            &format!("HEAD {MANIFEST}"),
            broken(TransportErrorKind::Tls, "no secure connection: invalid peer certificate: UnknownIssuer"),
        )
        .check(AMD64)
        .await;
    let chart = descriptor("application/vnd.cncf.helm.config.v1+json", "{}", "");
    let chart = format!(r#"{{"schemaVersion":2,"config":{chart},"layers":[]}}"#);
    let helm_chart = Script::default().token().manifest(IMAGE, &chart).check(AMD64).await;
    let empty_index = Script::default().token().manifest(INDEX, r#"{"manifests":[]}"#).check(AMD64).await;
    let wrong_type =
        Script::default().token().headers("text/html; charset=utf-8", "<html>").check(AMD64).await;
    let endpoint =
        Script::default().check_image("ghcr.io/acme/api", ARM64, None, Some("ftp://user:pass@mirror")).await;
    let mut strange = credential();
    strange.username = "a:b".to_owned();
    let colon = Script::default().check_image("ghcr.io/acme/api", AMD64, Some(&strange), None).await;
    let failures = [
        not_pushed_yet,
        forbidden_by_token_server,
        private,
        odd,
        blocked,
        unknown_challenge,
        no_certificate,
        helm_chart,
        empty_index,
        wrong_type,
        endpoint,
        colon,
    ];
    insta::assert_snapshot!("rarer_failures", show(&failures.map(Result::unwrap_err)));
}

#[tokio::test]
async fn a_registry_that_asks_nobody_is_believed_when_it_has_no_repository() {
    let url = "http://localhost:5000/v2/api/manifests/1";
    let body = error("NAME_UNKNOWN", "repository name not known to registry");
    let script = Script::default()
        .then(&format!("HEAD {url}"), reply(404, &[], ""))
        .then(&format!("GET {url}"), reply(404, &[], &body));
    let failure = script.check_image("localhost:5000/api:1", AMD64, None, None).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
}

fn show(failures: &[Failure]) -> String {
    let show = |failure: &Failure| {
        let Failure { kind, message, at, help, owner: _ } = failure;
        let (at, help) = (at.as_deref().unwrap_or("-"), help.as_deref().unwrap_or("-"));
        assert!(!format!("{message}{at}{help}").contains(TOKEN));
        format!("{kind:?}: {message}\n  at {at}\n  {help}\n")
    };
    failures.iter().map(show).collect::<Vec<_>>().join("\n")
}
