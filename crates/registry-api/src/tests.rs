use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use longshore_model::{FailureKind, Options, Secret, StepId};
use longshore_net::Words;
use longshore_net::{HttpTransport, Transport, TransportError, TransportErrorKind};
use longshore_plugin::{Context, Extensions, Result};
use longshore_testkit::Told;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{Answer, Api, Call, Clock, Connection, read_base, read_username, registry_host};

const TOKEN: &str = "glpat-hAuH5SzSW7ExSGTKvvJq";
const NOW: u64 = 1_795_417_200;

fn context(interrupt: CancellationToken) -> Context {
    Context::new(
        "shop".parse().unwrap(),
        "test".parse().unwrap(),
        StepId::new("registry", "gitlab"),
        interrupt,
        Arc::new(Told::default()),
    )
}

type Reply = std::result::Result<Response<Bytes>, TransportError>;

/// Gives one reply after the other, and keeps what was asked.
#[derive(Clone, Default)]
struct Script {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Bytes>) -> Reply {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        self.seen
            .lock()
            .unwrap()
            .push(format!("{} {} {body}", request.method(), request.uri()).trim().to_owned());
        assert!(!format!("{request:?}").contains(TOKEN), "the header is sensitive: {request:?}");
        self.replies.lock().unwrap().pop_front().expect("no more requests")
    }
}

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(Bytes::from(body.to_owned())).unwrap())
}

fn broken(kind: TransportErrorKind) -> Reply {
    Err(TransportError::new(kind, format!("the connection with {TOKEN} broke")))
}

/// Sends `call` and answers with the result and what was asked, all replies being used up.
async fn send_all(call: &Call, replies: impl IntoIterator<Item = Reply>) -> (Result<Answer>, Vec<String>) {
    let script = Script { replies: Arc::new(Mutex::new(replies.into_iter().collect())), ..Script::default() };
    let extensions = Extensions::default().with(HttpTransport(Arc::new(script.clone())));
    let base = Url::parse("https://gitlab.example.com:8443/git/").unwrap();
    let api = Api::new("GitLab", base, Connection::new(&Options::default(), &extensions), Clock::new(|| NOW));
    assert_eq!(api.host(), "gitlab.example.com:8443");
    let mut words = Words::default();
    words.hide(TOKEN);
    let result = api.send(&context(CancellationToken::new()), &words, call).await;
    assert!(script.replies.lock().unwrap().is_empty(), "{result:?}");
    let seen = script.seen.lock().unwrap().clone();
    (result, seen)
}

fn token() -> Secret<String> {
    Secret::new(TOKEN.to_owned())
}

fn get() -> Call {
    Call::get(&["projects", "acme/api"]).query("per_page", "1").secret_header("private-token", &token())
}

fn post() -> Call {
    Call::post(&["tokens"], &json!({ "name": "x" })).bearer(&token())
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_what_is_made_only_once() {
    let failing = || [reply(502, &[], ""), broken(TransportErrorKind::Connection), reply(200, &[], "{}")];
    let (result, seen) = send_all(&get(), failing()).await;
    assert!(result.unwrap().status().is_success());
    assert_eq!(seen, ["GET https://gitlab.example.com:8443/git/projects/acme%2Fapi?per_page=1"; 3]);
    assert!(send_all(&post().repeatable(), failing()).await.0.is_ok());

    for last in [reply(500, &[], ""), broken(TransportErrorKind::Timeout)] {
        let (result, seen) = send_all(&post(), [last]).await;
        assert_eq!(result.unwrap_err().kind, FailureKind::Unavailable);
        assert_eq!(seen, [r#"POST https://gitlab.example.com:8443/git/tokens {"name":"x"}"#]);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_patience_is_given_it_up_to_a_minute() {
    let soon = (NOW + 20).to_string();
    for (header, value, wait) in [("retry-after", "30", 30), ("x-retry-after", soon.as_str(), 20)] {
        let before = Instant::now();
        let replies = [reply(429, &[(header, value)], ""), reply(201, &[], "{}")];
        assert!(send_all(&post(), replies).await.0.is_ok(), "nothing was made by a call that came too early");
        assert_eq!(before.elapsed(), Duration::from_secs(wait));
    }
    let (result, _) =
        send_all(&get(), [reply(429, &[("retry-after", "61")], r#"{"message":"slow down"}"#)]).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Throttled);
    assert_eq!(failure.message, "GitLab limits requests; the next one would be in 61 s: slow down");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_does_not_wait() {
    let script = Script::default();
    script.replies.lock().unwrap().push_back(reply(429, &[("retry-after", "30")], ""));
    let extensions = Extensions::default().with(HttpTransport(Arc::new(script)));
    let base = Url::parse("https://gitlab.com").unwrap();
    let api = Api::new("GitLab", base, Connection::new(&Options::default(), &extensions), Clock::default());
    let interrupt = CancellationToken::new();
    interrupt.cancel();
    let before = Instant::now();
    let failure = api.send(&context(interrupt), &Words::default(), &get()).await.unwrap_err();
    assert_eq!((failure.kind, before.elapsed()), (FailureKind::Interrupted, Duration::ZERO));
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn says_what_the_other_side_says_and_repeats_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let encoded = BASE64_STANDARD.encode(TOKEN);
    let minted = "gldt-XyZ0123456789";
    let replies = [
        reply(401, &[], &format!(r#"{{"message":"401 {TOKEN} {encoded} {minted}"}}"#)),
        reply(403, &[], r#"{"error":"insufficient_scope","error_description":"needs more than it has"}"#),
        reply(404, &[], ""),
        reply(400, &[], r#"{"message":{"name":["is missing","is empty"],"expires_at":"is over"}}"#),
        reply(400, &[], r#"{"fields":{"label":["is taken"]},"text":"Invalid value"}"#),
        reply(400, &[], r#"{"fields":{},"text":"Invalid value"}"#),
        reply(422, &[], r#"{"errors":[{"message":"a"},"b"]}"#),
        reply(418, &[], TOKEN),
        reply(407, &[("content-type", "text/html")], "<h1>proxy</h1>"),
        reply(302, &[("location", &format!("https://elsewhere.example/{TOKEN}"))], ""),
        reply(301, &[("location", "/login")], ""),
    ];
    let mut text = String::new();
    for reply in replies {
        let failure = send_all(&get(), [reply]).await.0.unwrap().unexpected();
        text.push_str(&format!("{:?}: {failure}\n", failure.kind));
    }
    let (result, _) = send_all(&post(), [reply(503, &[], TOKEN)]).await;
    text.push_str(&format!("{}\n", result.unwrap_err()));
    for kind in [TransportErrorKind::Tls, TransportErrorKind::TooLarge] {
        text.push_str(&format!("{}\n", send_all(&get(), [broken(kind)]).await.0.unwrap_err()));
    }
    // What was made is in the answer of a success, which is not repeated even where it is not understood.
    let (result, _) = send_all(&post(), [reply(201, &[], &format!(r#"{{"token":"{minted}"}}"#))]).await;
    let answer = result.unwrap();
    text.push_str(&format!("{}\n", answer.read::<Vec<String>>().unwrap_err()));
    text.push_str(&format!("{}\n{answer:?} {:?}", answer.unexpected(), post()));

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("GET https://gitlab.example.com:8443/git/projects/acme%2Fapi"), "{logged}");
    for secret in [TOKEN, &encoded, minted] {
        assert!(!text.contains(secret) && !logged.contains(secret), "{secret}: {text}\n{logged}");
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn what_no_header_may_have_is_not_sent() {
    let call = Call::get(&["user"]).bearer(&Secret::new("a\nb".to_owned()));
    let (result, seen) = send_all(&call, []).await;
    assert_eq!(result.unwrap_err().kind, FailureKind::Invalid);
    assert_eq!(seen, Vec::<String>::new());
}

#[test]
fn options_are_judged_without_repeating_secrets() {
    let mut text = String::new();
    for (username, api) in [
        ("acme", "https://gitlab.example.com:8443/git"),
        ("acme", "http://127.0.0.1:8080"),
        ("acme", "http://[::1]:8080/x"),
        ("acme", "http://localhost"),
        ("acme", "http://gitlab.example.com"),
        ("acme", "https://acme:hunter2@gitlab.example.com"),
        ("acme", "https://gitlab.example.com?private_token=hunter2"),
        ("acme", "ftp://gitlab.example.com"),
        ("acme", "gitlab.example.com"),
        (TOKEN, "https://gitlab.example.com"),
        ("a:b", "https://gitlab.example.com"),
    ] {
        let options = Options {
            key: "registries.gitlab".to_owned(),
            values: json!({ "username": username, "api": api }).as_object().unwrap().clone(),
            ..Options::default()
        };
        let read = options.read(|fields| {
            let username = read_username(fields, "`acme`");
            let base = read_base(fields, "api", "\"https://gitlab.example.com\"");
            username.and(base)
        });
        match read {
            Ok(url) => text.push_str(&format!("{url}\n")),
            Err(problems) => text.extend(problems.iter().map(|problem| format!("{problem}\n"))),
        }
    }
    assert!(!text.contains("hunter2") && !text.contains(TOKEN), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn the_registrys_host_is_that_of_image_references() {
    let host = |host: &str| {
        let taken = json!({ "host": host }).as_object().unwrap().clone();
        registry_host(&Options { taken, ..Options::default() })
    };
    assert_eq!(host("registry-1.docker.io").as_deref(), Some("docker.io"));
    assert_eq!(host("registry.example.com:5050").as_deref(), Some("registry.example.com:5050"));
    assert_eq!(registry_host(&Options::default()), None);
}
