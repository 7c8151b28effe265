//! The registry as its clients see it.

use std::collections::BTreeMap;

use ::http::{Method, Request, Response, StatusCode, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Challenge, Fault, Registries, RegistrySpec, SpecError, http, sha256};
use crate::Moment;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const NOW: Moment = Moment(1_790_000_000_000);

fn specs() -> BTreeMap<String, RegistrySpec> {
    serde_json::from_value(json!({
        "ghcr.io": {
            "users": {
                "octocat": { "password": "ghp_right" },
                "stranger": { "password": "ghp_other" },
                "modern": { "password": "github_pat_fine" },
            },
            "repositories": {
                "acme/api": {
                    "readers": ["octocat", "modern"],
                    "writers": ["octocat"],
                    "tags": {
                        "1": { "platforms": ["linux/amd64", "linux/arm64/v8"] },
                        "single": {},
                    },
                },
                "acme/public": { "visibility": "public", "tags": { "1": {} } },
            },
        },
        "registry.example.com:5000": { "repositories": { "api": { "visibility": "public", "tags": { "1": {} } } } },
    }))
    .unwrap()
}

struct Client {
    registries: Registries,
    now: Moment,
    host: &'static str,
    login: Option<(&'static str, &'static str)>,
    token: Option<String>,
}

impl Client {
    fn new(login: Option<(&'static str, &'static str)>) -> Self {
        Self {
            registries: Registries::from_spec(&specs()).unwrap(),
            now: NOW,
            host: "ghcr.io",
            login,
            token: None,
        }
    }

    fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response<Bytes> {
        let mut request = Request::builder().method(method).uri(format!("https://{}{path}", self.host));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Bytes::copy_from_slice(body)).unwrap();
        http(&mut self.registries, self.now, request, self.host)
    }

    fn get(&mut self, path: &str) -> Response<Bytes> {
        let accept = format!("{INDEX}, {MANIFEST}");
        self.send(Method::GET, path, &[("accept", &accept)], b"")
    }

    /// Asks the token server for `scope`.
    fn authenticate(&mut self, scope: &str) -> Response<Bytes> {
        let basic = self.login.map(|(user, password)| {
            format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
        });
        let headers: Vec<(&str, &str)> =
            basic.iter().map(|basic| ("authorization", basic.as_str())).collect();
        self.token = None;
        let scope = scope.replace(':', "%3A").replace('/', "%2F");
        let answer = self.send(Method::GET, &format!("/token?service=ghcr.io&scope={scope}"), &headers, b"");
        self.token = body(&answer)["token"].as_str().map(str::to_owned);
        answer
    }
}

fn body(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

fn refusal(answer: &Response<Bytes>) -> (u16, String) {
    let error = &body(answer)["errors"][0];
    (
        answer.status().as_u16(),
        format!(
            "{} {}",
            error["code"].as_str().unwrap_or_default(),
            error["message"].as_str().unwrap_or_default()
        ),
    )
}

fn text(code: u16, words: &str) -> (u16, String) {
    (code, words.to_owned())
}

#[test]
fn an_image_can_be_pulled_and_is_what_its_digests_say() {
    let mut client = Client::new(Some(("octocat", "ghp_right")));
    let refused = client.get("/v2/acme/api/manifests/1");
    assert_eq!(refusal(&refused), text(401, "UNAUTHORIZED authentication required"));
    assert_eq!(
        refused.headers()[header::WWW_AUTHENTICATE],
        r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:acme/api:pull""#
    );
    assert_eq!(client.authenticate("repository:acme/api:pull").status(), StatusCode::OK);

    let index = client.get("/v2/acme/api/manifests/1");
    let digest = index.headers()["docker-content-digest"].to_str().unwrap().to_owned();
    assert_eq!(digest, sha256(index.body()));
    assert_eq!(client.get(&format!("/v2/acme/api/manifests/{digest}")).body(), index.body());
    let platforms: Vec<Value> =
        body(&index)["manifests"].as_array().unwrap().iter().map(|entry| entry["platform"].clone()).collect();
    assert_eq!(
        platforms,
        [
            json!({ "os": "linux", "architecture": "amd64" }),
            json!({ "os": "linux", "architecture": "arm64", "variant": "v8" })
        ]
    );
    for entry in body(&index)["manifests"].as_array().unwrap() {
        let digest = entry["digest"].as_str().unwrap();
        let manifest = client.get(&format!("/v2/acme/api/manifests/{digest}"));
        assert_eq!(sha256(manifest.body()), digest);
        assert_eq!(entry["size"], manifest.body().len());
        let manifest = body(&manifest);
        let layer = &manifest["layers"][0];
        let mut contents = Vec::new();
        for descriptor in [&manifest["config"], layer] {
            let digest = descriptor["digest"].as_str().unwrap();
            let blob = client.get(&format!("/v2/acme/api/blobs/{digest}"));
            assert_eq!(
                (sha256(blob.body()).as_str(), &descriptor["size"]),
                (digest, &json!(blob.body().len()))
            );
            contents.push(blob);
        }
        let config = body(&contents[0]);
        assert_eq!(config["architecture"], entry["platform"]["architecture"]);
        assert_eq!(config["rootfs"]["diff_ids"], json!([layer["digest"]]));
        assert_eq!(contents[1].body().len() % 512, 0, "tar is made of blocks");
    }
}

#[test]
fn a_head_request_has_the_headers_of_a_get_and_no_body() {
    let mut client = Client::new(Some(("octocat", "ghp_right")));
    client.authenticate("repository:acme/api:pull");
    let head = client.send(Method::HEAD, "/v2/acme/api/manifests/1", &[("accept", INDEX)], b"");
    let get = client.get("/v2/acme/api/manifests/1");
    assert_eq!(head.headers(), get.headers());
    assert!(head.body().is_empty() && !get.body().is_empty());
}

#[test]
fn who_may_not_pull_is_told_so_as_ghcr_does() {
    let denied = text(403, "DENIED requested access to the resource is denied");
    let mut wrong = Client::new(Some(("octocat", "ghp_wrong")));
    assert_eq!(refusal(&wrong.authenticate("repository:acme/api:pull")), text(403, "DENIED denied"));
    let mut fine_grained = Client::new(Some(("modern", "github_pat_fine")));
    assert_eq!(refusal(&fine_grained.authenticate("repository:acme/api:pull")), text(403, "DENIED denied"));

    let mut anonymous = Client::new(None);
    assert_eq!(
        refusal(&anonymous.authenticate("repository:acme/api:pull")),
        text(401, "UNAUTHORIZED authentication required")
    );
    assert_eq!(anonymous.authenticate("repository:acme/public:pull").status(), StatusCode::OK);
    assert_eq!(anonymous.get("/v2/acme/public/manifests/1").status(), StatusCode::OK);

    let mut stranger = Client::new(Some(("stranger", "ghp_other")));
    stranger.authenticate("repository:acme/api:pull");
    assert_eq!(refusal(&stranger.get("/v2/acme/api/manifests/1")), denied);
    let mut reader = Client::new(Some(("octocat", "ghp_right")));
    reader.authenticate("repository:acme/none:pull");
    assert_eq!(refusal(&reader.get("/v2/acme/none/manifests/1")), denied, "what isn't there looks forbidden");
    reader.authenticate("repository:acme/api:pull");
    assert_eq!(
        refusal(&reader.get("/v2/acme/api/manifests/9")),
        text(404, "MANIFEST_UNKNOWN manifest unknown")
    );
    let unknown = format!("/v2/acme/api/blobs/{}", sha256(b"none"));
    assert_eq!(refusal(&reader.get(&unknown)), text(404, "BLOB_UNKNOWN blob unknown to registry"));
    assert_eq!(
        refusal(&reader.get("/v2/acme/public/manifests/1")).0,
        401,
        "the token is for another repository"
    );
}

#[test]
fn an_ordinary_registry_says_what_it_does_not_have() {
    let mut client = Client::new(None);
    client.host = "registry.example.com:5000";
    client.authenticate("repository:none:pull");
    assert_eq!(
        refusal(&client.get("/v2/none/manifests/1")),
        text(404, "NAME_UNKNOWN repository name not known to registry")
    );
    client.authenticate("repository:api:pull");
    assert_eq!(client.get("/v2/api/manifests/1").status(), StatusCode::OK);
    assert_eq!(body(&client.get("/v2/api/tags/list")), json!({ "name": "api", "tags": ["1"] }));
}

#[test]
fn a_token_lasts_five_minutes() {
    let mut client = Client::new(Some(("octocat", "ghp_right")));
    let answer = client.authenticate("repository:acme/api:pull");
    assert_eq!(body(&answer)["expires_in"], 300);
    client.now = NOW + std::time::Duration::from_secs(299);
    assert_eq!(client.get("/v2/acme/api/manifests/1").status(), StatusCode::OK);
    client.now = NOW + std::time::Duration::from_secs(300);
    assert_eq!(client.get("/v2/acme/api/manifests/1").status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn a_client_gets_only_what_it_accepts() {
    let mut client = Client::new(Some(("octocat", "ghp_right")));
    client.authenticate("repository:acme/api:pull");
    let old = client.send(Method::GET, "/v2/acme/api/manifests/1", &[("accept", MANIFEST)], b"");
    assert_eq!(
        refusal(&old),
        text(404, "MANIFEST_UNKNOWN OCI index found, but accept header does not support OCI indexes")
    );
    let one = client.send(Method::GET, "/v2/acme/api/manifests/single", &[("accept", MANIFEST)], b"");
    assert_eq!(one.headers()[header::CONTENT_TYPE], MANIFEST);
}

#[test]
fn an_image_can_be_pushed_by_a_writer() {
    let mut client = Client::new(Some(("octocat", "ghp_right")));
    client.authenticate("repository:acme/api:pull");
    let begin = client.send(Method::POST, "/v2/acme/api/blobs/uploads/", &[], b"");
    assert!(begin.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().contains("pull,push"));
    client.authenticate("repository:acme/api:pull,push");

    let config = br#"{"architecture":"amd64","os":"linux"}"#;
    let begin = client.send(Method::POST, "/v2/acme/api/blobs/uploads/", &[], b"");
    let location = begin.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let patched = client.send(Method::PATCH, &location, &[], &config[..10]);
    assert_eq!(patched.headers()[header::RANGE], "0-9");
    let wrong =
        client.send(Method::PUT, &format!("{location}?digest={}", sha256(b"other")), &[], &config[10..]);
    assert_eq!(refusal(&wrong).1, "DIGEST_INVALID provided digest did not match uploaded content");

    let digest = sha256(config);
    let at_once =
        client.send(Method::POST, &format!("/v2/acme/api/blobs/uploads/?digest={digest}"), &[], config);
    assert_eq!(at_once.status(), StatusCode::CREATED);
    let manifest = |digest: &str| {
        json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": { "digest": digest }, "layers": [] })
            .to_string()
    };
    let put = |client: &mut Client, text: &str| {
        client.send(
            Method::PUT,
            "/v2/acme/api/manifests/pushed",
            &[("content-type", MANIFEST)],
            text.as_bytes(),
        )
    };
    let dangling = put(&mut client, &manifest(&sha256(b"none")));
    assert_eq!(refusal(&dangling).1, "MANIFEST_BLOB_UNKNOWN blob unknown to registry");
    let text = manifest(&digest);
    assert_eq!(put(&mut client, &text).status(), StatusCode::CREATED);
    assert_eq!(client.get("/v2/acme/api/manifests/pushed").body(), text.as_bytes());

    let mut reader = Client::new(Some(("modern", "github_pat_fine")));
    reader
        .registries
        .hosts
        .get_mut("ghcr.io")
        .unwrap()
        .users
        .insert("modern".to_owned(), sha256(b"ghp_classic"));
    reader.login = Some(("modern", "ghp_classic"));
    reader.authenticate("repository:acme/api:pull,push");
    assert_eq!(
        refusal(&put(&mut reader, &text)),
        self::text(403, "DENIED requested access to the resource is denied")
    );
}

#[test]
fn behind_a_listener_the_token_server_is_at_the_listener() {
    let mut registries = Registries::from_spec(&specs()).unwrap();
    let request =
        Request::get("/v2/acme/api/manifests/1").header("host", "127.0.0.1:4566").body(Bytes::new()).unwrap();
    let answer = http(&mut registries, NOW, request, "ghcr.io");
    let challenge = Challenge::parse(answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap()).unwrap();
    assert_eq!(challenge.realm, "http://127.0.0.1:4566/token?ns=ghcr.io");
}

#[test]
fn docker_hub_has_one_registry_under_several_names() {
    let specs = serde_json::from_value(json!({
        "index.docker.io": { "repositories": { "library/nginx": { "visibility": "public", "tags": { "1": {} } } } },
    }));
    let registries = Registries::from_spec(&specs.unwrap()).unwrap();
    for name in ["docker.io", "registry-1.docker.io", "auth.docker.io", "index.docker.io"] {
        assert!(registries.knows(name), "{name}");
    }
    assert!(registries.has_repository("docker.io", "library/nginx"));
}

#[test]
fn faults_can_be_injected() {
    let mut client = Client::new(None);
    assert!(client.registries.set_fault("ghcr.io", Some(Fault::Throttled)));
    let throttled = client.get("/v2/");
    assert_eq!(refusal(&throttled), text(429, "TOOMANYREQUESTS too many requests"));
    assert_eq!(throttled.headers()[header::RETRY_AFTER], "60");
    client.registries.set_fault("ghcr.io", Some(Fault::Unreachable));
    assert!(!client.registries.reachable("ghcr.io"));
    client.registries.set_fault("ghcr.io", None);
    assert!(client.registries.reachable("ghcr.io") && !client.registries.reachable("other.example.com"));
}

#[test]
fn a_declaration_must_be_consistent() {
    let error = |spec: Value| {
        let specs =
            serde_json::from_value(json!({ "ghcr.io": { "repositories": { "acme/api": spec } } })).unwrap();
        Registries::from_spec(&specs).unwrap_err()
    };
    assert_eq!(
        error(json!({ "readers": ["nobody"] })).to_string(),
        r#"repository ghcr.io/acme/api names the user "nobody", which ghcr.io does not have; declare users.nobody"#
    );
    assert!(matches!(
        error(json!({ "tags": { "1": { "platforms": ["arm64"] } } })),
        SpecError::Platform { .. }
    ));
    let many = json!({ "tags": { "1": { "platforms": ["linux/amd64", "linux/arm64"], "index": false } } });
    assert!(matches!(error(many), SpecError::ManyPlatforms { .. }));
    assert!(serde_json::from_value::<RegistrySpec>(json!({ "repositorys": {} })).is_err());
}

#[test]
fn no_password_is_kept_or_shown() {
    let specs = specs();
    assert!(!format!("{specs:?}").contains("ghp_"));
    let mut client = Client::new(Some(("octocat", "ghp_right")));
    client.authenticate("repository:acme/api:pull");
    let token = client.token.clone().unwrap();
    for text in [format!("{:?}", client.registries), serde_json::to_string(&client.registries).unwrap()] {
        assert!(!text.contains("ghp_right") && !text.contains(&token));
    }
}

#[test]
fn challenges_are_taken_apart() {
    let parsed = Challenge::parse(
        r#"Bearer realm="https://a/token?x=1,2",service="b, c", scope="repository:d:pull,push",error="e""#,
    );
    let challenge = parsed.unwrap();
    assert_eq!(challenge.realm, "https://a/token?x=1,2");
    assert_eq!(challenge.service.as_deref(), Some("b, c"));
    assert_eq!(challenge.scope.as_deref(), Some("repository:d:pull,push"));
    assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
    assert_eq!(Challenge::parse("Bearer service=x"), None);
}
