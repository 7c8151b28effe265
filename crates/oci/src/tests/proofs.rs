//! Answers with which a container runtime would not pull, and those with which it does.

use longshore_model::FailureKind;
use longshore_plugin::PullProof;
use sha2::{Digest, Sha512};

use super::script::{
    AMD64, AMD64_INDEX, CONFIG, IMAGE, INDEX, MANIFEST, Script, by_digest, credential, descriptor, error,
    image_with, index, reply,
};
use crate::digest::sha256;

const PLATFORM: &str = r#"{"os":"linux","architecture":"amd64"}"#;

/// Expects the configuration [`PLATFORM`] to be read.
fn config(script: Script) -> Script {
    let url = format!("https://ghcr.io/v2/acme/api/blobs/{}", sha256(PLATFORM.as_bytes()));
    script.then(&format!("GET {url} as bearer TOKEN"), reply(200, &[], PLATFORM))
}

/// Expects a refusal of this kind, and answers with its message.
async fn refused(script: Script, kind: FailureKind) -> String {
    let failure = script.check(AMD64).await.unwrap_err();
    assert_eq!(failure.kind, kind, "{failure}");
    failure.message
}

#[tokio::test]
async fn head_must_have_a_manifests_media_type() {
    for (media_type, said) in [
        ("application/json", "as `application/json`"),
        ("application/octet-stream", "as `application/octet-stream`"),
        ("text/plain", "as `text/plain`"),
        ("", "without a content type"),
        (
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "as `application/vnd.docker.distribution.manifest.v1+prettyjws`",
        ),
    ] {
        let script = Script::default().token().headers(media_type, &image_with(PLATFORM));
        let message = refused(script, FailureKind::Invalid).await;
        assert!(message.starts_with(&format!("ghcr.io serves ghcr.io/acme/api:1 {said}")), "{message}");
    }
}

#[tokio::test]
async fn get_must_have_the_media_type_of_head() {
    let image = image_with(PLATFORM);
    for (media_type, said) in [
        ("application/octet-stream", "refuse to pull"),
        ("", "refuse to pull"),
        (INDEX, "the manifest of one image, but served as an index"),
    ] {
        let script = Script::default().token().headers(IMAGE, &image).then(
            &format!("GET {} as bearer TOKEN", by_digest(&image)),
            reply(200, &[("content-type", media_type)], &image),
        );
        let message = refused(script, FailureKind::Invalid).await;
        assert!(message.contains(said), "{message}");
    }
    let with_parameter = format!("{IMAGE}; charset=utf-8");
    let script = config(Script::default().token().manifest(&with_parameter, &image));
    assert!(script.check(AMD64).await.is_ok());
}

#[tokio::test]
async fn contents_must_fit_their_media_type() {
    let image = image_with(PLATFORM);
    let says_index = image.replacen('{', &format!(r#"{{"mediaType":"{INDEX}","#), 1);
    for (media_type, content) in [
        (INDEX, image.as_str()),
        (IMAGE, AMD64_INDEX.as_str()),
        (IMAGE, &says_index),
        (IMAGE, r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#),
        (IMAGE, r#"{"errors":[{"code":"DENIED","message":"denied"}]}"#),
        (INDEX, "<html>welcome to the hotel"),
    ] {
        let script = Script::default().token().manifest(media_type, content);
        let message = refused(script, FailureKind::Invalid).await;
        assert!(message.contains("is no image that a task can run"), "{message}");
    }
}

#[tokio::test]
async fn get_proves_nothing_where_head_fails() {
    for status in [404, 400, 418] {
        let script = Script::default()
            .token()
            .then(&format!("HEAD {MANIFEST} as bearer TOKEN"), reply(status, &[], ""))
            .then(&format!("GET {MANIFEST} as bearer TOKEN"), index(&AMD64_INDEX));
        let message = refused(script, FailureKind::NotFound).await;
        assert!(message.starts_with(&format!("ghcr.io answers HEAD with {status}")), "{message}");
    }
}

#[tokio::test]
async fn get_stands_in_for_a_head_that_is_not_implemented() {
    let script = || {
        let head = format!("HEAD {MANIFEST} as bearer TOKEN");
        Script::default().token().then(&head, reply(405, &[], ""))
    };
    let get = format!("GET {MANIFEST} as bearer TOKEN");
    let proof = script().then(&get, index(&AMD64_INDEX)).check(AMD64).await.unwrap();
    assert_eq!(proof.digest, sha256(AMD64_INDEX.as_bytes()));

    let length = AMD64_INDEX.len().to_string();
    let other = sha256(b"other");
    let headers =
        [("content-type", INDEX), ("docker-content-digest", other.as_str()), ("content-length", &length)];
    let message =
        refused(script().then(&get, reply(200, &headers, &AMD64_INDEX)), FailureKind::Unavailable).await;
    assert_eq!(message, format!("ghcr.io answered with something else than {other}"));
}

#[tokio::test]
async fn sizes_must_be_those_of_the_content() {
    let digest = sha256(AMD64_INDEX.as_bytes());
    let head = |length: &str| {
        let headers =
            [("content-type", INDEX), ("docker-content-digest", digest.as_str()), ("content-length", length)];
        Script::default().token().then(&format!("HEAD {MANIFEST} as bearer TOKEN"), reply(200, &headers, ""))
    };
    let message = refused(head("0"), FailureKind::Unavailable).await;
    assert_eq!(
        message,
        format!("ghcr.io names a size of 0 bytes for {digest}, which container runtimes refuse")
    );
    let get = format!("GET {} as bearer TOKEN", by_digest(&AMD64_INDEX));
    let message = refused(head("7").then(&get, index(&AMD64_INDEX)), FailureKind::Unavailable).await;
    let length = AMD64_INDEX.len();
    assert_eq!(message, format!("ghcr.io names a size of 7 bytes for {digest}, but answers with {length}"));
    let message = refused(head("4393217"), FailureKind::Invalid).await;
    assert!(message.contains("more than container runtimes read"), "{message}");

    let config =
        descriptor(CONFIG, PLATFORM, "").replace(&format!(r#""size":{}"#, PLATFORM.len()), r#""size":0"#);
    let image = format!(r#"{{"config":{config},"layers":[]}}"#);
    let message = refused(Script::default().token().manifest(IMAGE, &image), FailureKind::Unavailable).await;
    assert!(message.contains("names a size of 0 bytes"), "{message}");
}

#[tokio::test]
async fn digests_that_are_malformed_or_unknown_are_refused() {
    for digest in ["sha256:x".to_owned(), format!("md5:{}", "a".repeat(32))] {
        let headers =
            [("content-type", INDEX), ("docker-content-digest", digest.as_str()), ("content-length", "7")];
        let script = Script::default()
            .token()
            .then(&format!("HEAD {MANIFEST} as bearer TOKEN"), reply(200, &headers, ""));
        let message = refused(script, FailureKind::Invalid).await;
        assert_eq!(
            message,
            format!("ghcr.io names a digest for ghcr.io/acme/api:1 that is none: `{digest}`")
        );
        let entry =
            descriptor(IMAGE, "x", &format!(r#","platform":{PLATFORM}"#)).replace(&sha256(b"x"), &digest);
        let chosen = format!(r#"{{"manifests":[{entry}]}}"#);
        let message = refused(Script::default().token().manifest(INDEX, &chosen), FailureKind::Invalid).await;
        assert!(message.ends_with(&format!("that is none: `{digest}`")), "{message}");
    }
}

/// Checks an open registry that answers for the pinned `digest` with these headers and this content.
async fn pinned(
    digest: &str,
    headers: &[(&str, &str)],
    content: &str,
) -> Result<PullProof, longshore_model::Failure> {
    let url = format!("https://r.example/v2/api/manifests/{digest}");
    let script = Script::default()
        .then(&format!("HEAD {url}"), reply(200, headers, ""))
        .then(&format!("GET {url}"), index(content));
    script.check_image(&format!("r.example/api:1@{digest}"), AMD64, Some(&credential()), None).await
}

#[tokio::test]
async fn pins_of_every_algorithm_are_compared() {
    let (content, other) = (AMD64_INDEX.as_str(), "other".repeat(AMD64_INDEX.len() / 5 + 1));
    let other = &other[..content.len()];
    let length = content.len().to_string();
    let sha384 = {
        use sha2::Sha384;
        Sha384::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let sha512 = Sha512::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // The registry tells the digest that it knows itself.
    let known = sha256(content.as_bytes());
    let headers =
        [("content-type", INDEX), ("docker-content-digest", known.as_str()), ("content-length", &length)];
    for digest in [known.clone(), format!("sha384:{sha384}"), format!("sha512:{sha512}")] {
        for headers in [&headers[..], &[]] {
            assert_eq!(pinned(&digest, headers, content).await.unwrap().digest, digest);
            let failure = pinned(&digest, headers, other).await.unwrap_err();
            assert_eq!(failure.message, format!("r.example answered with something else than {digest}"));
        }
    }
}

#[tokio::test]
async fn one_challenge_of_a_line_is_met() {
    let manifest = "https://r.example/v2/api/manifests/1";
    let joined = r#"Basic realm="a", Bearer realm="https://r.example/token""#;
    let script = Script::default()
        .then(&format!("HEAD {manifest}"), reply(401, &[("www-authenticate", joined)], ""))
        .then(&format!("HEAD {manifest} as basic jack"), reply(401, &[], ""))
        .then(
            &format!("GET {manifest} as basic jack"),
            reply(401, &[], &error("UNAUTHORIZED", "a token is needed")),
        );
    let failure = script.check_image("r.example/api:1", AMD64, Some(&credential()), None).await.unwrap_err();
    assert!(failure.message.ends_with("a token is needed (UNAUTHORIZED)"), "{failure}");
}
