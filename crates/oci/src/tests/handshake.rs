//! Which requests are sent, as whom, and to where.

use longshore_model::FailureKind;

use super::script::{
    AMD64, AMD64_INDEX, INDEX, MANIFEST, Script, TOKEN, TOKEN_URL, credential, error, index, reply,
};
use crate::digest::sha256;

#[tokio::test]
async fn a_credential_is_proved_by_reading_the_manifest_with_its_token() {
    let proof = Script::default().token().manifest(INDEX, &AMD64_INDEX).check(AMD64).await.unwrap();
    assert_eq!(proof.digest, sha256(AMD64_INDEX.as_bytes()));
    assert_eq!(proof.platforms, ["linux/amd64"]);
}

#[tokio::test]
async fn without_a_credential_the_handshake_is_anonymous() {
    let granted = format!(r#"{{"access_token":"{TOKEN}","issued_at":"0001-01-01T00:00:00Z"}} and more"#);
    let granted = reply(200, &[], &granted);
    let script = Script::default().challenge().then(&format!("GET {TOKEN_URL}"), granted);
    let script = script.manifest(INDEX, &AMD64_INDEX);
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
        .then(&format!("GET {manifest} as bearer TOKEN"), index(&AMD64_INDEX));
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
        .then(&format!("GET {manifest} as bearer TOKEN"), index(&AMD64_INDEX));
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
        .then(&format!("GET {manifest} as basic jack"), index(&AMD64_INDEX));
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
        .then("GET https://cdn.example/y?signature=1", index(&AMD64_INDEX));
    assert!(script.check(AMD64).await.is_ok());
}

#[tokio::test]
async fn a_redirect_to_somebody_who_wants_a_credential_gets_none() {
    let elsewhere = || reply(307, &[("location", "https://evil.example/")], "");
    let challenges = |challenge| reply(401, &[("www-authenticate", challenge)], "");
    let token_server = Script::default()
        .then(&format!("HEAD {MANIFEST}"), elsewhere())
        .then("HEAD https://evil.example/", challenges(r#"Bearer realm="https://evil.example/token""#))
        .then(
            "GET https://evil.example/token?scope=repository%3Aacme%2Fapi%3Apull",
            reply(401, &[], &error("UNAUTHORIZED", "who are you")),
        );
    let basic = || challenges(r#"Basic realm="give me your password""#);
    let basic = Script::default()
        .then(&format!("HEAD {MANIFEST}"), elsewhere())
        .then("HEAD https://evil.example/", basic())
        .then(&format!("GET {MANIFEST}"), elsewhere())
        .then("GET https://evil.example/", basic());
    for script in [token_server, basic] {
        let failure = script.check(AMD64).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied);
        assert!(failure.message.contains("redirects to evil.example"), "{failure}");
    }
}

#[tokio::test]
async fn redirects_in_circles_and_with_credentials_are_refused() {
    for location in ["https://a:b@ghcr.io/", "ftp://ghcr.io/", "https://"] {
        let reply = reply(307, &[("location", location)], "");
        let script = Script::default().then(&format!("HEAD {MANIFEST}"), reply);
        assert_eq!(script.check(AMD64).await.unwrap_err().kind, FailureKind::Unavailable, "{location}");
    }
    let mut script = Script::default();
    for _ in 0..11 {
        script = script.then(&format!("HEAD {MANIFEST}"), reply(302, &[("location", MANIFEST)], ""));
    }
    assert_eq!(script.check(AMD64).await.unwrap_err().kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn a_token_server_must_answer_with_a_token() {
    for body in [
        "",
        "{}",
        r#"{"token":""}"#,
        r#"{"token":"a\nb"}"#,
        r#"{"token":"a","expires_in":"300"}"#,
        r#"{"token":"a","issued_at":"yesterday"}"#,
        "<html>welcome to the hotel",
    ] {
        let script = Script::default()
            .challenge()
            .then(&format!("GET {TOKEN_URL} as basic jack"), reply(200, &[], body));
        let failure = script.check(AMD64).await.unwrap_err();
        assert_eq!(failure.message, "the token server of ghcr.io answered without a token", "{body}");
    }
}

#[tokio::test]
async fn the_scopes_of_a_challenge_are_asked_for() {
    let manifest = "http://harbor/v2/hub-proxy/acme/api/manifests/1?ns=docker.io";
    let challenge = r#"Bearer realm="http://harbor/service/token",service="harbor-registry",scope="repository:hub-proxy/acme/api:pull registry:catalog:*""#;
    let script = Script::default()
        .then(&format!("HEAD {manifest}"), reply(401, &[("www-authenticate", challenge)], ""))
        .then(
            "GET http://harbor/service/token?service=harbor-registry&scope=registry%3Acatalog%3A*\
             &scope=repository%3Aacme%2Fapi%3Apull&scope=repository%3Ahub-proxy%2Facme%2Fapi%3Apull as basic jack",
            reply(200, &[], &format!(r#"{{"token":"{TOKEN}"}}"#)),
        )
        .then(&format!("HEAD {manifest} as bearer TOKEN"), reply(200, &[], ""))
        .then(&format!("GET {manifest} as bearer TOKEN"), index(&AMD64_INDEX));
    let endpoint = Some("http://harbor/v2/hub-proxy");
    assert!(script.check_image("acme/api:1", AMD64, Some(&credential()), endpoint).await.is_ok());
}

#[tokio::test]
async fn an_anonymous_token_may_come_without_tls() {
    let challenge = r#"Bearer realm="http://ghcr.io/token""#;
    let script = Script::default()
        .then(&format!("HEAD {MANIFEST}"), reply(401, &[("www-authenticate", challenge)], ""))
        .then(
            "GET http://ghcr.io/token?scope=repository%3Aacme%2Fapi%3Apull",
            reply(200, &[], &format!(r#"{{"token":"{TOKEN}"}}"#)),
        )
        .manifest(INDEX, &AMD64_INDEX);
    assert!(script.check_image("ghcr.io/acme/api:1", AMD64, None, None).await.is_ok());
}
