//! Which requests are sent, as whom, and to where.

use longshore_model::FailureKind;

use super::script::{AMD64, INDEX, MANIFEST, Script, TOKEN, TOKEN_URL, credential, error, reply};
use crate::digest::sha256;

const AMD64_INDEX: &str =
    r#"{"manifests":[{"digest":"x","platform":{"os":"linux","architecture":"amd64"}}]}"#;

#[tokio::test]
async fn a_credential_is_proved_by_reading_the_manifest_with_its_token() {
    let proof = Script::default().token().manifest(INDEX, AMD64_INDEX).check(AMD64).await.unwrap();
    assert_eq!(proof.digest, sha256(AMD64_INDEX.as_bytes()));
    assert_eq!(proof.platforms, ["linux/amd64"]);
}

#[tokio::test]
async fn without_a_credential_the_handshake_is_anonymous() {
    let granted = reply(200, &[], &format!(r#"{{"access_token":"{TOKEN}"}}"#));
    let script = Script::default().challenge().then(&format!("GET {TOKEN_URL}"), granted);
    let script = script.manifest(INDEX, AMD64_INDEX);
    assert!(script.check_image("ghcr.io/acme/api:1", AMD64, None, None).await.is_ok());
}

#[tokio::test]
async fn docker_hub_is_asked_where_it_is_and_its_token_server_where_it_says() {
    let manifest = "https://registry-1.docker.io/v2/library/nginx/manifests/latest";
    let challenge = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#;
    let script = Script::default()
        .then(&format!("HEAD {manifest}"), reply(401, &[("www-authenticate", challenge)], ""))
        .then(
            "GET https://auth.docker.io/token?service=registry.docker.io&scope=repository%3Alibrary%2Fnginx%3Apull \
             as basic jack",
            reply(200, &[], &format!(r#"{{"token":"","access_token":"{TOKEN}"}}"#)),
        )
        .then(&format!("HEAD {manifest} as bearer TOKEN"), reply(200, &[], ""))
        .then(&format!("GET {manifest} as bearer TOKEN"), reply(200, &[], AMD64_INDEX));
    let proof = script.check_image("nginx", AMD64, Some(&credential()), None).await.unwrap();
    assert_eq!(proof.digest, sha256(AMD64_INDEX.as_bytes()), "a registry that names no digest");
}

#[tokio::test]
async fn a_mirror_is_told_which_registry_is_meant_and_may_be_plain() {
    let manifest = "http://mirror:4566/v2/acme/api/manifests/1?ns=ghcr.io";
    let challenge = r#"Bearer realm="http://mirror:4566/token?ns=ghcr.io",service="ghcr.io""#;
    let script = Script::default()
        .then(&format!("HEAD {manifest}"), reply(401, &[("www-authenticate", challenge)], ""))
        .then(
            "GET http://mirror:4566/token?ns=ghcr.io&service=ghcr.io&scope=repository%3Aacme%2Fapi%3Apull as basic \
             jack",
            reply(200, &[], &format!(r#"{{"token":"{TOKEN}"}}"#)),
        )
        .then(&format!("HEAD {manifest} as bearer TOKEN"), reply(200, &[], ""))
        .then(&format!("GET {manifest} as bearer TOKEN"), reply(200, &[], AMD64_INDEX));
    let endpoint = Some("http://mirror:4566");
    assert!(script.check_image("ghcr.io/acme/api:1", AMD64, Some(&credential()), endpoint).await.is_ok());
}

#[tokio::test]
async fn basic_authentication_is_used_where_the_registry_wants_it() {
    let manifest = "https://r.example/v2/api/manifests/1";
    let challenge = [("www-authenticate", r#"Basic realm="registry""#)];
    let script = Script::default()
        .then(&format!("HEAD {manifest}"), reply(401, &challenge, ""))
        .then(&format!("HEAD {manifest} as basic jack"), reply(200, &[], ""))
        .then(&format!("GET {manifest} as basic jack"), reply(200, &[], AMD64_INDEX));
    assert!(script.check_image("r.example/api:1", AMD64, Some(&credential()), None).await.is_ok());

    let refused = Script::default()
        .then(&format!("HEAD {manifest}"), reply(401, &challenge, ""))
        .then(&format!("HEAD {manifest} as basic jack"), reply(401, &challenge, ""))
        .then(&format!("GET {manifest} as basic jack"), reply(401, &challenge, &error("UNAUTHORIZED", "no")));
    let failure = refused.check_image("r.example/api:1", AMD64, Some(&credential()), None).await.unwrap_err();
    assert_eq!(failure.message, "r.example refused the credential of user `jack`: no (UNAUTHORIZED)");
}

#[tokio::test]
async fn no_credential_goes_to_a_token_server_without_tls() {
    for realm in ["http://ghcr.io/token", "http://127.0.0.1/token", "https://a:b@ghcr.io/token", "/token"] {
        let challenge = format!(r#"Bearer realm="{realm}",service="ghcr.io""#);
        let challenge = reply(401, &[("www-authenticate", &challenge)], "");
        let script = Script::default().then(&format!("HEAD {MANIFEST}"), challenge);
        assert_eq!(script.check(AMD64).await.unwrap_err().kind, FailureKind::Denied, "{realm}");
    }
}

#[tokio::test]
async fn a_redirect_takes_the_token_to_its_own_host_only() {
    let elsewhere = |location| reply(307, &[("location", location)], "");
    let script = Script::default()
        .token()
        .then(&format!("HEAD {MANIFEST} as bearer TOKEN"), elsewhere("/v2/new/manifests/1"))
        .then("HEAD https://ghcr.io/v2/new/manifests/1 as bearer TOKEN", elsewhere("https://ghcr.io:444/x"))
        .then("HEAD https://ghcr.io:444/x", reply(200, &[], ""))
        .then(&format!("GET {MANIFEST} as bearer TOKEN"), elsewhere("https://cdn.example/y?signature=1"))
        .then("GET https://cdn.example/y?signature=1", reply(200, &[], AMD64_INDEX));
    assert!(script.check(AMD64).await.is_ok());
}

#[tokio::test]
async fn a_redirect_to_somebody_who_wants_a_credential_gets_none() {
    let challenge = r#"Bearer realm="https://evil.example/token""#;
    let script = Script::default()
        .then(&format!("HEAD {MANIFEST}"), reply(307, &[("location", "https://evil.example/")], ""))
        .then("HEAD https://evil.example/", reply(401, &[("www-authenticate", challenge)], ""))
        .then(&format!("GET {MANIFEST}"), reply(307, &[("location", "https://evil.example/")], ""))
        .then("GET https://evil.example/", reply(401, &[("www-authenticate", challenge)], ""));
    let failure = script.check(AMD64).await.unwrap_err();
    assert!(failure.message.contains("redirects to evil.example"), "{failure}");
}

#[tokio::test]
async fn redirects_to_plain_http_and_in_circles_are_refused() {
    let down = reply(307, &[("location", "http://ghcr.io/")], "");
    let failure = Script::default().then(&format!("HEAD {MANIFEST}"), down).check(AMD64).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);

    let mut script = Script::default();
    for _ in 0..6 {
        script = script.then(&format!("HEAD {MANIFEST}"), reply(302, &[("location", MANIFEST)], ""));
    }
    assert_eq!(script.check(AMD64).await.unwrap_err().kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn an_image_named_by_digest_must_have_it() {
    let digest = sha256(AMD64_INDEX.as_bytes());
    let image = format!("r.example/api:1@{digest}");
    let url = format!("https://r.example/v2/api/manifests/{digest}");
    let right = Script::default()
        .then(&format!("HEAD {url}"), reply(200, &[("docker-content-digest", &digest)], ""))
        .then(&format!("GET {url}"), reply(200, &[], AMD64_INDEX));
    assert_eq!(right.check_image(&image, AMD64, None, None).await.unwrap().digest, digest);

    let other = sha256(b"other");
    let announced =
        Script::default().then(&format!("HEAD {url}"), reply(200, &[("docker-content-digest", &other)], ""));
    let changed = Script::default()
        .then(&format!("HEAD {url}"), reply(200, &[], ""))
        .then(&format!("GET {url}"), reply(200, &[], "other"));
    for script in [announced, changed] {
        let failure = script.check_image(&image, AMD64, None, None).await.unwrap_err();
        assert_eq!(failure.message, format!("r.example answered with something else than {digest}"));
    }
}

#[tokio::test]
async fn a_token_server_must_answer_with_a_token() {
    for body in ["", "{}", r#"{"token":""}"#, r#"{"token":"a\nb"}"#, "<html>welcome to the hotel"] {
        let script = Script::default()
            .challenge()
            .then(&format!("GET {TOKEN_URL} as basic jack"), reply(200, &[], body));
        let failure = script.check(AMD64).await.unwrap_err();
        assert_eq!(failure.message, "the token server of ghcr.io answered without a token", "{body}");
    }
}
