//! Headers and bodies that are not as they should be.

use bytes::Bytes;
use http::{HeaderValue, Response};
use longshore_model::FailureKind;

use super::script::{AMD64, AMD64_INDEX, INDEX, MANIFEST, Script, by_digest, index, reply};

#[tokio::test]
async fn bodies_that_runtimes_do_not_decompress_prove_nothing() {
    let body = reply(200, &[("content-type", INDEX), ("content-encoding", "br")], "\u{1f}compressed");
    let script = Script::default()
        .token()
        .headers(INDEX, &AMD64_INDEX)
        .then(&format!("GET {} as bearer TOKEN", by_digest(&AMD64_INDEX)), body);
    assert_eq!(script.check(AMD64).await.unwrap_err().kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn headers_beyond_ascii_do_not_fail_a_check() {
    let beyond = |mut response: Response<Bytes>, name: &'static str, value: &[u8]| {
        response.headers_mut().insert(name, HeaderValue::from_bytes(value).unwrap());
        Ok(response)
    };
    let challenged = beyond(reply(401, &[], "").unwrap(), "www-authenticate", b"Basic realm=\"Gr\xfc\xdfe\"");
    let head = beyond(reply(200, &[], "").unwrap(), "server", b"caf\xe9");
    let get = beyond(index(&AMD64_INDEX).unwrap(), "docker-content-digest", b"\xff");
    let script = Script::default()
        .then(&format!("HEAD {MANIFEST}"), challenged)
        .then(&format!("HEAD {MANIFEST} as basic jack"), head)
        .then(&format!("GET {MANIFEST} as basic jack"), get);
    assert!(script.check(AMD64).await.is_ok());

    let unknown =
        beyond(reply(401, &[], "").unwrap(), "www-authenticate", b"Bearer realm=\"https://a:b@\xe9\"");
    let script = Script::default().then(&format!("HEAD {MANIFEST}"), unknown);
    let failure = script.check(AMD64).await.unwrap_err();
    assert!(failure.message.ends_with("https://a:b@%E9"), "{failure}");
}
