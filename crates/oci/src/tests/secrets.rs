//! Nothing that a registry does makes a secret visible.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use tracing_subscriber::fmt::MakeWriter;

use super::script::{
    AMD64, AMD64_INDEX, INDEX, LOGIN_URL, MANIFEST, PASSWORD, Script, TOKEN, TOKEN_URL, broken, error, index,
    reply,
};
use longshore_net::TransportErrorKind;

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

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn secrets() -> [String; 4] {
    let basic = BASE64_STANDARD.encode(format!("jack:{PASSWORD}"));
    [PASSWORD.to_owned(), TOKEN.to_owned(), basic, BASE64_STANDARD.encode(PASSWORD)]
}

fn assert_hidden(text: &str) {
    for secret in secrets() {
        assert!(!text.contains(&secret), "{secret} is in {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_repeats_secrets_does_not_bring_them_to_light() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let echo = secrets().join(" ");
    let body = error("DENIED", &echo);
    // The token is no secret of ours before it is granted.
    let at_login = error("DENIED", &echo.replace(TOKEN, ""));
    let refused_login = Script::default()
        .challenge()
        .then(&format!("GET {TOKEN_URL} as basic jack"), reply(403, &[], &at_login))
        .then(&format!("GET {LOGIN_URL} as basic jack"), reply(403, &[], &at_login));
    let refused_manifest = Script::default().token().refused(404, &body);
    let plain_text = Script::default().token().refused(418, &echo);
    let redirected = Script::default()
        .token()
        .then(
            &format!("HEAD {MANIFEST} as bearer TOKEN"),
            reply(307, &[("location", &format!("https://x.example/{TOKEN}?{PASSWORD}"))], ""),
        )
        .then(&format!("HEAD https://x.example/{TOKEN}?{PASSWORD}"), broken(TransportErrorKind::Tls, &echo));
    let platform = format!(
        r#"{{"manifests":[{{"digest":"x","platform":{{"os":"{PASSWORD}","architecture":"{TOKEN}"}}}}]}}"#
    );
    let other_platform = Script::default().token().manifest(INDEX, &platform);
    let entry = r#"{"digest":"x","platform":{"os":"linux","architecture":"amd64"}}"#;
    let entry = entry.replace("{\"digest", &format!("{{\"mediaType\":\"{PASSWORD}\",\"digest"));
    let media_type = Script::default().token().manifest(INDEX, &format!(r#"{{"manifests":[{entry}]}}"#));
    let content_type = Script::default().token().headers(PASSWORD, "{}");
    let digest = Script::default().token().then(
        &format!("HEAD {MANIFEST} as bearer TOKEN"),
        reply(200, &[("docker-content-digest", PASSWORD), ("content-length", "2")], ""),
    );
    for (script, shown) in [
        (refused_login, "DENIED, with a message that is withheld"),
        (refused_manifest, "DENIED, with a message that is withheld"),
        (plain_text, "418 I'm a teapot"),
        (redirected, "[secret]"),
        (other_platform, "[secret]"),
        (media_type, "[secret]"),
        (content_type, "[secret]"),
        (digest, "[secret]"),
    ] {
        let failure = script.check(AMD64).await.unwrap_err();
        assert_hidden(&format!("{failure} {failure:?}"));
        assert!(failure.to_string().contains(shown), "{failure}");
    }

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("HEAD https://ghcr.io/v2/acme/api/manifests/1"), "{logged}");
    assert_hidden(&logged);
}

#[tokio::test]
async fn a_digest_that_is_none_does_not_become_part_of_the_proof() {
    let script = Script::default()
        .token()
        .then(
            &format!("HEAD {MANIFEST} as bearer TOKEN"),
            reply(200, &[("docker-content-digest", PASSWORD)], ""),
        )
        .then(&format!("GET {MANIFEST} as bearer TOKEN"), index(&AMD64_INDEX));
    assert_hidden(&format!("{:?}", script.check(AMD64).await.unwrap()));
}
