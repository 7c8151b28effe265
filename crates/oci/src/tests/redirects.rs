//! Registries that redirect to other hosts.

use http::HeaderValue;
use longshore_model::FailureKind;

use super::script::{
    AMD64, AMD64_INDEX, INDEX, MANIFEST, PASSWORD, Script, TOKEN, TOKEN_URL, error, index, reply,
};
use longshore_net::TransportError;

const BACK: &str = "https://back.example/v2/acme/api/manifests/1";
const BACK_TOKEN_URL: &str = "https://back.example/token?service=back\
    &scope=repository%3Aacme%2Fapi%3Apull&scope=repository%3Amirror%2Facme%2Fapi%3Apull";

type Reply = Result<http::Response<bytes::Bytes>, TransportError>;

fn to(location: &str) -> Reply {
    reply(307, &[("location", location)], "")
}

/// The challenge of the registry behind.
fn challenge() -> Reply {
    let challenge =
        r#"Bearer realm="https://back.example/token",service="back",scope="repository:mirror/acme/api:pull""#;
    reply(401, &[("www-authenticate", challenge)], "")
}

fn granted() -> Reply {
    reply(200, &[], &format!(r#"{{"token":"{TOKEN}"}}"#))
}

/// Expects a check of `ghcr.io/acme/api:1` whose requests as `who` are redirected with `status`, and which is let in
/// behind with an anonymous token.
fn redirected(script: Script, who: &str, status: u16) -> Script {
    let to_back = || reply(status, &[("location", BACK)], "");
    script
        .then(&format!("HEAD {MANIFEST}{who}"), to_back())
        .then(&format!("HEAD {BACK}"), challenge())
        .then(&format!("GET {BACK_TOKEN_URL}"), granted())
        .then(&format!("HEAD {MANIFEST}{who}"), to_back())
        .then(&format!("HEAD {BACK} as bearer TOKEN"), reply(200, &[], ""))
        .then(&format!("GET {MANIFEST}{who}"), to_back())
        .then(&format!("GET {BACK} as bearer TOKEN"), index(&AMD64_INDEX))
}

#[tokio::test]
async fn public_images_are_pulled_anonymously_behind_redirects() {
    for status in [301, 302, 303, 307, 308] {
        let script = redirected(Script::default(), "", status);
        script.check_image("ghcr.io/acme/api:1", AMD64, None, None).await.unwrap();
    }
}

#[tokio::test]
async fn credentials_stay_with_the_host_that_redirects() {
    redirected(Script::default().token(), " as bearer TOKEN", 307).check(AMD64).await.unwrap();
}

#[tokio::test]
async fn private_images_behind_redirects_are_refused() {
    let denied = || reply(403, &[], &error("DENIED", "denied"));
    let script = Script::default()
        .token()
        .then(&format!("HEAD {MANIFEST} as bearer TOKEN"), to(BACK))
        .then(&format!("HEAD {BACK}"), challenge())
        .then(&format!("GET {BACK_TOKEN_URL}"), granted())
        .then(&format!("HEAD {MANIFEST} as bearer TOKEN"), to(BACK))
        .then(&format!("HEAD {BACK} as bearer TOKEN"), denied())
        .then(&format!("GET {MANIFEST} as bearer TOKEN"), to(BACK))
        .then(&format!("GET {BACK} as bearer TOKEN"), denied());
    let failure = script.check(AMD64).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert_eq!(
        failure.message,
        "ghcr.io redirects to back.example, where the credential is not sent because it is for another host: denied \
         (DENIED)"
    );
    let anonymous = Script::default()
        .then(&format!("HEAD {MANIFEST}"), to(BACK))
        .then(&format!("HEAD {BACK}"), challenge())
        .then(&format!("GET {BACK_TOKEN_URL}"), denied());
    let failure = anonymous.check_image("ghcr.io/acme/api:1", AMD64, None, None).await.unwrap_err();
    assert_eq!(
        failure.message,
        "ghcr.io redirects to back.example, which wants a credential: denied (DENIED)"
    );
}

#[tokio::test]
async fn redirects_over_plain_http_carry_no_proof() {
    let plain = MANIFEST.replace("https", "http");
    let script = Script::default()
        .token()
        .then(&format!("HEAD {MANIFEST} as bearer TOKEN"), to(&plain))
        .then(&format!("HEAD {plain}"), to("https://ghcr.io/v2/acme/api/manifests/one"))
        .then("HEAD https://ghcr.io/v2/acme/api/manifests/one as bearer TOKEN", reply(200, &[], ""))
        .then(&format!("GET {MANIFEST} as bearer TOKEN"), index(&AMD64_INDEX));
    assert!(script.check(AMD64).await.is_ok());
}

#[tokio::test]
async fn token_servers_that_redirect_do_not_take_the_credential_along() {
    let elsewhere = "https://login.example/?next=1";
    let script = Script::default()
        .challenge()
        .then(&format!("GET {TOKEN_URL} as basic jack"), to(elsewhere))
        .then(&format!("GET {elsewhere}"), granted());
    let failure = script.check(AMD64).await.unwrap_err();
    assert!(failure.message.contains("redirects to login.example"), "{failure}");
    assert!(!failure.to_string().contains(PASSWORD));

    let script = Script::default()
        .challenge()
        .then(&format!("GET {TOKEN_URL}"), to(elsewhere))
        .then(&format!("GET {elsewhere}"), granted())
        .manifest(INDEX, &AMD64_INDEX);
    assert!(script.check_image("ghcr.io/acme/api:1", AMD64, None, None).await.is_ok());
}

#[tokio::test]
async fn locations_beyond_ascii_are_followed() {
    for (location, path) in [("/größe".as_bytes(), "gr%C3%B6%C3%9Fe"), (b"/gr\xf6\xdfe", "gr%F6%DFe")] {
        let mut redirect = to("/").unwrap();
        redirect.headers_mut().insert("location", HeaderValue::from_bytes(location).unwrap());
        let script = Script::default()
            .then(&format!("HEAD {MANIFEST}"), Ok(redirect))
            .then(&format!("HEAD https://ghcr.io/{path}"), reply(200, &[], ""))
            .then(&format!("GET {MANIFEST}"), index(&AMD64_INDEX));
        assert!(script.check(AMD64).await.is_ok());
    }
}

/// Addresses of this machine, and of the metadata of instances and tasks.
const OUT_OF_REACH: [&str; 8] = [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "[::ffff:169.254.169.254]",
    "[fd00:ec2::254]",
    "169.254.170.2",
    "127.0.0.1",
    "localhost:8080",
];

#[tokio::test]
async fn registries_lead_nowhere_on_this_machine() {
    for host in OUT_OF_REACH {
        for scheme in ["http", "https"] {
            let head = format!("HEAD {MANIFEST}");
            let redirect = Script::default().then(&head, to(&format!("{scheme}://{host}/latest")));
            let challenge = format!(r#"Bearer realm="{scheme}://{host}/latest""#);
            let realm = Script::default().then(&head, reply(401, &[("www-authenticate", &challenge)], ""));
            for script in [redirect, realm] {
                let failure = script.check_image("ghcr.io/acme/api:1", AMD64, None, None).await.unwrap_err();
                assert_eq!(failure.kind, FailureKind::Denied, "{host}: {failure}");
                assert!(failure.message.contains("no request is sent there"), "{host}: {failure}");
            }
        }
    }
}

#[tokio::test]
async fn plain_registry_of_this_machine_leads_to_it() {
    let manifest = "HEAD http://127.0.0.1:5000/v2/acme/api/manifests/1";
    for (host, is_led) in [("127.0.0.1:5001", true), ("169.254.169.254", false)] {
        let challenge = format!(r#"Bearer realm="http://{host}/token""#);
        let mut script =
            Script::default().then(manifest, reply(401, &[("www-authenticate", &challenge)], ""));
        if is_led {
            let url = format!("GET http://{host}/token?scope=repository%3Aacme%2Fapi%3Apull");
            script = script.then(&url, reply(404, &[], ""));
        }
        let failure = script.check_image("127.0.0.1:5000/acme/api:1", AMD64, None, None).await.unwrap_err();
        assert_eq!(failure.message.contains("no request is sent there"), !is_led, "{failure}");
    }
}
