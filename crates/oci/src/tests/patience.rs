//! Trying again, and waiting where one is asked to.

use std::time::Duration;

use longshore_model::FailureKind;
use tokio::time::Instant;

use super::script::{AMD64, AMD64_INDEX, MANIFEST, Script, broken, error, index, reply};
use longshore_net::TransportErrorKind;

fn head() -> String {
    format!("HEAD {MANIFEST}")
}

/// An open registry whose image is for amd64.
fn answers(script: Script) -> Script {
    script.then(&head(), reply(200, &[], "")).then(&format!("GET {MANIFEST}"), index(&AMD64_INDEX))
}

#[tokio::test(start_paused = true)]
async fn waits_as_long_as_the_registry_asks() {
    let now = "Mon, 23 Nov 2026 06:49:37 GMT";
    let later = "Mon, 23 Nov 2026 06:49:57 GMT";
    let script = Script::default()
        .then(&head(), reply(429, &[("retry-after", "30")], ""))
        .then(&head(), reply(429, &[("retry-after", later), ("date", now)], ""));
    let before = Instant::now();
    assert!(answers(script).check(AMD64).await.is_ok());
    assert_eq!(before.elapsed(), Duration::from_secs(50));
}

#[tokio::test(start_paused = true)]
async fn does_not_wait_beyond_the_deadline() {
    let body = error("TOOMANYREQUESTS", "You have reached your pull rate limit.");
    let script = Script::default()
        .then(&head(), reply(429, &[("retry-after", "50")], ""))
        .then(&head(), reply(429, &[("retry-after", "50")], ""))
        .then(&format!("GET {MANIFEST}"), reply(429, &[], &body));
    let before = Instant::now();
    let failure = script.check(AMD64).await.unwrap_err();
    assert_eq!(before.elapsed(), Duration::from_secs(50));
    assert_eq!(failure.kind, FailureKind::Throttled);
    insta::assert_snapshot!(
        failure,
        @"ghcr.io limits requests: You have reached your pull rate limit. (TOOMANYREQUESTS); the next one would be in 50 s (at HEAD https://ghcr.io/v2/acme/api/manifests/1); wait, then run again"
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_can_ask_to_wait_for_ever() {
    let for_ever = [("retry-after", "18446744073709551615")];
    let script = Script::default()
        .then(&head(), reply(429, &for_ever, ""))
        .then(&format!("GET {MANIFEST}"), reply(429, &[], ""));
    assert_eq!(script.check(AMD64).await.unwrap_err().kind, FailureKind::Throttled);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_only_says_no_is_asked_ever_less_often() {
    let mut script = Script::default();
    // After 0.5, 1, 2, 4, 8, 16 and 16 seconds; the next time would be after the deadline of 60.
    for _ in 0..8 {
        script = script.then(&head(), reply(429, &[("retry-after", "0")], ""));
    }
    let script = script.then(&format!("GET {MANIFEST}"), reply(200, &[], "late"));
    let before = Instant::now();
    let failure = script.check(AMD64).await.unwrap_err();
    assert_eq!(before.elapsed(), Duration::from_millis(47_500));
    assert_eq!(failure.kind, FailureKind::Throttled);
    assert_eq!(
        failure.message,
        "ghcr.io limits requests: 429 Too Many Requests; the next one would be in 16 s"
    );
}

#[tokio::test(start_paused = true)]
async fn passing_errors_are_tried_again_and_lasting_ones_reported() {
    let passing = Script::default()
        .then(&head(), reply(502, &[], "<html>bad gateway"))
        .then(&head(), broken(TransportErrorKind::Connection, "connection reset"));
    assert!(answers(passing).check(AMD64).await.is_ok());

    let mut lasting = Script::default();
    for _ in 0..3 {
        lasting = lasting.then(&head(), reply(503, &[], ""));
    }
    let body = error("UNAVAILABLE", "back soon");
    let lasting = lasting.then(&format!("GET {MANIFEST}"), reply(503, &[], &body));
    let failure = lasting.check(AMD64).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_eq!(failure.message, "ghcr.io fails with 503 Service Unavailable: back soon (UNAVAILABLE)");

    let hopeless = Script::default().then(&head(), broken(TransportErrorKind::Tls, "certificate expired"));
    assert_eq!(
        hopeless.check(AMD64).await.unwrap_err().message,
        "ghcr.io does not answer: certificate expired"
    );
}

/// Answers each request after `0` with a redirect to the next URL.
struct Redirecting(Duration);

#[async_trait::async_trait]
impl longshore_net::Transport for Redirecting {
    async fn send(
        &self,
        request: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, longshore_net::TransportError> {
        tokio::time::sleep(self.0).await;
        reply(302, &[("location", &format!("{}x", request.uri()))], "")
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_share_the_time_of_one_check() {
    let puller = crate::Puller::new(std::sync::Arc::new(Redirecting(Duration::from_secs(19))));
    let before = Instant::now();
    let image = "ghcr.io/acme/api:1".parse().unwrap();
    let failure = longshore_plugin::PullCheck::check(&puller, &image, AMD64, None, None).await.unwrap_err();
    assert_eq!(before.elapsed(), Duration::from_secs(60));
    assert_eq!(failure.message, "ghcr.io does not answer: the check of the image was not over within 60 s");
}

#[tokio::test(start_paused = true)]
async fn a_token_server_that_does_not_answer_is_named() {
    let challenge = r#"Bearer realm="https://auth.example/token""#;
    let url = "GET https://auth.example/token?scope=repository%3Aacme%2Fapi%3Apull as basic jack";
    let mut script = Script::default().then(&head(), reply(401, &[("www-authenticate", challenge)], ""));
    for _ in 0..3 {
        script = script.then(url, broken(TransportErrorKind::Timeout, "no answer within 20 s"));
    }
    let failure = script.check(AMD64).await.unwrap_err();
    assert_eq!(failure.message, "auth.example (for ghcr.io) does not answer: no answer within 20 s");
}
